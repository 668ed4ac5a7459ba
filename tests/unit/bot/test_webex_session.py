"""The bot's token goes to the Webex API and nowhere else."""

from __future__ import annotations

from typing import Any

import pytest

from bot.webex import Webex, WebexError
from bot.webex_errors import WebexUnreachableError

ELSEWHERE = "http://127.0.0.2:9/v1/people/eve"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(webex: Webex, webex_script: Any, reply: Any, hasty_retries: None, status: int):
    """Not even to another path of the same host."""
    webex_script.on("GET", "/people/anna", reply(status, {}, {"Location": f"{webex_script.url}people/eve"}))
    webex_script.on("GET", "/people/eve", reply(body={"id": "eve"}))
    with pytest.raises(WebexError):
        webex.person("anna")
    assert {path for _, path, _ in webex_script.asked} == {"/people/anna"}


def test_no_next_page_elsewhere(webex: Webex, webex_script: Any, reply: Any, hasty_retries: None):
    """A list that says that it goes on at another host ends there, with an error."""
    page = reply(body={"items": []}, headers={"Link": f'<{ELSEWHERE}>; rel="next"'})
    webex_script.on("GET", "/memberships", page)
    with pytest.raises(WebexUnreachableError, match="InvalidURL"):
        webex.members("room-1")
