"""A check in every state, and the list of channels, with contents as they occur."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import adaptive_cards as cards
from adaptive_cards.cards.channels import ChannelLine, ChannelsView
from adaptive_cards.cards.verdict.view import Stop, VerdictView
from adaptive_cards.views import CheckLine, Damage, Proof
from jobs.model import Access, Evidence, State, Station, Text, Turn, verbatim

AT = datetime(2026, 11, 24, 10, 42, tzinfo=UTC)
MAILBOX = "support@contoso.com"
SIGN_IN = "https://bot.contoso.com/signin/9M2C"
HOSTILE = (
    "[Approve](https://evil.example) **now** ${env} \r\n\u202e_x_ <b> `code` "
    + "x" * 5000
    + "\u05d0\u05d1" * 50
)
FIX = ("fix.outbound_policy", {"do": "fix", "channel": MAILBOX, "cause": "outbound_policy"})
CONNECT = ("fix.client_secret", {"url": "https://contoso.us.webexconnect.io"})


def ago(**span: float) -> datetime:
    """A time before the examples' now."""
    return AT - timedelta(**span)


def line(
    row: str,
    title: str,
    state: State = State.OK,
    access: Access = Access.ADMIN,
    seen: str = "",
    **more: object,
) -> CheckLine:
    """One finding."""
    return CheckLine(row, verbatim(title), state, access, verbatim(seen) if seen else None, **more)  # type: ignore[arg-type]  # the view's own names


def way(passes: str, last: datetime | None = AT) -> tuple[Stop, ...]:
    """Return the six stations: + passed four minutes ago, - stops, . unknown.

    The last mail of an unknown station came before 08:14, if there was one.
    """
    signs = {"+": (True, ago(minutes=4)), "-": (False, None), ".": (None, last and ago(hours=2.5))}
    return tuple(Stop(station, *signs[sign]) for station, sign in zip(Station, passes, strict=True))


REPLY = "550 5.7.520 Access denied, Your organization does not allow external forwarding. AS(7555)"
SEEN = "Baseline 2026: Off, priority 0, sender domain contoso.com, changed 08:12 UTC"
POLICY = line(
    "M4",
    "Outbound spam policy for this sender",
    State.WRONG,
    seen=SEEN,
    expected=Text("expected.outbound_policy"),
    evidence=(
        Evidence("trace", f"08:14:06 UTC, failed: {REPLY}"),
        Evidence("request-id", "0b1d9f64-2c7e-4f3a-8e15-6a90c2d7b318"),
    ),
    remedy=Text("remedy.forwarding_blocked"),
    command="Get-HostedOutboundSpamFilterRule\nSet-HostedOutboundSpamFilterRule 'Webex Connect forwarding - support' -Priority 0",
)
ENTRA = "401 invalid_client AADSTS7000222: The provided client secret keys for app '5d1e8a90-7c44-4f0b-a2b6-91c3f0d47e28' are expired."
SECRET = line(
    "E3",
    "Client secret",
    State.WRONG,
    Access.APP,
    "Expired 20 Nov 2026",
    expected=Text("expected.client_secret"),
    evidence=(
        Evidence("entra", ENTRA),
        Evidence("correlation-id", "4451a062-91fd-4c0e-9b27-08dd4c5e7a10"),
    ),
    remedy=Text("remedy.client_secret_expired"),
    command="POST /applications/(id)/addPassword, endDateTime 2027-11-24",
)
LOGIN = line(
    "C6",
    "The bot's own login as the mailbox",
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
        seen="Not delivered 24 Nov 10:38:02 UTC",
        explained_by="M4",
    ),
    line(
        "V2",
        "Tasks in the contact center",
        State.WRONG,
        Access.NONE,
        "None since 08:10 UTC",
        explained_by="M4",
    ),
)
COPIES = line(
    "M3",
    "Copies to Webex Connect",
    State.WRONG,
    Access.APP,
    "2 mails have no copy, the newest from 10:38",
)
EXPIRES = line(
    "E3", "Client secret", State.WARNING, Access.APP, "1, expires 6 Dec 2026, in 12 days"
)
RULE = line(
    "M3", "Mail-flow rules", State.POSSIBLE, seen="Large mail", proof=Text("proof.transport_rules")
)
NEEDS = "Needs an administrator's sign-in"
SKIPPED = (
    *(
        line(row, title, State.SKIPPED, seen=NEEDS)
        for row, title in (("CA", "Conditional access"), ("M2", "Authenticated SMTP"))
    ),
    *(
        line(row, title, State.SKIPPED, seen=NEEDS)
        for row, title in (
            ("M4", "Outbound spam policy"),
            ("M5", "Customisation"),
            ("E7", "Consent"),
        )
    ),
    line(
        "API",
        "Mail through Webex Connect",
        State.SKIPPED,
        Access.NONE,
        "No service key of Webex Connect is configured",
    ),
    line("MS", "Microsoft Entra", State.UNKNOWN, Access.NONE, "There was no answer in time"),
)
RIGHT = (
    line(
        "E1", "App registration", access=Access.APP, seen="this tenant only, 2 redirect addresses"
    ),
    line("M1", "Mailbox and Exchange licence", access=Access.APP),
    line(
        "M2", "Authenticated SMTP", seen="on for this mailbox", command=f"Get-CASMailbox {MAILBOX}"
    ),
    line("M3", "Forwarding", seen="To Webex Connect, a copy stays"),
    line("M5", "Organisation customisation", seen="enabled"),
    line(
        "DNS",
        "Where the world delivers mail",
        access=Access.NONE,
        seen="contoso-com.mail.protection.outlook.com",
    ),
    line(
        "TLS",
        "SMTP server",
        access=Access.NONE,
        seen="smtp.office365.com:587 answers, with STARTTLS and a good certificate",
    ),
)
PROOFS = (
    Proof("V1", verbatim("Forwarded copy delivered to Webex Connect"), ago(minutes=11)),
    Proof("V3", verbatim("An agent's answer left"), ago(minutes=26)),
    Proof("C6", verbatim("235 2.7.0 Authentication successful"), ago(seconds=4)),
)


def checked(looking: int = 0, *causes: tuple[str, CheckLine], **more: object) -> cards.Card:
    """A check's card; each cause is a code and the finding behind it, as the view wants it."""
    roots = tuple(cause(code, found) for code, found in causes)
    return cards.verdict(VerdictView("9M2C", MAILBOX, AT, looking, roots, **more))  # type: ignore[arg-type]  # the view's own names


def cause(code: str, found: CheckLine) -> CheckLine:
    """A finding as a cause: its title is the cause's sentence."""
    return CheckLine(
        found.row,
        Text(f"cause.{code}"),
        found.state,
        found.access,
        found.seen,
        found.expected,
        found.evidence,
        remedy=found.remedy,
        command=found.command,
    )


STOPPED = {
    "way": way("++-..+"),
    "symptoms": SYMPTOMS,
    "since": ago(hours=2, minutes=28),
    "turn": Turn.APPROVER,
}


def examples() -> dict[str, cards.Card]:
    """All of them by a name that says the state."""
    return {**_stopped(), **_looking(), **_well(), **_offers(), **_channels(), **hostile()}


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
        "verdict-thirty": thirty(),
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
            0,
            lines=(*RIGHT, *SKIPPED[-2:]),
            way=flows,
            proofs=PROOFS,
            skipped=SKIPPED[-2:],
            warnings=(EXPIRES,),
            possible=(RULE,),
            sign_in_url=SIGN_IN,
            secret_expires=AT + timedelta(days=365),
        ),
        "verdict-unproven": checked(
            0,
            lines=(*RIGHT[-2:], *SKIPPED),
            way=way("+.....", last=None),
            skipped=SKIPPED,
            sign_in_url=SIGN_IN,
        ),
        "verdict-connect": checked(
            0,
            lines=(*RIGHT, *SKIPPED[-2:]),
            way=flows,
            proofs=PROOFS,
            connect_test=True,
            damage=Damage(14, ago(hours=1), kept=True),
        ),
        "verdict-one-way": checked(
            0, lines=RIGHT, way=way("++++..", last=None), proofs=PROOFS[:1], turn=Turn.REQUESTER
        ),
    }


def _offers() -> dict[str, cards.Card]:
    return {
        "verdict-every-offer": checked(
            0,
            lines=(*RIGHT[-2:], *SKIPPED),
            way=way("+.....", last=None),
            skipped=SKIPPED,
            sign_in_url=SIGN_IN,
            grant_url="https://bot.contoso.com/access/9M2C",
            connect_test=True,
        ),
        "verdict-grantable": checked(
            0,
            lines=(*RIGHT[-2:], *SKIPPED),
            way=way("+.....", last=None),
            skipped=SKIPPED,
            sign_in_url=SIGN_IN,
            grant_url=SIGN_IN.replace("signin", "access"),
            problem=Text("cause.app_roles_missing"),
            problem_code="ExchangeMessageTrace.Read.All, Policy.Read.All, Exchange.ManageAsApp",
            problem_at=AT,
        ),
    }


def thirty() -> cards.Card:
    """Thirty findings, each with something to say: the longest check that occurs."""
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
        return ChannelLine(f"{name}@contoso.com", state, verbatim(words), at)

    well = listed("sales", State.OK, "Nothing wrong", ago(minutes=11))
    unchecked = ChannelLine("info@contoso.com", None, Text("channels.never"))
    broken = listed(
        "support",
        State.WRONG,
        "The outbound spam policy does not let this mailbox forward mail.",
        ago(seconds=9),
    )
    doubtful = listed("claims", State.POSSIBLE, "A rule may stop some mail", ago(hours=5))
    warned = listed("billing", State.WARNING, "The client secret expires in 12 days", ago(days=3))
    many = tuple(
        ChannelLine(f"box{number}@contoso.com", State.OK, verbatim("Nothing wrong"), AT)
        for number in range(500)
    )
    return {
        "channels": cards.channels(ChannelsView((well, unchecked, warned, doubtful, broken), AT)),
        "channels-checking": cards.channels(ChannelsView((well, unchecked, warned), AT, 2)),
        "channels-early": cards.channels(ChannelsView((well, broken), AT, 1)),
        "channels-well": cards.channels(ChannelsView((well, warned), AT)),
        "channels-unchecked": cards.channels(ChannelsView((well, unchecked), AT)),
        "channels-doubtful": cards.channels(ChannelsView((doubtful, unchecked), AT)),
        "channels-none": cards.channels(ChannelsView((), AT)),
        "channels-many": cards.channels(ChannelsView((*many, broken), AT)),
    }


def hostile() -> dict[str, cards.Card]:
    """The worst of it in every place that comes from outside, thirty findings long."""
    words = verbatim(HOSTILE)
    evidence = tuple(Evidence(HOSTILE, HOSTILE) for _ in range(9))

    def bad(state: State, **more: object) -> CheckLine:
        told = {
            "expected": words,
            "evidence": evidence,
            "remedy": words,
            "proof": words,
            "command": HOSTILE,
            **more,
        }
        return CheckLine("M4", words, state, Access.ADMIN, words, **told)  # type: ignore[arg-type]  # the view's own names

    several = {state: tuple(bad(state) for _ in range(9)) for state in State}
    explained = tuple(
        bad(State.WRONG, explained_by=row) for row in ("M4", "E3", "M4", "E3", "DNS", "TLS")
    )
    view = VerdictView(
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
    )
    proofs = tuple(Proof("V1", words, AT) for _ in range(30))
    healthy = VerdictView(
        "9M2C",
        HOSTILE[:254],
        AT,
        0,
        (),
        lines=view.lines,
        proofs=proofs,
        possible=view.possible,
        skipped=view.skipped,
    )
    lines = tuple(
        ChannelLine(HOSTILE, state, words, AT) for state in (*State, None) for _ in range(5)
    )
    return {
        "hostile-verdict": cards.verdict(view),
        "hostile-healthy": cards.verdict(healthy),
        "hostile-looking": cards.verdict(
            VerdictView("9M2C", HOSTILE[:254], AT, 3, (), lines=view.lines)
        ),
        "hostile-channels": cards.channels(ChannelsView(lines, AT)),
    }
