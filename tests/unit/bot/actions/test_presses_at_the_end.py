"""Presses and /cancel on a run that ends at the same moment."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adaptive_cards.texts import text
from bot.cards.presenters import progress
from bot.chat.permissions import AccessPolicy
from bot.commands import runs
from jobs.clock import now
from jobs.model import State
from jobs.runs.run import Event, Kind
from tests.fixtures.run_events import changing, found
from tests.unit.bot.actions.presses import press
from tests.unit.bot.cards.presenters.stage_events import LINE, PLANNED, SIGNED_IN

CHANGING = replace(changing("smtp_auth"), changes=(LINE,))


@pytest.fixture
def ends_meanwhile(anna, monkeypatch) -> None:
    """Let a worker finish the run after the press has read it, and before it writes."""
    check = AccessPolicy.is_participant

    def slow(policy: AccessPolicy, *asked: object) -> bool:
        for run in anna.services.store.runs_in_space("room-1"):
            anna.services.store.end(run, Event(Kind.FINISHED, now()))
        return check(policy, *asked)  # type: ignore[arg-type]  # the arguments of the policy

    monkeypatch.setattr(AccessPolicy, "is_participant", slow)


@pytest.mark.usefixtures("ends_meanwhile")
@pytest.mark.parametrize("do", ["approve", "look_again"])
def test_a_press_that_comes_too_late(anna, begin, said, do):
    """A press that comes too late is told that the run has ended.

    The finish stays the last event of the run.
    """
    run = begin(SIGNED_IN, PLANNED)
    press(anna, do, run=run.id, plan="plan-1")
    assert anna.services.store.events(run.id)[-1].kind == Kind.FINISHED
    assert text("refused.over") in said()[0][1]


def test_a_cancellation_that_comes_too_late(anna, begin, said):
    """A late cancellation does not say that the run is canceled, because the run has finished."""
    run = begin(SIGNED_IN, PLANNED)
    anna.services.store.end(run, Event(Kind.FINISHED, now()))
    runs.cancel(anna, run)
    assert anna.services.store.load(run.id).ended == "finished"
    assert text("refused.over") in said()[0][1]


@pytest.mark.parametrize(
    ("then", "late"),
    [
        ((), True),
        ((Event(Kind.CHANGED, now(), step="smtp_auth"),), False),
        ((found("smtp_auth", State.UNKNOWN),), False),
    ],
    ids=["under_way", "done", "failed"],
)
def test_a_change_under_way_is_named(anna, begin, said, then, late):
    """A call under way may still take effect, so the run's card says so and points to ``/undo``."""
    run = begin(SIGNED_IN, PLANNED, CHANGING, *then)
    runs.run(anna, run.id)
    assert text("notice.cancelled_see") in said()[0][1]
    (card,) = progress.end_cards(anna.services.store.load(run.id), anna.services)
    told = card.card.text
    assert ("may still take effect: Authenticated SMTP" in told) is late
    assert not late or "/undo restores the earlier settings" in told
