"""Retries of the client, and every call with every kind of fault (checklist J6)."""

import inspect
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from adaptive_cards.components import Card
from bot.webex.client import File, Post, Webex
from bot.webex.errors import (
    HURRIED,
    WebexAnswerError,
    WebexError,
    WebexNotFoundError,
    WebexUnreachableError,
)

ME = {"id": "bot-id"}


def test_retry_after_is_waited_for(webex, webex_script, reply, pauses):
    """A request that gets a 429 is sent again after the seconds that Webex names, not before."""
    webex_script.on("GET", "/people/me", reply(429, {}, {"Retry-After": "1"}), reply(200, ME))
    assert (webex.me().id, pauses) == ("bot-id", [1.0])


@pytest.mark.parametrize(
    ("told", "wait", "asked"), [("3600", 3600.0, 1), ("rand(30),add(30)", 15.0, 2)]
)
def test_a_long_retry_after_goes_to_the_caller(
    webex, webex_script, reply, hasty_retries, told, wait, asked
):
    """A malformed one counts as 15 seconds: it broke SDK 1.6.1 in production (webex.md 4)."""
    headers = {"Retry-After": told, "Content-Type": "text/html"}
    webex_script.on("GET", "/people/me", reply(429, b"<html>", headers))
    with pytest.raises(WebexAnswerError) as caught:
        webex.me()
    assert (caught.value.status, caught.value.retry_after) == (429, wait)
    assert len(webex_script.asked) == asked


def test_who_comes_back_by_itself_does_not_wait(hurried, webex_script, reply, pauses):
    """A hurried client gives a Retry-After of more than 3 seconds to the caller at once.

    Other clients would sleep.
    """
    webex_script.on("GET", "/people/me", reply(429, {"message": "slow down"}, {"Retry-After": "4"}))
    with pytest.raises(WebexAnswerError) as caught:
        hurried.me()
    assert (caught.value.retry_after, len(webex_script.asked), pauses) == (4.0, 1, [])


@pytest.mark.usefixtures("real_pauses")
def test_who_comes_back_by_itself_asks_a_slow_webex_once(webex_script, reply):
    """A hurried client begins no other try after its time of 3 seconds is over."""
    webex_script.on("GET", "/people/me", reply(502, {"message": "bad gateway"}, delay_s=0.2))
    with pytest.raises(WebexAnswerError):
        Webex("a-made-up-token", webex_script.url, replace(HURRIED, total_s=0.1)).me()
    assert (len(webex_script.asked), HURRIED.total_s) == (1, 3.0)


@pytest.mark.parametrize("status", [0, 423, 500, 502, 503, 504])
def test_a_get_survives_a_passing_error(webex, webex_script, reply, status):
    """A GET is tried again after a 423 (locked), a 5xx or a dropped connection."""
    webex_script.on("GET", "/people/me", reply(status, {"message": "later"}), reply(200, ME))
    assert (webex.me().id, len(webex_script.asked)) == ("bot-id", 2)


def test_retries_end(webex, webex_script, reply):
    """After the fourth try, the caller gets the error."""
    webex_script.on("GET", "/people/me", reply(502, {"message": "bad gateway", "trackingId": "T"}))
    with pytest.raises(WebexAnswerError) as caught:
        webex.me()
    assert (caught.value.status, caught.value.tracking_id, len(webex_script.asked)) == (502, "T", 4)


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_lasting_error_is_not_tried_again(webex, webex_script, reply, status):
    """A lasting error is not retried.

    Its tracking id comes from the header if the body has none.
    """
    refusal = reply(status, {"message": "no"}, {"trackingId": "FROM_HEADER"})
    webex_script.on("GET", "/people/me", refusal)
    with pytest.raises(WebexAnswerError) as caught:
        webex.me()
    assert (caught.value.status, caught.value.tracking_id) == (status, "FROM_HEADER")
    assert "a-made-up-token" not in str(caught.value) + repr(caught.value)
    assert (caught.value.__cause__, caught.value.__suppress_context__) == (None, True)
    assert len(webex_script.asked) == 1


@pytest.mark.parametrize("status", [300, 302, 307, 423, 429, 503])
def test_a_post_that_was_not_accepted_is_sent_again(webex, webex_script, reply, status):
    """A post is sent again after a 423, a 429, a 503 or a redirect.

    These answers prove that nothing was posted.
    """
    headers = {"Retry-After": "0", "Location": "http://127.0.0.2:9/login"}
    webex_script.on("POST", "/messages", reply(status, {}, headers), reply(200, {"id": "m-1"}))
    assert (webex.send("Hello", room_id="r").id, len(webex_script.asked)) == ("m-1", 2)


@pytest.mark.parametrize("status", [0, 500, 502, 504])
def test_a_post_that_may_have_been_accepted_is_not_sent_again(webex, webex_script, reply, status):
    """A post is not sent again after a dropped connection or a gateway's error.

    The message may have been posted, and a second one would be worse than none.
    """
    webex_script.on("POST", "/messages", reply(status, {}), reply(200, {"id": "m-1"}))
    with pytest.raises(WebexError) as caught:
        webex.send("Hello", room_id="r")
    assert (caught.value.accepted, len(webex_script.asked)) == (True, 1)


def test_a_post_that_never_left_is_known_as_such(free_port, hasty_retries):
    """Without a connection nothing was posted, and the error says so."""
    with pytest.raises(WebexUnreachableError) as caught:
        Webex("token", f"http://127.0.0.1:{free_port}/v1/").send("Hello", room_id="r")
    assert caught.value.accepted is False


@pytest.mark.parametrize("path", ["/messages/new", "/attachment/actions/new"])
def test_a_fresh_thing_may_be_late(webex, webex_script, reply, pauses, path):
    """A new message or press that is missing twice within two seconds is still found.

    The API may lag behind the webhook (platforms/webex.md 1).
    """
    webex_script.on("GET", path, *[reply(404, {})] * 2, reply(200, {"id": "new"}))
    assert (webex.message if "messages" in path else webex.action)("new").id == "new"
    assert 1 < sum(pauses) < 2.5


def test_a_fresh_thing_that_never_comes_is_gone(webex, webex_script, reply):
    """A new message that is missing in three tries counts as deleted.

    An old message is requested only once.
    """
    webex_script.on("GET", "/messages/gone", reply(404, {"message": "no"}))
    with pytest.raises(WebexNotFoundError):
        webex.message("gone")
    with pytest.raises(WebexNotFoundError):
        webex.message("gone", fresh=False)
    assert len(webex_script.asked) == 3 + 1


def test_a_mistake_is_no_rate_limit(webex, webex_script, reply, hasty_retries):
    """Only a 429 is a rate limit.

    Another response that the SDK cannot read is an unreadable answer.
    """
    page = reply(200, {"items": []}, {"Link": '<http://[>; rel="next"'})
    webex_script.on("GET", "/memberships", page)
    with pytest.raises(WebexUnreachableError) as caught:
        webex.members("room-1")
    assert (caught.value.status, caught.value.retry_after) == (0, None)


CARD = Card({"type": "AdaptiveCard", "version": "1.3"}, "t")
MADE = {"resource": "messages", "event": "created"}
HOOK = {"name": "n", "targetUrl": "https://b.test/x", "secret": "s" * 20}
IN_THREAD = {"room_id": "r1", "parent_id": "m1"}
FILE = File("a.zip", "application/zip", b"PK")
CALLS = {
    "me": ("GET", "/people/me", lambda webex, _: webex.me()),
    "person": ("GET", "/people/p1", lambda webex, _: webex.person("p1")),
    "people": ("GET", "/people", lambda webex, _: webex.people("a@b.c")),
    "message": ("GET", "/messages/m1", lambda webex, _: webex.message("m1")),
    "action": ("GET", "/attachment/actions/a1", lambda webex, _: webex.action("a1")),
    "membership": ("GET", "/memberships", lambda webex, _: webex.membership("r1", "p1")),
    "members": ("GET", "/memberships", lambda webex, _: webex.members("r1")),
    "latest_of_person": (
        "GET",
        "/messages/direct",
        lambda webex, _: webex.latest_of_person("p1", ""),
    ),
    "room_type": ("GET", "/rooms/r1", lambda webex, _: webex.room_type("r1")),
    "room_title": ("GET", "/rooms/r1", lambda webex, _: webex.room_title("r1")),
    "post": ("POST", "/messages", lambda webex, _: webex.post(Post({"roomId": "r1", "text": "t"}))),
    "send": ("POST", "/messages", lambda webex, _: webex.send(CARD, **IN_THREAD)),
    "send a file": ("POST", "/messages", lambda webex, _: webex.send("t", **IN_THREAD, file=FILE)),
    "edit": ("PUT", "/messages/m1", lambda webex, _: webex.edit("m1", "r1", CARD)),
    "webhooks": ("GET", "/webhooks", lambda webex, _: webex.webhooks()),
    "create_webhook": ("POST", "/webhooks", lambda webex, _: webex.create_webhook(**MADE, **HOOK)),
    "update_webhook": ("PUT", "/webhooks/w1", lambda webex, _: webex.update_webhook("w1", **HOOK)),
    "delete_webhook": ("DELETE", "/webhooks/w1", lambda webex, _: webex.delete_webhook("w1")),
    "download": (
        "GET",
        "/contents/c1",
        lambda webex, url: webex.download(f"{url}contents/c1", 1_000_000),
    ),
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
    "half a name": ((200, b"42", {"Content-Disposition": "a; filename*0*=\"a'"}), WebexError, 1),
    "401": ((401, b'{"message": "no"}', {}), WebexAnswerError, 1),
    "403 of NUL bytes": ((403, b"\0" * 512, {}), WebexError, 1),
}
MOST_GETS = 2  # the tests' own limit; four in the wild (test_retry.py)


SAY_NOTHING = {"delete", "delete_webhook", "download", "edit", "update_webhook"}
"""Calls whose good answer contains nothing that the bot needs, or any content of a file."""


def test_every_call_is_in_the_matrix():
    """Each call of the client has a line in the matrix, so a new call needs a new line."""
    names = (name for name, _ in inspect.getmembers(Webex, inspect.isfunction))
    assert {name for name in names if not name.startswith("_")} == set(CALLS) - {"send a file"}


def _outcome(ask):
    try:
        return None, ask()
    except WebexError as error:
        return error, None


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
        assert raised is None or isinstance(raised, error), fault
        assert raised is None or 0 <= (raised.retry_after or 0) <= 99_999_999, fault
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
