"""What each card needs to know, as frozen data: the bot fills these in, the card functions draw them.

Texts are never in here, only keys (:class:`jobs.model.Words`) and values. Times are aware and in UTC.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from adaptive_cards.damage import Damage
from jobs.model import Access, Change, Channel, Evidence, Profile, State, Station, Turn, Words


@dataclass(frozen=True, slots=True)
class Header:
    """The kicker: which run it is about, and the stage (1 to 7: details, sign-in, plan, changes, consent, connect, proof).

    ``kind`` is ``setup``, ``fix`` or ``undo``; only a setup has stages.
    """

    run: str
    mailbox: str
    stage: int
    kind: str = "setup"


@dataclass(frozen=True, slots=True)
class IntakeView:
    """The first card: what only Webex Connect knows. ``values`` are the inputs as typed; ``errors`` name a field and why it is wrong."""

    header: Header
    values: dict[str, str] = field(default_factory=dict)
    errors: dict[str, Words] = field(default_factory=dict)
    ask_mailbox: bool = False


@dataclass(frozen=True, slots=True)
class TypedWrongView:
    """A command's address that cannot be read: which command (no slash), what was typed, why not, the nearest good value or nothing."""

    command: str
    value: str
    why: Words
    meant: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Asked:
    """Somebody else was to be asked, and cannot be: what was typed, and why not."""

    typed: str
    why: Words


@dataclass(frozen=True, slots=True)
class SignInView:
    """Sign in at Microsoft. ``direct`` is true in a 1:1 message; ``problem`` says why an earlier attempt did not count.

    ``asked`` is the last address to pass the card on to, where that was none.
    """

    header: Header
    domain: str
    url: str
    until: datetime
    direct: bool = False
    problem: Words | None = None
    problem_code: str = ""
    problem_at: datetime | None = None
    asked: Asked | None = None


@dataclass(frozen=True, slots=True)
class PlanView:
    """The plan: what is ``right`` already or ``blocked``, an app made ``by_hand`` (its client id); ``closed`` says why it takes no approval.

    ``named`` is what a check found a moment ago and no plan mends, and ``turn`` whose that is. Where the run is ``under_way``, some of
    it was approved or made before.
    """

    header: Header
    plan_id: str
    signed_in: str
    changes: tuple[Change, ...]
    right: tuple[Words, ...]
    warnings: tuple[Words, ...] = ()
    blocked: tuple[Words, ...] = ()
    profile: Profile = Profile.ARTICLE
    approved: bool = False
    approved_tenant: bool = False
    by_hand: str = ""
    closed: str = ""
    named: tuple[Words, ...] = ()
    turn: Turn = Turn.NOBODY
    under_way: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the progress card. ``state`` None means not yet; ``running`` wins over it."""

    row: str
    title: Words
    state: State | None = None
    running: bool = False
    waiting_for: Turn | None = None
    note: Words | None = None
    right: Words | None = None


@dataclass(frozen=True, slots=True)
class ProgressView:
    """The one card that is edited in place. ``groups`` are (title key, rows); ``turn`` and ``turn_words`` fill the band's second line.

    ``buttons`` are the verbs that lead on from here, beside Cancel.
    """

    header: Header
    groups: tuple[tuple[str, tuple[Row, ...]], ...]
    turn: Turn
    turn_words: Words
    at: datetime
    problem: Words | None = None
    problem_code: str = ""
    remedy: Words | None = None
    buttons: tuple[str, ...] = ()
    can_cancel: bool = True
    resumed: bool = False
    ended: str = ""


@dataclass(frozen=True, slots=True)
class ConsentView:
    """Grant admin consent. ``permissions`` are (name, kind key, why key, risky); ``asked`` as in :class:`SignInView`."""

    header: Header
    url: str
    app_name: str
    domain: str
    client_id: str
    permissions: tuple[tuple[str, str, str, bool], ...]
    direct: bool = False
    problem: Words | None = None
    problem_code: str = ""
    problem_at: datetime | None = None
    asked: Asked | None = None


@dataclass(frozen=True, slots=True)
class ConnectFormView:
    """C3 to C7: the form of Webex Connect, field by field. Goes out 1:1 only; the secret stands behind ``secret_url``.

    ``secret_stays`` says that the form keeps the secret that it has; ``page_url`` is where Webex Connect is, or empty.
    ``login_id`` is who signs in where that is not the mailbox's address; ``login_open`` says that it is words for a user nobody named.
    """

    header: Header
    channel: Channel
    smtp_host: str
    smtp_port: int
    username: str
    client_id: str
    authorize_url: str
    token_url: str
    scope: str
    secret_url: str
    secret_until: datetime
    secret_gone: bool = False
    secret_making: bool = False
    token_saved: bool = False
    registered: bool = False
    secret_stays: bool = False
    page_url: str = ""
    login_id: str = ""
    login_open: bool = False


@dataclass(frozen=True, slots=True)
class RehearsalView:
    """The mailbox user signs in once at the bot. ``url`` is empty until the rehearsal was chosen and is ready.

    ``settling`` says that the problem may pass by itself, and that the bot tries again. For a ``shared`` mailbox another user signs in:
    ``login`` is who did.
    """

    header: Header
    username: str
    url: str = ""
    until: datetime | None = None
    problem: Words | None = None
    problem_code: str = ""
    transcript: tuple[str, ...] = ()
    settling: bool = False
    done: bool = False
    skipped: str = ""
    shared: bool = False
    login: str = ""


@dataclass(frozen=True, slots=True)
class Proof:
    """One proven line of the done card."""

    row: str
    words: Words
    at: datetime


@dataclass(frozen=True, slots=True)
class DoneView:
    """The channel works: every fact with its evidence, when the secret expires, what to type in an incident."""

    header: Header
    at: datetime
    started: datetime
    proofs: tuple[Proof, ...]
    steps: tuple[tuple[str, Words, State], ...]
    secret_expires: datetime | None
    changes: int
    reversible: int
    profile: Profile
    approved_by: str
    skipped: tuple[Words, ...] = ()
    already: bool = False


@dataclass(frozen=True, slots=True)
class HelpEntry:
    """One command as its registry describes it; the texts are ``command.<name>`` in the catalogue."""

    name: str
    argument: str
    group: str


@dataclass(frozen=True, slots=True)
class HelpView:
    """What the bot does here, for the person who asked; ``left_out`` says that there are commands that this person may not run."""

    entries: tuple[HelpEntry, ...]
    direct: bool = False
    left_out: bool = False
    nearest: str = ""
    typed: str = ""


@dataclass(frozen=True, slots=True)
class RunLine:
    """One run in the list of a space; only a setup has stages, of the others the ``kind`` is said."""

    run: str
    mailbox: str
    stage: int
    turn: Turn
    words: Words
    started: datetime
    ended: str = ""
    kind: str = "setup"


@dataclass(frozen=True, slots=True)
class StatusView:
    """The runs of a space, and how many ``more`` there are."""

    runs: tuple[RunLine, ...]
    at: datetime
    more: int = 0


@dataclass(frozen=True, slots=True)
class NoticeView:
    """A short answer: what happened (``title``), whose turn or what next (``words``), facts below it.

    ``facts`` are (label key, value). ``buttons`` are (text key, data); ``tone`` is a container style: emphasis, accent, good, attention.
    """

    kicker: Words
    title: Words
    words: Words
    tone: str = "emphasis"
    glyph: str = ""
    facts: tuple[tuple[str, Words], ...] = ()
    evidence: tuple[Evidence, ...] = ()
    buttons: tuple[tuple[str, dict[str, str]], ...] = ()
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class CheckLine:
    """One finding of a check. ``explained_by`` is the row of its cause where it is a symptom; ``proof`` says what would prove a possible one."""

    row: str
    title: Words
    state: State
    access: Access
    seen: Words | None = None
    expected: Words | None = None
    evidence: tuple[Evidence, ...] = ()
    explained_by: str = ""
    remedy: Words | None = None
    proof: Words | None = None
    command: str = ""


@dataclass(frozen=True, slots=True)
class Stop:
    """A station of the mail's way: ``passes`` True where mail went on, False where it stops, None where nobody knows; ``at`` the last mail."""

    station: Station
    passes: bool | None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class VerdictView:
    """A check, while it runs (``looking`` findings are still to come) and when it is done.

    ``causes`` are the roots, the one that stops mail first in front; empty and not looking: nothing wrong was found.
    ``fix`` is (button text key, submit data), or (button text key, {"url": ...}) where only a person can mend it elsewhere; where it is not
    the approver's ``turn``, it mends another cause than the first. ``sign_in_url`` is there where more could be looked at after a sign-in,
    of somebody else where the one who did ``lacks_role``, ``grant_url`` where an administrator could let the bot look by itself;
    ``problem`` says why that was tried in vain, or that it has ended. ``connect_test`` offers a mail through Webex Connect.
    """

    run: str
    mailbox: str
    at: datetime
    looking: int
    causes: tuple[CheckLine, ...]
    symptoms: tuple[CheckLine, ...] = ()
    possible: tuple[CheckLine, ...] = ()
    warnings: tuple[CheckLine, ...] = ()
    skipped: tuple[CheckLine, ...] = ()
    lines: tuple[CheckLine, ...] = ()
    way: tuple[Stop, ...] = ()
    since: datetime | None = None
    turn: Turn = Turn.NOBODY
    fix: tuple[str, dict[str, str]] | None = None
    proofs: tuple[Proof, ...] = ()
    sign_in_url: str = ""
    lacks_role: bool = False
    grant_url: str = ""
    problem: Words | None = None
    problem_code: str = ""
    problem_at: datetime | None = None
    damage: Damage | None = None
    connect_test: bool = False
    secret_expires: datetime | None = None


@dataclass(frozen=True, slots=True)
class ChannelLine:
    """One channel in a list: its newest verdict, if it was ever checked."""

    mailbox: str
    state: State | None
    words: Words
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ChannelsView:
    """The channels of a space, worst first; ``checking`` counts those whose check still runs.

    ``withdrawn`` counts the tenants that were seen to let the bot read by itself no more.
    """

    channels: tuple[ChannelLine, ...]
    at: datetime
    checking: int = 0
    withdrawn: int = 0


@dataclass(frozen=True, slots=True)
class TacView:
    """The guide to the debug console, with the fields for a case. ``direct`` is true in a 1:1 message, where nobody mentions the bot."""

    mailbox: str
    at: datetime
    direct: bool = False


@dataclass(frozen=True, slots=True)
class TacFileView:
    """The file for Cisco TAC was posted. ``files`` are the names in it; ``checked`` is false where no check ever ran."""

    mailbox: str
    name: str
    files: tuple[str, ...]
    at: datetime
    resource_id: str = ""
    transaction_id: str = ""
    checked: bool = True
    direct: bool = False
