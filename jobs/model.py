"""The words of this product as frozen data: what a channel is, what was found, what would be changed.

Nothing here does anything. Everything here can be written to JSON and read back (see :mod:`jobs.storage.codec`),
and nothing here may ever hold a secret: findings and changes are shown in cards and kept in the audit trail.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Profile(StrEnum):
    """Which permissions the email app gets (ARTICLE.md, "What is known today", 1)."""

    ARTICLE = "article"
    LEAST = "least"


@dataclass(frozen=True, slots=True)
class Channel:
    """The email channel: one mailbox, its tenant, and what Webex Connect made up for it."""

    mailbox: str
    callback_url: str = ""
    forwarding_address: str = ""
    keep_copy: bool = True
    lifetime_months: int = 12
    profile: Profile = Profile.ARTICLE
    tenant_id: str = ""

    @property
    def domain(self) -> str:
        """The part after the last ``@``."""
        return self.mailbox.rpartition("@")[2]


@dataclass(frozen=True, slots=True)
class Text:
    """A text by its key in the catalogue (``adaptive_cards.texts``), with the values that stand in it.

    ``Words("verbatim", {"text": ...})`` carries words that somebody else wrote (a cloud, a person).
    """

    key: str
    values: dict[str, str] = field(default_factory=dict)


def verbatim(text: object) -> Text:
    """Words that somebody else wrote, shown as they are and never as Markdown."""
    return Text("verbatim", {"text": str(text)})


class RunKind(StrEnum):
    """The purpose of a run: a bulk check looks at many channels, every other kind is about one."""

    SETUP = "setup"
    CHECK = "check"
    FIX = "fix"
    UNDO = "undo"
    BULK_CHECK = "bulk_check"


class State(StrEnum):
    """What inspecting a fact can say. Skipped and unknown are never counted as ok; possible may explain a failure, but need not."""

    OK = "ok"
    WRONG = "wrong"
    WARNING = "warning"
    POSSIBLE = "possible"
    WAITING = "waiting"
    SKIPPED = "skipped"
    UNKNOWN = "unknown"


class Access(StrEnum):
    """What it takes to look: nothing, read access that the tenant granted to the bot, or an administrator's sign-in."""

    NONE = "none"
    APP = "app"
    ADMIN = "admin"


class Station(StrEnum):
    """A place on the mail's way, in its order."""

    SENDER = "sender"
    MAILBOX = "mailbox"
    FORWARD = "forward"
    CONNECT = "connect"
    AGENT = "agent"
    ANSWER = "answer"


class Turn(StrEnum):
    """Whose turn it is: a role, the clock, or nobody."""

    REQUESTER = "requester"
    ADMINISTRATOR = "administrator"
    APPROVER = "approver"
    MAILBOX_USER = "mailbox_user"
    CONTACT_CENTER = "contact_center"
    OPERATOR = "operator"
    AGENT = "agent"
    TIME = "time"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Evidence:
    """Something a sceptic can look up: an error code with its correlation id, an SMTP reply, a trace row."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What inspecting one step saw.

    ``facts`` are values that later steps need (object ids, the UPN): they are public within the run and never secret.
    ``cause`` is a cause code (:mod:`jobs.clouds.errors`); the remedy's text is looked up by it.
    ``until`` is when to look again, for a finding that waits for time. ``access`` is with what a check looked; None where it did not.
    ``values`` are what the step would change, as they were at this look: by them ``/undo`` tells whose a value is, and puts it back.
    """

    step: str
    state: State
    seen: Text | None = None
    expected: Text | None = None
    cause: str = ""
    evidence: tuple[Evidence, ...] = ()
    waiting_for: Turn | None = None
    until: datetime | None = None
    facts: dict[str, str] = field(default_factory=dict)
    access: Access | None = None
    values: dict[str, str] = field(default_factory=dict)


class Scope(StrEnum):
    """How far a change reaches. A tenant-wide change has an approval of its own."""

    APP = "app"
    MAILBOX = "mailbox"
    TENANT = "tenant"


@dataclass(frozen=True, slots=True)
class Change:
    """One line of a plan: an object, what it is before and after, how far it reaches, and how to do it by hand.

    Where it ``overwrites``, what was there before is somebody's and is lost: an approval covers just the one that was shown.
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


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in Webex, as Webex itself names them."""

    id: str
    email: str
    org_id: str = ""


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody signed in at Microsoft: from a validated ID token, never from a form."""

    tenant_id: str
    object_id: str
    upn: str
    roles: tuple[str, ...] = ()
