"""Cards up to the plan in every state, and every card with hostile contents, for tests and pictures."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import adaptive_cards as cards
from adaptive_cards.cards import test_mail
from adaptive_cards.cards.connect_form import ConnectFormView
from adaptive_cards.cards.consent import ConsentView
from adaptive_cards.cards.done import DoneView
from adaptive_cards.cards.help import CommandHelpView, HelpEntry, HelpView
from adaptive_cards.cards.intake import IntakeView
from adaptive_cards.cards.notice import NoticeView
from adaptive_cards.cards.plan_view import PlanView
from adaptive_cards.cards.progress import ProgressView, Row
from adaptive_cards.cards.rehearsal import RehearsalView
from adaptive_cards.cards.sign_in import SignInView
from adaptive_cards.cards.status import RunLine, StatusView
from adaptive_cards.cards.typed_wrong import TypedWrongView
from adaptive_cards.texts import render
from adaptive_cards.views import Asked, Header, Proof
from jobs.model import (
    Change,
    Channel,
    Evidence,
    Profile,
    RunKind,
    Scope,
    State,
    Text,
    Turn,
    verbatim,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

AT = datetime(2026, 11, 24, 14, 32, 48, tzinfo=UTC)

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
    """Return the cards by a name that says the state."""
    return {
        **dict(_details()),
        **dict(_plans()),
        **hostile(),
    }


def header(stage: int, mailbox: str = MAILBOX) -> Header:
    """A run's kicker."""
    return Header("7Q4K", mailbox, stage)


def later(**span: float) -> datetime:
    """A time after the examples' now."""
    return AT + timedelta(**span)


def _details() -> Iterator[tuple[str, cards.Card]]:
    values = {
        "callback_url": "https://contoso.us.webexconnect.io",
        "forwarding_address": FORWARDING,
        "lifetime": "24",
    }
    why = verbatim("The path is missing. Copy the whole field. It ends in /callback.")
    yield "intake", cards.intake(IntakeView(header(1)))
    yield "intake-mailbox", cards.intake(IntakeView(header(1, ""), ask_mailbox=True))
    yield "intake-error", cards.intake(IntakeView(header(1), values, {"callback_url": why}))
    two = {"callback_url": why, "lifetime": verbatim("A lifetime of 6, 12 or 24 months is needed.")}
    yield "intake-errors", cards.intake(IntakeView(header(1), {**values, "lifetime": "99"}, two))
    comma = verbatim("The domain contains a comma instead of a dot.")
    typed = TypedWrongView("setup-email", "support@contoso,com", comma, "support@contoso.com", AT)
    yield "typed-wrong", cards.typed_wrong(typed)
    yield (
        "typed-wrong-no-guess",
        cards.typed_wrong(TypedWrongView("check", "us", verbatim("There is no @ in it."), "", AT)),
    )
    signin = SignInView(header(2), "contoso.com", f"{BASE}/signin/7Q4K", later(minutes=10))
    yield "signin", cards.signin(signin)
    asked = Asked("admin@contoso,com", comma)
    yield "signin-asked-in-vain", cards.signin(replace(signin, asked=asked))
    yield (
        "signin-direct-problem",
        cards.signin(
            SignInView(
                header(2),
                "contoso.com",
                f"{BASE}/signin/7Q4K",
                later(minutes=10),
                direct=True,
                problem=verbatim("the account belongs to another tenant. Nothing was changed."),
                problem_code="AADSTS50020: User account from identity provider does not exist in tenant",
                problem_at=AT,
            )
        ),
    )
    permissions = (
        ("Mail.Send", "permission.application", "permission.mail_send", True),
        ("SMTP.Send", "permission.delegated", "permission.smtp_send", False),
        ("offline_access", "", "permission.offline_access", False),
    )
    about = (
        f"{BASE}/consent/7Q4K",
        f"Webex Connect email ({MAILBOX})",
        "contoso.com",
        CLIENT_ID,
        permissions,
    )
    yield "consent", cards.consent(ConsentView(header(5), *about))
    yield "consent-asked-in-vain", cards.consent(ConsentView(header(5), *about, asked=asked))
    declined = verbatim("declined at Microsoft. Nothing was changed; the link below works again.")
    code = "AADSTS65004: User declined to consent to access the app."
    again = ConsentView(
        header(5), *about, direct=True, problem=declined, problem_code=code, problem_at=AT
    )
    yield "consent-declined", cards.consent(again)


def change(
    row: str, name: str, values: tuple[str, str], scope: Scope, command: str, **more: object
) -> Change:
    """One line of a plan."""
    before, after = map(verbatim, values)
    return Change(
        row.lower(),
        row,
        verbatim(name),
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
    note=verbatim(
        "Required before the outbound spam policy (M4) can be saved. Microsoft may take up to 24 hours. The run waits."
    ),
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
        ("none", "1, expires 24 Nov 2027"),
        Scope.APP,
        "POST /applications/(id)/addPassword, endDateTime 2027-11-24",
    ),
    change(
        "E4",
        "Exchange Mail.Send (application)",
        ("none", "requested; consent follows in step 5"),
        Scope.APP,
        "requiredResourceAccess + Exchange Mail.Send (Role)",
        note=verbatim("Lets the app send as any mailbox. Least privilege leaves E2 and E4 out."),
        warning=True,
    ),
    change(
        "E5",
        "Exchange SMTP.Send (delegated)",
        ("none", f"granted for {MAILBOX}"),
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
        ("none", FORWARDING),
        Scope.MAILBOX,
        (
            f"Set-Mailbox {MAILBOX} -ForwardingAddress $null -ForwardingSmtpAddress "
            f"{FORWARDING} -DeliverToMailboxAndForward $true"
        ),
        note=verbatim("A copy stays in the mailbox."),
    ),
    change(
        "M4",
        "Outbound spam policy for this sender",
        ("Default: Automatic, counts as blocked", "separate policy, forwarding On, priority 0"),
        Scope.MAILBOX,
        (
            f"New-HostedOutboundSpamFilterPolicy {POLICY} -AutoForwardingMode On\n"
            f"New-HostedOutboundSpamFilterRule {POLICY} -Priority 0"
        ),
        note=verbatim("One rule moves from priority 0 to 1. Waits for M5."),
    ),
    M5,
)


def planned(
    changes: tuple[Change, ...] = CHANGES, head: Header | None = None, **more: object
) -> cards.Card:
    """A plan card."""
    right = (verbatim("M1 mailbox and license"), verbatim("E7 user consent"))
    return cards.plan(
        PlanView(head or header(3), "p3", "admin@contoso.com", changes, right, **more)
    )  # type: ignore[arg-type]  # the view's own names


def _plans() -> Iterator[tuple[str, cards.Card]]:
    kept = change(
        "M3", "Forwarding", ("other", "ours"), Scope.MAILBOX, "Set-Mailbox", reversible=False
    )
    blocked = render(Text("seen.shared_blocked", {"upn": MAILBOX}))
    yield (
        "plan",
        planned(
            warnings=(
                Text(
                    "plan.stands", {"row": "M1", "step": "key:step.mailbox_user", "seen": blocked}
                ),
            )
        ),
    )
    yield "plan-one-change", planned(CHANGES[:1], profile=Profile.LEAST)
    yield "plan-mixed", planned((CHANGES[5], kept))
    yield "plan-tenant-only", planned((M5,))
    yield "plan-approved", planned(approved=True)
    yield "plan-anew", planned(CHANGES[5:6], has_begun=True)
    yield "plan-tenant-approved", planned(approved_tenant=True)
    yield "plan-all-approved", planned(approved=True, approved_tenant=True)
    yield "plan-nothing", planned(())
    for closed in ("cancelled", "failed", "done", "signed_out"):
        yield f"plan-{closed}", planned(approved=closed == "done", closed=closed)
    yield "plan-blocked", planned(blocking=(verbatim("M1 The mailbox has no Exchange license."),))
    undo = replace(header(3), kind=RunKind.UNDO)
    stays = (
        verbatim("M2 Authenticated SMTP: changed by somebody else since, now off. It stays."),
        Text("plan.undo_asset"),
    )
    yield "plan-by-hand", planned(manually_created=CLIENT_ID)
    yield "plan-undo", planned(head=undo, warnings=stays)
    yield "plan-undo-nothing", planned((), head=undo, warnings=stays)
    yield (
        "plan-blocked-twice",
        planned(
            CHANGES[:2],
            blocking=(verbatim("M1 No license."), verbatim("M3 Mail is forwarded elsewhere.")),
        ),
    )


def hostile() -> dict[str, cards.Card]:
    """Every card that shows what came from outside, with the worst of it in every place."""
    return {**_hostile_stages(), **_hostile_answers()}


def _hostile_stages() -> dict[str, cards.Card]:
    """The cards of a run, from the first to the last."""
    bad, words = HOSTILE, verbatim(HOSTILE)
    head = header(3, bad)
    danger = tuple(
        change(row, bad, (bad, bad), scope, bad, note=words)
        for row in ("E1", "M3", "M4")
        for scope in Scope
    )
    rows = tuple(Row("E1", words, State.OK, note=words, right=words) for _ in range(17))
    fields = (Channel(bad), bad, 587, bad, bad, bad, bad, bad, f"{BASE}/handover/${{x}}", AT)
    proofs = tuple(Proof("V1", words, AT) for _ in range(5))
    steps = tuple(("E1", words, State.OK) for _ in range(18))
    return {
        "hostile-intake": cards.intake(
            IntakeView(
                head,
                {"callback_url": bad, "profile": bad},
                {"callback_url": words},
                ask_mailbox=True,
            )
        ),
        "hostile-signin": cards.signin(
            SignInView(head, bad, f"{BASE}/s", AT, problem=words, problem_code=bad, problem_at=AT)
        ),
        "hostile-plan": cards.plan(PlanView(head, "p1", bad, danger, (words,), (words,), (words,))),
        "hostile-plan-open": cards.plan(PlanView(head, "p1", bad, danger, (words,), (words,))),
        "hostile-progress": cards.progress(
            ProgressView(head, (("plan.app", rows),), Turn.AGENT, words, AT, words, bad)
        ),
        "hostile-consent": cards.consent(
            ConsentView(
                head,
                f"{BASE}/c",
                bad,
                bad,
                bad,
                ((bad, "", "", True),),
                problem=words,
                problem_code=bad,
            )
        ),
        "hostile-connect": cards.connect_form(ConnectFormView(head, *fields)),
        "hostile-rehearsal": cards.rehearsal(
            RehearsalView(head, bad, problem=words, problem_code=bad, transcript=(bad,) * 40)
        ),
        "hostile-skipped": cards.rehearsal(RehearsalView(head, bad, skipped=bad)),
        "hostile-mail": cards.test_mail(
            test_mail.TestMailView(head, bad, sent_by_bot=False, problem=words, problem_code=bad)
        ),
        "hostile-done": cards.done(
            DoneView(head, AT, AT, proofs, steps, AT, 1, 1, Profile.LEAST, bad, (words,))
        ),
    }


def _hostile_answers() -> dict[str, cards.Card]:
    """The cards that answer a command."""
    bad, words = HOSTILE, verbatim(HOSTILE)
    lines = tuple(RunLine(bad, bad, 99, Turn.AGENT, words, AT) for _ in range(30))
    evidence = tuple(Evidence(bad, bad) for _ in range(20))
    buttons = tuple(("button.help", {"do": "help"}) for _ in range(9))
    return {
        "hostile-typed": cards.typed_wrong(TypedWrongView("check", bad, words, bad, AT)),
        "hostile-help": cards.help_card(HelpView((HelpEntry("check", bad, "more"),), typed=bad)),
        "hostile-command-help": cards.command_help(
            CommandHelpView(HelpEntry("check", bad, "more"), (bad,) * 20, bot=bad)
        ),
        "hostile-status": cards.status(StatusView(lines, AT)),
        "hostile-notice": cards.notice(
            NoticeView(
                words, words, words, "good", "\u25b2", (("done.run", words),), evidence, buttons, AT
            )
        ),
    }
