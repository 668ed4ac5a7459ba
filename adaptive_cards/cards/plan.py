"""Card of the plan: the changes, how far each one reaches, and who approves it.

The addresses, foreign hosts and grants, which no change shows, decide where mail and sign-ins go.
So they are never shortened.
"""

from __future__ import annotations

from dataclasses import dataclass

from adaptive_cards import glyphs
from adaptive_cards.actions import button_rows, buttons, cancel, show_card, submit
from adaptive_cards.card import Card, finished
from adaptive_cards.components import (
    Band,
    aside,
    box,
    kicker,
    note,
    persons_turn,
    run_turn,
    section,
    titled,
    turn_line,
)
from adaptive_cards.elements import (
    BOLD,
    SMALL,
    SUBTLE,
    TITLE,
    Element,
    column,
    columns,
    literal,
    own,
    rich,
    run,
    said,
    sign,
)
from adaptive_cards.escape import FACT_MOST, tame
from adaptive_cards.glyphs import marked
from adaptive_cards.texts import listed, plural, render, text
from adaptive_cards.views import Header
from jobs.model import Change, Profile, RunKind, Scope, Text, Turn


@dataclass(frozen=True, slots=True)
class PlanPeople:
    """People of a plan that somebody asked for in a 1:1 message without the right to approve it.

    Attributes:
        asked_by: The address of the person who asked; empty on that person's own card.
        waits_for: The addresses of the approvers who got the plan 1:1; empty if nothing is left to
            approve.
        unreachable: The addresses of approvers to whom Webex delivers no message.
        decided: A line for each approval, with who gave it and when.
        may_approve: Whether the card is an approver's, and so has the buttons.
    """

    asked_by: str = ""
    waits_for: tuple[str, ...] = ()
    unreachable: tuple[str, ...] = ()
    decided: tuple[Text, ...] = ()
    may_approve: bool = False


def _texts(people: PlanPeople) -> list[Text]:
    found = list(people.decided)
    if people.asked_by:
        found.append(Text("plan.asked_by", {"who": people.asked_by}))
    if people.waits_for:
        found.append(Text("plan.waits_for", {"who": ", ".join(people.waits_for)}))
    if people.unreachable:
        found.append(Text("plan.unreachable", {"who": ", ".join(people.unreachable)}))
        found += [] if people.waits_for else [Text("plan.nobody_reached")]
    return found


def _may_press(people: PlanPeople | None) -> bool:
    return people is None or people.may_approve


@dataclass(frozen=True, slots=True)
class Address:
    """Address of the plan, shown in full.

    ``key`` is the label's key. ``other`` is the other spelling of its host, with Punycode or without,
    and ``letters`` names the characters that are not ASCII. Both are empty for a plain address.
    """

    key: str
    value: str
    other: str = ""
    letters: str = ""


@dataclass(frozen=True, slots=True)
class ForeignHosts:
    """Hosts of the plan that are not Webex Connect's.

    Each has a text that says what goes there. ``confirmed`` says who confirmed them and when; without
    it the plan cannot be approved.
    """

    hosts: tuple[tuple[str, Text], ...]
    confirmed: Text | None = None


@dataclass(frozen=True, slots=True)
class PlanView:
    """Data of a plan.

    ``right`` is already correct, and ``blocking`` prevents approval. ``manually_created`` is the
    client ID of an app that a person made. ``closed`` is the reason why the plan can no longer be approved.

    ``named`` are causes that a recent check found and no plan can fix, and ``turn`` says who must
    act on them. ``has_begun`` means that part of the plan was approved or carried out before.

    ``addresses`` are shown in full, because no line of the plan names them all. ``foreign`` are hosts
    that an approver confirms first. ``consent`` says for whom
    permissions are granted, and ``for_all`` that it is for all users. ``people`` are those of a plan
    whose reader may not approve it. ``undoes`` is the only run that an undo reverses; it is empty if
    the undo disconnects the channel.
    """

    header: Header
    plan_id: str
    signed_in: str
    changes: tuple[Change, ...]
    right: tuple[Text, ...]
    warnings: tuple[Text, ...] = ()
    blocking: tuple[Text, ...] = ()
    profile: Profile = Profile.ARTICLE
    approved: bool = False
    approved_tenant: bool = False
    manually_created: str = ""
    closed: str = ""
    named: tuple[Text, ...] = ()
    turn: Turn = Turn.NOBODY
    has_begun: bool = False
    people: PlanPeople | None = None
    addresses: tuple[Address, ...] = ()
    foreign: ForeignHosts | None = None
    consent: Text | None = None
    for_all: bool = False
    undoes: str = ""

    @property
    def waits_for_hosts(self) -> bool:
        """Return whether an approver must confirm the hosts before anything can be approved."""
        left = not all(map(self._is_approved, self.changes))
        return left and self.foreign is not None and self.foreign.confirmed is None

    @property
    def is_open(self) -> bool:
        return not self.closed and not self.blocking and _may_press(self.people)

    @property
    def begun(self) -> bool:
        """Return whether part of the plan was approved or carried out."""
        return self.approved or self.approved_tenant or self.has_begun

    def _is_approved(self, change: Change) -> bool:
        return self.approved_tenant if change.scope is Scope.TENANT else self.approved


def _of_scope(changes: tuple[Change, ...], scope: Scope) -> tuple[Change, ...]:
    return tuple(change for change in changes if change.scope is scope)


def _group(title: str, changes: tuple[Change, ...]) -> list[Element]:
    # "reversible" appears once if it applies to all of them, otherwise on each line that it applies
    # to.
    if not changes:
        return []
    whole = all(change.reversible for change in changes)
    return [
        section(title, "plan.reversible" if whole else ""),
        *(_change_row(change, whole=whole) for change in changes),
    ]


def _changed(change: Change) -> list[Element]:
    # Long values are shortened in the middle. The Commands part shows them in full.
    return [run(_short(change.before), **SUBTLE), run(glyphs.ARROW + _short(change.after))]


def _change_row(change: Change, *, whole: bool) -> Element:
    lines = [said(change.object, **BOLD), rich(*_changed(change), spacing="None"), *_note(change)]
    cells = [column("32px", sign(change.row, **SUBTLE)), column("stretch", *lines, spacing="None")]
    if not whole:
        told = "plan.reversible" if change.reversible else "plan.irreversible"
        cells.append(column("auto", aside(Text(told)), spacing="Default"))
    return columns(*cells, spacing="Small")


def _note(change: Change) -> list[Element]:
    if change.note is None:
        return []
    if not change.warning:
        return [note(change.note)]
    return [
        rich(
            run(f"{glyphs.WARNING.glyph} ", **glyphs.WARNING.look),
            run(render(change.note)),
            spacing="None",
        )
    ]


def _short(words: Text) -> str:
    return tame(render(words), FACT_MOST)


def _band(view: PlanView) -> Band:
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
            blocked,
            run_turn(view.header, Turn.ADMINISTRATOR, Text("plan.blocked_turn")),
            *signed_in,
        )
    left = _changes_to_approve(view)
    if not any(left):
        return _nothing_left(view, signed_in)
    title = _title(view, *left)
    if view.waits_for_hosts:
        return persons_turn(
            title, run_turn(view.header, Turn.APPROVER, Text("plan.foreign_turn")), *signed_in
        )
    return persons_turn(title, _approvers_turn(view), *signed_in)


def _approvers_turn(view: PlanView) -> Element:
    reach = _reach(*_changes_to_approve(view), _where(view))
    if view.approved or view.approved_tenant:
        reach = Text("plan.meanwhile", {"reach": render(reach)})
    return run_turn(view.header, Turn.APPROVER, reach)


def _changes_to_approve(view: PlanView) -> tuple[int, int]:
    """Return two numbers of changes that are left to approve.

    The first number is of changes to the mailbox and the app, the second of changes to the tenant.
    """
    tenant = len(_of_scope(view.changes, Scope.TENANT))
    local = len(view.changes) - tenant
    return (0 if view.approved else local, 0 if view.approved_tenant else tenant)


def _closed(view: PlanView, signed_in: list[Element]) -> Band:
    # Either the run has ended, or a person must sign in again, after which there is another plan.
    if view.closed == "signed_out":
        return persons_turn(
            Text("plan.closed_signed_out"),
            run_turn(view.header, Turn.ADMINISTRATOR, Text("turn_words.sign_in")),
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
    left = local + tenant
    approved = plural("plan.changes", len(view.changes) - left)
    values = {"changes": plural("plan.changes", left), "approved": approved}
    if view.approved or view.approved_tenant:
        return Text("plan.title_some", values)
    return Text("plan.title_rest" if view.begun else "plan.title", values)


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
    if not _of_scope(view.changes, Scope.MAILBOX):
        return "key:plan.where.app"
    return "key:plan.where.both" if _of_scope(view.changes, Scope.APP) else "key:plan.where.mailbox"


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
    return Band.calm("emphasis", glyphs.RUNNING, title, told, *signed_in)


def _address_lines(address: Address) -> list[Element]:
    lines = [own(address.key, **SMALL, spacing="Small"), literal(address.value, spacing="None")]
    if address.other:
        lines += [own("plan.other_spelling", **SMALL, spacing="None")]
        lines += [literal(address.other, spacing="None")]
    if address.letters:
        letters = Text("plan.letters", {"letters": address.letters})
        lines.append(marked(glyphs.WARNING, said(letters)))
    return lines


def _granted(view: PlanView) -> list[Element]:
    if view.consent is None:
        return []
    mark = glyphs.WARNING if view.for_all else glyphs.OK
    return [marked(mark, said(view.consent), spacing="Medium")]


def _foreign(view: PlanView) -> list[Element]:
    if view.foreign is None:
        return []
    title = said(Text("plan.foreign", {"count": str(len(view.foreign.hosts))}), weight="Bolder")
    lines = [
        line
        for host, what in view.foreign.hosts
        for line in (literal(host, spacing="Small"), note(what))
    ]
    return [box("warning", glyphs.WARNING, title, *lines, *_confirmed(view, view.foreign))]


def _confirmed(view: PlanView, found: ForeignHosts) -> list[Element]:
    if found.confirmed is not None:
        return [said(found.confirmed, spacing="Small")]
    if not view.waits_for_hosts or not view.is_open:
        return []
    button = submit(
        plural("button.confirm_hosts", len(found.hosts)),
        "confirm_hosts",
        run=view.header.run,
        plan=view.plan_id,
    )
    return [own("plan.foreign_next", spacing="Small"), buttons(button, spacing="Small")]


_NAMED_MOST = 4
"""Maximum number of already correct settings that are named. All further ones are only counted."""


def plan(view: PlanView) -> Card:
    # Tenant-wide changes are in a box and have their own approval. A blocked plan has no approve
    # button.
    people_lines = (
        []
        if view.people is None
        else [said(words, spacing="Small") for words in _texts(view.people)]
    )
    shown = titled(
        "plan.addresses", [line for each in view.addresses for line in _address_lines(each)]
    )
    body = [
        *button_rows(_main(view)),
        *people_lines,
        *_foreign(view),
        *_tenant(view),
        *_granted(view),
        *shown,
        *_right(view),
        *[marked(glyphs.WARNING, said(words)) for words in view.warnings],
        *(
            []
            if view.closed
            else [*_marked("plan.blocked", view.blocking), *_marked("plan.named", view.named)]
        ),
        *_group(
            "plan.undo_app" if view.header.kind is RunKind.UNDO else "plan.app",
            _of_scope(view.changes, Scope.APP),
        ),
        *_group("plan.mailbox", _of_scope(view.changes, Scope.MAILBOX)),
    ]
    return finished(
        kicker(view.header),
        _band(view),
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
    changes = _of_scope(view.changes, Scope.TENANT)
    if not changes:
        return []
    lines = [line for change in changes for line in _tenant_lines(change)]
    if view.approved_tenant:
        return [box("emphasis", glyphs.OK, own("plan.tenant_approved", weight="Bolder"), *lines)]
    whole = all(change.reversible for change in changes)
    title = own("plan.tenant_reversible" if whole else "plan.tenant", weight="Bolder")
    return [box("warning", glyphs.WARNING, title, *lines)]


def _tenant_lines(change: Change) -> list[Element]:
    named = [run(f"{change.row}  ", isSubtle=True), run(f"{render(change.object)}: ")]
    noted = [said(change.note, size="Small", spacing="Small")] if change.note else []
    return [rich(*named, *_changed(change), spacing="Small"), *noted]


def _main(view: PlanView) -> list[Element]:
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
    if view.waits_for_hosts or not view.is_open:
        return [stop]
    local, tenant = _changes_to_approve(view)
    return [
        *([_approve(view, local)] if local else []),
        *([_approve_tenant(view)] if tenant else []),
        stop,
    ]


def _approve(view: PlanView, local: int) -> Element:
    undoes = view.header.kind is RunKind.UNDO
    return submit(
        text("button.disconnect")
        if undoes and not view.undoes
        else plural("button.undo_changes" if undoes else "button.approve", local),
        "approve",
        main=not undoes,
        destroys=undoes,
        run=view.header.run,
        plan=view.plan_id,
    )


def _approve_tenant(view: PlanView) -> Element:
    title = text("button.approve_tenant")
    return submit(title, "approve_tenant", run=view.header.run, plan=view.plan_id)


def _commands(view: PlanView) -> list[Element]:
    lines = [
        literal(command if number else f"{change.row}  {command}", size="Small", spacing="Small")
        for change in view.changes
        for number, command in enumerate(filter(None, map(str.strip, change.command.splitlines())))
    ]
    return (
        [show_card(text("button.commands"), [own("plan.commands", **SMALL), *lines])]
        if lines
        else []
    )


def _adopt(view: PlanView) -> list[Element]:
    # This button replaces the least-privilege one, because a card allows only five buttons.
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
