"""Terms of this product as frozen data: the channel, the findings, and the changes.

All of them can be JSON. None may hold a secret: cards show them, and the audit trail keeps them.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Literal, Self

import msgspec

Profile = StrEnum("Profile", "ARTICLE LEAST")
"""Set of permissions that the email app gets (platforms/microsoft.md 1.8)."""


@dataclass(frozen=True, slots=True)
class Channel:
    """Email channel: a mailbox, its tenant, and the values that Webex Connect generated for it."""

    mailbox: str
    callback_url: str = ""
    forwarding_address: str = ""
    keep_copy: bool = True
    lifetime_months: int = 12
    profile: Profile = Profile.ARTICLE
    tenant_id: str = ""
    delegate: str = ""  # who signs in for a shared mailbox, if somebody was named

    @property
    def domain(self) -> str:
        return self.mailbox.rpartition("@")[2]

    @property
    def addresses(self) -> dict[str, str]:
        """Return the addresses that Webex Connect generated, which an approval names."""
        return {"callback_url": self.callback_url, "forwarding_address": self.forwarding_address}


@dataclass(frozen=True, slots=True)
class Text:
    """Text as its key in the catalog (``adaptive_cards.texts``), with the values to insert."""

    key: str
    values: dict[str, str] = field(default_factory=dict)


def verbatim(text: object) -> Text:
    """Return a text of a cloud or a person, which is shown as it is and never as Markdown."""
    return Text("verbatim", {"text": str(text)})


def day_of(at: datetime) -> str:
    """Return the date in UTC as a value of a :class:`Text`, shown in the reader's language."""
    return f"day:{at.astimezone(UTC).date().isoformat()}"


def minute_of(at: datetime) -> str:
    """Return the moment as a value of a :class:`Text`, to the minute in the reader's time zone."""
    return f"clock:{at.isoformat()}"


def span_of(length: timedelta) -> str:
    """Return the interval as a value of a :class:`Text`, shown in the reader's language."""
    return f"span:{length.total_seconds()}"


def every_of(interval: timedelta) -> str:
    """Return how often something happens as a value of a :class:`Text`, such as ``every hour``."""
    return f"every:{interval.total_seconds()}"


def second_of(at: datetime) -> str:
    """Return the moment as a value of a :class:`Text`, shown to the second."""
    return f"second:{at.isoformat()}"


RunKind = StrEnum("RunKind", "SETUP CHECK FIX UNDO BULK_CHECK")
"""Purpose of a run: a bulk check is about many channels, every other kind about one."""
CHECKS = frozenset({RunKind.CHECK, RunKind.BULK_CHECK})
"""Kinds of runs that change nothing, and so hold no mailbox."""


State = StrEnum("State", "OK WRONG WARNING POSSIBLE WAITING SKIPPED UNKNOWN")
"""State of a finding: skipped and unknown never count as OK; possible may explain a failure."""


Access = StrEnum("Access", "NONE APP ADMIN")
"""Access that an inspection needs: none, the own app's read access, or an administrator's."""


Station = StrEnum("Station", "SENDER MAILBOX FORWARD CONNECT AGENT ANSWER")
"""Point on the mail's path, in order."""


Turn = StrEnum(
    "Turn",
    "REQUESTER ADMINISTRATOR APPROVER MAILBOX_USER CONTACT_CENTER OPERATOR AGENT TIME NOBODY",
)
"""Party that must act next: a role, the clock, or nobody."""


class Reason(StrEnum):
    """Reason of a finding, as far as code decides by it: the key of the text that people see."""

    ABSENT = "seen.none"
    NOTHING_YET = "seen.nothing_yet"
    """The object that the step's fact belongs to does not exist yet."""
    NOT_KNOWN = "seen.not_known"
    """The step depends on something that could not be read."""
    DEMANDED = "seen.demanded"
    """A cloud required the change, although the step's own inspection found nothing to do."""
    REPLICATION = "seen.replication"
    CUSTOMIZATION = "seen.customization_takes"
    """The step may wait for hours, which every card of the run says."""
    SEND_AGAIN = "seen.send_again"
    NEEDS_SIGN_IN = "skipped.needs_sign_in"
    NOT_BY_ITSELF = "skipped.not_by_itself"
    NOT_AT_EXCHANGE = "skipped.not_at_exchange"
    NEEDS_OTHER = "skipped.needs_other"
    """A finding that this one depends on is not available."""
    LOG_AWAY = "skipped.audit_away"
    NO_SIGN_IN_LOG = "skipped.sign_in_log"
    NO_SIGN_IN = "skipped.no_sign_in"
    NO_WATCH_MAIL = "skipped.no_watch_mail"

    def text(self, **values: str) -> Text:
        return Text(self.value, values)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Fact that a reader can verify, such as an SMTP reply or a row of a message trace."""

    kind: str
    text: str


class ConnectChange(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Entry of the log of Webex Connect or of Entra: who made which change, without the values."""

    at: datetime
    by: str
    event: str  # the action's name in the log
    told: str = ""  # the action's text
    failed: bool = False  # the log says so

    def text(self) -> Text:
        values = {"at": second_of(self.at), "by": self.by, "event": self.event}
        return Text("verdict.who_changed_line", values)


class Signals(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, repr_omit_defaults=True
):
    """Times of a finding and its relation to other findings, for :mod:`jobs.checks.verdict`.

    A Struct leaves out defaults in JSON, unlike a dataclass, and most findings set none of these.
    """

    since: datetime | None = None
    """Time at which the failure began; None if that is not known."""
    harmless_after: datetime | None = None
    """Time after which a success disproves the failure, if it is another time than ``since``."""
    disproved_by: tuple[str, ...] | None = None
    """Steps whose success disproves even a certain finding, in place of its own step's list."""
    shown_by: Literal["at", "generated_at"] = "at"
    """Signal of the disproving success that holds its time."""
    as_of: str = ""
    """Step whose ``elsewhere_since`` replaces ``since``; without it nothing disproves this."""
    elsewhere_since: datetime | None = None
    """Time after which a success of Webex Connect shows that only the bot's location is refused."""
    by_place: bool = False
    """True if a policy depends on the sign-in's location and the bot signs in from elsewhere."""
    token_lives: bool = False
    """True if the token in use works: a person's try failed, or the bot cannot reach a server."""
    station: Station | None = None
    """Station at which mail stops, if it is not the station of the step itself."""
    proven: bool = False
    """True if this possible cause takes the cause code of the finding that proves it."""
    at: datetime | None = None
    """Time of the last success; a finding that is right without it was tried at that very look."""
    generated_at: datetime | None = None
    """Time at which somebody last signed in in person, as Generate Token does."""
    unanswered: datetime | None = None
    """Time since which mail has been waiting for an answer for too long."""
    unproven: datetime | None = None
    """Time since which mail has not gone on, although it may go on later."""
    failed: int = 0
    """Number of mails that have failed since the last success."""
    missed: int = 0
    """Number of mails that have not reached the next station."""
    missed_since: datetime | None = None
    """Time at which the first missed mail came, if it is not ``since``."""
    changes: tuple[ConnectChange, ...] = ()
    """Changes in Webex Connect that may stop mail, newest first, or the change in Entra that did."""

    def __or__(self, other: Self) -> Self:
        """Return these signals with those that ``other`` sets in their place."""
        return msgspec.structs.replace(self, **other._told())

    def texts(self) -> dict[str, str]:
        """Return the signals that are set, as text for files that people read."""
        return {name: _as_text(value) for name, value in self._told().items()}

    def _told(self) -> dict[str, Any]:
        every = msgspec.structs.asdict(self)
        return {n: value for n, value in every.items() if value != getattr(NO_SIGNALS, n)}


NO_SIGNALS = Signals()


def _as_text(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, ConnectChange):
        return f"{value.at.isoformat()} {value.event} {value.by}"
    if isinstance(value, tuple):
        return " ".join(map(_as_text, value))
    return "yes" if value is True else str(value)


@dataclass(frozen=True, slots=True)
class Finding:
    """Result of inspecting one step: ``seen`` is for people, and code decides by ``reason``.

    ``facts`` are values that later steps need (object IDs, the UPN), and never secret. ``values``
    are the values that the step would change, as they were at this look. From them ``/undo`` sees
    who set a value, and restores it.
    """

    step: str
    state: State
    seen: Text | None = None
    expected: Text | None = None
    cause: str = ""  # a code (:mod:`jobs.causes`), and the key of the remedy's text
    evidence: tuple[Evidence, ...] = ()
    waiting_for: Turn | None = None
    until: datetime | None = None  # when to look again, if it waits for time
    facts: dict[str, str] = field(default_factory=dict)
    access: Access | None = None  # with which a check read; None if it did not read
    values: dict[str, str] = field(default_factory=dict)
    signals: Signals = NO_SIGNALS
    reason: Reason | None = None


Scope = StrEnum("Scope", "APP MAILBOX TENANT")
"""Reach of a change. A tenant-wide change has an approval of its own."""


@dataclass(frozen=True, slots=True)
class Change:
    """Line of a plan: an object, its values before and after, its scope, and the manual command.

    If the change ``overwrites``, a value that belongs to somebody is lost, so an approval covers
    only the value that was shown.
    """

    step: str
    row: str
    object: Text
    before: Text
    after: Text
    scope: Scope
    command: str
    reversible: bool = True
    note: Text | None = None
    warning: bool = False
    overwrites: bool = False

    @property
    def approval_scope(self) -> Scope:
        """Return the scope of the approval: changes to the whole tenant have one of their own."""
        return Scope.TENANT if self.scope is Scope.TENANT else Scope.MAILBOX


@dataclass(frozen=True, slots=True)
class Person:
    """Person in Webex, as Webex names them."""

    id: str
    email: str
    org_id: str = ""


@dataclass(frozen=True, slots=True)
class Account:
    """User signed in at Microsoft, from a validated ID token and never from a form."""

    tenant_id: str
    object_id: str
    upn: str
    roles: tuple[str, ...] = ()
