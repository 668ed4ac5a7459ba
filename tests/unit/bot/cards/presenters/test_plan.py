"""The plan card: its changes, warnings and blockers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adaptive_cards.texts import text
from bot.cards.presenters import plan
from bot.cards.presenters.card_state import header
from jobs.clock import now
from jobs.model import Account, Evidence, Finding, Reason, State, Text, verbatim
from jobs.runs.run import Event, Kind, Run
from jobs.steps import steps_of
from tests.unit.bot.cards.presenters.stage_events import (
    ADMIN,
    APPROVED,
    LINE,
    PLANNED,
    SIGNED_IN,
    found,
)

BASELINES = {"ids": "CIPP DisableBasicAuthSMTP, CIS 6.5.4, CISA MS.EXO.5.1"}
NOTED = replace(LINE, note=Text("note.baselines", BASELINES))
"""Line of the plan with the baselines that it contradicts."""


@pytest.mark.parametrize("state", [State.WARNING, State.POSSIBLE])
def test_what_may_stop_mail_is_a_warning_on_the_plan(services, begin, state):
    """A setting that may stop mail is a warning on the plan.

    The setting does not block the plan, and is not called right.
    """
    blocked = found(
        "mailbox_user",
        state,
        seen=Text("seen.shared_blocked", {"upn": "support@example.test"}),
        cause="account_disabled",
    )
    right = found("permissions", seen=Text("seen.permissions"))
    run = begin(SIGNED_IN, blocked, right, replace(PLANNED, at=now()))
    words = {"row": "M1", "step": "key:step.mailbox_user"}
    said = text("seen.shared_blocked", upn="support@example.test")
    assert Text("plan.stands", words | {"seen": said}) in plan.warnings(run)
    assert right_steps(run) == ["permissions"]


def right_steps(run: Run) -> list[str]:
    """Return the settings that the plan calls right."""
    card = str(plan.plan(run, header(run, 3)).content)
    told = card.partition("Already right: ")[2].partition("'")[0]
    return [name for name in steps_of(run) if text(f"step.{name}") in told]


def test_the_plan_names_what_is_right_and_what_stops_it(services, begin):
    """The plan names the right settings and the blocking ones; a skipped setting is neither.

    After an approval, nothing blocks the plan any more.
    """
    wrong = found(
        "mailbox_user",
        State.WRONG,
        seen=Text("seen.nobody", {"mailbox": "m"}),
        cause="mailbox_not_found",
    )
    skipped = found("user_consent", State.SKIPPED)
    run = begin(SIGNED_IN, found("tenant"), skipped, wrong, replace(PLANNED, at=now()))
    card = str(plan.plan(run, header(run, 3)))
    assert (text("plan.blocked") in card, "'approve'" in card, ADMIN in card) == (True, False, True)
    assert (plan.listed_changes(run), right_steps(run)) == ([NOTED], ["tenant"])
    services.store.append(run.id, APPROVED, found("ids"))
    approved = services.store.load(run.id)
    assert text("plan.blocked") not in str(plan.plan(approved, header(run, 3)))
    # What the run brings about was not right already.
    assert right_steps(approved) == ["tenant"]


def test_a_blocked_plan_leaves_out_what_could_not_be_read(begin):
    """While a cloud is away, the plan names the cloud, and no change that may not be needed."""
    unread = replace(LINE, step="forwarding", before=Reason.NOT_KNOWN.text())
    said = (Evidence("graph", "503"),)
    away = found("mailbox_user", State.UNKNOWN, cause="service_unavailable", evidence=said)
    run = begin(SIGNED_IN, away, replace(PLANNED, at=now(), changes=(LINE, unread)))
    assert plan.listed_changes(run) == [NOTED]
    assert "Graph: 503. This usually passes" in str(plan.plan(run, header(run, 3)).content)


@pytest.mark.parametrize(("length", "there"), [(20, True), (150, False)])
def test_the_commands_are_left_out_before_a_text_is_cut(begin, length, there):
    """A plan that is too large for a card has no commands, and every other text in full."""
    note, command = "note " * length, "command " * length
    lines = [replace(LINE, note=verbatim(note), command=command)] * 8
    run = begin(SIGNED_IN, replace(PLANNED, at=now(), changes=tuple(lines)))
    card = str(plan.plan(run, header(run, 3)).content)
    assert (command.strip() in card, note.strip() in card) == (there, True)


def test_what_has_to_be_approved_anew_is_shown_with_what_is_left(services, begin):
    """A plan that needs a new approval shows the changes that are left.

    After the approval, the plan also shows the finished changes.
    """
    other, shut = (
        replace(LINE, step="forwarding"),
        replace(LINE, step="forwarding", before=Text("seen.on")),
    )
    made = [
        Event(kind, now(), step="smtp_auth", finding=Finding("smtp_auth", State.WRONG))
        for kind in (Kind.CHANGING, Kind.CHANGED)
    ]
    differs = Event(
        Kind.DIFFERS, now(), step="forwarding", data={"plan": "plan-2"}, changes=(shut,)
    )
    events = (SIGNED_IN, replace(PLANNED, changes=(LINE, other)), APPROVED, *made, differs)
    run = begin(*events)
    assert plan.listed_changes(run) == [shut]
    assert "'plan': 'plan-2'" in str(plan.plan(run, header(run, 3)))
    services.store.append(run.id, replace(APPROVED, data={"plan": "plan-2", "scope": "mailbox"}))
    assert plan.listed_changes(services.store.load(run.id)) == [NOTED, shut]


@pytest.mark.parametrize(
    ("roles", "told"),
    [
        ((), False),
        (("b79fbf4d-3ef9-4689-8143-76b194e85509",), True),
        (("b79fbf4d-3ef9-4689-8143-76b194e85509", "29232CDF-9323-42FD-ADE2-1D097AF3E4DE"), False),
        (("62e90394-69f5-4237-9190-012177145e10",), False),
    ],
)
def test_the_plan_warns_of_an_account_without_a_role(services, begin, roles, told):
    """The plan warns about an account if none of its known roles can make a change.

    An account whose roles are unknown is trusted.
    """
    run = begin(
        Event(Kind.SIGNED_IN, now(), account=Account("tenant-1", "o", ADMIN, roles)), PLANNED
    )
    assert plan.warnings(run) == ([Text("plan.no_role", {"account": ADMIN})] if told else [])
