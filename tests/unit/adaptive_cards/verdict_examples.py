"""Examples of a check in every state, and of the list of channels, with realistic contents."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bot.cards.presenters import questions
from bot.cards.presenters.lists import ChannelLine, channels
from bot.cards.presenters.verdict import draw
from jobs.checks.check import APP, FORWARDING, SetBack
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
from tests.fixtures.parsed import table
from tests.unit.adaptive_cards.examples import HOSTILE, MAILBOX
from tests.unit.adaptive_cards.words import said, told

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


def dated(span: dict[str, float]) -> str:
    """Return a time as a finding's value: a day, or a minute if it was today."""
    return (day_of if "days" in span else minute_of)(ago(**span))


def seen_in(words) -> str | Text:
    """Return what a finding of the table shows: words, or a text with its values."""
    if isinstance(words, str):
        return words
    return said({name: dated(it) if isinstance(it, dict) else it for name, it in words.items()})


def found_in(row) -> Line:
    """Return a finding of the table."""
    read = {
        "state": State,
        "access": Access,
        "seen": seen_in,
        "expected": Text,
        "evidence": lambda rows: tuple(Evidence(*row) for row in rows),
    }
    return line(**{name: read.get(name, str)(value) for name, value in row.items()})


TABLE = table("verdicts")
FOUND_LINES = {name: tuple(map(found_in, rows)) for name, rows in TABLE["findings"].items()}


def lines_of(*names: str) -> tuple[Line, ...]:
    """Return findings by their groups' names, of which each may name a range."""
    groups = [(FOUND_LINES[name], span or (0, 99)) for name, *span in map(str.split, names)]
    return tuple(each for group, span in groups for each in group[slice(*map(int, span))])


[POLICY], [SECRET], [LOGIN] = (FOUND_LINES[name] for name in ("POLICY", "SECRET", "LOGIN"))
SYMPTOMS, SKIPPED, RIGHT = (FOUND_LINES[name] for name in ("SYMPTOMS", "SKIPPED", "RIGHT"))

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

FIX = ("fix.outbound_policy", {"do": "fix", "channel": MAILBOX, "cause": "outbound_policy"})

CONNECT = ("fix.client_secret", {"url": "https://contoso.us.webexconnect.io"})


def way(passes: str, last: datetime | None = AT) -> tuple[Stop, ...]:
    """Return the six stations of the mail's path from six signs.

    The sign + means passed four minutes ago, - means stops, and . means unknown. The last mail of
    an unknown station came before 08:14, if there was one.
    """
    signs = {"+": (True, ago(minutes=4)), "-": (False, None), ".": (None, last and ago(hours=2.5))}
    return tuple(Stop(station, *signs[sign]) for station, sign in zip(Station, passes, strict=True))


def checked(looking: int = 0, *causes: tuple[str, Line], **more):
    roots = tuple(cause(code, found) for code, found in causes)
    return draw(Reading("9M2C", MAILBOX, AT, looking, roots, **more))


def cause(code: str, found: Line) -> Line:
    return replace(found, found=replace(found.found, cause=code))


SET_BACK = SetBack(
    "outbound_policy",
    "4K7P",
    datetime(2026, 11, 24, 20, 12, tzinfo=UTC),
    ("CIS 6.2.1", "CISA MS.EXO.1.1"),
)
FIXES = {"setting": FIX, "connect": CONNECT, "token": ("fix.generate_token", CONNECT[1])}
READ = {
    **dict.fromkeys(
        ("lines", "symptoms", "warnings", "possible", "skipped"), lambda names: lines_of(*names)
    ),
    **dict.fromkeys(("since", "proven", "secret_expires"), lambda span: ago(**span)),
    "way": way,
    "turn": Turn,
    "fix": FIXES.get,
    "proofs": lambda number: PROOFS[:number],
    "silent": tuple,
}
"""How the values of a check are read that are more than texts and numbers."""

ODD = {
    "verdict-damage": {"damage": Lost(14, ago(days=4), kept=True, bounced=3)},
    "verdict-set-back": {"set_back": SET_BACK},
    "verdict-changed": {"changes": CHANGES},
    "verdict-grantable": {
        "problem": Problem(
            "app_roles_missing",
            "ExchangeMessageTrace.Read.All, Policy.Read.All, Exchange.ManageAsApp",
            AT,
        )
    },
}
"""What the table cannot say."""


def from_table(name: str):
    """Return the card of a check of the table."""
    row = TABLE["checks"][name]
    row = TABLE["shared"].get(row.get("like"), {}) | row
    more = {key: READ[key](value) if key in READ else value for key, value in row.items()}
    more |= ODD.get(name, {})
    if first := more.pop("first_way", ""):
        more["way"] = way(first, last=None)
    more.pop("like", None)
    found = [(code, *lines_of(group)) for code, group in more.pop("causes", ())]
    set_back = more.pop("set_back", None)
    roots = [(code, replace(each, set_back=set_back)) for code, each in found]
    return checked(more.pop("looking", 0), *roots, **more)


def examples():
    """Return the example cards, by a name that says the state."""
    checks = {name: from_table(name) for name in TABLE["checks"]}
    return checks | {"verdict-thirty": thirty()} | _channels() | _questions() | _found() | hostile()


def thirty():
    """Return the longest check that occurs, with thirty findings."""
    seen = "smtp.office365.com:587 answers, with STARTTLS and a certificate for outlook.office.com"
    right = tuple(
        line(f"M{number % 9}", f"Setting number {number} of the mailbox", seen=seen)
        for number in range(18)
    )
    lines = (*lines_of("POLICY", "SECRET", "RULE", "EXPIRES", "LOGIN", "SYMPTOMS"), *right)
    return checked(
        0,
        ("forwarding_blocked", POLICY),
        ("client_secret_expired", SECRET),
        symptoms=(*SYMPTOMS, LOGIN),
        warnings=lines_of("EXPIRES"),
        possible=lines_of("RULE"),
        skipped=SKIPPED[-5:],
        lines=(*lines, *SKIPPED[-5:]),
        way=way("++-..+"),
        fix=FIX,
        turn=Turn.APPROVER,
        since=ago(hours=2),
        sign_in_url=SIGN_IN,
    )


def _channels():
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


def hostile():
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


def _questions():
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


def _asked(search: Search, *asked: str):
    run = Run("9M2C", Channel(MAILBOX), Person("rita", "rita@contoso.com"), AT, search=search)
    return questions.discovery(run, asked, AT)


def _found():
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
