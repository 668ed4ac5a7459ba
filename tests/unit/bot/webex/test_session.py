"""The bot's token goes to the Webex API and nowhere else."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from bot.webex.client import WebexError
from bot.webex.errors import WebexUnreachableError
from bot.webex.session import own_url

API = "https://webexapis.com/v1/"
ELSEWHERE = "http://127.0.0.2:9/v1/people/eve"


@pytest.mark.parametrize("status", [302, 308])
def test_no_redirect_is_followed(webex, webex_script, reply, hasty_retries, status):
    """The client follows no redirect, not even to another path of the same host."""
    elsewhere = {"Location": f"{webex_script.url}people/eve"}
    webex_script.on("GET", "/people/anna", reply(status, {}, elsewhere))
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
    ],
)
def test_a_next_page_by_another_name(webex, webex_script, reply, following):
    """A next page with another loopback name or no host is read at the configured address."""
    link = following.format(at=urlsplit(webex_script.url))
    page = reply(body={"items": []}, headers={"Link": f'<{link}>; rel="next"'})
    webex_script.on("GET", "/memberships", page)
    webex_script.on("GET", "/memberships/more", reply(body={"items": [{"personId": "ann"}]}))
    assert [member.person_id for member in webex.members("room-1")] == ["ann"]


@pytest.mark.parametrize(
    ("url", "api", "home"),
    [
        ("https://webexapis.com:443/v1/x?a=1&b=2#c", API, f"{API}x?a=1&b=2"),
        ("https://WebexAPIs.com/v1/x", API, f"{API}x"),
        ("https://eve@webexapis.com/v1/x", API, f"{API}x"),
        ("http://[::1]:8801/v1/x", "http://localhost:8801/v1/", "http://localhost:8801/v1/x"),
        ("http://webexapis.com/v1/x", API, ""),
        ("https://webexapis.com:444/v1/x", API, ""),
        ("https://webexapis.com.eve.test/v1/x", API, ""),
        ("http://127.0.0.2:8801/v1/x", "http://127.0.0.1:8801/v1/", ""),
        ("http://localhost:99999/v1/x", "http://localhost:8801/v1/", ""),
        ("http://[", "http://localhost:8801/v1/", ""),
        ("contents/1", "http://localhost:8801/v1/", "http://localhost:8801/v1/contents/1"),
    ],
)
def test_what_counts_as_the_same_place(url, api, home):
    """The same host by name, loopback or default port is the same place, but others are not."""
    assert own_url(url, api) == home
