"""Card of the plan: the changes, how far each one reaches, and who approves it.

The addresses, foreign hosts and grants, which no change shows, decide where mail and sign-ins go.
So they are never shortened.
"""

from __future__ import annotations

from dataclasses import dataclass

from adaptive_cards import components as ui
from adaptive_cards import elements as el
from adaptive_cards import glyphs
from adaptive_cards.actions import button_rows, buttons, cancel, show_card, submit
from adaptive_cards.card import Card, finished
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
    client ID of an app that a person made.

    ``named`` are causes that a recent check found and no plan can fix. ``turn`` says who must act on
    them, or on what blocks the plan. ``has_begun`` means that part of the plan was approved or
    carried out before.

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
    def tenant(self) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.scope is Scope.TENANT)

    @property
    def left(self) -> tuple[int, int]:
        tenant = len(self.tenant)
        local = 0 if self.approved else len(self.changes) - tenant
        return local, 0 if self.approved_tenant else tenant

    @property
    def waits_for_hosts(self) -> bool:
        return any(self.left) and self.foreign is not None and self.foreign.confirmed is None

    @property
    def is_open(self) -> bool:
        may_press = self.people is None or self.people.may_approve
        return may_press and not self.blocking

    @property
    def begun(self) -> bool:
        return self.approved or self.approved_tenant or self.has_begun

    @property
    def undo(self) -> bool:
        return self.header.kind is RunKind.UNDO


_NAMED_MOST = 4
"""Maximum number of already correct settings that are named. All further ones are only counted."""


def plan(view: PlanView) -> Card:
    # Tenant-wide changes are in a box and have their own approval. A blocked plan has no approve
    # button.
    grant = glyphs.WARNING if view.for_all else glyphs.OK
    warned = [marked(glyphs.WARNING, el.said(words)) for words in view.warnings]
    body = [
        *button_rows(_main(view)),
        *(el.said(words, spacing="Small") for words in _people(view.people)),
        *_foreign(view),
        *_tenant(view),
        *([marked(grant, el.said(view.consent), spacing="Medium")] if view.consent else []),
        *ui.titled("plan.addresses", [line for each in view.addresses for line in _address(each)]),
        *_right(view),
        *warned,
        *ui.titled(
            "plan.blocked", [marked(glyphs.WRONG, el.said(words)) for words in view.blocking]
        ),
        *ui.titled("plan.named", [marked(glyphs.WRONG, el.said(words)) for words in view.named]),
        *_group(view, "plan.undo_app" if view.undo else "plan.app", Scope.APP),
        *_group(view, "plan.mailbox", Scope.MAILBOX),
    ]
    return finished(ui.kicker(view.header), _band(view), body, [*_commands(view), *_other(view)])


def _people(people: PlanPeople | None) -> list[Text]:
    if people is None:
        return []
    lines = {
        "plan.asked_by": people.asked_by,
        "plan.waits_for": ", ".join(people.waits_for),
        "plan.unreachable": ", ".join(people.unreachable),
    }
    found = [*people.decided, *(Text(key, {"who": who}) for key, who in lines.items() if who)]
    nobody = people.unreachable and not people.waits_for
    return [*found, Text("plan.nobody_reached")] if nobody else found


def _group(view: PlanView, title: str, scope: Scope) -> list[el.Element]:
    # "reversible" appears once if it applies to all of them, otherwise on each line that it applies
    # to.
    changes = [change for change in view.changes if change.scope is scope]
    whole = all(change.reversible for change in changes)
    if not changes:
        return []
    rows = [_change_row(change, whole=whole) for change in changes]
    return [ui.section(title, "plan.reversible" if whole else ""), *rows]


def _changed(change: Change) -> list[el.Element]:
    # Long values are shortened in the middle. The Commands part shows them in full.
    before, after = (tame(render(each), FACT_MOST) for each in (change.before, change.after))
    return [el.run(before, **el.SUBTLE), el.run(glyphs.ARROW + after)]


def _change_row(change: Change, *, whole: bool) -> el.Element:
    lines = [el.said(change.object, **el.BOLD), el.rich(*_changed(change), spacing="None")]
    if change.note and change.warning:
        sign_of = el.run(f"{glyphs.WARNING.glyph} ", **glyphs.WARNING.look)
        lines.append(el.rich(sign_of, el.run(render(change.note)), spacing="None"))
    elif change.note:
        lines.append(ui.note(change.note))
    cells = [
        el.column("32px", el.sign(change.row, **el.SUBTLE)),
        el.column("stretch", *lines, spacing="None"),
    ]
    if not whole:
        told = "plan.line_reversible" if change.reversible else "plan.irreversible"
        cells.append(el.column("auto", ui.aside(Text(told)), spacing="Default"))
    return el.columns(*cells, spacing="Small")


def _band(view: PlanView) -> ui.Band:
    account = Text("plan.signed_in", {"account": view.signed_in})
    signed_in = [el.said(account, spacing="Small")] if view.signed_in else []
    if view.blocking:
        title = Text("plan.blocked_title", {"count": str(len(view.blocking))})
        if view.turn is Turn.TIME:
            waits = Text("turn_words.waiting")
            return ui.Band.calm("emphasis", glyphs.RUNNING, title, waits, *signed_in)
        turn = ui.run_turn(view.header, Turn.ADMINISTRATOR, Text("plan.blocked_turn"))
    elif any(view.left):
        title, told = _title(view), Text("plan.foreign_turn")
        if not view.waits_for_hosts:
            told = _reach(view)
        turn = ui.run_turn(view.header, Turn.APPROVER, told)
    elif view.changes:
        title = Text("plan.approved", {"changes": plural("plan.changes", len(view.changes))})
        next_one = Text("plan.approved_next")
        return ui.Band.calm("emphasis", glyphs.RUNNING, title, next_one, *signed_in)
    else:
        kind = f"{view.header.kind}_" if view.header.kind in {RunKind.FIX, RunKind.UNDO} else ""
        title, next_one = Text(f"plan.{kind}nothing"), Text(f"plan.{kind}nothing_next")
        if not glyphs.is_person(view.turn):
            return ui.Band.calm("emphasis", glyphs.RUNNING, title, next_one, *signed_in)
        turn = ui.turn_line(view.turn, Text("plan.fix_nothing_named"))
    return ui.persons_turn(title, turn, *signed_in)


def _title(view: PlanView) -> Text:
    if view.undo:
        values = {"mailbox": view.header.mailbox, "run": view.undoes}
        return Text("plan.undo_run" if view.undoes else "plan.disconnect", values)
    left = sum(view.left)
    approved = plural("plan.changes", len(view.changes) - left)
    values = {"changes": plural("plan.changes", left), "approved": approved}
    if view.approved or view.approved_tenant:
        return Text("plan.title_some", values)
    return Text("plan.title_rest" if view.begun else "plan.title", values)


def _reach(view: PlanView) -> Text:
    local, tenant = view.left
    scopes = {change.scope for change in view.changes}
    where = "both" if Scope.APP in scopes else "mailbox"
    values = {
        "local": plural("plan.changes", local),
        "where": f"key:plan.where.{where if Scope.MAILBOX in scopes else 'app'}",
        "tenant": str(tenant),
        "alone": plural("plan.changes", tenant),
    }
    reach = Text("plan.reach_local" if local else "plan.reach_tenant", values)
    if local and tenant:
        reach = Text("plan.reach_both", values)
    if view.approved or view.approved_tenant:
        return Text("plan.meanwhile", {"reach": render(reach)})
    return reach


def _address(address: Address) -> list[el.Element]:
    lines = [
        el.own(address.key, **el.SMALL, spacing="Small"),
        el.literal(address.value, spacing="None"),
    ]
    if address.other:
        lines += [el.own("plan.other_spelling", **el.SMALL, spacing="None")]
        lines += [el.literal(address.other, spacing="None")]
    if address.letters:
        letters = Text("plan.letters", {"letters": address.letters})
        lines.append(marked(glyphs.WARNING, el.said(letters)))
    return lines


def _foreign(view: PlanView) -> list[el.Element]:
    if view.foreign is None:
        return []
    hosts, run_id = view.foreign.hosts, view.header.run
    lines = [el.said(Text("plan.foreign", {"count": str(len(hosts))}), **el.BOLD)]
    for host, what in hosts:
        lines += [el.literal(host, spacing="Small"), ui.note(what)]
    if view.foreign.confirmed is not None:
        lines.append(el.said(view.foreign.confirmed, spacing="Small"))
    elif view.waits_for_hosts and view.is_open:
        title = plural("button.confirm_hosts", len(hosts))
        button = submit(title, "confirm_hosts", run=run_id, plan=view.plan_id)
        lines += [el.own("plan.foreign_next", spacing="Small"), buttons(button, spacing="Small")]
    return [ui.box("warning", glyphs.WARNING, *lines)]


def _right(view: PlanView) -> list[el.Element]:
    if not view.right:
        return []
    held = listed(map(render, view.right))
    if view.undo:
        told = text("plan.undo_right", held=held)
    elif len(view.right) > _NAMED_MOST:
        told = plural("plan.right_count", len(view.right))
    else:
        told = text("plan.right", held=held)
    return [marked(glyphs.OK, el.rich(el.run(told)), spacing="Medium")]


def _tenant(view: PlanView) -> list[el.Element]:
    lines: list[el.Element] = []
    for change in view.tenant:
        named = [el.run(f"{change.row}  ", **el.SUBTLE), el.run(f"{render(change.object)}: ")]
        lines.append(el.rich(*named, *_changed(change), spacing="Small"))
        lines += [el.said(change.note, size="Small", spacing="Small")] if change.note else []
    if not lines:
        return []
    if view.approved_tenant:
        return [ui.box("emphasis", glyphs.OK, el.own("plan.tenant_approved", **el.BOLD), *lines)]
    whole = all(change.reversible for change in view.tenant)
    title = el.own("plan.tenant_reversible" if whole else "plan.tenant", **el.BOLD)
    return [ui.box("warning", glyphs.WARNING, title, *lines)]


def _main(view: PlanView) -> list[el.Element]:
    run_id = view.header.run
    stop = cancel(run_id, plan=view.plan_id)
    if view.blocking:
        again = submit(text("button.look_again"), "look_again", main=True, run=run_id)
        other = submit(text("button.sign_in_other"), "sign_in_other", run=run_id)
        return [again, stop, other]
    if view.waits_for_hosts or not view.is_open:
        return [stop]
    local, tenant = view.left
    title = plural("button.undo_changes" if view.undo else "button.approve", local)
    if view.undo and not view.undoes:
        title = text("button.disconnect")
    plan_id, undo = view.plan_id, view.undo
    approve = submit(title, "approve", main=not undo, destroys=undo, run=run_id, plan=plan_id)
    of_tenant = submit(text("button.approve_tenant"), "approve_tenant", run=run_id, plan=plan_id)
    return [*([approve] if local else []), *([of_tenant] if tenant else []), stop]


def _commands(view: PlanView) -> list[el.Element]:
    lines = [
        el.literal(command if number else f"{change.row}  {command}", size="Small", spacing="Small")
        for change in view.changes
        for number, command in enumerate(filter(None, map(str.strip, change.command.splitlines())))
    ]
    told = el.own("plan.commands", **el.SMALL)
    return [show_card(text("button.commands"), [told, *lines])] if lines else []


def _other(view: PlanView) -> list[el.Element]:
    """Return the button to adopt an app that a person made, or else the least-privilege one."""
    run_id, plan_id = view.header.run, view.plan_id
    if view.manually_created and not view.approved and not view.blocking:
        app = view.manually_created
        return [submit(text("button.adopt"), "adopt", run=run_id, plan=plan_id, app=app)]
    setup = view.header.kind is RunKind.SETUP and view.profile is Profile.ARTICLE
    offered = setup and view.changes and not view.begun
    least = submit(text("button.least"), "least_privilege", run=run_id, plan=plan_id)
    return [least] if offered else []
