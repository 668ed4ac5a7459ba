import hashlib
import hmac
import json
import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from urllib.parse import urlsplit

import pytest

from bot.queue import RUNG_S, WEB_TIMEOUT_S, EventQueue, PendingEvent, connect_for_web, make_queue
from bot.web import wsgi
from jobs.clock import now
from jobs.storage import codec, keys
from tests.fixtures.site import create_app

NEW, OLD = "new-secret-0123456789", "old-secret-0123456789"


@pytest.fixture
def app(settings, redis):
    """The web application."""
    return create_app(settings, redis)


def envelope(resource: str = "messages", event: str = "created", **data):
    """Return a webhook event as Webex sends it (platforms/webex.md 1)."""
    who = {"personId": "a-person", "personEmail": "ann@example.test"}
    about = {"id": "event-1", "roomId": "room-1", "created": "2026-11-25T08:00:00.000Z"}
    head = {"id": "webhook", "createdBy": "the-bot", "actorId": "a-person"}
    return head | {"resource": resource, "event": event, "data": who | about | data}


def sign(body: bytes, secret: str = NEW) -> str:
    """Return the value of the X-Spark-Signature header for the body."""
    return hmac.new(secret.encode(), body, hashlib.sha1).hexdigest()


def post(app, body: bytes, signature: str | None = None, content_type: str = "application/json"):
    """Post one delivery of a webhook and return the answer."""
    headers = {} if signature is None else {"X-Spark-Signature": signature}
    return app.test_client().post(
        "/webhooks/webex", data=body, headers=headers, content_type=content_type
    )


def deliver(app, event) -> int:
    """Post a well-signed event and return the status of the answer."""
    body = json.dumps(event).encode()
    return post(app, body, sign(body)).status_code


def queued(redis):
    """Return the queued jobs: the function that is called and the saved event."""
    jobs = make_queue(redis).get_jobs()
    kept = [(job.func_name, redis.get(keys.event(job.args[0]))) for job in jobs]
    return [(name, asdict(codec.load(event, PendingEvent).event)) for name, event in kept if event]


def test_an_event_becomes_one_job_with_ids_only(app, redis):
    """The worker gets the resource, ids and time, but a person's address stays out of Redis."""
    body = json.dumps(envelope(messageId="card-1")).encode()
    answer = post(app, body, sign(body))
    assert (answer.status_code, answer.data) == (200, b"")
    about = {"id": "event-1", "actor": "a-person", "room": "room-1", "card": "card-1"}
    saved = about | {"resource": "messages", "created": "2026-11-25T08:00:00.000Z"}
    assert queued(redis) == [("bot.events.handler.receive", saved)]
    assert not any(b"ann@example.test" in (redis.dump(key) or b"") for key in redis.scan_iter())


def test_nobody_but_redis_is_asked_for_the_answer(settings, redis, monkeypatch):
    """The web process connects only to Redis when it answers a webhook.

    It has just started and gets one event of each kind, good or bad.
    """
    places: set[object] = set()
    connect = socket.socket.connect
    seen = lambda self, place: (places.add(place), connect(self, place))[1]  # noqa: E731
    monkeypatch.setattr(socket.socket, "connect", seen)
    app = create_app(settings, connect_for_web(settings.redis_url))
    resources = ("messages", "attachmentActions", "memberships", "rooms")
    taken = [deliver(app, envelope(each)) for each in resources]
    signatures = ("", sign(b"{}", "a-secret-of-somebody-else"))
    refused = [post(app, b"{}", each).status_code for each in signatures]
    assert (taken, refused, len(queued(redis))) == ([200] * 4, [401] * 2, 3)
    assert places == {("127.0.0.1", urlsplit(settings.redis_url).port)}


@pytest.mark.parametrize("resource", ["messages", "attachmentActions", "memberships"])
def test_the_three_resources_are_taken(app, redis, resource):
    """Created messages, card answers and memberships reach the worker, in any spelling."""
    assert deliver(app, envelope(resource.upper())) == 200
    assert [arguments["resource"] for _, arguments in queued(redis)] == [resource]


def test_both_secrets_are_taken_while_rotating(app, redis):
    """Webhooks with the old secret work until the next start has given them the new one."""
    first, second = (json.dumps(envelope(id=name)).encode() for name in ("a", "b"))
    assert post(app, first, sign(first, NEW)).status_code == 200
    assert post(app, second, sign(second, OLD)).status_code == 200
    assert len(queued(redis)) == 2


@pytest.mark.parametrize(
    "forge",
    [
        lambda _body: None,
        lambda _body: "",
        lambda body: sign(body).upper(),
        lambda body: sign(body)[:-1] + ("0" if sign(body)[-1] != "0" else "1"),
        lambda body: sign(body + b" "),
        lambda body: sign(body, ""),
        lambda body: sign(body, "a-secret-of-somebody-else"),
        lambda body: "sha1=" + sign(body),
        lambda body: hmac.new(NEW.encode(), body, hashlib.sha256).hexdigest(),
        lambda _body: "\u00fc",
    ],
)
def test_a_wrong_signature_gets_401_and_nothing_else(app, redis, forge):
    """A wrong signature gets 401 with an empty body, and no job is queued.

    It is missing, empty, in capitals, one digit off, over other bytes, or made with no secret or
    another one.
    """
    body = json.dumps(envelope()).encode()
    answer = post(app, body, forge(body))
    assert (answer.status_code, answer.data, queued(redis)) == (401, b"", [])


def test_one_flipped_byte_breaks_the_signature(app, redis):
    """The signature covers the raw bytes, so each single changed byte of a body is noticed."""
    body = json.dumps(envelope()).encode()
    signature = sign(body)
    for place in range(0, len(body), 7):
        flipped = body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]
        assert post(app, flipped, signature).status_code == 401
    assert queued(redis) == []


def test_an_unset_secret_never_fits():
    """A signature with the empty secret is refused, even if the empty secret is configured."""
    assert not wsgi.is_signed(b"{}", sign(b"{}", ""), ("",))


def test_fifty_deliveries_at_once_are_one_job(settings, redis, redis_url):
    """Fifty parallel deliveries of one event are one job, and each gets 200."""
    app = create_app(settings, connect_for_web(redis_url))
    with ThreadPoolExecutor(16) as threads:
        statuses = list(threads.map(lambda _: deliver(app, envelope()), range(50)))
    assert (statuses, len(queued(redis))) == ([200] * 50, 1)


def test_an_event_is_remembered_after_it_was_handled(app, redis):
    """A repeated delivery of an event that was handled long ago is no new event."""
    deliver(app, envelope())
    (job,) = make_queue(redis).get_jobs()
    (key,) = job.args
    EventQueue(redis).process(key, lambda _: None)
    make_queue(redis).empty()
    assert (deliver(app, envelope()), queued(redis)) == (200, [])
    assert redis.get(keys.event(key)) == b""
    assert redis.ttl(keys.event(key)) > 3000
    assert redis.zcard(keys.due()) == 0


def test_an_event_is_due_where_the_doorbell_was_not_heard(app, redis):
    """An event whose job was lost is due again a moment later.

    The web process was killed before it queued the job, or the worker just after it took the job.
    """
    deliver(app, envelope())
    make_queue(redis).empty()
    (row,) = redis.zrange(keys.due(), 0, -1, withscores=True)
    assert 1 < row[1] - now().timestamp() <= RUNG_S


def test_different_events_are_different_jobs(app, redis):
    """Another id or resource is another event.

    A membership that is created again with its old id is another event, too.
    """
    later = envelope("memberships", created="2026-11-25T09:00:00.000Z")
    events = [envelope(), envelope(id="event-2"), envelope("attachmentActions")]
    assert [deliver(app, each) for each in (*events, envelope("memberships"), later)] == [200] * 5
    assert len(queued(redis)) == 5


@pytest.mark.parametrize(
    "event",
    [
        envelope("rooms"),
        envelope(event="deleted"),
        envelope("memberships", event="updated"),
        envelope(personId="the-bot"),
        envelope("attachmentActions", personId="the-bot"),
        {"resource": "telephony_calls", "event": "created"},
        {},
    ],
)
def test_what_the_bot_does_not_care_for_is_dropped(app, redis, event):
    """Other resources, other events and the bot's own posts get 200 and no job.

    With 200, Webex keeps the webhook.
    """
    assert (deliver(app, event), queued(redis)) == (200, [])


def test_the_bots_own_membership_is_taken(app, redis):
    """The event that the bot itself joined a space is accepted, because the greeting needs it."""
    deliver(app, envelope("memberships", personId="the-bot"))
    assert [arguments["actor"] for _, arguments in queued(redis)] == ["the-bot"]


def test_unknown_keys_and_missing_ones_are_fine(app, redis):
    """An event with the bare minimum is enough, and the actor may come from the envelope."""
    about = {"actorId": "someone", "new": [1], "data": {"id": "m", "more": {}}}
    assert deliver(app, {"resource": "messages", "event": "created"} | about) == 200
    known = {"resource": "messages", "id": "m", "actor": "someone"}
    unknown = dict.fromkeys(("room", "created", "card"), "")
    assert [arguments for _, arguments in queued(redis)] == [known | unknown]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"resource": "messages", "event": "created"}'],
)
def test_a_signed_body_that_makes_no_sense_gets_400(app, redis, body):
    """A signed body that is not JSON, not an object or without an event gets 400 and no job."""
    answer = post(app, body, sign(body))
    assert (answer.status_code, answer.data, queued(redis)) == (400, b"", [])


def test_a_large_body_gets_413(app, redis):
    """A body of 64 KiB is accepted, and one more byte gets 413, even with a good signature."""
    fits = json.dumps(envelope()).encode().ljust(65_536)
    assert [post(app, body, sign(body)).status_code for body in (fits, fits + b" ")] == [200, 413]
    assert len(queued(redis)) == 1


@pytest.mark.parametrize(
    ("content_type", "status"),
    [("text/plain", 415), ("", 415), ("Application/JSON; charset=UTF-8", 200)],
)
def test_another_content_type_gets_415(app, content_type, status):
    """A webhook with another content type gets 415, because Webex sends only JSON."""
    body = json.dumps(envelope()).encode()
    assert post(app, body, sign(body), content_type).status_code == status


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_other_methods_get_405(app, method):
    """The address of the webhook accepts only POST, and its refusal says so."""
    answer = app.test_client().open("/webhooks/webex", method=method)
    assert (answer.status_code, "POST" in answer.headers["Allow"]) == (405, True)


def test_without_redis_the_answer_is_503_within_a_second(settings, free_port, monkeypatch):
    """Without Redis a webhook gets 503, because only a queued event is acknowledged.

    Webex does not wait, so Redis is tried twice without a pause.
    """
    slept: list[float] = []
    monkeypatch.setattr("redis.retry.sleep", slept.append)
    app = create_app(settings, connect_for_web(f"redis://127.0.0.1:{free_port}/0"))
    body = json.dumps(envelope()).encode()
    answer = post(app, body, sign(body))
    assert (answer.status_code, answer.data, any(slept)) == (503, b"", False)
    assert 2 * WEB_TIMEOUT_S < 1


def test_a_stale_connection_is_opened_again(settings, redis, redis_url):
    """After a restart of Redis the first event is not lost.

    The dead connection is replaced at once.
    """
    app = create_app(settings, connect_for_web(redis_url))
    deliver(app, envelope(id="before"))
    redis.client_kill_filter(_type="normal", skipme=True)
    assert deliver(app, envelope(id="after")) == 200
    assert len(queued(redis)) == 2
