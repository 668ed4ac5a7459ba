"""Tests of the pulse of the watch.

The pulse is the newest round, which is kept in Redis and reported to a monitoring service.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from redis import Redis

from jobs.clock import now
from jobs.model import Channel, Person
from jobs.runs.run_store import RunStore
from jobs.storage import keys
from jobs.watch import rounds
from jobs.watch.model import WatchedChannel
from jobs.watch.rounds import Pulse, Round
from jobs.watch.store import Watching

Asked = list[tuple[str, str, str]]


@pytest.fixture
def asked() -> Asked:
    """Requests that reached the service: method, path and body."""
    return []


@pytest.fixture
def url(asked: Asked) -> Iterator[str]:
    """Yield the address of a service that keeps the requests that it gets."""

    class Handler(BaseHTTPRequestHandler):
        def _keep(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked.append((self.command, self.path, body.decode()))
            self.send_response(200)
            self.end_headers()

        do_GET = do_POST = _keep  # noqa: N815  named by http.server

        def log_message(self, *_: object) -> None:
            """Suppress the server's log lines."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/ping"
        server.shutdown()
        thread.join()


@pytest.fixture
def watching(redis: Redis) -> Watching:
    """Return a watch with one channel, which is due now."""
    made = Watching.of(RunStore(redis))
    channel = Channel("a@contoso.com", tenant_id="t")
    made.channels.save(WatchedChannel(channel, "room-1", Person("p", "anna@c.com"), now()))
    return made


def test_the_newest_round_is_known(redis: Redis):
    """The newest round of the watch is kept in Redis. Before the first round there is none."""
    at = now()
    assert rounds.newest_pulse(redis) is None
    rounds.beat(redis, "t", Round(looks=3, calls=20), at)
    assert rounds.newest_pulse(redis) == Pulse("t", at, 3, 20)


def test_a_round_is_told_at_most_once_a_minute(redis: Redis, url: str, asked: Asked):
    """The monitoring service gets at most one ping a minute.

    The groups of many tenants end their rounds one after the other.
    """
    assert (rounds.ping(url, redis), rounds.ping(url, redis)) == (True, False)
    redis.delete(keys.watch_pinged())
    assert rounds.ping(url, redis)
    assert asked == [("GET", "/ping", "")] * 2


def test_nothing_is_told_without_an_address(redis: Redis, watching: Watching):
    """Without an address of a monitoring service, no ping is sent. The setting is optional."""
    late = now() + timedelta(hours=1)
    assert (rounds.ping("", redis), rounds.ping_if_late("", watching, late)) == (False, False)


def test_a_late_watch_is_told_with_the_reason(url: str, asked: Asked, watching: Watching):
    """The watch is late if a group has waited for a worker for more than five minutes.

    The monitoring service then gets a failure ping with the reason. A group that a worker has does
    not count as late.
    """
    begun = now()
    assert not rounds.ping_if_late(url, watching, begun + timedelta(minutes=4))
    assert rounds.ping_if_late(url, watching, begun + timedelta(minutes=6))
    ((method, path, reason),) = asked
    assert (method, path) == ("POST", "/ping/fail")
    assert "a group of channels has waited for 3" in reason
    watching.channels.schedule.extend("t")
    assert rounds.lateness(watching, now()) <= timedelta(0)


def test_a_service_that_is_away_changes_nothing(redis: Redis, free_port: int):
    """A ping to a service that does not answer fails without an error."""
    assert not rounds.ping(f"http://127.0.0.1:{free_port}/ping", redis)
