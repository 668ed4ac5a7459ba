"""Count of how often in a row the process that works on a run was killed."""

from dataclasses import replace

import pytest

from jobs import advance
from jobs.advance import DEATH_PAUSES_S, GIVEN_UP, MOST_DEATHS
from jobs.model import Finding, State
from jobs.runs.run import Origin
from jobs.storage import keys


@pytest.fixture
def run(store, channel, asker):
    """Return a new run without any settled step."""
    return store.open(channel, asker, Origin("room-1", message="m-1"))


def die(redis, run, times: int) -> None:
    """Begin attempts that never end; each one first waits for the pause that it needs."""
    for _ in range(times):
        if advance.begin_attempt(redis, run):
            redis.hset(keys.run_mark(run.id, "deaths"), "at", 0)
            assert advance.begin_attempt(redis, run) == 0


def test_the_first_are_made_up_for_at_once_and_the_next_later(redis, run):
    """After the first deaths in a row the run is tried again at once, then after growing pauses."""
    die(redis, run, min(DEATH_PAUSES_S))
    waits = []
    for _ in DEATH_PAUSES_S:
        waits.append(advance.begin_attempt(redis, run))
        redis.hset(keys.run_mark(run.id, "deaths"), "at", 0)
        assert advance.begin_attempt(redis, run) == 0
    assert waits == pytest.approx([*DEATH_PAUSES_S.values()], abs=5)


def test_a_settled_step_begins_the_count_again(redis, run):
    """A run is given up after too many deaths in a row, so that no further process dies with it.

    A newly settled step sets the count of deaths back to zero, because kills at different steps of
    a setup are not the run's fault. So does an attempt that ends by itself, even with an error.
    """
    die(redis, run, MOST_DEATHS)
    further = replace(run, findings={"tenant": Finding("tenant", State.OK)})
    assert advance.begin_attempt(redis, further) == 0
    die(redis, further, MOST_DEATHS - 1)
    assert advance.begin_attempt(redis, further) == GIVEN_UP
    advance.end_attempt(redis, run.id)
    assert advance.begin_attempt(redis, further) == 0
