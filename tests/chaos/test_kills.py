"""Sample of ``make chaos``: workers are killed at side effects that a seed draws.

The setup ends as if nothing had happened. Every run has three kills. A kill comes before, inside or
after a call, and hits the job, its worker, or everything.
"""

import pytest

from practice.chaos.kills import sample
from practice.chaos.lane import Lane
from practice.patience import patient

RECOVERY_S = 30.0


@pytest.fixture(scope="module")
def lane():
    """Stack, with the result of a setup that nobody disturbs."""
    with Lane() as running:
        yield running


@pytest.fixture(scope="module")
def stack(lane):
    """Stack of the lane, for the report of a failure."""
    return lane.stack


@pytest.fixture(scope="module")
def people(lane):
    """Everybody in the lane's Webex, for the report of a failure."""
    return lane.people


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_three_times_in_one_setup(lane, stack, people, seed):
    """Three kills in one setup leave the tenant as a setup without kills does.

    The channel is proven, each object was made once, no secret is left over, and people were
    informed.
    """
    outcome = lane.run(sample(seed))
    assert (outcome.trouble, outcome.doubles, outcome.orphans, outcome.told, len(outcome.hits)) == (
        "",
        0,
        0,
        True,
        3,
    ), outcome
    assert [
        hit for hit in outcome.hits if hit.seconds is None or hit.seconds > patient(RECOVERY_S)
    ] == []
