"""Run: an append-only list of events, and the state that follows from them (:mod:`jobs.runs.fold`).

A run's state is never written, so two writers cannot overwrite each other, and a worker may die
between any two events. The audit trail is made from the same history.
"""

import secrets
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Self

import msgspec

from jobs.clock import now
from jobs.model import (
    Account,
    Change,
    Channel,
    Finding,
    Person,
    Profile,
    RunKind,
    Scope,
    State,
    Text,
)


@dataclass(frozen=True, slots=True)
class Origin:
    """Space and thread in Webex in which a run shows itself, and what in them asked for it."""

    room: str = ""
    thread: str = ""
    direct: bool = False  # a 1:1 conversation
    message: str = ""  # the ID of the message, or of the press on a card, that asked for the run


@dataclass(frozen=True, slots=True)
class FixBrief:
    """Part of the newest check's verdict that a fix cannot find by itself."""

    consent_missing: bool = False
    token_cause: str = ""  # the cause that only a new token ends
    manual_causes: tuple[str, ...] = ()  # those that only a person can fix
    checked_at: datetime | None = None  # the check's end
    wrong: tuple[str, ...] = ()  # steps to change: the sign-in asks for their permissions


@dataclass(frozen=True, slots=True)
class Brief:
    """Facts that a check, a fix or a bulk check gets before it starts."""

    client_id: str = ""  # the app that Webex Connect got its token with
    upn: str = ""  # the mailbox user; empty for a shared mailbox
    shared: bool = False  # another user signs in for the mailbox
    delegate: str = ""  # that user, if known
    token_at: datetime | None = None  # the last Generate Token
    changed_at: datetime | None = None  # the bot's last change of the target of the copies
    mailboxes: tuple[str, ...] = ()  # the channels of a bulk check
    fix: FixBrief | None = None  # only for a fix
    by_hand: bool = False  # nobody set the channel up here: values of a setup are not known
    discover: bool = False  # no channel is known here: the check has to find it first
    keep: bool = False  # the channel is kept once it is found (``/adopt``)


@dataclass(frozen=True, slots=True)
class Plan:
    """Changes of a run; a different plan has a different ID, so an old button approves nothing."""

    id: str
    changes: tuple[Change, ...]
    at: datetime

    def shows(self, change: Change) -> bool:
        """Return whether the change has the same result as a line, for the same people and scope.

        No unmentioned party may gain or lose something. The method, IDs and days may have become
        known later. Reopening something that somebody has closed is a different result from creating it.
        """
        same = (line for line in self.changes if _outcome(line) == _outcome(change))
        return any(not change.overwrites or change.before == line.before for line in same)

    def with_lines(self, lines: tuple[Change, ...]) -> tuple[Change, ...]:
        steps = {line.step for line in lines}
        others = [line for line in self.changes if line.step not in steps]
        places = (number for number, line in enumerate(self.changes) if line.step in steps)
        place = next(places, len(others))
        return (*others[:place], *lines, *others[place:])


FOREIGN_HOSTS = "foreign_hosts"
"""Question about hosts that are not Webex Connect's; the answer is the hosts with spaces."""


def identity(account: Account | None) -> tuple[str, ...]:
    return (account.tenant_id, account.object_id) if account else ()


def _outcome(line: Change) -> tuple[object, ...]:
    # The user or addresses that it is for are a part of it, the day of its end is not.
    after = {name: value for name, value in line.after.values.items() if name != "expires"}
    return line.step, line.object, line.after.key, after, line.approval_scope


@dataclass(frozen=True, slots=True)
class AppCandidate:
    """App registration that may be the channel's; ``callback_url`` is on a Webex Connect host."""

    client_id: str
    name: str
    callback_url: str = ""
    profile: Profile = Profile.LEAST


@dataclass(frozen=True, slots=True)
class Search:
    """Microsoft's view of a mailbox's channel; an empty value was not found."""

    apps: tuple[AppCandidate, ...] = ()  # the channel's app if ``certain``, or all that may be
    certain: bool = False
    forwarding_address: str = ""
    keep_copy: bool = True
    upn: str = ""
    shared: bool = False  # others sign in for the mailbox
    delegate: str = ""  # the only one of them
    unread: bool = False  # not all was read, or no such mailbox: the check itself asks and says so


class Kind(StrEnum):
    """Kind of an event; UNREADABLE is never written, it takes the place of one that is no event."""

    OPENED = "opened"
    DETAILS = "details"
    SIGNED_IN = "signed_in"
    SIGNED_OUT = "signed_out"
    READABLE = "readable"
    PLANNED = "planned"
    DEMANDED = "demanded"
    DIFFERS = "differs"
    APPROVED = "approved"
    RUNNING = "running"
    FOUND = "found"
    CHANGING = "changing"
    CHANGED = "changed"
    ANSWERED = "answered"
    PROBLEM = "problem"
    LOOK_AGAIN = "look_again"
    RESUMED = "resumed"
    CANCELLED = "cancelled"
    FAILED = "failed"
    FINISHED = "finished"
    CHECKED = "checked"
    RECALLED = "recalled"
    SEARCHED = "searched"
    DISCOVERED = "discovered"
    SILENT = "silent"
    UNKNOWN = "unknown"
    UNREADABLE = "unreadable"

    @classmethod
    def _missing_(cls, value: object) -> Self:  # noqa: ARG003  the name is required by the enum module
        """Return UNKNOWN, which has no effect, for a kind that a newer version wrote."""
        return cls.UNKNOWN


@dataclass(frozen=True, slots=True)
class RecordedChange:
    """Change that the channel's runs made through one step, for an undo."""

    step: str
    change: Change  # the plan line of the last of these runs
    before: Text  # ``values_before`` in words
    values_before: dict[str, str]  # the step's values before the first of these runs
    values_after: dict[str, str]  # those that the last run read back; empty if it did not
    runs: tuple[str, ...]
    interrupted: datetime | None = None  # when it was last begun, if a call may still arrive


@dataclass(frozen=True, slots=True)
class Event:
    """Event of a run; its kind decides which of the fields it has."""

    kind: Kind
    at: datetime
    by: str = ""  # an address or a UPN, or empty for the bot
    step: str = ""
    data: dict[str, str] = field(default_factory=dict)  # never a secret
    finding: Finding | None = None
    changes: tuple[Change, ...] = ()
    channel: Channel | None = None
    account: Account | None = None
    person: Person | None = None
    past: tuple[RecordedChange, ...] = ()
    run_kind: RunKind | None = None  # only in the first event, as ``brief``
    origin: Origin | None = None  # of the run, or of a look
    brief: Brief | None = None
    search: Search | None = None
    request: str = ""  # the ID of the message or button press that this event completes


@dataclass(frozen=True, slots=True)
class Reply:
    value: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Problem:
    cause: str
    code: str
    at: datetime
    by: str = ""


class Changed(msgspec.Struct, frozen=True):
    """Change that was begun or made."""

    changes: tuple[Change, ...]
    before: Finding
    begun: datetime  # the last attempt
    done: datetime | None = None  # None until it is made
    values_after: dict[str, str] = {}  # read back after it
    since: datetime | None = None  # the first attempt of a change that was never completed
    unseen: int = 0  # how often it was made since without being seen to take effect

    @property
    def interrupted(self) -> datetime | None:
        """Return when the change was last begun if an attempt never got an answer, or None."""
        return self.begun if self.done is None or self.since is not None else None

    @property
    def written(self) -> datetime:
        """Return when the change was written, or first attempted if no answer ever came."""
        return self.done or self.since or self.begun


class Run(msgspec.Struct, frozen=True):  # ten times as fast to copy as such a dataclass
    """State of a run; what is kept by step has the step's name as its key."""

    id: str
    channel: Channel
    requester: Person
    opened: datetime
    kind: RunKind = RunKind.SETUP
    origin: Origin = Origin()
    brief: Brief = Brief()
    detailed: bool = False
    detailed_at: datetime | None = None
    account: Account | None = None  # None while nobody is signed in
    signed_in: datetime | None = None
    permissions: tuple[str, ...] = ()  # those of Graph that the sign-in asked for
    plan: Plan | None = None
    planned_by: Account | None = None  # with whose sign-in the plan was made
    approvals: dict[Scope, Reply] = {}
    spent: frozenset[str] = frozenset()  # steps whose approved change was made, and seen to hold
    findings: dict[str, Finding] = {}
    found_at: dict[str, datetime] = {}
    settled_at: dict[str, datetime] = {}  # later looks saw the same
    waits: dict[str, int] = {}
    running: frozenset[str] = frozenset()
    silent: tuple[str, ...] = ()  # the clouds that give a check no answer so far
    once_silent: frozenset[str] = frozenset()  # also those that have answered since
    changed: dict[str, Changed] = {}
    demanded: frozenset[str] = frozenset()  # steps whose change a cloud requires, even if right
    answers: dict[str, Reply] = {}
    problems: dict[str, Problem] = {}
    looked: Reply | None = None  # who last asked to look again
    right_before: frozenset[str] = frozenset()  # the steps that needed nothing then
    resumed: int = 0
    checked: datetime | None = None
    past: dict[str, RecordedChange] = {}  # of an undo: earlier changes
    known: dict[str, str] = {}  # facts of earlier runs or of the search
    search: Search | None = None  # result of a check's search for a channel that is not known here
    discovered: bool = False  # the channel is known by now
    requests: frozenset[str] = frozenset()
    """Messages and button presses that were carried out: the event of one is handled again if its
    worker dies before it says so."""
    version: int = 1  # the number of events
    mac: str = ""  # the MAC of the last event (:mod:`jobs.runs.event_log`)
    ended: Kind | None = None
    ended_at: datetime | None = None
    ended_by: str = ""

    @classmethod
    def begun(cls, run_id: str, first: Event | None) -> Self:
        """Return the run after its first event; RunGoneError for any other one, or none."""
        if first is None or first.channel is None or first.person is None:
            raise RunGoneError(run_id)
        return cls(
            id=run_id,
            channel=first.channel,
            requester=first.person,
            opened=first.at,
            kind=first.run_kind or RunKind.SETUP,
            origin=first.origin or Origin(),
            brief=first.brief or Brief(),
        )

    @property
    def required_tenant(self) -> str:
        """Return the only tenant that a sign-in may be for; empty before the first approval."""
        return self.channel.tenant_id or (self._planned_in if self.has_begun else "")

    @property
    def has_begun(self) -> bool:
        return bool(self.approvals or self.changed)

    @property
    def tenant(self) -> str:
        """Return the tenant, whether or not a user is signed in now; empty if none ever was."""
        own = self.account.tenant_id if self.account else ""
        return own or self._planned_in or self.channel.tenant_id

    @property
    def _planned_in(self) -> str:
        return self.planned_by.tenant_id if self.planned_by else ""

    @property
    def plan_lines(self) -> tuple[Change, ...]:
        return self.plan.changes if self.plan else ()

    @property
    def planned_steps(self) -> frozenset[str]:
        return frozenset(line.step for line in self.plan_lines)

    @property
    def allowed(self) -> tuple[datetime | None, Reply | None]:
        """Return the newest sign-in and the tenant's grant: with another one a check begins again."""
        return self.signed_in, self.answers.get("app_access")

    @property
    def undoes(self) -> str:
        return self.known.get(UNDOES, "")

    @property
    def kept(self) -> bool:
        """Return whether this check found a channel that somebody kept; any other never ends."""
        return self.kind is RunKind.CHECK and self.ended is Kind.FINISHED

    def fact(self, name: str) -> str:
        found = (f.facts[name] for f in self.findings.values() if f.facts.get(name))
        return next(found, self.known.get(name, ""))

    def state_of(self, step: str) -> State | None:
        return self.findings[step].state if step in self.findings else None

    def settled(self, step: str) -> bool:
        return self.state_of(step) in {State.OK, State.WARNING, State.POSSIBLE, State.SKIPPED}

    def answer(self, question: str) -> str:
        return self.answers[question].value if question in self.answers else ""

    def answered_since(self, step: str, question: str) -> bool:
        answer, found = self.answers.get(question), self.found_at.get(step)
        return answer is not None and (found is None or found < answer.at)

    def is_to_reread(self, step: str) -> bool:
        """Return whether somebody asked to look again after the step was found to be in order."""
        if self.looked is None or step not in self.right_before:
            return False
        return self.found_at[step] < self.looked.at

    def change_applied(self, step: str) -> bool:
        return step in self.changed and self.changed[step].done is not None

    def approved(self, change: Change) -> bool:
        planned = self.plan is not None and self.plan.shows(change)
        return planned and change.approval_scope in self.approvals


UNDOES = "undoes"
"""Name, among an undo's data of the runs before it, of the only run that it reverses."""
ENDS = frozenset({Kind.CANCELLED, Kind.FAILED, Kind.FINISHED})


class AttemptOverError(Exception):
    """Error because this process may write and change nothing more for the run."""


class LeaseLostError(AttemptOverError):
    """Error because another worker has taken over the run, or this worker's lease has expired."""


class RunEndedError(AttemptOverError):
    """Error because the run has ended."""


class RunGoneError(LookupError):
    """Error because the run never existed, was deleted, or Redis came back without its data."""


def opening(
    channel: Channel, requester: Person, kind: RunKind, origin: Origin, brief: Brief | None = None
) -> Event:
    return Event(
        Kind.OPENED,
        now(),
        by=requester.email,
        channel=channel,
        person=requester,
        run_kind=kind,
        origin=origin,
        brief=brief,
    )


def undid(run: Run) -> bool:
    """Return whether an undo of the whole channel reversed anything, so that it is no channel now."""
    return not run.undoes and State.OK in map(run.state_of, run.past)


def ends_consent(run: Run) -> bool:
    """Return whether an undo of the run revokes a consent, because it deletes the app."""
    made = run.changed.get("application")
    return made is not None and not made.before.values.get("object_id")


LETTERS = "23456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_id() -> str:
    return "".join(secrets.choice(LETTERS) for _ in range(6))


def new_reference() -> str:
    return f"REF-{secrets.token_hex(3).upper()}"
