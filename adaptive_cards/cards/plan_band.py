"""Band of the plan card: how much there is to approve, and whose turn it is."""

from __future__ import annotations

from adaptive_cards import glyphs
from adaptive_cards.cards.plan_changes import of_scope
from adaptive_cards.cards.plan_view import PlanView
from adaptive_cards.components import Band, persons_turn, turn_line
from adaptive_cards.elements import TITLE, Element, said
from adaptive_cards.texts import plural
from jobs.model import RunKind, Scope, Text, Turn


def band(view: PlanView) -> Band:
    """Return the band with the state of the plan.

    The band says what blocks the plan, or what is left to approve, or that everything is approved
    or already right.
    """
    signed_in = (
        [said(Text("plan.signed_in", {"account": view.signed_in}), spacing="Small")]
        if view.signed_in
        else []
    )
    if view.closed:
        return _closed(view, signed_in)
    if view.blocking:
        blocked = Text("plan.blocked_title", {"count": str(len(view.blocking))})
        return persons_turn(
            blocked, turn_line(Turn.ADMINISTRATOR, Text("plan.blocked_turn")), *signed_in
        )
    left = _changes_to_approve(view)
    if not any(left):
        return _nothing_left(view, signed_in)
    title = _title(view, *left)
    if view.waits_for_hosts:
        return persons_turn(title, turn_line(Turn.APPROVER, Text("plan.foreign_turn")), *signed_in)
    return persons_turn(title, approvers_turn(view), *signed_in)


def approvers_turn(view: PlanView) -> Element:
    return turn_line(Turn.APPROVER, _reach(*_changes_to_approve(view), _where(view)))


def _changes_to_approve(view: PlanView) -> tuple[int, int]:
    """Return two numbers of changes that are left to approve.

    The first number is of changes to the mailbox and the app, the second of changes to the tenant.
    """
    tenant = len(of_scope(view.changes, Scope.TENANT))
    local = len(view.changes) - tenant
    return (0 if view.approved else local, 0 if view.approved_tenant else tenant)


def _closed(view: PlanView, signed_in: list[Element]) -> Band:
    """Return the band of a plan that can no longer be approved.

    Either the run has ended, or a person must sign in again, after which there is another plan.
    """
    if view.closed == "signed_out":
        return persons_turn(
            Text("plan.closed_signed_out"),
            turn_line(Turn.ADMINISTRATOR, Text("turn_words.sign_in")),
        )
    ended = (
        _nothing_left(view, signed_in).title
        if view.closed == "done"
        else said(Text(f"plan.closed_{view.closed}"), **TITLE)
    )
    mark = glyphs.OK if view.closed == "done" else glyphs.SKIPPED
    return Band(
        "emphasis", mark, ended, (turn_line(Turn.NOBODY, Text("plan.closed_next")), *signed_in)
    )


def _title(view: PlanView, local: int, tenant: int) -> Text:
    if view.header.kind is RunKind.UNDO:
        values = {"mailbox": view.header.mailbox, "run": view.undoes}
        return Text("plan.undo_run" if view.undoes else "plan.disconnect", values)
    changes = plural("plan.changes", local + tenant)
    return Text("plan.title_rest" if view.begun else "plan.title", {"changes": changes})


def _reach(local: int, tenant: int, where: str) -> Text:
    values = {
        "local": plural("plan.changes", local),
        "where": where,
        "tenant": str(tenant),
        "alone": plural("plan.changes", tenant),
    }
    if local and tenant:
        return Text("plan.reach_both", values)
    return Text("plan.reach_local" if local else "plan.reach_tenant", values)


def _where(view: PlanView) -> str:
    if not of_scope(view.changes, Scope.MAILBOX):
        return "key:plan.where.app"
    return "key:plan.where.both" if of_scope(view.changes, Scope.APP) else "key:plan.where.mailbox"


def _nothing_left(view: PlanView, signed_in: list[Element]) -> Band:
    if view.changes:
        title, told = (
            Text("plan.approved", {"changes": plural("plan.changes", len(view.changes))}),
            Text("plan.approved_next"),
        )
    else:
        kind = f"{view.header.kind}_" if view.header.kind in {RunKind.FIX, RunKind.UNDO} else ""
        title, told = Text(f"plan.{kind}nothing"), Text(f"plan.{kind}nothing_next")
        if glyphs.is_person(view.turn):
            return persons_turn(
                title, turn_line(view.turn, Text("plan.fix_nothing_named")), *signed_in
            )
    return Band.of("emphasis", glyphs.RUNNING, title, turn_line(Turn.NOBODY, told), *signed_in)
