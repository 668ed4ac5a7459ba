"""Button that adopts the offered, manually created app, before any plan is approved."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adaptive_cards.texts import text
from bot.actions import actions
from bot.cards.presenters import plan
from bot.cards.presenters.card_state import header
from bot.chat.context import ChatContext
from jobs.clock import now
from jobs.model import Evidence, Scope, State
from jobs.runs.run import Event, Kind, Run
from tests.fixtures.run_events import found
from tests.unit.bot.cards.presenters.stage_events import APPROVED, LINE, SIGNED_IN

APP = replace(LINE, step="application", row="E1", scope=Scope.APP)
PLANNED = Event(Kind.PLANNED, now(), data={"plan": "plan-1"}, changes=(APP,))
OFFERED = found("application", State.WRONG, evidence=(Evidence("by_hand", "client-9"),))


def press(ctx: ChatContext, run: Run, app: str = "client-9") -> Run:
    """Press the button that adopts an app, and return the run afterward."""
    actions()["adopt"](ctx, {"do": "adopt", "run": run.id, "plan": "plan-1", "app": app})
    return ctx.services.store.load(run.id)


def offers(run: Run) -> bool:
    """Return whether the plan offers to adopt the app that a person made."""
    return "'app': 'client-9'" in str(plan.plan(run, header(run, 3)).content)


def test_what_is_offered_is_taken(anna, begin):
    """After the offered app is adopted, a new plan is made that needs an approval."""
    run = begin(SIGNED_IN, OFFERED, PLANNED)
    assert offers(run)
    after = press(anna, run)
    assert after.answer("adopt") == "client-9"
    assert after.plan is None
    assert "application" not in after.findings


@pytest.mark.parametrize(("events", "app"), [((), "client-1"), ((), ""), ((APPROVED,), "client-9")])
def test_anything_else_is_refused(anna, begin, said, events, app):
    """A forged app is not adopted, and after the approval no app is, because the button is gone."""
    run = begin(SIGNED_IN, OFFERED, PLANNED, *events)
    after = press(anna, run, app)
    assert (after.version, text("refused.old") in said()[-1][1]) == (run.version, True)
    assert offers(run) is not bool(events)
