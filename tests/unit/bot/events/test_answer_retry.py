"""Answers to an event that is tried again: one effect, and no more posts than needed."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from adaptive_cards.texts import text
from bot.cards.presenters.card_state import LIVING, was_posted
from jobs.clock import now
from jobs.runs.run import Kind, Run
from jobs.runtime import install
from tests.fixtures.webex_script import receive
from tests.unit.bot.events.retry_times import seconds


@pytest.mark.parametrize(
    "how", [(429, {"Retry-After": "5"}), (502, {}), (0, {})], ids=["429", "502", "no answer"]
)
def test_cancel_is_carried_out_once(typed, begin, busy, said, webex_script, reply, how):
    """``/cancel`` ends the run once, and the next try posts its answer.

    The person never reads that there was nothing to cancel.
    """
    run: Run = begin()
    status, headers = how
    webex_script.on("POST", "/messages", reply(status, {}, headers), reply(body={"id": "posted-1"}))
    tries = [typed("/cancel"), typed("/cancel"), typed("/cancel")]
    ended = [each for each in busy.store.events(run.id) if each.kind is Kind.CANCELLED]
    assert ([each is not None for each in tries], len(ended)) == ([True, False, False], 1)
    told = text("notice.over_cancelled", run=run.id)
    assert [told in words for _, words in said()] == [True, True]


@pytest.mark.parametrize(
    "doubt", [(502, b"<html>"), (200, b"<html>"), (0, None)], ids=["502", "a page", "no answer"]
)
def test_an_answer_that_may_stand_there_is_posted_four_times_at_most(
    typed, said, webex_script, reply, doubt
):
    """An answer that may have been posted is posted four times at most, and the last is logged.

    The waits are 5 seconds, a minute and five minutes, within the event's ten minutes.
    """
    webex_script.on("POST", "/messages", reply(*doubt))
    with capture_logs() as logged:
        tries = [typed("/help") for _ in range(5)]
    assert ([seconds(each) for each in tries], len(said())) == ([5, 60, 300, None, None], 4)
    assert [line["posts"] for line in logged if line["event"].startswith("message given up")] == [4]


def first_cards(webex_script: Any) -> int:
    """Return the number of times the first card was posted."""
    posts = (body for method, _, body in webex_script.asked if method == "POST")
    return sum('"do": "intake"' in json.dumps(body) for body in posts)


@pytest.mark.parametrize("doubts", [2, 4])
def test_a_first_card_is_there_when_webex_says_so(typed, busy, webex_script, reply, doubts):
    """The first card of a setup counts as posted only after Webex has confirmed it.

    If the card was given up, a person who asks again gets it.
    """
    webex_script.on("POST", "/messages", *[reply(502)] * doubts, reply(body={"id": "posted-1"}))
    there = []
    for message in ["m1"] * 4 + ["m2"] * 2:
        typed("/setup-email support@example.test", id=message)
        (run,) = busy.store.runs_in_space("room-1")
        there.append(was_posted(busy, run.id, LIVING))
    assert (there.index(True), first_cards(webex_script)) == (doubts, doubts + 1)


def test_who_asks_again_gets_the_first_card_once(typed, busy, webex_script, reply):
    """A person who repeats a request gets the first card once.

    The saved answer to the first request is not posted as well.
    """
    webex_script.on("POST", "/messages", reply(502), reply(body={"id": "posted-1"}))
    words = "/setup-email support@example.test"
    again = [typed(words, id=message) is not None for message in ("m1", "m2", "m1")]
    assert (again, first_cards(webex_script)) == ([True, False, False], 2)
    assert len(busy.store.runs_in_space("room-1")) == 1


def test_a_check_is_opened_once(typed, busy, said):
    """An event opens one check however often it is read, so a worker that dies does no harm."""
    busy.redis.sadd("space:room-1:channels", "support@example.test")
    for _ in range(2):
        typed("/check support@example.test")
    assert len(busy.redis.keys("run:*:events")) == 1


@pytest.mark.parametrize(
    ("status", "files"), [(502, 1), (503, 2)], ids=["may stand there", "surely not"]
)
def test_the_trail_is_taken_out_once(typed, begin, busy, webex_script, reply, status, files):
    """The audit trail is exported once, recorded by one entry, and followed by the card.

    A file that may have been posted is not posted again, but a file that surely was not posted is.
    """
    install(replace(busy, bot=replace(busy.bot, approvers=("anna@example.test",))))
    begin()
    taken = {"id": "posted-1"}
    answers = [reply(status, {}, {"Retry-After": "9"}), reply(body=taken)]
    webex_script.on("POST", "/messages", *answers)
    assert [typed("/audit") is not None for _ in range(3)] == [True, False, False]
    posts = [body for method, _, body in webex_script.asked if method == "POST"]
    kinds = ["file" if "files" in body else "card" for body in posts]
    assert kinds == ["file"] * files + ["card"]
    assert len([line for line in busy.store.audit.entries() if b"exported" in line]) == 1


def test_what_waits_is_sealed(typed, busy, webex_script, reply):
    """An answer that waits for Webex is encrypted in Redis, and kept for half an hour at most."""
    webex_script.on("POST", "/messages", reply(503, {}, {"Retry-After": "5"}))
    typed("/nonsense")
    (key,) = busy.redis.keys("sealed:answered:*")
    assert (b"nonsense" in busy.redis.get(key), 0 < busy.redis.ttl(key) <= 1800) == (False, True)


def read_only(webex_script: Any, reply: Any, *more: Any) -> None:
    """Make Webex refuse the bot's post in the space, and then give the further replies."""
    rows = [("anna", "anna@example.test"), ("bot-1", "emailbot@webex.bot")]
    items = [
        {"id": i, "roomId": "room-1", "personId": i, "personEmail": e, "personOrgId": "org-1"}
        for i, e in rows
    ]
    webex_script.on("GET", "/memberships", reply(body={"items": items}))
    webex_script.on("POST", "/messages", reply(403, {"message": "only moderators"}), *more)


def test_where_the_bot_may_not_write_it_says_so_in_person(typed, webex_script, reply):
    """If the bot may not write in a space, the requester gets one 1:1 message about that.

    Nothing is tried again.
    """
    read_only(webex_script, reply, reply(body={"id": "posted-1"}))
    assert [typed("/status", roomType="group") for _ in range(2)] == [None, None]
    posts = [body for method, _, body in webex_script.asked if method == "POST"]
    assert [body.get("toPersonId") for body in posts] == [None, "anna"]
    assert text("notice.unposted_title") in posts[1]["text"]


def test_where_it_may_write_nowhere_nothing_is_tried_again(typed, said, webex_script, reply):
    """If the bot may write neither in the space nor 1:1, nothing is tried again."""
    read_only(webex_script, reply)
    assert (typed("/status", roomType="group"), len(said())) == (None, 2)


def test_a_greeting_that_is_not_taken_is_told_to_nobody(busy, said, webex_script, reply):
    """A refused greeting is not reported to anybody, because no person asked for it."""
    read_only(webex_script, reply)
    mine = {"id": "ms-1", "roomId": "room-1", "roomType": "group", "personId": "bot-1"}
    webex_script.on("GET", "/memberships", reply(body={"items": [mine]}))
    assert (receive("memberships", "ms-1", "bot-1", "room-1"), len(said())) == (None, 1)


def test_a_screenshot_that_is_scanned_does_not_repeat_the_command(
    typed, busy, said, webex_script, reply
):
    """While Webex scans a screenshot, the event is tried again, but the guide is shown only once.

    The picture is taken when Webex hands it out.
    """
    busy.redis.sadd("space:room-1:channels", "support@example.test")
    picture = reply(body=b"\x89PNG\r\n\x1a\n", headers={"Content-Type": "image/png"})
    webex_script.on("GET", "/contents/1", reply(423, {}, {"Retry-After": "9"}), picture)
    again = [typed("/tac support@example.test", files=["contents/1"]) for _ in range(2)]
    assert [seconds(each) for each in again] == [9, None]
    guide, taken = said()
    assert (text("tac.title") in guide[1], "The screenshot for the case" in taken[1]) == (
        True,
        True,
    )


def test_a_scan_that_does_not_end(typed, busy, said, webex_script, reply, hasty_retries):
    """If a file's scan takes over a minute, the person is asked to send it again.

    The event then counts as done.
    """
    busy.redis.sadd("space:room-1:channels", "support@example.test")
    webex_script.on("GET", "/contents/1", reply(423))
    old = (now() - timedelta(seconds=61)).isoformat()
    assert typed("/tac support@example.test", files=["contents/1"], created=old) is None
    assert [text("tac.refused.scanned") in words for _, words in said()] == [False, True]
