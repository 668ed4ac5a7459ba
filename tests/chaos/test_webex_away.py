"""Runs while Webex is down, slow or out of reach, and a job that always fails.

The run does not wait for its cards, and the queue goes on. An outage of seconds costs only seconds,
and a limit for one space delays no other space.
"""

import time
from typing import Any

import pytest

from practice.conversation import Walk, fresh, space, words
from tests.chaos.conftest import open_run

MANY = 100_000
NO_APP = {
    "prefix": "/graph/v1.0/applications",
    "method": "GET",
    "status": 200,
    "headers": {"Content-Type": "application/json"},
}
AWAY_S = 30.0
REFUSED_S = 15.0
HOUR = {"Retry-After": "3600"}
LAST_WRITE = "graph.add_password"
WEATHERS = {
    "503": {"prefix": "/webex", "status": 503},
    "429": {"prefix": "/webex", "status": 429, "headers": {"Retry-After": "20"}},
    "three seconds late": {"prefix": "/webex", "delay_s": 3.0},
}


@pytest.mark.parametrize("weather", WEATHERS.values(), ids=WEATHERS.keys())
def test_the_run_does_not_wait_for_cards(people, walk, weather):
    """The run makes its changes while Webex is away.

    When Webex is back, the cards show the newest state and no older one.
    """
    walk.approve(walk.plan(profile="least"))
    people.until("the first write", walk.writes)
    people.control("POST", "faults", {"times": MANY, **weather})
    people.until("the last write", lambda: LAST_WRITE in walk.writes(), AWAY_S)
    people.control("DELETE", "faults")
    assert walk.secret(walk.form(60))
    walk.saying("steps done", 30)


def _mistakes(redis, run_id):
    """Return how often the run has ended with an unexpected error of the bot."""
    return sum(b'"unexpected"' in raw for raw in redis.lrange(f"run:{run_id}:events", 0, -1))


def test_a_poison_job(people, walk, redis):
    """A bug in every try ends the run at the third try, with a reference on its card.

    Other commands are answered meanwhile. The bug is real: no document allows a number as the
    addresses of an app, and no code expects it.
    """
    plan = walk.plan(profile="least")
    people.control(
        "POST", "faults", {"times": MANY, "body": '{"id": "1", "appId": "1", "web": 7}', **NO_APP}
    )
    walk.approve(plan)
    run_id = open_run(redis)
    for number in (1, 2):
        people.until(f"try {number}", lambda n=number: _mistakes(redis, run_id) >= n, 40)
        assert "What the bot can do" in words(walk.type("/help"))
        redis.zadd("due", {f"run:{run_id}": time.time()})
    walk.saying("REF-", 30)
    assert (redis.zscore("due", f"run:{run_id}"), redis.zscore("runs:open", run_id)) == (None, None)


@pytest.mark.parametrize("somebody", ["nobody writes", "somebody writes"])
def test_a_token_that_is_refused_for_fifteen_seconds(people, walk, redis, somebody):
    """If Webex refuses the bot's token for fifteen seconds, the cards appear seconds later.

    If somebody writes to the bot, the cards appear at once.
    """
    walk.approve(walk.plan(profile="least"))
    people.until("the first write", walk.writes)
    people.control("POST", "faults", {"times": MANY, "prefix": "/webex/v1/", "status": 401})
    people.until("a refused card", lambda: redis.hlen("draws:refused"), 40)
    people.until("the last write", lambda: LAST_WRITE in walk.writes(), 40)
    time.sleep(REFUSED_S)
    people.control("DELETE", "faults")
    if somebody == "somebody writes":
        walk.type("/help")
    walk.form(40)
    people.until("no card waits", lambda: not redis.exists("draws:refused"), 40)


def test_a_limit_of_an_hour_for_one_space(people, walk, redis):
    """If Webex limits one space for an hour, another space's card waits 15 seconds at most.

    The limited card waits as long as Webex says.
    """
    plan = walk.plan(profile="least")
    edits = {"prefix": f"/webex/v1/messages/{plan['id']}", "method": "PUT"}
    people.control("POST", "faults", {"times": MANY, "status": 429, "headers": HOUR, **edits})
    walk.approve(plan)
    run_id = open_run(redis)
    people.until("a limit of the account", lambda: redis.pttl("webex:wait:all") > 0, 40)
    fresh_walk = Walk(people, "info@contoso.com", space(people))
    fresh_walk.ask()
    shown: dict[str, Any] = fresh_walk.details()
    assert shown["room"] == fresh_walk.room
    waits = [key for key in redis.keys("webex:wait:*") if key != b"webex:wait:all"]
    left = [redis.ttl(key) for key in waits]
    assert [3400 < each <= 3600 for each in left] == [True]
    assert walk.secret(walk.form(40)), "the requester's 1:1 is another place"
    fresh_walk.type(f"/cancel {fresh_walk.mailbox}")
    people.control("DELETE", "faults")
    redis.delete(*waits)
    redis.zadd("due", {f"draw:{run_id}": time.time()})  # the hour is over
    fresh(people)
