"""Forged links, sealed values, cards and jobs of an attacker who can write to Redis.

The attacker gets no secret and runs no code. The real web and worker processes run, and the client
secret of a run waits to be shown.
"""

import hashlib
import json
import pickle
from pathlib import Path

import httpx
import pytest
from cryptography.fernet import Fernet

from bot.cards.presenters.card_state import slot_of
from bot.links import LIFE
from bot.queue import CARDS, NAME, RUNS, make_queue
from jobs.storage import codec
from practice.client import links
from practice.conversation import fresh, words
from tests.fixtures.serving import Quiet, Server, serving
from tests.security.channel_life import SHAPES
from tests.security.redis_writer import run_of

GUESS = "a-token-of-the-intruder"
DIGEST = hashlib.sha256(GUESS.encode()).hexdigest()
QUEUES = (NAME, RUNS, CARDS)
SHARES_STACK = True


@pytest.fixture(scope="module")
def waiting(people, new_walk):
    """Walk whose client secret waits to be shown, the card with the link, and the run's id."""
    fresh(people)
    walk = new_walk()
    walk.plan()
    walk.approve()
    walk.consent()
    card = walk.form()
    return walk, card, run_of(card)[0]


def asked(stack, kind):
    """Return the answers to everything that a browser can ask of the intruder's link."""
    url = f"{stack.public_url}/{kind}/{GUESS}"
    return [
        httpx.request(method, f"{url}{path}", trust_env=False, timeout=20)
        for method, path in (("GET", ""), ("POST", ""), ("POST", "/renew"))
    ]


def planted(writer, how, kind, run):
    """Write a link with the intruder's token into Redis, in the given way."""
    redis, own = (
        writer.redis,
        codec.dump({"kind": kind, "run": run, "until": "2099-01-01T00:00:00Z"}),
    )
    sealed = f"sealed:page:{DIGEST}"
    if how == "plain":
        redis.set(sealed, own)
        redis.set(f"ticket:{DIGEST}", own)
    elif how == "sealed by another key":
        redis.set(sealed, Fernet(Fernet.generate_key()).encrypt(f"{len(sealed)}:".encode() + own))
    else:
        (own_link, *_) = [key for key in redis.keys("sealed:page:*") if key.decode() != sealed]
        redis.copy(own_link, sealed, replace=True)


@pytest.mark.parametrize("how", ["plain", "sealed by another key", "copied"])
@pytest.mark.parametrize("kind", LIFE)
def test_a_forged_link(stack, writer, waiting, kind, how):
    """A link that the intruder has written into Redis opens no page of a run.

    The test tries links of every kind.
    """
    walk, _, run = waiting
    planted(writer, how, kind, run)
    answers = asked(stack, kind)
    writer.redis.delete(f"sealed:page:{DIGEST}", f"ticket:{DIGEST}")
    assert [each.status_code for each in answers if each.status_code < 400] == []
    told = "".join(each.text for each in answers)
    assert (SHAPES.search(told), walk.mailbox in told) == (None, False)
    assert writer.redis.exists(f"sealed:secret:{run}")


def test_a_copied_secret(stack, writer, waiting):
    """If another sealed value is copied over the client secret in Redis, it is shown to nobody.

    The client secret is not shown either if it is copied over another value.
    """
    walk, card, run = waiting
    redis, own = writer.redis, f"sealed:secret:{run}"
    kept = redis.get(own)
    others = [key for key in redis.scan_iter("sealed:*") if key.decode() != own]
    assert f"sealed:session:{run}".encode() in others
    for key in others:
        redis.copy(key, own, replace=True)
        page = httpx.post(links(card)[0], trust_env=False, timeout=20)
        assert (page.status_code, SHAPES.search(page.text)) == (410, None)
    redis.set(own, kept, ex=600)  # type: ignore[arg-type]  # bytes
    elsewhere = f"sealed:ticket:signin:{run}"
    redis.copy(own, elsewhere, replace=True)
    assert SHAPES.search(words(walk.type("/status"))) is None
    redis.delete(elsewhere)


def test_a_card_that_is_said_to_be_in_another_space(people, writer, waiting, new_walk):
    """The card with the secret's link is not shown in a message of the intruder's space.

    The bot edits the message that Redis names, but only if the bot itself wrote that name.
    """
    walk, card, run = waiting
    there = new_walk("sales@contoso.com", requester="colleague@contoso.com").type("/help")
    fields = writer.redis.hgetall(f"cards:{run}")
    slot = slot_of(walk.requester)
    forged = {
        **codec.load(fields[slot.encode()], dict),
        "message": there["id"],
        "room": there["roomId"],
        "fingerprint": "x",
        "edits": 0,
    }
    before = people.change
    writer.redis.hset(f"cards:{run}", slot, codec.dump(forged))
    writer.redis.zadd("due", {f"draw:{run}": 0})
    again = people.wait_for(
        "the card once more", lambda each: each["roomId"] == card["roomId"], 40, before
    )
    assert (people.messages[there["id"]]["edits"], links(people.messages[there["id"]])) == (0, [])
    assert (again["roomId"], walk.mailbox in words(again)) == (card["roomId"], True)


class Payload:
    """Object whose pickle runs a command when it is read."""

    def __init__(self, trace) -> None:
        self.trace = trace

    def __reduce__(self) -> object:
        return (Path.touch, (self.trace,))


@pytest.fixture
def listener():
    """Address of a web server of the intruder, and the list of the requests that it got."""
    seen: list[str] = []

    class Seen(Quiet):
        def do_GET(self):  # noqa: N802  http.server's name
            seen.append(self.path)
            self.reply(200, {}, b"")

    server = Server(Seen)
    with serving(server):
        yield f"{server.base}/", seen


def job(redis, name, function, *arguments):
    """Put a job into a queue, as RQ writes it."""
    return make_queue(redis, name).enqueue_call(function, args=arguments, failure_ttl=600)


def test_jobs_run_no_code(writer, waiting, listener, tmp_path):
    """A forged job runs no code: its pickles are not read, and other functions are not run.

    Its webhooks call nobody. RQ's own serializer is pickle; the bot's is JSON, with a list of
    functions.
    """
    walk, _, _ = waiting
    url, seen = listener
    redis = writer.redis
    trace = tmp_path / "pickled"
    payload = pickle.dumps(Payload(trace))
    assert not trace.exists()
    for name in QUEUES:
        for fields in ({"data": payload}, {"meta": payload}, {"data": payload, "meta": payload}):
            redis.hset(job(redis, name, "bot.events.handler.receive", "none").key, mapping=fields)
        job(redis, name, "pathlib.Path.touch", str(tmp_path / "function"))
        called = make_queue(redis, name).create_job("bot.events.handler.receive", args=("none",))
        hooks = [{"url": url, "job_status": status} for status in ("finished", "failed")]
        called.save()
        redis.hset(called.key, "webhooks", json.dumps(hooks))
        redis.hset(called.key, "success_callback_name", "os.getcwd")
        redis.rpush(f"rq:queue:{name}", called.id)
    for name in QUEUES:  # with webhooks alone the job succeeds
        called = make_queue(redis, name).create_job("bot.events.handler.receive", args=("none",))
        called.save()
        redis.hset(called.key, "webhooks", json.dumps(hooks))
        redis.rpush(f"rq:queue:{name}", called.id)
    walk.people.until(
        "the queues are empty",
        lambda: not any(redis.llen(f"rq:queue:{name}") for name in QUEUES),
        60,
    )
    assert walk.mailbox in words(walk.type("/status"))  # the workers still work
    assert (list(tmp_path.iterdir()), seen) == ([], [])
    pickle.loads(payload)  # noqa: S301  it would have left a trace
    assert trace.exists()


def test_the_secret_is_still_there_for_its_reader(waiting):
    """After all forgeries of this module, the requester still gets the secret.

    The link of the newest card leads to it.
    """
    walk, _, _ = waiting
    assert SHAPES.search(walk.secret(walk.form())) is not None
