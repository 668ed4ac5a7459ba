"""Button Other account, for a run that cannot go on with the signed-in account."""

from __future__ import annotations

from datetime import timedelta

import pytest

from adaptive_cards.texts import text
from bot.actions import actions
from bot.cards import draw
from bot.chat.context import ChatContext
from bot.web.oauth import FLOWS
from jobs.clock import now
from jobs.model import Finding, State, Text
from jobs.runs.run import Event, Run
from tests.fixtures.run_events import noted
from tests.unit.bot.cards.presenters.stage_events import APPROVED, PLANNED, SIGNED_IN


def unknown(cause: str, **more: object) -> Event:
    """Return the event of a look at Exchange that had no good answer, with this cause."""
    found = Finding(
        "mailbox_user",
        State.UNKNOWN,
        seen=Text("seen.none"),
        cause=cause,
        **more,  # type: ignore[arg-type]  # the finding's own names
    )
    return noted(found)


NO_ROLE = unknown("exchange_role_missing")


def press(ctx: ChatContext, run: Run) -> Run:
    """Press Other account, and return the run afterward."""
    actions()["sign_in_other"](ctx, {"do": "sign_in_other", "run": run.id})
    return ctx.services.store.load(run.id)


@pytest.mark.parametrize("approved", [(), (APPROVED,)])
def test_somebody_else_signs_in(anna, begin, approved):
    """Other account ends the session and asks for another sign-in, before and after an approval.

    The new card has a link that works.
    """
    services, run = anna.services, begin(SIGNED_IN, NO_ROLE, PLANNED, *approved)
    services.vault.put(f"session:{run.id}", "x", 60)
    after = press(anna, run)
    assert after.account is None
    assert services.vault.holds(f"session:{run.id}") is False
    assert FLOWS["signin"].is_complete(after) is False
    assert bool(after.approvals) is bool(approved)
    slots = {face.slot: face for of in draw.PRESENTERS for face in of(after, services)}
    assert ("signin" in slots, "plan" in slots) == (True, False)


@pytest.mark.parametrize(
    "events",
    [
        (),
        (SIGNED_IN, PLANNED),
        (SIGNED_IN, PLANNED, APPROVED),
        (SIGNED_IN, PLANNED, APPROVED, unknown("change_never_shown")),
        (
            SIGNED_IN,
            PLANNED,
            APPROVED,
            unknown("exchange_role_missing", until=now() + timedelta(hours=1)),
        ),
    ],
)
def test_only_where_the_account_does_not_get_on(anna, begin, said, events):
    """Other account is refused while the run works with its present account."""
    run = begin(*events)
    assert (press(anna, run).version, text("refused.old") in said()[-1][1]) == (run.version, True)
