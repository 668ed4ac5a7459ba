"""Runs while Webex is down or slow, and a job that always fails.

The run does not wait for its cards, and the queue goes on.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from redis import Redis

from practice.client import People
from practice.conversation import Walk, words
from practice.stack import Stack

MANY = 100_000
NO_APP = {
    "prefix": "/graph/v1.0/applications",
    "method": "GET",
    "status": 200,
    "headers": {"Content-Type": "application/json"},
}
AWAY_S = 30.0
LAST_WRITE = "graph.add_password"
WEATHERS = {
    "503": {"prefix": "/webex", "status": 503},
    "429": {"prefix": "/webex", "status": 429, "headers": {"Retry-After": "20"}},
    "three seconds late": {"prefix": "/webex", "delay_s": 3.0},
}


@pytest.fixture
def redis(stack: Stack) -> Iterator[Redis]:
    """Connection to the stack's Redis."""
    with Redis(port=stack.ports.redis) as connection:
        yield connection


@pytest.mark.parametrize("weather", WEATHERS.values(), ids=WEATHERS.keys())
def test_the_run_does_not_wait_for_cards(
    people: People, walk: Walk, weather: dict[str, Any]
) -> None:
    """The run makes its changes while Webex is away.

    When Webex is back, the cards show the newest state and no older one.
    """
    walk.approve(walk.plan(profile="least"))
    people.until("the first write", walk.writes)
    people.control("POST", "faults", {"times": MANY, **weather})
    people.until("the last write", lambda: LAST_WRITE in walk.writes(), AWAY_S)
    people.control("DELETE", "faults")
    form = walk.form(60)
    assert walk.secret(form)
    walk.saying("steps done", 30)


def _mistakes(redis: Redis, run_id: str) -> int:
    """Return how often the run has ended with an unexpected error of the bot."""
    return sum(b'"unexpected"' in raw for raw in redis.lrange(f"run:{run_id}:events", 0, -1))


def test_a_poison_job(people: People, walk: Walk, redis: Redis) -> None:
    """A bug in every try ends the run at the third try, with a reference on its card.

    Other commands are answered meanwhile. The bug is real: no document allows a number as the
    addresses of an app, and no code expects it.
    """
    plan = walk.plan(profile="least")
    people.control(
        "POST", "faults", {"times": MANY, "body": '{"id": "1", "appId": "1", "web": 7}', **NO_APP}
    )
    walk.approve(plan)
    run_id = redis.zrange("runs:open", -1, -1)[0].decode()
    for number in (1, 2):
        people.until(f"try {number}", lambda n=number: _mistakes(redis, run_id) >= n, 40)
        assert "What the bot can do" in words(walk.type("/help"))
        redis.zadd("due", {f"run:{run_id}": time.time()})
    walk.saying("REF-", 30)
    assert (redis.zscore("due", f"run:{run_id}"), redis.zscore("runs:open", run_id)) == (None, None)
