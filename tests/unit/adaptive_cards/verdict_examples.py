"""Findings and proofs of the examples of checks, with realistic contents."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from jobs.checks.reading import Line, Proof
from jobs.model import Access, Evidence, Finding, State, Text, day_of, minute_of, verbatim
from tests.unit.adaptive_cards.words import told

AT = datetime(2026, 11, 24, 10, 42, tzinfo=UTC)

MAILBOX = "support@contoso.com"


def ago(**span: float) -> datetime:
    """Return a time before the present of the examples."""
    return AT - timedelta(**span)


def line(
    row: str,
    title: str,
    state: State = State.OK,
    access: Access = Access.ADMIN,
    seen: str | Text = "",
    explained_by: str = "",
    **more: object,
) -> Line:
    """Return one finding of a check; the English words of its title name its step."""
    named = told(title)
    finding = Finding(
        named.key.removeprefix("step.") if named.key.startswith("step.") else title,
        state,
        (told(seen) if isinstance(seen, str) else seen) if seen else None,
        access=access,
        **more,  # type: ignore[arg-type]  # the finding's own names
    )
    return Line(row, named, finding, explained_by)


REPLY = "550 5.7.520 Access denied, Your organization does not allow external forwarding"
TRACED = f"2026-11-24T08:14:06Z | Fail | Reason: [{{LED={REPLY}. AS(7555)}};{{MSG=}};{{FQDN=out.example}}]"

SEEN = Text("seen.outbound", {"mode": "key:forwarding_mode.Off", "policy": "Baseline 2026"})

POLICY = line(
    "M4",
    "Outbound spam policy for this sender",
    State.WRONG,
    seen=SEEN,
    expected=Text("expected.outbound_policy"),
    evidence=(
        Evidence("trace", TRACED),
        Evidence("request-id", "0b1d9f64-2c7e-4f3a-8e15-6a90c2d7b318"),
    ),
)

STRANGER = line(
    "M3",
    "Forwarding",
    State.WRONG,
    seen=Text("seen.forwards_to", {"address": "helpdesk@partner.example"}),
)

ENTRA = (
    "401 invalid_client AADSTS7000222: The provided client secret keys for app "
    "'5d1e8a90-7c44-4f0b-a2b6-91c3f0d47e28' are expired."
)

SECRET = line(
    "E3",
    "Client secret",
    State.WRONG,
    Access.APP,
    Text("seen.secret_expired", {"expires": day_of(ago(days=4))}),
    expected=Text("expected.client_secret"),
    evidence=(
        Evidence("entra", ENTRA),
        Evidence("correlation-id", "4451a062-91fd-4c0e-9b27-08dd4c5e7a10"),
    ),
)

LOGIN = line(
    "C6",
    "The bot's own login to the mailbox",
    State.WRONG,
    Access.NONE,
    "AUTH XOAUTH2: 535 5.7.3 Authentication unsuccessful",
    evidence=(
        Evidence("smtp", "535 5.7.3 Authentication unsuccessful"),
        *(
            Evidence("transcript", text)
            for text in (
                "220 ready",
                "250 STARTTLS",
                "AUTH XOAUTH2 (token)",
                "535 5.7.3 Authentication unsuccessful",
            )
        ),
    ),
    explained_by="E3",
)

SYMPTOMS = (
    line(
        "T1",
        "Copies reach Webex Connect",
        State.WRONG,
        seen=Text("seen.trace_failed", {"at": minute_of(ago(minutes=4))}),
        explained_by="M4",
    ),
    line(
        "V2",
        "Tasks in the contact center",
        State.WRONG,
        Access.NONE,
        "No email task in the last two days",
        explained_by="M4",
    ),
)

COPIES = line(
    "M3",
    "Copies reach Webex Connect",
    State.WRONG,
    Access.APP,
    Text("seen.no_copy", {"count": "2", "at": minute_of(ago(minutes=4))}),
)

EXPIRES = line(
    "E3",
    "Client secret",
    State.WARNING,
    Access.APP,
    Text("seen.secret", {"expires": day_of(ago(days=-12))}),
)

RULE = line("M3", "Mail-flow rules", State.POSSIBLE, seen="Large mail")

NEEDS = "Needs an administrator's sign-in"

SKIPPED = (
    *(
        line(row, title, State.SKIPPED, seen=NEEDS)
        for row, title in (
            ("CA", "Conditional Access"),
            ("M2", "Authenticated SMTP"),
            ("M4", "Outbound spam policy for this sender"),
            ("M5", "Organization customization"),
            ("E7", "User consent (read only)"),
        )
    ),
    line(
        "API",
        "Changes in Webex Connect",
        State.SKIPPED,
        Access.NONE,
        "No access to Webex Connect's audit log is configured",
    ),
    line("MS", "Microsoft Entra", State.UNKNOWN, Access.NONE, Text("cause.timed_out")),
)

RIGHT = (
    line("E1", "App registration", access=Access.APP, seen="this tenant only, 2 redirect URIs"),
    line("M1", "Mailbox and Exchange license", access=Access.APP),
    line("M2", "Authenticated SMTP", seen="on for this mailbox"),
    line("M3", "Forwarding", seen="To Webex Connect, a copy stays"),
    line("M5", "Organization customization", seen="enabled"),
    line(
        "DNS",
        "MX record and autodiscover",
        access=Access.NONE,
        seen="contoso-com.mail.protection.outlook.com",
    ),
    line(
        "TLS",
        "SMTP server",
        access=Access.NONE,
        seen=Text("seen.smtp_answers", {"server": "smtp.office365.com:587"}),
    ),
)

PROOFS = (
    Proof("V1", told("Copy delivered to Webex Connect"), ago(minutes=11)),
    Proof("V3", told("The agent's answer was delivered"), ago(minutes=26)),
    Proof("C6", verbatim("235 2.7.0 Authentication successful"), ago(seconds=4)),
)
