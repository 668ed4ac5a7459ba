"""Retries of an event that Webex refuses: at Webex's time, with a limit, and with one effect."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from redis import Redis
from rq import SimpleWorker
from structlog.testing import capture_logs

from bot.queue import SafeJob, make_queue
from bot.queue.events import PendingEvent, WebhookEvent
from jobs.clock import now
from jobs.storage import codec, keys
from tests.fixtures.webex_script import person, receive
from tests.unit.bot.events.retry_times import seconds

AWAY = {
    "429": (429, {"Retry-After": "40"}),
    "503": (503, {}),
    "no answer": (0, {}),
    "502": (502, {}),
    "401": (401, {}),
}


def work(redis: Redis) -> None:
    """Run all jobs in the queue of events with a real worker in this process."""
    how = {"serializer": "json", "job_class": SafeJob}
    SimpleWorker([make_queue(redis)], connection=redis, **how).work(burst=True)


def kept(redis: Redis, arrived: WebhookEvent) -> PendingEvent:
    """Return the event as it is stored in Redis."""
    return codec.load(redis.get(keys.event(arrived.key)), PendingEvent)


def event(**more: Any) -> WebhookEvent:
    """Return the event of a message that was written just now."""
    return replace(WebhookEvent("messages", "m1", "anna", "", now().isoformat()), **more)


@pytest.mark.slow
def test_the_same_event_comes_again_when_webex_says(busy, redis, webex_script, reply):
    """An event is not tried again before Retry-After, even if its job is queued earlier.

    It stays one event, however often Webex delivers it in the meantime.
    """
    webex_script.on("GET", "/messages/m1", reply(429, {}, {"Retry-After": "40"}))
    arrived = event()
    assert busy.events.add(arrived)
    for _ in range(2):
        work(redis)
        busy.events.ring(arrived.key)
    again = kept(redis, arrived).not_before
    assert again is not None
    assert 40 <= (again - kept(redis, arrived).arrived).total_seconds() < 45
    due = redis.zscore(keys.due(), f"event:{arrived.key}")
    assert due == pytest.approx(again.timestamp(), abs=0.1)
    assert not busy.events.add(arrived)
    assert [path for _, path, _ in webex_script.asked].count("/messages/m1") == 1


@pytest.mark.slow
def test_its_own_pauses_grow(busy, redis, webex_script, reply):
    """If Webex names no pause, the pauses between tries grow from 2 and 5 seconds to a minute."""
    webex_script.on("GET", "/messages/m1", reply(0))
    arrived = event()
    busy.events.add(arrived)
    with capture_logs() as logged:
        for _ in range(3):
            work(redis)
            now_due = replace(kept(redis, arrived), not_before=None)
            redis.set(keys.event(arrived.key), codec.dump(now_due))
            busy.events.ring(arrived.key)
    again = [line for line in logged if line["event"] == "event is tried again"]
    assert [(each["tries"], each["seconds"]) for each in again] == [(1, 2), (2, 5), (3, 10)]


@pytest.mark.parametrize("away", AWAY)
def test_what_may_pass_is_tried_again(busy, webex_script, reply, away):
    """An event is tried again after every fault that may pass.

    A 401 is such a fault, because somebody may be exchanging the bot's token.
    """
    status, headers = AWAY[away]
    webex_script.on("GET", "/messages/m1", reply(status, {}, headers))
    again = receive("messages", "m1", "anna", "", now().isoformat())
    assert seconds(again) == int(headers.get("Retry-After", "2"))


@pytest.mark.parametrize(
    ("age", "wait"),
    [(timedelta(minutes=9, seconds=30), "40"), (timedelta(0), "99999999999999999999")],
)
def test_what_comes_too_late_is_given_up(busy, webex_script, reply, age, wait):
    """An event whose next try would come over ten minutes after it is given up and logged.

    Nobody waits for the answer any more by then.
    """
    webex_script.on("GET", "/messages/m1", reply(429, {}, {"Retry-After": wait}))
    with capture_logs() as logged:
        assert receive("messages", "m1", "anna", "", (now() - age).isoformat()) is None
    assert [line["event"] for line in logged] == ["event given up"]


ODD: list[tuple[int, Any]] = [
    *((status, {"message": "odd"}) for status in (400, 403, 409, 410, 418, 206)),
    (204, None),
    (203, b"null"),
    (200, {}),
]
PRESS = {"id": "a1", "messageId": "m1", "personId": "anna", "inputs": {"do": "help"}}


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/messages/m1", "/people/anna", "/attachment/actions/a1"])
@pytest.mark.parametrize(("status", "body"), ODD)
def test_one_odd_answer_loses_no_command(
    busy, said, webex_script, reply, hasty_retries, path, status, body
):
    """An event whose subject or person Webex shows wrongly once is tried again, and answered."""
    message = {"id": "m1", "roomId": "room-1", "roomType": "direct", "text": "/help"}
    good = {
        "/messages/m1": message | {"personId": "bot-1" if "action" in path else "anna"},
        "/people/anna": person("anna", "anna@example.test"),
        "/attachment/actions/a1": PRESS,
    }
    for each, answer in good.items():
        webex_script.on("GET", each, reply(body=answer))
    webex_script.on("GET", path, *[reply(status, body)] * 2, reply(body=good[path]))
    event = ("attachmentActions", "a1") if "action" in path else ("messages", "m1")
    for _ in range(3):
        if receive(*event, "anna", "room-1", now().isoformat()) is None:
            break
    assert [method for method, _ in said()] == ["POST"]


def given_up(webex_script: Any, reply: Any, **more: Any) -> list[dict[str, Any]]:
    """Give an unreadable message up, twice, and return what the bot has posted."""
    webex_script.on("GET", "/people/anna", reply(body=person("anna", "anna@example.test", **more)))
    last = (now() - timedelta(minutes=9, seconds=59)).isoformat()
    assert [receive("messages", "m1", "anna", "room-1", last) for _ in range(2)] == [None, None]
    return [body for method, _, body in webex_script.asked if method == "POST"]


def test_who_gets_no_answer_is_told_once(busy, webex_script, reply):
    """The author of a message that stays unreadable is told 1:1 and once, in German."""
    webex_script.on("GET", "/messages/m1", reply(418, {}))
    busy.redis.hset(keys.locale("anna@example.test"), "language", "de")
    (posted,) = given_up(webex_script, reply)
    assert posted["toPersonId"] == "anna"
    assert posted["text"].startswith("Ihr Befehl konnte nicht aus Webex gelesen werden")


def test_who_cannot_be_read_either_is_told(busy, webex_script, reply):
    """If Webex does not show the author, the message in the bot's own language is for the id."""
    webex_script.on("GET", "/messages/m1", reply(418, {}))
    (posted,) = given_up(webex_script, reply, id="")
    assert posted["text"].startswith("Your command could not be read from Webex")


@pytest.mark.parametrize(("status", "org"), [(418, "elsewhere.test"), (410, "example.test")])
def test_whom_the_bot_does_not_tell(busy, webex_script, reply, hasty_retries, status, org):
    """An outsider is not told, and neither is the author of a message that is deleted."""
    webex_script.on("GET", "/messages/m1", reply(status, {}))
    assert given_up(webex_script, reply, emails=[f"anna@{org}"]) == []


def missing(webex_script: Any, reply: Any) -> None:
    """Make Webex answer 404 for a message, a press and a membership that it has announced."""
    for path in ("/messages/m1", "/attachment/actions/m1", "/messages/card-9"):
        webex_script.on("GET", path, reply(404, {"message": "not found"}))
    webex_script.on("GET", "/memberships", reply(body={"items": []}))


@pytest.mark.parametrize("resource", ["messages", "attachmentActions", "memberships"])
@pytest.mark.parametrize(("age", "interval"), [(57, 2), (59, None)])
def test_what_is_not_there_yet_is_looked_for_for_a_minute(
    busy, webex_script, reply, hasty_retries, resource, age, interval
):
    """An event whose message, press or membership Webex does not find is tried again for a minute.

    The event may come before Webex shows its subject, which counts as gone after that time.
    """
    missing(webex_script, reply)
    with capture_logs() as logged:
        created = (now() - timedelta(seconds=age)).isoformat()
        again = receive(resource, "m1", "anna", "room-1", created)
    assert seconds(again) == interval
    said = [line["event"] for line in logged if line["event"].startswith("event")]
    assert said == ["event is tried again" if interval else "event about something that is gone"]


def test_a_press_whose_card_is_not_there_yet(busy, webex_script, reply, hasty_retries):
    """A press is tried again if Webex does not find its card yet."""
    missing(webex_script, reply)
    action = PRESS | {"id": "m1", "messageId": "card-9"}
    webex_script.on("GET", "/attachment/actions/m1", reply(body=action))
    assert receive("attachmentActions", "m1", "anna", "room-1", now().isoformat()) is not None


def test_what_is_late_is_answered(typed, said, webex_script, reply, hasty_retries):
    """A message that Webex shows late is answered once, by the next try."""
    missing(webex_script, reply)
    first = receive("messages", "m1", "anna", "room-1", now().isoformat())
    assert (first is not None, said()) == (True, [])
    assert [typed("/help"), typed("/help"), len(said())] == [None, None, 1]


@pytest.mark.parametrize(("age", "event"), [(0, "event is tried again"), (120, "event given up")])
def test_something_else_that_is_missing_is_not_the_event(
    typed, webex_script, reply, hasty_retries, age, event
):
    """If something else is missing, such as the person, the event is tried again as well.

    If it is missing for too long, the log says that the event is given up, and not that its subject
    is gone.
    """
    webex_script.on("GET", "/people/anna", reply(404, {"message": "not found"}))
    typed("/help")
    with capture_logs() as logged:
        receive("messages", "m1", "anna", "room-1", (now() - timedelta(seconds=age)).isoformat())
    assert [line["event"] for line in logged if line["event"].startswith("event")] == [event]


def test_an_event_without_a_time_has_that_of_its_arrival(busy, redis, webex_script, reply):
    """An event without a time of its own is given up ten minutes after it arrived."""
    webex_script.on("GET", "/messages/m1", reply(503))
    arrived = event(created="")
    busy.events.add(arrived)
    old = replace(kept(redis, arrived), arrived=now() - timedelta(minutes=11))
    redis.set(keys.event(arrived.key), codec.dump(old))
    work(redis)
    assert (redis.get(keys.event(arrived.key)), redis.zcard(keys.due())) == (b"", 0)
