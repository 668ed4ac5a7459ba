"""Connection to Webex of a process that was forked."""

from __future__ import annotations

import os
from typing import Any

import pytest

from bot.webex.client import Webex


@pytest.mark.filterwarnings(
    "ignore:This process .* is multi-threaded:DeprecationWarning"
)  # the child only asks and leaves
def test_a_fork_gets_a_session_of_its_own(webex: Webex, webex_script: Any, reply: Any):
    """Parent and child do not share a connection to Webex, so the child gets its own answer."""
    webex_script.on("GET", "/people/me", reply(200, {"id": "bot-id"}))
    before = webex._api  # noqa: SLF001  what is tested is that this differs
    assert webex._api is before  # noqa: SLF001  the SDK's connection
    pid = os.fork()
    if pid == 0:
        os._exit(0 if webex._api is not before and webex.me().id == "bot-id" else 1)  # noqa: SLF001  same
    assert os.waitpid(pid, 0)[1] == 0
