"""Examples of a check in every state, and of the list of channels, with realistic contents."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import adaptive_cards as cards
from adaptive_cards.cards.channels import ChannelLine, channels
from bot.cards.presenters.verdict import draw
from jobs.checks.changers import SetBack
from jobs.checks.reading import Line, Lost, Proof, Reading, Stop, Suspect
from jobs.model import (
    Access,
    ConnectChange,
    Evidence,
    Finding,
    State,
    Station,
    Text,
    Turn,
    verbatim,
)
from jobs.runs.run import Problem
from tests.unit.adaptive_cards.examples import HOSTILE
from tests.unit.adaptive_cards.verdict_lines import (
    AT,
    COPIES,
    EXPIRES,
    LOGIN,
    MAILBOX,
    POLICY,
    PROOFS,
    RIGHT,
    RULE,
    SECRET,
    SKIPPED,
    STRANGER,
    SYMPTOMS,
    ago,
    line,
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
    """Return a check's card; each cause is given as its code and the finding behind it."""
    roots = tuple(cause(code, found) for code, found in causes)
    return draw(Reading("9M2C", MAILBOX, AT, looking, roots, **more))


def cause(code: str, found: Line) -> Line:
    """Return a finding with the code of its cause."""
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
    return _stopped() | _of_one_cause() | _looking() | _well() | _channels() | hostile()


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
    """Return a check's card with thirty findings, each with a text.

    It is the longest check that occurs.
    """
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
