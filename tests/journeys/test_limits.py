"""Limits for one person, with the real processes: an outsider's flood, and a loop of commands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from redis import Redis

from jobs.runs.audit import read
from jobs.storage.due_queue import DueQueue
from jobs.storage.locks import LockKind
from practice.client import People, from_bot
from practice.conversation import words
from practice.stack import Stack

OUTSIDER, LOOPING = "outsider@evil.example", "colleague@contoso.com"
FLOOD, MOST, LOOP = 60, 10, 25
AN_HOUR_S = 3600


@pytest.fixture(scope="module")
def env() -> dict[str, str]:
    """Settings with the default limit for outsiders and a low limit of commands."""
    return {"REFUSALS_PER_HOUR": "1", "COMMANDS_PER_HOUR": str(MOST)}


@pytest.fixture
def redis(stack: Stack) -> Iterator[Redis]:
    """Connection to the stack's Redis."""
    with Redis(port=stack.ports.redis) as connection:
        yield connection


def entries(redis: Redis, what: str, by: str) -> list[dict[str, Any]]:
    """Return the entries of the audit trail of one kind about one person."""
    found = [read(line) for line in redis.lrange("audit:entries", 0, -1)]
    return [each for each in found if (each["what"], each["by"]) == (what, by)]


def answers(people: People, who: str) -> list[str]:
    """Return the bot's 1:1 messages to a person."""
    return [
        words(each)
        for each in people.messages.values()
        if from_bot(each) and each["roomType"] == "direct" and who in each["members"]
    ]


def test_an_outsider_who_does_not_stop(people: People, redis: Redis) -> None:
    """Sixty messages of an outsider get one card and make one entry in the audit trail.

    When the hour is over, one more entry has the number of the others.
    """
    people.look()
    said, refused = len(answers(people, OUTSIDER)), len(entries(redis, "refused", OUTSIDER))
    rest = len(entries(redis, "refused_more", OUTSIDER))
    for number in range(FLOOD):
        people.say(OUTSIDER, f"/setup-email box{number}@contoso.com")
    (key,) = people.until("the first refusal", lambda: list(redis.scan_iter("refusals:*")))
    people.until(f"{FLOOD} refusals", lambda: redis.hget(key, "count") == str(FLOOD).encode(), 60)
    people.until("the answer", lambda: answers(people, OUTSIDER)[said:])
    assert len(answers(people, OUTSIDER)[said:]) == 1
    assert len(entries(redis, "refused", OUTSIDER)[refused:]) == 1
    assert entries(redis, "refused_more", OUTSIDER)[rest:] == []

    _let_the_hour_pass(redis, key)
    people.until("the count", lambda: entries(redis, "refused_more", OUTSIDER)[rest:], 90)
    (more,) = entries(redis, "refused_more", OUTSIDER)[rest:]
    assert more["data"]["count"] == str(FLOOD - 1)
    assert redis.exists(key) == 0


def _let_the_hour_pass(redis: Redis, key: bytes) -> None:
    """Move the beginning of a count in Redis an hour back, so that its hour is over."""
    (person,) = redis.zrange("refusals-ending", 0, -1)
    redis.hset(key, "since", float(redis.hget(key, "since") or 0) - AN_HOUR_S)
    redis.zincrby("refusals-ending", -AN_HOUR_S, person)


def test_a_loop_of_commands(people: People, redis: Redis) -> None:
    """A person who repeats a command is told the limit once, and later commands do nothing."""
    for _ in range(LOOP):
        people.say(LOOPING, "/help")
    people.until(
        "the limit",
        lambda: len(answers(people, LOOPING)) > MOST and not DueQueue(redis, LockKind.EVENT).all(),
        60,
    )
    said = answers(people, LOOPING)
    assert [f"limit of {MOST} commands" in each for each in said].count(True) == 1
    assert len(said) == MOST + 1
    assert len(entries(redis, "limited", LOOPING)) == 1
