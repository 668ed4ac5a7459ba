"""Card of the plan: the changes, how far each one reaches, and who approves it."""

from __future__ import annotations

from adaptive_cards import glyphs
from adaptive_cards.actions import button_rows, buttons, cancel, show_card, submit
from adaptive_cards.card import Card, finished
from adaptive_cards.cards.plan_addresses import addresses, foreign, granted
from adaptive_cards.cards.plan_band import approvers_turn, band
from adaptive_cards.cards.plan_changes import changed, group, of_scope
from adaptive_cards.cards.plan_people import lines
from adaptive_cards.cards.plan_view import PlanView
from adaptive_cards.components import box, kicker, titled
from adaptive_cards.elements import SMALL, Element, literal, own, rich, run, said
from adaptive_cards.glyphs import marked
from adaptive_cards.texts import listed, plural, render, text
from jobs.model import Change, Profile, RunKind, Scope, Text

_SHORT_MOST = 4
"""Maximum number of changes of a plan whose first lines and buttons fit on one screen."""
_NAMED_MOST = 4
"""Maximum number of already correct settings that are named. All further ones are only counted."""


def plan(view: PlanView) -> Card:
    """Return the card with the plan's changes by scope.

    Tenant-wide changes are in a box with their own approval. A blocked plan has no approve button.
    """
    # The band of a long plan is out of sight above its buttons, so whose turn it is comes once
    # more.
    turn_again = (
        []
        if len(view.changes) <= _SHORT_MOST or not _may_approve(view)
        else [marked(glyphs.PERSON, approvers_turn(view), spacing="Medium")]
    )
    body = [
        *lines(view.people),
        *addresses(view),
        *_right(view),
        *[marked(glyphs.WARNING, said(words)) for words in view.warnings],
        *(
            []
            if view.closed
            else [*_marked("plan.blocked", view.blocking), *_marked("plan.named", view.named)]
        ),
        *group(
            "plan.undo_app" if view.header.kind is RunKind.UNDO else "plan.app",
            of_scope(view.changes, Scope.APP),
        ),
        *group("plan.mailbox", of_scope(view.changes, Scope.MAILBOX)),
        *_tenant(view),
        *granted(view),
        *foreign(view),
        *turn_again,
        *button_rows(_main(view)),
    ]
    return finished(
        kicker(view.header),
        band(view),
        body,
        [*_commands(view), *([] if view.closed else _adopt(view) or _least(view))],
    )


def _right(view: PlanView) -> list[Element]:
    if not view.right:
        return []
    held = listed(map(render, view.right))
    if view.header.kind is RunKind.UNDO:
        told = text("plan.undo_right", held=held)
    elif len(view.right) > _NAMED_MOST:
        told = plural("plan.right_count", len(view.right))
    else:
        told = text("plan.right", held=held)
    return [marked(glyphs.OK, rich(run(told)), spacing="Medium")]


def _marked(title: str, lines: tuple[Text, ...]) -> list[Element]:
    rows = [marked(glyphs.WRONG, said(words)) for words in lines]
    return titled(title, rows)


def _tenant(view: PlanView) -> list[Element]:
    changes = of_scope(view.changes, Scope.TENANT)
    if not changes:
        return []
    lines = [line for change in changes for line in _tenant_lines(change)]
    if view.approved_tenant:
        return [box("emphasis", glyphs.OK, own("plan.tenant_approved", weight="Bolder"), *lines)]
    whole = all(change.reversible for change in changes)
    title = own("plan.tenant_reversible" if whole else "plan.tenant", weight="Bolder")
    return [box("warning", glyphs.WARNING, title, *lines, *_approve_tenant(view))]


def _approve_tenant(view: PlanView) -> list[Element]:
    if view.waits_for_hosts or not view.is_open:
        return []
    button = submit(
        text("button.approve_tenant"), "approve_tenant", run=view.header.run, plan=view.plan_id
    )
    return [buttons(button, spacing="Small")]


def _tenant_lines(change: Change) -> list[Element]:
    named = [run(f"{change.row}  ", isSubtle=True), run(f"{render(change.object)}: ")]
    noted = [said(change.note, size="Small", spacing="Small")] if change.note else []
    return [rich(*named, *changed(change), spacing="Small"), *noted]


def _may_approve(view: PlanView) -> bool:
    """Return whether the card has the button to approve the changes to the app and the mailbox."""
    own_approval = len(view.changes) - len(of_scope(view.changes, Scope.TENANT))
    return view.is_open and not view.waits_for_hosts and not _is_decided(view, own_approval)


def _main(view: PlanView) -> list[Element]:
    own_approval = len(view.changes) - len(of_scope(view.changes, Scope.TENANT))
    stop = cancel(view.header.run, plan=view.plan_id)
    if view.closed:
        return []
    if view.blocking:
        other = submit(text("button.sign_in_other"), "sign_in_other", run=view.header.run)
        return [
            submit(text("button.look_again"), "look_again", main=True, run=view.header.run),
            stop,
            other,
        ]
    if not _may_approve(view):
        return [stop]
    undoes = view.header.kind is RunKind.UNDO
    return [
        submit(
            text("button.disconnect")
            if undoes and not view.undoes
            else plural("button.undo_changes" if undoes else "button.approve", own_approval),
            "approve",
            main=not undoes,
            destroys=undoes,
            run=view.header.run,
            plan=view.plan_id,
        ),
        stop,
    ]


def _is_decided(view: PlanView, own_approval: int) -> bool:
    """Return whether nothing but the tenant's changes is left to approve."""
    return view.approved or not own_approval


def _commands(view: PlanView) -> list[Element]:
    lines = [
        literal(f"{change.row}  {command}" if first else command, size="Small", spacing="Small")
        for change in view.changes
        for first, command in _lines(change.command)
    ]
    return (
        [show_card(text("button.commands"), [own("plan.commands", **SMALL), *lines])]
        if lines
        else []
    )


def _lines(command: str) -> list[tuple[bool, str]]:
    return [
        (number == 0, line)
        for number, line in enumerate(filter(None, map(str.strip, command.splitlines())))
    ]


def _adopt(view: PlanView) -> list[Element]:
    """Return the button to adopt a manually created app, if there is one.

    It replaces the least-privilege button, because a card allows only five buttons.
    """
    if not view.manually_created or view.approved or view.blocking:
        return []
    return [
        submit(
            text("button.adopt"),
            "adopt",
            run=view.header.run,
            plan=view.plan_id,
            app=view.manually_created,
        )
    ]


def _least(view: PlanView) -> list[Element]:
    if (
        view.header.kind is not RunKind.SETUP
        or view.profile is not Profile.ARTICLE
        or view.begun
        or not view.changes
    ):
        return []
    return [submit(text("button.least"), "least_privilege", run=view.header.run, plan=view.plan_id)]
