"""The bot's token goes to the Webex API and nowhere else."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from bot.webex.client import WebexError
from bot.webex.errors import WebexUnreachableError
from bot.webex.session import own_url

ELSEWHERE = "http://127.0.0.2:9/v1/people/eve"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(webex, webex_script, reply, hasty_retries, status):
    """The client follows no redirect, not even to another path of the same host."""
    webex_script.on(
        "GET", "/people/anna", reply(status, {}, {"Location": f"{webex_script.url}people/eve"})
    )
    webex_script.on("GET", "/people/eve", reply(body={"id": "eve"}))
    with pytest.raises(WebexError):
        webex.person("anna")
    assert {path for _, path, _ in webex_script.asked} == {"/people/anna"}


def test_no_next_page_elsewhere(webex, webex_script, reply, hasty_retries):
    """A list whose next page is at another host ends with an error."""
    page = reply(body={"items": []}, headers={"Link": f'<{ELSEWHERE}>; rel="next"'})
    webex_script.on("GET", "/memberships", page)
    with pytest.raises(WebexUnreachableError, match="InvalidURL"):
        webex.members("room-1")


@pytest.mark.parametrize(
    "following",
    [
        "http://127.0.0.1:{at.port}{at.path}memberships/more",
        "http://localhost:{at.port}{at.path}memberships/more",
        "memberships/more",
        "{at.path}memberships/more",
    ],
)
def test_a_next_page_by_another_name(webex, webex_script, reply, following):
    """A next page with another loopback name or no host is read at the configured address."""
    link = following.format(at=urlsplit(webex_script.url))
    webex_script.on(
        "GET", "/memberships", reply(body={"items": []}, headers={"Link": f'<{link}>; rel="next"'})
    )
    webex_script.on("GET", "/memberships/more", reply(body={"items": [{"personId": "ann"}]}))
    assert [member.person_id for member in webex.members("room-1")] == ["ann"]


@pytest.mark.parametrize(
    ("url", "api", "home"),
    [
        (
            "https://webexapis.com:443/v1/x?a=1&b=2#c",
            "https://webexapis.com/v1/",
            "https://webexapis.com/v1/x?a=1&b=2",
        ),
        (
            "https://WebexAPIs.com/v1/x",
            "https://webexapis.com:443/v1/",
            "https://webexapis.com:443/v1/x",
        ),
        (
            "https://eve@webexapis.com/v1/x",
            "https://webexapis.com/v1/",
            "https://webexapis.com/v1/x",
        ),
        ("http://[::1]:8801/v1/x", "http://localhost:8801/v1/", "http://localhost:8801/v1/x"),
        ("http://webexapis.com/v1/x", "https://webexapis.com/v1/", ""),
        ("https://webexapis.com:444/v1/x", "https://webexapis.com/v1/", ""),
        ("https://webexapis.com.eve.test/v1/x", "https://webexapis.com/v1/", ""),
        ("http://127.0.0.2:8801/v1/x", "http://127.0.0.1:8801/v1/", ""),
        ("http://localhost:99999/v1/x", "http://localhost:8801/v1/", ""),
        ("http://[", "http://localhost:8801/v1/", ""),
        ("contents/1", "http://localhost:8801/v1/", "http://localhost:8801/v1/contents/1"),
    ],
)
def test_what_counts_as_the_same_place(url, api, home):
    """The same host by name, loopback or default port is the same place, but others are not."""
    assert own_url(url, api) == home
