"""Examples of a check in every state, and of the list of channels, with realistic contents."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import adaptive_cards as cards
from adaptive_cards.cards.channels import ChannelLine, channels
from bot.cards.presenters import questions
from bot.cards.presenters.verdict import draw
from jobs.checks.changers import SetBack
from jobs.checks.discovering import APP, FORWARDING
from jobs.checks.reading import FoundChannel, Line, Lost, Proof, Reading, Stop, Suspect
from jobs.model import (
    Access,
    Channel,
    ConnectChange,
    Evidence,
    Finding,
    Person,
    State,
    Station,
    Text,
    Turn,
    day_of,
    minute_of,
    verbatim,
)
from jobs.runs.run import AppCandidate, Problem, Run, Search
from tests.unit.adaptive_cards.examples import HOSTILE, MAILBOX
from tests.unit.adaptive_cards.words import told

AT = datetime(2026, 11, 24, 10, 42, tzinfo=UTC)


def ago(**span: float) -> datetime:
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


CHANGES = (
    Suspect(
        ConnectChange(
            at=ago(minutes=40),
            by="kim@contoso.com",
            event="deleteApp",
            told="Kim deleted Email app",
        ),
        "connect_address_gone",
    ),
    Suspect(ConnectChange(at=ago(hours=1), by="", event="updateApp", failed=True)),
)

SIGN_IN = "https://bot.contoso.com/signin/9M2C"

GRANT = "https://bot.contoso.com/access/9M2C"

FIX = ("fix.outbound_policy", {"do": "fix", "channel": MAILBOX, "cause": "outbound_policy"})

CONNECT = ("fix.client_secret", {"url": "https://contoso.us.webexconnect.io"})


def way(passes: str, last: datetime | None = AT) -> tuple[Stop, ...]:
    """Return the six stations of the mail's path from six signs.

    The sign + means passed four minutes ago, - means stops, and . means unknown. The last mail of
    an unknown station came before 08:14, if there was one.
    """
    signs = {"+": (True, ago(minutes=4)), "-": (False, None), ".": (None, last and ago(hours=2.5))}
    return tuple(Stop(station, *signs[sign]) for station, sign in zip(Station, passes, strict=True))


def checked(looking: int = 0, *causes: tuple[str, Line], **more: Any) -> cards.Card:
    roots = tuple(cause(code, found) for code, found in causes)
    return draw(Reading("9M2C", MAILBOX, AT, looking, roots, **more))


def cause(code: str, found: Line) -> Line:
    return replace(found, found=replace(found.found, cause=code))


SET_BACK = SetBack(
    "outbound_policy",
    "4K7P",
    datetime(2026, 11, 24, 20, 12, tzinfo=UTC),
    verbatim("On"),
    ("CIS 6.2.1", "CISA MS.EXO.1.1"),
)
UNREAD = {
    "lines": (*RIGHT[-2:], *SKIPPED),
    "way": way("+.....", last=None),
    "skipped": SKIPPED,
    "sign_in_url": SIGN_IN,
}
STOPPED = {
    "way": way("++-..+"),
    "symptoms": SYMPTOMS,
    "since": ago(hours=2, minutes=28),
    "turn": Turn.APPROVER,
}


def examples() -> dict[str, cards.Card]:
    """Return the example cards, by a name that says the state."""
    return (
        _stopped()
        | _of_one_cause()
        | _looking()
        | _well()
        | _channels()
        | _discovered()
        | hostile()
    )


def _stopped() -> dict[str, cards.Card]:
    blocked, expired = ("forwarding_blocked", POLICY), ("client_secret_expired", SECRET)
    all_lines = (POLICY, RULE, EXPIRES, *RIGHT, *SYMPTOMS, *SKIPPED[-2:])
    return {
        "verdict-broken": checked(
            0,
            blocked,
            fix=FIX,
            lines=all_lines,
            warnings=(EXPIRES,),
            possible=(RULE,),
            skipped=SKIPPED[-2:],
            sign_in_url=SIGN_IN,
            **STOPPED,
        ),
        "verdict-two-causes": checked(
            0,
            blocked,
            expired,
            fix=FIX,
            lines=(POLICY, SECRET, LOGIN, *RIGHT),
            **{**STOPPED, "symptoms": (*SYMPTOMS, LOGIN), "since": ago(days=4)},
        ),
        "verdict-elsewhere": checked(
            0,
            expired,
            fix=CONNECT,
            lines=(SECRET, *RIGHT),
            turn=Turn.REQUESTER,
            way=way("+++++-"),
            symptoms=(LOGIN,),
        ),
        "verdict-stranger": checked(
            0,
            ("not_forwarded", STRANGER),
            fix=FIX,
            lines=(STRANGER, *RIGHT),
            turn=Turn.APPROVER,
            way=way("++-..."),
        ),
        "verdict-damage": checked(
            0,
            blocked,
            fix=FIX,
            lines=(POLICY,),
            **STOPPED,
            damage=Lost(14, ago(days=4), kept=True, bounced=3),
        ),
        "verdict-other-cause": checked(
            0, ("remote_domain_blocks_forwarding", POLICY), fix=FIX, turn=Turn.ADMINISTRATOR
        ),
        "verdict-thirty": thirty(),
    }


def _of_one_cause() -> dict[str, cards.Card]:
    expired = ("client_secret_expired", SECRET)
    return {
        "verdict-set-back": checked(
            0,
            ("forwarding_blocked", replace(POLICY, set_back=SET_BACK)),
            lines=(POLICY, *RIGHT),
            fix=FIX,
            accepts="forwarding_blocked",
            **STOPPED,
        ),
        "verdict-by-hand": checked(0, expired, lines=(SECRET,), turn=Turn.ADMINISTRATOR),
        "verdict-not-read": checked(
            0,
            ("what_stops_mail_not_read", COPIES),
            lines=(COPIES, *SKIPPED),
            skipped=SKIPPED,
            turn=Turn.ADMINISTRATOR,
            sign_in_url=SIGN_IN,
        ),
        "verdict-waits": checked(
            0, ("service_unavailable", SECRET), lines=(SECRET,), turn=Turn.TIME
        ),
    }


def _looking() -> dict[str, cards.Card]:
    blocked = ("forwarding_blocked", POLICY)
    return {
        "verdict-started": checked(23, way=way("......", last=None)),
        "verdict-looking": checked(
            16, lines=(*RIGHT[:4], EXPIRES, RIGHT[5], SKIPPED[0]), sign_in_url=SIGN_IN
        ),
        "verdict-silent": checked(16, lines=RIGHT[:4], silent=("exchange", "graph")),
        "verdict-early": checked(
            19,
            blocked,
            fix=FIX,
            lines=(POLICY, *RIGHT[:3]),
            skipped=SKIPPED[:1],
            **{**STOPPED, "symptoms": ()},
        ),
    }


def _well() -> dict[str, cards.Card]:
    flows = way("++++.+", last=None)
    return {
        "verdict-healthy": checked(
            lines=(*RIGHT, *SKIPPED[-2:]),
            way=flows,
            proofs=PROOFS,
            skipped=SKIPPED[-2:],
            warnings=(EXPIRES,),
            possible=(RULE,),
            sign_in_url=SIGN_IN,
            secret_expires=AT + timedelta(days=365),
        ),
        "verdict-unproven": checked(unread=7, needs_administrator=True, **UNREAD),
        "verdict-own-proof": checked(
            unread=7,
            needs_administrator=True,
            proven=ago(minutes=4),
            login=True,
            grant_url=GRANT,
            **UNREAD | {"way": way("......", last=None)},
        ),
        "verdict-changed": checked(changes=CHANGES, **UNREAD),
        "verdict-one-way": checked(
            lines=RIGHT, way=way("++++..", last=None), proofs=PROOFS[:1], unread=2
        ),
        "verdict-last-proven": checked(lines=RIGHT, way=way("++++.."), proofs=PROOFS),
        "verdict-suspected": checked(
            lines=RIGHT, way=way("++++.."), proofs=PROOFS, possible=(RULE,)
        ),
        "verdict-unreadable": checked(
            lines=(*RIGHT, *SKIPPED[-2:]), way=way("++++.+"), proofs=PROOFS, unread=2
        ),
        "verdict-every-offer": checked(grant_url=GRANT, **UNREAD),
        "verdict-grantable": checked(
            grant_url=GRANT,
            problem=Problem(
                "app_roles_missing",
                "ExchangeMessageTrace.Read.All, Policy.Read.All, Exchange.ManageAsApp",
                AT,
            ),
            **UNREAD,
        ),
    }


def thirty() -> cards.Card:
    """Return the longest check that occurs, with thirty findings."""
    seen = "smtp.office365.com:587 answers, with STARTTLS and a certificate for outlook.office.com"
    right = tuple(
        line(f"M{number % 9}", f"Setting number {number} of the mailbox", seen=seen)
        for number in range(18)
    )
    lines = (POLICY, SECRET, RULE, EXPIRES, LOGIN, *SYMPTOMS, *right, *SKIPPED[-5:])
    noticed = {
        "symptoms": (*SYMPTOMS, LOGIN),
        "warnings": (EXPIRES,),
        "possible": (RULE,),
        "skipped": SKIPPED[-5:],
    }
    causes = (("forwarding_blocked", POLICY), ("client_secret_expired", SECRET))
    return checked(
        0,
        *causes,
        **noticed,
        lines=lines,
        way=way("++-..+"),
        fix=FIX,
        turn=Turn.APPROVER,
        since=ago(hours=2),
        sign_in_url=SIGN_IN,
    )


def _channels() -> dict[str, cards.Card]:
    def listed(name: str, state: State | None, words: str, at: datetime | None) -> ChannelLine:
        return ChannelLine(f"{name}@contoso.com", state, Text(words), at)

    well = listed("sales", State.OK, "channels.nothing_wrong", ago(minutes=11))
    unchecked = ChannelLine("info@contoso.com", None, Text("channels.never"))
    broken = listed("support", State.WRONG, "cause.forwarding_blocked", ago(seconds=9))
    doubtful = listed("claims", State.POSSIBLE, "cause.transport_rule_may_block", ago(hours=5))
    warned = listed("billing", State.WARNING, "cause.client_secret_expires_soon", ago(days=3))
    many = tuple(
        ChannelLine(f"box{number}@contoso.com", State.OK, Text("channels.nothing_wrong"), AT)
        for number in range(500)
    )
    return {
        "channels": channels((well, unchecked, warned, doubtful, broken), AT),
        "channels-checking": channels((well, unchecked, warned), AT, checking=2),
        "channels-early": channels((well, broken), AT, checking=1),
        "channels-well": channels((well, warned), AT),
        "channels-unchecked": channels((well, unchecked), AT),
        "channels-doubtful": channels((doubtful, unchecked), AT),
        "channels-only-broken": channels((broken,), AT),
        "channels-only-open": channels((doubtful,), AT),
        "channels-none": channels((), AT),
        "channels-many": channels((*many, broken), AT),
    }


def _hostile_line(state: State, explained_by: str = "") -> Line:
    words = verbatim(HOSTILE)
    evidence = tuple(Evidence(HOSTILE, HOSTILE) for _ in range(9))
    found = Finding("x", state, words, words, evidence=evidence, access=Access.ADMIN)
    return Line("M4", words, found, explained_by)


def hostile() -> dict[str, cards.Card]:
    """Return check cards with hostile text in every place that shows text from outside."""
    words = verbatim(HOSTILE)
    several = {state: tuple(_hostile_line(state) for _ in range(9)) for state in State}
    explained = tuple(
        _hostile_line(State.WRONG, explained_by=row)
        for row in ("M4", "E3", "M4", "E3", "DNS", "TLS")
    )
    change = ConnectChange(at=AT, by=HOSTILE, event=HOSTILE, told=HOSTILE, failed=True)
    changes = 30 * (Suspect(change, "connect_address_gone"),)
    view = Reading(
        *("9M2C", HOSTILE[:254], AT, 0, several[State.WRONG]),
        symptoms=explained,
        possible=several[State.POSSIBLE],
        warnings=several[State.WARNING],
        skipped=several[State.SKIPPED],
        lines=sum(several.values(), ()),
        way=way("++-..+"),
        since=AT,
        turn=Turn.APPROVER,
        fix=FIX,
        sign_in_url=SIGN_IN,
        changes=changes,
    )
    proofs = tuple(Proof("V1", words, AT) for _ in range(30))
    healthy = Reading(
        "9M2C",
        HOSTILE[:254],
        AT,
        0,
        (),
        lines=view.lines,
        proofs=proofs,
        possible=view.possible,
        changes=changes,
        skipped=view.skipped,
    )
    lines = tuple(
        ChannelLine(HOSTILE, state, words, AT) for state in (*State, None) for _ in range(5)
    )
    return {
        "hostile-verdict": draw(view),
        "hostile-healthy": draw(healthy),
        "hostile-looking": draw(Reading("9M2C", HOSTILE[:254], AT, 3, (), lines=view.lines)),
        "hostile-channels": channels(lines, AT),
    }


ADDRESS = "4475e4a8d0f14a5c8a108d26d8beea04@mail-us.imiconnect.io"
CALLBACK = "https://contoso.us.webexconnect.io/callback"
APPS = (
    AppCandidate("631a96bc-0000-4000-8000-000000000001", "Webex Connect", CALLBACK),
    AppCandidate("631a96bc-0000-4000-8000-000000000002", "Newsletter", ""),
)
VALUES = (
    ("found.app", "Webex Connect"),
    ("found.callback", CALLBACK),
    ("found.forwarding", ADDRESS),
    ("found.user", MAILBOX),
)
FOUND = FoundChannel(VALUES, may_keep=True, told=Text("verdict.keep_words"))
BROKEN = cause("forwarding_blocked", POLICY)


def _discovered() -> dict[str, cards.Card]:
    return {**_questions(), **_found()}


def _questions() -> dict[str, cards.Card]:
    partly = Search(APPS, forwarding_address=ADDRESS, upn=MAILBOX)
    certain = Search(APPS[:1], certain=True)
    hostile = Search((AppCandidate("631a96bc", HOSTILE, "https://x.us.webexconnect.io/c"),) * 12)
    return {
        "discovery-apps": _asked(partly, APP),
        "discovery-no-app": _asked(replace(partly, apps=()), APP),
        "discovery-no-forwarding": _asked(certain, FORWARDING),
        "discovery-nothing": _asked(Search(), APP, FORWARDING),
        "discovery-hostile": _asked(hostile, APP),
    }


def _asked(search: Search, *asked: str) -> cards.Card:
    run = Run("9M2C", Channel(MAILBOX), Person("rita", "rita@contoso.com"), AT, search=search)
    return questions.discovery(run, asked, AT)


def _found() -> dict[str, cards.Card]:
    view = Reading("9M2C", MAILBOX, AT, 0, (), lines=RIGHT, found=FOUND)
    broken = replace(view, causes=(BROKEN,), turn=Turn.REQUESTER)
    lacks = Text("verdict.keep_lacks", {"what": "key:found.lacks_client_id"})
    part = FoundChannel((("found.app", ""), *VALUES[2:]), told=lacks)
    kept = replace(FOUND, may_keep=False, kept=True, told=Text("verdict.kept_here"))
    watched = replace(
        kept, told=Text("verdict.kept_watched", {"interval": "every:900.0"}), watched="every:900.0"
    )
    return {
        "verdict-kept-watched": draw(replace(broken, found=watched)),
        "verdict-unknown": draw(
            replace(view, found=FoundChannel(), skipped=SKIPPED, sign_in_url=SIGN_IN)
        ),
        "verdict-found": draw(replace(view, proofs=PROOFS, way=way("++++.+"))),
        "verdict-found-broken": draw(broken),
        "verdict-found-in-part": draw(replace(broken, found=part)),
        "verdict-kept": draw(replace(broken, found=kept)),
    }
