"""Retries of an event that Webex refuses: at Webex's time, with a limit, and with one effect."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from rq import SimpleWorker
from structlog.testing import capture_logs

from adaptive_cards.texts import text
from bot.cards.presenters.card_state import LIVING, posted_card
from bot.queue import PendingEvent, SafeJob, WebhookEvent, make_queue
from jobs.clock import now
from jobs.model import minute_of
from jobs.runs.run import Kind
from jobs.runtime import install
from jobs.storage import codec, keys
from tests.fixtures.webex_script import person, receive

AGAIN, GIVEN_UP = "event is tried again", "event given up"


def seconds(when) -> int | None:
    """Return the seconds until ``when``, or None without a time."""
    return when and round((when - now()).total_seconds())


def tried(resource: str, identifier: str = "m1", age_s: float = 0):
    """Deliver an event of so many seconds ago.

    Return the seconds until its next try, and the lines of the log about it.
    """
    with capture_logs() as logged:
        created = (now() - timedelta(seconds=age_s)).isoformat()
        again = receive(resource, identifier, "anna", "room-1", created)
    return seconds(again), [line for line in logged if line["event"].startswith("event")]


def work(redis) -> None:
    """Run all jobs in the queue of events with a real worker in this process."""
    how = {"serializer": "json", "job_class": SafeJob}
    SimpleWorker([make_queue(redis)], connection=redis, **how).work(burst=True)


def kept(redis, arrived: WebhookEvent) -> PendingEvent:
    """Return the event as it is stored in Redis."""
    return codec.load(redis.get(keys.event(arrived.key)), PendingEvent)


def change(redis, event: WebhookEvent, **fields) -> None:
    """Change fields of the stored event."""
    redis.set(keys.event(event.key), codec.dump(replace(kept(redis, event), **fields)))


def event(**more) -> WebhookEvent:
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
        busy.events.bell.ring(arrived.key)
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
            change(redis, arrived, not_before=None)
            busy.events.bell.ring(arrived.key)
    again = [line for line in logged if line["event"] == AGAIN]
    assert [(each["tries"], each["seconds"]) for each in again] == [(1, 2), (2, 5), (3, 10)]


@pytest.mark.parametrize(
    ("status", "wait", "age_s", "interval"),
    [
        (429, "40", 0, 40),
        *((status, None, 0, 2) for status in (503, 0, 502, 401)),
        (429, "40", 570, None),
        (429, "99999999999999999999", 0, None),
    ],
)
def test_what_may_pass_is_tried_again_in_time(
    busy, webex_script, reply, status, wait, age_s, interval
):
    """An event is tried again after every fault that may pass, within ten minutes.

    A 401 is such a fault, because somebody may be exchanging the bot's token. Later nobody waits for
    the answer any more, and the log says that the event is given up.
    """
    webex_script.on("GET", "/messages/m1", reply(status, {}, {"Retry-After": wait} if wait else {}))
    again, (line,) = tried("messages", age_s=age_s)
    assert (again, line["event"]) == (interval, AGAIN if interval else GIVEN_UP)


ODD = [
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
        tried(*event)
    assert [method for method, _ in said()] == ["POST"]


@pytest.mark.parametrize(
    ("status", "language", "more", "told"),
    [
        (418, "de", {}, "Ihr Befehl konnte nicht aus Webex gelesen werden"),
        (418, "", {"id": ""}, "Your command could not be read from Webex"),
        (418, "", {"emails": ["anna@elsewhere.test"]}, ""),
        (410, "", {}, ""),
    ],
    ids=["in German", "unknown author", "outsider", "deleted"],
)
def test_who_gets_no_answer_is_told_once(
    busy, webex_script, reply, hasty_retries, status, language, more, told
):
    """The author of a message that stays unreadable is told 1:1 and once, in the person's language.

    An outsider is not told, and neither is the author of a message that is deleted.
    """
    busy.redis.hset(keys.locale("anna@example.test"), "language", language)
    webex_script.on("GET", "/messages/m1", reply(status, {}))
    webex_script.on("GET", "/people/anna", reply(body=person("anna", "anna@example.test", **more)))
    assert [tried("messages", age_s=599)[0] for _ in range(2)] == [None, None]
    posts = [body for method, _, body in webex_script.asked if method == "POST"]
    assert [each["toPersonId"] for each in posts] == ["anna"] * bool(told)
    assert all(each["text"].startswith(told) for each in posts)


def missing(webex_script, reply) -> None:
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
    again, (line,) = tried(resource, age_s=age)
    assert again == interval
    assert line["event"] == (AGAIN if interval else "event about something that is gone")


def test_a_press_whose_card_is_not_there_yet(busy, webex_script, reply, hasty_retries):
    """A press is tried again if Webex does not find its card yet."""
    missing(webex_script, reply)
    action = PRESS | {"id": "m1", "messageId": "card-9"}
    webex_script.on("GET", "/attachment/actions/m1", reply(body=action))
    assert tried("attachmentActions")[0] == 2


def test_what_is_late_is_answered(typed, said, webex_script, reply, hasty_retries):
    """A message that Webex shows late is answered once, by the next try."""
    missing(webex_script, reply)
    assert (tried("messages")[0], said()) == (2, [])
    assert [typed("/help"), typed("/help"), len(said())] == [None, None, 1]


@pytest.mark.parametrize(("age", "event"), [(0, AGAIN), (120, GIVEN_UP)])
def test_something_else_that_is_missing_is_not_the_event(
    typed, webex_script, reply, hasty_retries, age, event
):
    """If something else is missing, such as the person, the event is tried again as well.

    If it is missing for too long, the log says that the event is given up, and not that its subject
    is gone.
    """
    webex_script.on("GET", "/people/anna", reply(404, {"message": "not found"}))
    typed("/help")
    _, (line,) = tried("messages", age_s=age)
    assert line["event"] == event


def test_an_event_without_a_time_has_that_of_its_arrival(busy, redis, webex_script, reply):
    """An event without a time of its own is given up ten minutes after it arrived."""
    webex_script.on("GET", "/messages/m1", reply(503))
    arrived = event(created="")
    busy.events.add(arrived)
    change(redis, arrived, arrived=now() - timedelta(minutes=11))
    work(redis)
    assert (redis.get(keys.event(arrived.key)), redis.zcard(keys.due())) == (b"", 0)


@pytest.mark.parametrize(
    "how", [(429, {"Retry-After": "5"}), (502, {}), (0, {})], ids=["429", "502", "no answer"]
)
def test_cancel_is_carried_out_once(typed, begin, busy, said, webex_script, reply, how):
    """``/cancel`` ends the run once, and the next try posts its answer.

    The person never reads that there was nothing to cancel.
    """
    run = begin()
    status, headers = how
    webex_script.on("POST", "/messages", reply(status, {}, headers), reply(body={"id": "posted-1"}))
    tries = [typed("/cancel"), typed("/cancel"), typed("/cancel")]
    ended = [each for each in busy.store.events(run.id) if each.kind is Kind.CANCELLED]
    assert ([each is not None for each in tries], len(ended)) == ([True, False, False], 1)
    told = text("notice.over_cancelled", run=run.id, at=minute_of(ended[0].at), who=ended[0].by)
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


def first_cards(webex_script) -> int:
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
        there.append(posted_card(busy, run.id, LIVING) is not None)
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
    answers = [reply(status, {}, {"Retry-After": "9"}), reply(body={"id": "posted-1"})]
    webex_script.on("POST", "/messages", *answers)
    assert [typed("/audit") is not None for _ in range(3)] == [True, False, False]
    posts = [body for method, _, body in webex_script.asked if method == "POST"]
    assert ["file" if "files" in body else "card" for body in posts] == ["file"] * files + ["card"]
    assert len([line for line in busy.store.audit.entries() if b"exported" in line]) == 1


def test_what_waits_is_sealed(typed, busy, webex_script, reply):
    """An answer that waits for Webex is encrypted in Redis, and kept for half an hour at most."""
    webex_script.on("POST", "/messages", reply(503, {}, {"Retry-After": "5"}))
    typed("/nonsense")
    (key,) = busy.redis.keys("sealed:answered:*")
    assert (b"nonsense" in busy.redis.get(key), 0 < busy.redis.ttl(key) <= 1800) == (False, True)


def read_only(webex_script, reply, *more) -> None:
    """Make Webex refuse the bot's post in the space, and then give the further replies."""
    items = [
        {"id": i, "roomId": "room-1", "personId": i, "personEmail": e, "personOrgId": "org-1"}
        for i, e in [("anna", "anna@example.test"), ("bot-1", "emailbot@webex.bot")]
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
    assert text("tac.title") in guide[1]
    assert "The screenshot for the case" in taken[1]


def test_a_scan_that_does_not_end(typed, busy, said, webex_script, reply, hasty_retries):
    """If a file's scan takes over a minute, the person is asked to send it again.

    The event then counts as done.
    """
    busy.redis.sadd("space:room-1:channels", "support@example.test")
    webex_script.on("GET", "/contents/1", reply(423))
    old = (now() - timedelta(seconds=61)).isoformat()
    assert typed("/tac support@example.test", files=["contents/1"], created=old) is None
    assert [text("tac.refused.scanned") in words for _, words in said()] == [False, True]
