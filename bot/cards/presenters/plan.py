"""Presenter of the plan: what is already right, and each change to approve before it is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from adaptive_cards import plan as draw
from adaptive_cards.cards.plan import PlanView
from adaptive_cards.glyphs import is_person
from adaptive_cards.texts import remedy_within, render
from adaptive_cards.views import Header
from bot.cards.presenters import plan_addresses, plan_people
from bot.cards.presenters._common import code_of, texts_of
from bot.cards.presenters.card_state import THREAD, DesiredCard, desired_card
from bot.services import Services
from jobs.causes.cause import known
from jobs.microsoft.roles import lacks_all
from jobs.model import Change, Finding, RunKind, Scope, State, Text, Turn, minute_of
from jobs.next_action import blocking_steps, next_action, planned_changes, unplanned_steps
from jobs.runs.origin import FixBrief
from jobs.runs.plan import word_for
from jobs.runs.run import Run
from jobs.steps import steps_of
from jobs.steps.application import BY_HAND

SLOT = "plan"
LEFT = frozenset({State.WARNING, State.SKIPPED})
"""States of findings that an undo leaves as they are.

Either another person has changed the setting since, or it cannot be restored.
"""
NOTED = frozenset({State.WARNING, State.POSSIBLE})
"""States that do not block a setup but are not right either; the approver is informed of them."""


def cards(run: Run, services: Services) -> list[DesiredCard]:
    """Return the plan card, once there is a plan and an account that it was made with.

    If the person who asked 1:1 may not approve it, each approver gets a copy 1:1. In a tenant other
    than the mailbox's there is nothing to plan.
    """
    if not _is_shown(run):
        return []
    found = view(run, services.settings.connect_hosts)
    hosts = "hosts" if found.waits_for_hosts else ""
    turn = f"{found.plan_id}{sorted(run.approvals)}{hosts}"
    asks = turn if _asks(run, found) else ""
    return [
        desired_card(SLOT, shown, draw(shown), to=to, urgency=turn, prompt=asks)
        for to, shown in _copies(run, services, found).items()
    ]


def _is_shown(run: Run) -> bool:
    """Return whether the run is open and has a plan, made by an account of the mailbox's tenant."""
    planned = run.plan is not None and run.account is not None
    return planned and not run.ended and not _elsewhere(run)


def _copies(run: Run, services: Services, found: PlanView) -> dict[str, PlanView]:
    asker = replace(found, people=plan_people.for_asker(run, services))
    approvers = {
        to: replace(found, people=plan_people.for_approver(run, services, to))
        for to in plan_people.copies(run, services)
    }
    return {THREAD: asker, **approvers}


def _asks(run: Run, found: PlanView) -> bool:
    return bool(found.blocking) or next_action(run).turn is Turn.APPROVER or _is_named(run, found)


def _is_named(run: Run, found: PlanView) -> bool:
    """Return whether a plan without changes names a cause that a person must act on."""
    return not found.changes and not run.has_begun and is_person(found.turn)


def _elsewhere(run: Run) -> bool:
    return not run.has_begun and run.state_of("tenant") is State.WRONG


def view(run: Run, connect_hosts: Sequence[str] = ()) -> PlanView:
    """Return the current plan with the findings from when it was made.

    ``connect_hosts`` are the patterns of the setting CONNECT_HOSTS.
    """
    told = run.brief.fix or FixBrief()
    # The approver sees this before anything is changed (facts/microsoft.md 6.1).
    no_role = (
        (Text("plan.no_role", {"account": run.account.upn}),)
        if run.account and lacks_all(run.account)
        else ()
    )
    unchanged_facts = _stays(run) if run.kind is RunKind.UNDO else _noted(run)
    all_named = tuple(
        _named(cause, told.checked_at) for cause in told.manual_causes if told.checked_at
    )
    left = LEFT if run.kind is RunKind.UNDO else NOTED | {State.SKIPPED}
    right = tuple(
        _right_line(run, finding.step) for finding in _standing(run) if finding.state not in left
    )
    return PlanView(
        header=Header(run.id, run.channel.mailbox, 3, run.kind),
        plan_id=run.plan.id if run.plan else "",
        signed_in=run.account.upn if run.account else "",
        changes=tuple(change for change in planned_changes(run) if _is_listed(run, change)),
        right=right,
        warnings=(*no_role, *plan_addresses.in_use(run), *unchanged_facts),
        blocking=() if run.has_begun else _blocked(run),
        profile=run.channel.profile,
        approved=Scope.MAILBOX in run.approvals,
        approved_tenant=Scope.TENANT in run.approvals,
        manually_created="" if run.has_begun else made_by_hand(run),
        named=all_named,
        turn=known(told.manual_causes[0]).acts if told.manual_causes else Turn.NOBODY,
        has_begun=run.has_begun,
        addresses=plan_addresses.addresses(run),
        foreign=plan_addresses.foreign(run, connect_hosts),
        consent=plan_addresses.consent(run),
        for_all=plan_addresses.for_all(run),
        undoes=run.undoes,
    )


def _blocked(run: Run) -> tuple[Text, ...]:
    return tuple(_stop(run, run.findings[name]) for name in blocking_steps(run))


def _named(cause: str, at: datetime) -> Text:
    values = {"cause": f"key:cause.{cause}", "remedy": f"key:{remedy_within(cause)}"}
    return Text("plan.named_line", values | {"at": minute_of(at)})


def _is_listed(run: Run, change: Change) -> bool:
    """Return whether the change was approved, or is still to be made."""
    return word_for(change.scope) in run.approvals or not run.change_applied(change.step)


def _right_line(run: Run, step: str) -> Text:
    return Text(
        "plan.right_line", {"row": steps_of(run)[step].article_row, "step": f"key:step.{step}"}
    )


def _noted(run: Run) -> tuple[Text, ...]:
    return _stand(run, [finding for finding in _standing(run) if finding.state in NOTED])


def _standing(run: Run) -> list[Finding]:
    """Return the findings that the plan leaves as they are.

    Later findings are excluded, because the run's own changes may have caused them.
    """
    if run.plan is None:
        return []
    settled = filter(run.settled, unplanned_steps(run))
    return [run.findings[name] for name in settled if run.found_at[name] <= run.plan.at]


def made_by_hand(run: Run) -> str:
    """Return the client id of a manually created app for the same Call Back URL.

    The result is an empty string if there is none.
    """
    found = run.findings.get("application")
    return next(iter(texts_of(found.evidence, BY_HAND)), "") if found else ""


def _stays(run: Run) -> tuple[Text, ...]:
    """Return a line for each thing that an undo leaves as it is, with the reason.

    If the channel is disconnected, the Webex Connect asset always has such a line.
    """
    left = [run.findings[name] for name in steps_of(run) if run.state_of(name) in LEFT]
    return (*_stand(run, left), *(() if run.undoes else (Text("plan.undo_asset"),)))


def _stand(run: Run, found: list[Finding]) -> tuple[Text, ...]:
    return tuple(_stands(run, finding) for finding in found)


def _stands(run: Run, finding: Finding) -> Text:
    row = steps_of(run)[finding.step].article_row
    return Text(
        "plan.stands",
        {"row": row, "step": f"key:step.{finding.step}", "seen": _seen_fragment(finding)},
    )


def _stop(run: Run, finding: Finding) -> Text:
    step = steps_of(run)[finding.step]
    remedy = f"key:{remedy_within(finding.cause)}" if finding.cause else ""
    reason = (code_of(finding) if finding.state is State.UNKNOWN else "") or _seen_fragment(finding)
    return Text(
        "plan.stop",
        {
            "row": step.article_row,
            "step": f"key:step.{step.name}",
            "seen": reason,
            "remedy": remedy,
        },
    )


def _seen_fragment(finding: Finding) -> str:
    """Return the text of the finding as part of a sentence, without a final period."""
    return render(finding.seen).rstrip(".") if finding.seen else ""
