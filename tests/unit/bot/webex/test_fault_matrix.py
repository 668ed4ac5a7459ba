"""Fault matrix of Webex (checklist J6): every call of the bot's client, every kind of fault."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from bot.webex.client import (
    File,
    Post,
    Webex,
    WebexAnswerError,
    WebexError,
    WebexNotFoundError,
    WebexUnauthorizedError,
    WebexUnreachableError,
)

CARD = {"type": "AdaptiveCard", "version": "1.3"}
MADE = {"resource": "messages", "event": "created"}
HOOK = {"name": "n", "target_url": "https://b.test/x", "secret": "s" * 20}
IN_THREAD = {"room_id": "r1", "text": "t", "parent_id": "m1"}
FILE = {"name": "a.zip", "content_type": "application/zip", "content": b"PK"}
CALLS: dict[str, tuple[str, str, Callable[[Webex, str], Any]]] = {
    "me": ("GET", "/people/me", lambda webex, _: webex.me()),
    "person": ("GET", "/people/p1", lambda webex, _: webex.person("p1")),
    "people": ("GET", "/people", lambda webex, _: webex.people("a@b.c")),
    "message": ("GET", "/messages/m1", lambda webex, _: webex.message("m1")),
    "action": ("GET", "/attachment/actions/a1", lambda webex, _: webex.action("a1")),
    "membership": ("GET", "/memberships", lambda webex, _: webex.membership("r1", "p1")),
    "members": ("GET", "/memberships", lambda webex, _: webex.members("r1")),
    "latest_of_person": ("GET", "/messages/direct", lambda webex, _: webex.latest_of_person()),
    "room_type": ("GET", "/rooms/r1", lambda webex, _: webex.room_type("r1")),
    "room_title": ("GET", "/rooms/r1", lambda webex, _: webex.room_title("r1")),
    "post": ("POST", "/messages", lambda webex, _: webex.post(Post({"roomId": "r1", "text": "t"}))),
    "send": ("POST", "/messages", lambda webex, _: webex.send(**IN_THREAD, card=CARD)),
    "send_file": ("POST", "/messages", lambda webex, _: webex.send_file(**IN_THREAD, **FILE)),
    "edit": ("PUT", "/messages/m1", lambda webex, _: webex.edit("m1", "r1", "t", CARD)),
    "webhooks": ("GET", "/webhooks", lambda webex, _: webex.webhooks()),
    "create_webhook": ("POST", "/webhooks", lambda webex, _: webex.create_webhook(**MADE, **HOOK)),
    "update_webhook": ("PUT", "/webhooks/w1", lambda webex, _: webex.update_webhook("w1", **HOOK)),
    "delete_webhook": ("DELETE", "/webhooks/w1", lambda webex, _: webex.delete_webhook("w1")),
    "download": ("GET", "/contents/c1", lambda webex, url: webex.download(f"{url}contents/c1")),
}
DATE = format_datetime(datetime.now(UTC) + timedelta(seconds=5), usegmt=True)
JSON, WEB = {"Content-Type": "application/json"}, {"Content-Type": "text/html"}
ODD = "rand(30),add(30)"
# What Webex answers; the error; how often a call that changes something is sent.
FAULTS: dict[str, tuple[tuple[int, bytes, dict[str, str]], type[WebexError], int]] = {
    "429 with Retry-After": ((429, b"{}", {"Retry-After": "1"}), WebexAnswerError, 2),
    "429 without": ((429, b"{}", {}), WebexAnswerError, 2),
    "429 with a huge one": ((429, b"{}", {"Retry-After": "99999999"}), WebexAnswerError, 1),
    "429 with a date": ((429, b"{}", {"Retry-After": DATE}), WebexAnswerError, 2),
    "429 with words": ((429, b"<html>", {"Retry-After": ODD, **WEB}), WebexAnswerError, 2),
    "500": ((500, b'{"message": "x"}', {}), WebexError, 1),
    "503": ((503, b"<html>", WEB), WebexError, 2),
    "302": ((302, b"", {"Location": "http://127.0.0.2:9/login", **WEB}), WebexUnreachableError, 2),
    "reset": ((0, b"", {}), WebexUnreachableError, 1),
    "half a body": ((200, b'{"id": "', {"Content-Length": "4000"}), WebexError, 1),
    "HTML": ((200, b"<html>", WEB), WebexError, 1),
    "JSON nested without end": ((200, b"[" * 100_000, {}), WebexError, 1),
    "JSON of another shape": ((200, b"42", {}), WebexError, 1),
    "401": ((401, b'{"message": "no"}', {}), WebexUnauthorizedError, 1),
    "403 of NUL bytes": ((403, b"\0" * 512, {}), WebexError, 1),
}
MOST_GETS = 2  # the tests' own limit; four in the wild (test_retry.py)


SAY_NOTHING = {"delete", "delete_webhook", "download", "edit", "update_webhook"}
"""Calls whose good answer contains nothing that the bot needs, or any content of a file."""


def test_every_call_is_in_the_matrix():
    """Each call of the client has a line in the matrix, so a new call needs a new line."""
    names = (name for name, _ in inspect.getmembers(Webex, inspect.isfunction))
    assert {name for name in names if not name.startswith("_")} == set(CALLS)


def _outcome(ask: Callable[[], Any]) -> tuple[WebexError | None, Any]:
    try:
        return None, ask()
    except WebexError as error:
        return error, None


def _is_expected(raised: WebexError, error: type[WebexError]) -> bool:
    return isinstance(raised, error) and 0 <= (raised.retry_after or 0) <= 99_999_999


@pytest.mark.slow
@pytest.mark.usefixtures("hasty_retries")
@pytest.mark.parametrize("call", CALLS)
def test_trouble_that_stays(webex, webex_script, reply, call):
    """A lasting fault gives a WebexError after a bounded number of tries.

    A message that may have been posted is never sent again.
    """
    method, path, ask = CALLS[call]
    for fault, (answer, error, sent) in FAULTS.items():
        status, body, headers = answer
        webex_script.on(method, path, reply(status, body, {**JSON, **headers}))
        webex_script.asked.clear()
        raised, found = _outcome(lambda: ask(webex, webex_script.url))
        assert raised is not None or (status == 200 and call in SAY_NOTHING), (fault, found)
        assert raised is None or _is_expected(raised, error), fault
        assert not isinstance(found, File) or found.content == body, fault
        assert 1 <= len(webex_script.asked) <= MOST_GETS, fault
        assert method != "POST" or len(webex_script.asked) == sent, fault


@pytest.mark.usefixtures("hasty_retries")
@pytest.mark.parametrize("call", ["me", "message", "action", "room_type", "members"])
@pytest.mark.parametrize("body", [{}, {"id": None}, {"items": None}, {"id": {}}])
def test_an_answer_without_the_object_is_unreadable(webex, webex_script, reply, call, body):
    """An answer without the id of the object is no object with empty values.

    A space without members is none either, because the bot is a member.
    """
    method, path, ask = CALLS[call]
    webex_script.on(method, path, reply(body=body))
    with pytest.raises(WebexUnreachableError):
        ask(webex, webex_script.url)


@pytest.mark.usefixtures("hasty_retries")
@pytest.mark.parametrize("call", CALLS)
def test_a_404_is_an_error_of_its_own(webex, webex_script, reply, call):
    """Callers can tell it from a fault. Deleting what is already gone succeeds at once."""
    method, path, ask = CALLS[call]
    webex_script.on(method, path, reply(404, {"message": "no"}))
    raised, _ = _outcome(lambda: ask(webex, webex_script.url))
    assert isinstance(raised, WebexNotFoundError) is (method != "DELETE")
    assert method != "DELETE" or (raised, len(webex_script.asked)) == (None, 1)
