"""Examples of the cards up to the plan, in every state, and of every card with hostile contents.

The tests and the pictures use them.
"""

from datetime import UTC, datetime, timedelta

import adaptive_cards as cards
from adaptive_cards.answers import HelpEntry, command_help, help_card, typed_wrong
from adaptive_cards.components import WARNED, Header
from bot.cards.presenters import connect_form, plan, questions
from bot.cards.presenters.lists import status
from bot.links import Link
from jobs.channel.mailbox import ADDRESS_IN_USE
from jobs.model import (
    Account,
    Change,
    Channel,
    Evidence,
    Finding,
    Person,
    Profile,
    RunKind,
    Scope,
    State,
    Text,
    Turn,
    minute_of,
    verbatim,
)
from jobs.runs.run import FOREIGN_HOSTS, Brief, Changed, FixBrief, Plan, RecordedChange, Reply, Run
from jobs.settings import Settings
from jobs.steps import steps_of
from jobs.steps.application import BY_HAND
from tests.fixtures.copies import replace
from tests.fixtures.parsed import table
from tests.unit.adaptive_cards.words import said, told

AT = datetime(2026, 11, 24, 14, 32, 48, tzinfo=UTC)

MAILBOX = "support@contoso.com"

TENANT = "8f2c6a41-3b7d-4e19-9c55-d1a0e7b4f263"

CLIENT_ID = "5d1e8a90-7c44-4f0b-a2b6-91c3f0d47e28"

FORWARDING = "4475e4a8d1f03b6c8a108d26d8beea04@mail-us.imiconnect.io"

BASE = "https://bot.contoso.com"

SETTINGS = Settings(BASE, "", "", "", ())

HOSTILE = (
    "[Approve](https://evil.example) **now** ${env} \r\n\u202e_x_ <b> `code` "
    + "x" * 5000
    + "\u05d0\u05d1" * 50
)


def examples() -> dict[str, cards.Card]:
    """Return the example cards, by a name that says the state."""
    return {**dict(_details()), **dict(_plans()), **_fixes(), **addresses(), **hostile()}


def header(stage: int, mailbox: str = MAILBOX) -> Header:
    """Return the header of a run's card, for a stage of the run."""
    started = Text("kicker.started", {"who": "rita@contoso.com", "at": minute_of(AT)})
    return Header(mailbox, stage, started=started)


def later(**span: float) -> datetime:
    """Return a time after the present of the examples."""
    return AT + timedelta(**span)


def _intake(
    values: dict[str, str] | None = None,
    errors: dict[str, Text] | None = None,
    mailbox: str = MAILBOX,
) -> cards.Card:
    run = Run("7Q4K", Channel(mailbox), Person("rita", "rita@contoso.com"), AT)
    return questions.intake(run, questions.TypedInputs(values or {}, errors or {}))


def _details():
    values = {
        "callback_url": "https://contoso.us.webexconnect.io",
        "forwarding_address": FORWARDING,
        "lifetime": "24",
    }
    why = Text("typed.callback_path")
    yield "intake", _intake()
    yield "intake-mailbox", _intake(mailbox="")
    yield "intake-error", _intake(values, {"callback_url": why})
    two = {"callback_url": why, "lifetime": Text("typed.lifetime")}
    yield "intake-errors", _intake({**values, "lifetime": "99"}, two)
    comma = Text("typed.comma_in_domain")
    typed = typed_wrong("setup-email", "support@contoso,com", comma, "support@contoso.com", AT)
    yield "typed-wrong", typed
    yield ("typed-wrong-no-guess", typed_wrong("check", "us", Text("typed.no_at"), "", AT))


def change(
    row: str,
    name: str,
    before: str | dict[str, str],
    after: str | dict[str, str],
    scope: str,
    command: str,
    note: dict[str, str] | None = None,
    **more: bool,
) -> Change:
    """Return a change, which is one line of a plan."""
    words = told(name), said(before), said(after)
    about = said(note) if note else None
    return Change(row.lower(), row, *words, Scope(scope), command, note=about, **more)


CHANGES = tuple(change(**row) for row in table("changes")["change"])
M5 = CHANGES[-1]


ADMIN = Account("tenant", "admin", "admin@contoso.com")
REQUESTER = Person("rita", "rita@contoso.com")
RUN = Run("7Q4K", Channel(MAILBOX), REQUESTER, AT, detailed=True, account=ADMIN, planned_by=ADMIN)
RIGHT = Finding("mailbox_user", State.OK), Finding("user_consent", State.OK)
LICENSE = Finding(
    "mailbox_user", State.WRONG, Text("seen.no_licence", {"upn": MAILBOX}), cause="licence_missing"
)
MAILBOXES, TENANTS = (
    {scope: Reply("p3", "anna@contoso.com", AT)} for scope in (Scope.MAILBOX, Scope.TENANT)
)
"""Approvals of the mailbox's changes, and of the tenant's."""


def ran(*found: Finding, run: Run = RUN, **more) -> Run:
    """Return the run with these findings, each seen 20 minutes after the run began."""
    times = {each.step: later(minutes=20) for each in found}
    return replace(run, findings={each.step: each for each in found}, found_at=times, **more)


def planned(
    changes: tuple[Change, ...] = CHANGES,
    *found: Finding,
    head: Header | None = None,
    hosts: tuple[str, ...] = (),
    **more,
) -> cards.Card:
    """Return a plan card with the changes that are given, and further findings."""
    run = ran(*RIGHT, *found, plan=Plan("p3", changes, later(minutes=20)), **more)
    return plan.plan(run, head or replace(header(3), kind=run.kind), hosts)


def _plans():
    kept = change("M3", "Forwarding", "other", "ours", "mailbox", "Set-Mailbox", reversible=False)
    shut = Text("seen.shared_blocked", {"upn": MAILBOX})
    least = Channel(MAILBOX, profile=Profile.LEAST)
    yield "plan", planned(CHANGES, Finding("mailbox_user", State.WARNING, shut))
    yield "plan-one-change", planned(CHANGES[:1], channel=least)
    yield "plan-mixed", planned((CHANGES[5], kept))
    yield "plan-tenant-only", planned((M5,))
    yield "plan-approved", planned(approvals=MAILBOXES)
    made = Changed(CHANGES[:1], Finding("e1", State.WRONG), AT, AT)
    yield "plan-anew", planned(CHANGES[5:6], changed={"e1": made})
    lost = replace(CHANGES[5], note=Text("note.undone"), warning=True)
    asked = Finding(lost.step, State.WAITING, waiting_for=Turn.APPROVER)
    yield "plan-undone-since", planned((lost,), asked, changed={lost.step: made})
    yield "plan-tenant-approved", planned(approvals=TENANTS)
    yield "plan-all-approved", planned(approvals=MAILBOXES | TENANTS)
    yield "plan-nothing", planned(())
    many = (Finding(name, State.OK) for name in steps_of(RUN))
    yield "plan-right-many", planned(CHANGES[:1], *many)
    yield "plan-blocked", planned(CHANGES, LICENSE)
    busy = replace(
        LICENSE, state=State.UNKNOWN, seen=Text("cause.throttled"), cause="throttled", until=later()
    )
    yield "plan-blocked-busy", planned((), busy)
    by_hand = Finding("application", State.WRONG, evidence=(Evidence(BY_HAND, CLIENT_ID),))
    yield "plan-by-hand", planned((replace(CHANGES[0], step="application"), *CHANGES[1:]), by_hand)
    since = Text("seen.undo_changed_since", {"seen": "key:seen.off"})
    stays = Finding("application", State.OK), Finding("smtp_auth", State.WARNING, since)
    past = {
        each.step: RecordedChange(each.step, CHANGES[0], Text("seen.not_set"), {}, {}, ())
        for each in stays
    }
    undo = {"kind": RunKind.UNDO, "past": past}
    back = tuple(change(**row) for row in table("changes")["undo"])
    yield "plan-undo", planned(back, *stays, **undo)
    yield "plan-undo-nothing", planned((), *stays, **undo)
    seen = Text("cause.not_forwarded")
    elsewhere = Finding("forwarding", State.WRONG, seen, cause="not_forwarded")
    yield "plan-blocked-twice", planned(CHANGES[:2], LICENSE, elsewhere)


def hostile() -> dict[str, cards.Card]:
    """Return every card that shows text from outside, with hostile text in every place."""
    return {**_hostile_stages(), **_hostile_answers()}


def _hostile_stages() -> dict[str, cards.Card]:
    """Return the cards of a run with hostile text, from the first to the last."""
    bad, words = HOSTILE, verbatim(HOSTILE)
    head = replace(header(3, bad), asked=Text("kicker.asked", {"who": bad, "space": bad}))
    danger = tuple(
        replace(change(row, bad, bad, bad, scope, bad), note=words)
        for row in ("E1", "M3", "M4")
        for scope in Scope
    )
    channel, upn = Channel(bad), Finding("mailbox_user", State.OK, facts={"upn": bad})
    run = ran(upn, Finding("ids", State.OK, facts={"client_id": bad}), channel=channel)
    stopped = replace(LICENSE, seen=words, cause=bad)
    warned = replace(stopped, state=State.WARNING)
    bad_ones = {"channel": channel, "account": replace(ADMIN, upn=bad)}
    link = Link(f"{BASE}/handover/${{x}}", AT)
    return {
        "hostile-intake": _intake(
            {"callback_url": bad, "profile": bad}, {"callback_url": words}, mailbox=bad
        ),
        "hostile-plan": planned(danger, stopped, head=head, **bad_ones),
        "hostile-plan-open": planned(danger, warned, head=head, **bad_ones),
        "hostile-connect": connect_form.connect_form(run, head, link, SETTINGS),
    }


def _hostile_answers() -> dict[str, cards.Card]:
    """Return the cards that answer a command, with hostile text."""
    bad, words = HOSTILE, verbatim(HOSTILE)
    run = Run(bad, Channel(bad), Person("x", bad), AT)
    buttons = tuple(("button.help", {"do": "help"}) for _ in range(9))
    return {
        "hostile-typed": typed_wrong("check", bad, words, bad, AT),
        "hostile-help": help_card((HelpEntry("check", "more", bad),), typed=bad),
        "hostile-command-help": command_help(HelpEntry("check", "more", bad), (bad,) * 20, bad),
        "hostile-status": status((run,) * 30, AT),
        "hostile-notice": cards.notice(
            words, words, words, WARNED, (("done.run", words),), buttons, AT
        ),
    }


HEADER = Header(MAILBOX, 3, RunKind.FIX)


def _fixes() -> dict[str, cards.Card]:
    return {
        "plan-fix-nothing": _fix(),
        "plan-fix-named": _fix("transport_rule_blocks"),
        "plan-fix-incident": _fix("exchange_incident"),
    }


def _fix(*causes: str) -> cards.Card:
    brief = Brief(fix=FixBrief(manual_causes=causes, checked_at=AT))
    right = Finding("outbound_policy", State.OK)
    return planned((), right, head=HEADER, kind=RunKind.FIX, brief=brief)


CALLBACK = "https://contoso.us.webexconnect.io/callback"
GENUINE = "4475e4a8d1f03b6c8a108d26d8beea04@mail-us.imiconnect.io"
EVIL = "a.imiconnect.io.with-a-very-long-name-that-hides-its-end.evil.example"


def shown(
    callback: str = CALLBACK, forwarding: str = GENUINE, *found: Finding, **more
) -> cards.Card:
    """Return a plan card with all changes, and these addresses."""
    return planned(CHANGES, *found, channel=Channel(MAILBOX, callback, forwarding), **more)


def addresses() -> dict[str, cards.Card]:
    """Return the plans with addresses of Webex Connect, foreign ones, and ones in other alphabets."""
    evil = f"https://{EVIL}/callback", "copies@xn--80ak6aa92e.example"
    both = f"https://{EVIL}/callback", f"copies@{EVIL}"
    confirmed = {FOREIGN_HOSTS: Reply(EVIL, "boss@contoso.com", AT)}
    in_use = tuple(Evidence(ADDRESS_IN_USE, f"{each}@contoso.com") for each in ("sales", "orders"))
    others = Finding("addresses", State.OK, evidence=in_use)
    grant = (*CHANGES[:4], replace(CHANGES[4], step="smtp_grant"), *CHANGES[5:])
    least = Channel(MAILBOX, CALLBACK, GENUINE, profile=Profile.LEAST)
    return {
        "plan-addresses": shown(CALLBACK, GENUINE, others),
        "plan-one-user": planned(grant, channel=least),
        "plan-foreign": shown(*evil),
        "plan-foreign-confirmed": shown(*both, answers=confirmed),
        "plan-foreign-tenant-only": shown(*evil, approvals=MAILBOXES),
        "plan-foreign-approved": shown(*evil, approvals=MAILBOXES | TENANTS),
        "plan-foreign-blocked": shown(*evil, LICENSE),
        "hostile-plan-addresses": shown(HOSTILE, HOSTILE),
    }
