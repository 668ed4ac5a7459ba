"""Count of how often in a row the process that works on a run was killed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from redis import Redis

from jobs.model import Channel, Finding, Person, State
from jobs.runs import deaths
from jobs.runs.deaths import MOST, PAUSES_S, DiedTooOftenError
from jobs.runs.origin import Origin
from jobs.runs.run import Run
from jobs.runs.run_store import RunStore
from jobs.storage import keys


@pytest.fixture
def run(store: RunStore, channel: Channel, asker: Person) -> Run:
    """Return a new run without any settled step."""
    return store.open(channel, asker, Origin("room-1", message="m-1"))


def die(redis: Redis, run: Run, times: int) -> None:
    """Begin attempts that never end; each one first waits for the pause that it needs."""
    for _ in range(times):
        if deaths.begin(redis, run):
            redis.hset(keys.run_mark(run.id, "deaths"), "at", 0)
            assert deaths.begin(redis, run) == 0


def test_the_first_are_made_up_for_at_once_and_the_next_later(redis: Redis, run: Run):
    """After the first deaths in a row the run is tried again at once, then after growing pauses."""
    die(redis, run, min(PAUSES_S))
    waits = []
    for _ in PAUSES_S:
        waits.append(deaths.begin(redis, run))
        redis.hset(keys.run_mark(run.id, "deaths"), "at", 0)
        assert deaths.begin(redis, run) == 0
    assert waits == pytest.approx([*PAUSES_S.values()], abs=5)


def test_then_the_run_is_given_up(redis: Redis, run: Run):
    """A run is given up after too many deaths in a row, so that no further process dies with it."""
    die(redis, run, MOST)
    with pytest.raises(DiedTooOftenError, match=str(MOST)):
        deaths.begin(redis, run)


def test_an_attempt_that_ends_begins_the_count_again(redis: Redis, run: Run):
    """An attempt that ends by itself, even with an error, sets the count of deaths back to zero."""
    die(redis, run, MOST)
    deaths.end(redis, run.id)
    assert deaths.begin(redis, run) == 0


def test_a_settled_step_begins_the_count_again(redis: Redis, run: Run):
    """A newly settled step sets the count of deaths back to zero.

    Kills at different steps of a setup are not the run's fault.
    """
    die(redis, run, MOST)
    further = replace(run, findings={"tenant": Finding("tenant", State.OK)})
    assert deaths.begin(redis, further) == 0
    die(redis, further, MOST - 1)
    with pytest.raises(DiedTooOftenError):
        deaths.begin(redis, further)
