"""Outages of Webex for seconds cost only seconds, and a limit for one space delays no other space.

Each test prints the times that it has seen.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from redis import Redis

from practice.actors import REQUESTER
from practice.client import People
from practice.conversation import Walk, fresh, space, words
from practice.stack import Stack

MANY = 100_000
BOT = "email-bot@webex.bot"
AWAY_S, OUT_S = 15.0, 25.0
HOUR = {"Retry-After": "3600"}
LAST_WRITE = "graph.add_password"


@pytest.fixture
def redis(stack: Stack) -> Iterator[Redis]:
    """Connection to the stack's Redis."""
    with Redis(port=stack.ports.redis) as connection:
        yield connection


def _seconds(name: str, since: float) -> None:
    print(f"{name}: {time.monotonic() - since:.1f} s")  # noqa: T201  a figure


def _waits_for_webex(people: People, redis: Redis) -> None:
    """Wait until Webex has refused a card."""
    people.until("a refused card", lambda: redis.hlen("draws:refused"), 40)


@pytest.mark.parametrize("somebody", ["nobody writes", "somebody writes"])
def test_a_token_that_is_refused_for_fifteen_seconds(
    people: People, walk: Walk, redis: Redis, somebody: str
) -> None:
    """If Webex refuses the bot's token for fifteen seconds, the cards appear seconds later.

    If somebody writes to the bot, the cards appear at once.
    """
    plan = walk.plan(profile="least")
    walk.approve(plan)
    people.until("the first write", walk.writes)
    people.control("POST", "faults", {"times": MANY, "prefix": "/webex/v1/", "status": 401})
    _waits_for_webex(people, redis)
    people.until("the last write", lambda: LAST_WRITE in walk.writes(), 40)
    time.sleep(AWAY_S)
    people.control("DELETE", "faults")
    back = time.monotonic()
    if somebody == "somebody writes":
        walk.type("/help")
    walk.form(40)
    _seconds(f"cards after 401, {somebody}", back)
    people.until("no card waits", lambda: not redis.exists("draws:refused"), 40)


def test_a_bot_that_is_out_of_its_space_for_a_while(
    people: People, walk: Walk, redis: Redis
) -> None:
    """As soon as the bot is added again, the space's cards show the newest state."""
    walk.approve(walk.plan(profile="least"))
    people.until("the first write", walk.writes)
    people.control("POST", "webex/leave", {"as": BOT, "room": walk.room})
    _waits_for_webex(people, redis)
    people.until("the last write", lambda: LAST_WRITE in walk.writes(), 40)
    time.sleep(OUT_S)
    people.look()
    gone = people.change
    people.control("POST", "webex/join", {"as": BOT, "room": walk.room, "by": REQUESTER})
    back = time.monotonic()
    walk.wait(
        "the progress in the space",
        lambda each: each["room"] == walk.room and "steps done" in words(each),
        40,
        gone,
    )
    _seconds("cards in the space after the bot is back", back)


def test_a_limit_of_an_hour_for_one_space(people: People, walk: Walk, redis: Redis) -> None:
    """If Webex limits one space for an hour, another space's card waits 15 seconds at most.

    The limited card waits as long as Webex says.
    """
    plan = walk.plan(profile="least")
    people.control(
        "POST",
        "faults",
        {
            "times": MANY,
            "prefix": f"/webex/v1/messages/{plan['id']}",
            "method": "PUT",
            "status": 429,
            "headers": HOUR,
        },
    )
    walk.approve(plan)
    people.until("a limit of the account", lambda: redis.pttl("webex:wait:all") > 0, 40)
    limited = time.monotonic()
    fresh_walk = Walk(people, "info@contoso.com", space(people))
    fresh_walk.ask()
    shown: dict[str, Any] = fresh_walk.details()
    _seconds("the next card of another space", limited)
    assert shown["room"] == fresh_walk.room
    waits = [key for key in redis.keys("webex:wait:*") if key != b"webex:wait:all"]
    left = [redis.ttl(key) for key in waits]
    assert [3400 < each <= 3600 for each in left] == [True]
    assert walk.secret(walk.form(40)), "the requester's 1:1 is another place"
    fresh_walk.type(f"/cancel {fresh_walk.mailbox}")
    redis.delete(*waits)
    fresh(people)
