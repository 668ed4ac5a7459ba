"""Waits of article row M4 for an organization whose customization takes time."""

from __future__ import annotations

from jobs.access.admin_session import SESSION_S
from jobs.clouds.errors import CloudReply, Rejected
from jobs.model import Channel, Text, Turn
from jobs.steps.forwarding import CUSTOMIZATION_S, DAY_TRIES, OutboundPolicy
from jobs.storage.due_queue import LONGEST_PAUSE_S
from tests.unit.jobs.conftest import Given

STEP = OutboundPolicy()


def test_a_customization_that_takes_time_is_waited_for(given: Given):
    """If Exchange still asks for the customization, the step waits and tries again."""
    error = Rejected("customization_needed", CloudReply("exchange"))
    found = STEP.explain_error(given(), error)
    assert found is not None
    assert (found.waiting_for, found.seen) == (Turn.TIME, Text("seen.customization_takes"))


def test_the_pauses_make_a_day_and_end_before_the_sign_in():
    """The pauses add up to the 24 hours that Microsoft names and end before the sign-in does."""
    pauses = [
        CUSTOMIZATION_S[min(number, len(CUSTOMIZATION_S) - 1)] for number in range(DAY_TRIES + 1)
    ]
    assert 24 * 3600 <= sum(pauses) < SESSION_S
    assert max(pauses) <= LONGEST_PAUSE_S


def test_a_day_is_enough(given: Given, channel: Channel):
    """After a day of tries the step no longer waits, so that a person has to look."""
    ctx = given(waits={"outbound_policy": DAY_TRIES + 1})
    assert STEP.explain_error(ctx, Rejected("customization_needed", CloudReply("exchange"))) is None


def test_other_errors_are_not_its_business(given: Given):
    """The step leaves all other errors to the engine, which knows their meaning."""
    assert STEP.explain_error(given(), Rejected("request_rejected", CloudReply("exchange"))) is None
