"""Examples of the cards up to the plan, in every state, and of every card with hostile contents.

The tests and the pictures use them.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import adaptive_cards as cards
from adaptive_cards.cards.connect_form import ConnectFormView
from adaptive_cards.cards.notice import (
    CommandHelpView,
    HelpEntry,
    HelpView,
    NoticeView,
    TypedWrongView,
    command_help,
    help_card,
    typed_wrong,
)
from adaptive_cards.cards.plan import PlanView
from adaptive_cards.texts import render
from adaptive_cards.views import Header
from bot.cards.presenters import questions
from bot.cards.presenters.lists import status
from jobs.model import (
    Change,
    Channel,
    Evidence,
    Person,
    Profile,
    RunKind,
    Scope,
    Text,
    Turn,
    day_of,
    minute_of,
    verbatim,
)
from jobs.runs.run import Run
from tests.unit.adaptive_cards.words import told

if TYPE_CHECKING:
    from collections.abc import Iterator

AT = datetime(2026, 11, 24, 14, 32, 48, tzinfo=UTC)

END = datetime(2027, 11, 24, tzinfo=UTC)

MAILBOX = "support@contoso.com"

TENANT = "8f2c6a41-3b7d-4e19-9c55-d1a0e7b4f263"

CLIENT_ID = "5d1e8a90-7c44-4f0b-a2b6-91c3f0d47e28"

FORWARDING = "4475e4a8d1f03b6c8a108d26d8beea04@mail-us.imiconnect.io"

BASE = "https://bot.contoso.com"

LOGIN = f"https://login.microsoftonline.com/{TENANT}/oauth2/v2.0"

HOSTILE = (
    "[Approve](https://evil.example) **now** ${env} \r\n\u202e_x_ <b> `code` "
    + "x" * 5000
    + "\u05d0\u05d1" * 50
)


def examples() -> dict[str, cards.Card]:
    """Return the example cards, by a name that says the state."""
    return {
        **dict(_details()),
        **dict(_plans()),
        **hostile(),
    }


def header(stage: int, mailbox: str = MAILBOX) -> Header:
    """Return the header of a run's card, for a stage of the run."""
    started = Text("kicker.started", {"who": "rita@contoso.com", "at": minute_of(AT)})
    return Header("7Q4K", mailbox, stage, started=started)


ASKED = {"who": "Rita Requester", "space": "Contact center"}


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


def _details() -> Iterator[tuple[str, cards.Card]]:
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
    typed = TypedWrongView("setup-email", "support@contoso,com", comma, "support@contoso.com", AT)
    yield "typed-wrong", typed_wrong(typed)
    yield (
        "typed-wrong-no-guess",
        typed_wrong(TypedWrongView("check", "us", Text("typed.no_at"), "", AT)),
    )


def change(
    row: str,
    name: str,
    values: tuple[str | Text, str | Text],
    scope: Scope,
    command: str,
    **more: object,
) -> Change:
    """Return a change, which is one line of a plan."""
    before, after = (each if isinstance(each, Text) else told(each) for each in values)
    return Change(
        row.lower(),
        row,
        told(name),
        before,
        after,
        scope,
        command,
        **more,  # type: ignore[arg-type]  # two flags and a note
    )


M5 = change(
    "M5",
    "Organization customization",
    ("not enabled", "enabled"),
    Scope.TENANT,
    "Enable-OrganizationCustomization",
    reversible=False,
    note=Text("note.customization"),
)

POLICY = "'Webex Connect forwarding - support'"

CHANGES = (
    change(
        "E1",
        "App registration",
        ("none", "this tenant only, 2 redirect URIs"),
        Scope.APP,
        "PATCH /applications(uniqueName='w')",
    ),
    change(
        "E2",
        "Access tokens (implicit grant)",
        ("off", "on"),
        Scope.APP,
        "web: enableAccessTokenIssuance true",
    ),
    change(
        "E3",
        "Client secret",
        ("none", Text("after.client_secret", {"expires": day_of(END)})),
        Scope.APP,
        "POST /applications/(id)/addPassword, endDateTime 2027-11-24",
    ),
    change(
        "E4",
        "Exchange Mail.Send (application)",
        ("none", "requested; consent follows in step 5"),
        Scope.APP,
        "requiredResourceAccess + Exchange Mail.Send (Role)",
        note=Text("note.mail_send"),
        warning=True,
    ),
    change(
        "E5",
        "Exchange SMTP.Send (delegated)",
        ("none", Text("after.smtp_grant", {"user": MAILBOX})),
        Scope.APP,
        "POST /oauth2PermissionGrants",
    ),
    change(
        "M2",
        "Authenticated SMTP",
        ("not set", "on"),
        Scope.MAILBOX,
        f"Set-CASMailbox {MAILBOX} -SmtpClientAuthenticationDisabled $false",
    ),
    change(
        "M3",
        "Forwarding",
        ("none", Text("after.forwarding_keeps", {"address": FORWARDING})),
        Scope.MAILBOX,
        (
            f"Set-Mailbox {MAILBOX} -ForwardingAddress $null -ForwardingSmtpAddress "
            f"{FORWARDING} -DeliverToMailboxAndForward $true"
        ),
    ),
    change(
        "M4",
        "Outbound spam policy for this sender",
        (
            Text("seen.outbound", {"mode": "key:forwarding_mode.Automatic", "policy": "Default"}),
            Text("after.outbound_policy"),
        ),
        Scope.MAILBOX,
        (
            f"New-HostedOutboundSpamFilterPolicy {POLICY} -AutoForwardingMode On\n"
            f"New-HostedOutboundSpamFilterRule {POLICY} -Priority 0"
        ),
        note=Text("note.rules_move", {"count": "1"}),
    ),
    M5,
)


def of_step(key: str, row: str, step: str, seen: Text | None = None, remedy: str = "") -> Text:
    """Return a line of the plan about a step, with the seen fact in the language that is drawn."""
    told = {"seen": render(seen).rstrip(".")} if seen else {}
    told |= {"remedy": f"key:remedy.{remedy}"} if remedy else {}
    return Text(f"plan.{key}", {"row": row, "step": f"key:step.{step}", **told})


def no_license() -> Text:
    """Return the cause that stops a plan for a mailbox without a license."""
    return of_step(
        "stop", "M1", "mailbox_user", Text("seen.no_licence", {"upn": MAILBOX}), "licence_missing"
    )


def planned(
    changes: tuple[Change, ...] = CHANGES, head: Header | None = None, **more: object
) -> cards.Card:
    """Return a plan card with the changes that are given."""
    right = (
        of_step("right_line", "M1", "mailbox_user"),
        of_step("right_line", "E7", "user_consent"),
    )
    told = {"right": right} | more
    return cards.plan(
        PlanView(head or header(3), "p3", "admin@contoso.com", changes, **told)  # type: ignore[arg-type]  # the view's own names
    )


def _plans() -> Iterator[tuple[str, cards.Card]]:
    kept = change(
        "M3", "Forwarding", ("other", "ours"), Scope.MAILBOX, "Set-Mailbox", reversible=False
    )
    blocked = Text("seen.shared_blocked", {"upn": MAILBOX})
    yield "plan", planned(warnings=(of_step("stands", "M1", "mailbox_user", blocked),))
    yield "plan-one-change", planned(CHANGES[:1], profile=Profile.LEAST)
    yield "plan-mixed", planned((CHANGES[5], kept))
    yield "plan-tenant-only", planned((M5,))
    yield "plan-approved", planned(approved=True)
    yield "plan-anew", planned(CHANGES[5:6], has_begun=True)
    yield "plan-tenant-approved", planned(approved_tenant=True)
    yield "plan-all-approved", planned(approved=True, approved_tenant=True)
    yield "plan-nothing", planned(())
    many = tuple(verbatim(f"E{number} setting, number {number}") for number in range(17))
    yield "plan-right-many", planned(CHANGES[:1], right=many)
    yield "plan-blocked", planned(blocking=(no_license(),))
    busy = of_step("stop", "M1", "mailbox_user", Text("cause.throttled"), "throttled")
    yield "plan-blocked-busy", planned((), blocking=(busy,), turn=Turn.TIME)
    undo = replace(header(3), kind=RunKind.UNDO)
    since = Text("seen.undo_changed_since", {"seen": "key:seen.off"})
    stays = (of_step("stands", "M2", "smtp_auth", since), Text("plan.undo_asset"))
    yield "plan-by-hand", planned(manually_created=CLIENT_ID)
    yield "plan-undo", planned(head=undo, warnings=stays)
    yield "plan-undo-nothing", planned((), head=undo, warnings=stays)
    elsewhere = of_step("stop", "M3", "forwarding", Text("cause.not_forwarded"), "not_forwarded")
    yield "plan-blocked-twice", planned(CHANGES[:2], blocking=(no_license(), elsewhere))


def hostile() -> dict[str, cards.Card]:
    """Return every card that shows text from outside, with hostile text in every place."""
    return {**_hostile_stages(), **_hostile_answers()}


def _hostile_stages() -> dict[str, cards.Card]:
    """Return the cards of a run with hostile text, from the first to the last."""
    bad, words = HOSTILE, verbatim(HOSTILE)
    head = replace(header(3, bad), asked=Text("kicker.asked", {"who": bad, "space": bad}))
    danger = tuple(
        change(row, bad, (bad, bad), scope, bad, note=words)
        for row in ("E1", "M3", "M4")
        for scope in Scope
    )
    fields = (Channel(bad), bad, 587, bad, bad, bad, bad, bad, f"{BASE}/handover/${{x}}", AT)
    return {
        "hostile-intake": _intake(
            {"callback_url": bad, "profile": bad}, {"callback_url": words}, mailbox=bad
        ),
        "hostile-plan": cards.plan(PlanView(head, "p1", bad, danger, (words,), (words,), (words,))),
        "hostile-plan-open": cards.plan(PlanView(head, "p1", bad, danger, (words,), (words,))),
        "hostile-connect": cards.connect_form(ConnectFormView(head, *fields)),
    }


def _hostile_answers() -> dict[str, cards.Card]:
    """Return the cards that answer a command, with hostile text."""
    bad, words = HOSTILE, verbatim(HOSTILE)
    run = Run(bad, Channel(bad), Person("x", bad), AT)
    evidence = tuple(Evidence(bad, bad) for _ in range(20))
    buttons = tuple(("button.help", {"do": "help"}) for _ in range(9))
    return {
        "hostile-typed": typed_wrong(TypedWrongView("check", bad, words, bad, AT)),
        "hostile-help": help_card(HelpView((HelpEntry("check", bad, "more"),), typed=bad)),
        "hostile-command-help": command_help(
            CommandHelpView(HelpEntry("check", bad, "more"), (bad,) * 20, bot=bad)
        ),
        "hostile-status": status((run,) * 30, AT),
        "hostile-notice": cards.notice(
            NoticeView(
                words, words, words, "good", "\u25b2", (("done.run", words),), evidence, buttons, AT
            )
        ),
    }
