"""A check's card names the clouds that give no answer so far."""

from dataclasses import replace

from bot.cards.presenters import verdict
from tests.unit.bot.cards.presenters.verdict_checks import check_of, ok


def running(*silent: str, once: tuple[str, ...] = ()):
    """Return a check that still runs, with these silent clouds."""
    clouds = frozenset({*silent, *once})
    return replace(check_of(*ok("tenant")), checked=None, silent=silent, once_silent=clouds)


def test_that_a_cloud_falls_silent_is_urgent_and_its_answer_is_not(services):
    """A cloud that falls silent is urgent news, but its later answer is not.

    An edit for good news waits, because a message takes ten edits.
    """
    urgencies = [
        verdict.cards(run, services)[0].urgency
        for run in (running(), running("graph"), running(once=("graph",)))
    ]
    assert urgencies[0] != urgencies[1] == urgencies[2]
