"""Run: an append-only list of events, and the state that follows from them (:mod:`jobs.runs.fold`).

A run's state is never written, so two writers cannot overwrite each other, and a worker may die
between any two events. The audit trail is made from the same history.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

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
    """Space and thread in Webex in which a run shows itself.

    ``direct`` is true in a 1:1 conversation. ``message`` is the id of the message, or of the press
    on a card, that asked for the run.
    """

    room: str = ""
    thread: str = ""
    direct: bool = False
    message: str = ""


@dataclass(frozen=True, slots=True)
class FixBrief:
    """Part of the newest check's verdict that a fix cannot find by itself.

    ``token_cause`` is the cause that only a new token ends, and ``manual_causes`` are those that
    only a person can fix. ``checked_at`` is when the check ended. The sign-in asks for the
    permissions of the steps in ``wrong``, which the fix will probably change.
    """

    consent_missing: bool = False
    token_cause: str = ""
    manual_causes: tuple[str, ...] = ()
    checked_at: datetime | None = None
    wrong: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Brief:
    """Facts that a check, a fix or a bulk check gets before it starts.

    ``client_id`` is the app that Webex Connect got its token with. ``token_at`` is the last
    Generate Token. ``upn`` is the mailbox user. It is empty for a ``shared`` mailbox, for which
    another user signs in: ``delegate`` names that user, or is empty. ``changed_at`` is when the bot
    last changed the target of the copies. ``mailboxes`` are the channels of a bulk check.
    ``fix`` is set only for a fix.

    ``by_hand`` means that nobody set the channel up here, so the values that only a setup records
    are not known. ``discover`` means that the check must find the channel first, because none is
    known here. ``keep`` means that the channel is kept once it is found (``/adopt``).
    """

    client_id: str = ""
    upn: str = ""
    shared: bool = False
    delegate: str = ""
    token_at: datetime | None = None
    changed_at: datetime | None = None
    mailboxes: tuple[str, ...] = ()
    fix: FixBrief | None = None
    by_hand: bool = False
    discover: bool = False
    keep: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """Changes of a run; a different plan has a different ID, so an old button approves nothing."""

    id: str
    changes: tuple[Change, ...]
    at: datetime

    def shows(self, change: Change) -> bool:
        """Return whether the change has the same result as a line, for the same object and scope.

        No unmentioned party may lose something. The method, IDs and days may have become known
        later. Reopening something that somebody has closed is a different result from creating it.
        """
        return any(
            _outcome(line) == _outcome(change)
            and (not change.overwrites or change.before == line.before)
            for line in self.changes
        )

    def with_lines(self, lines: tuple[Change, ...]) -> tuple[Change, ...]:
        steps = {line.step for line in lines}
        others = [line for line in self.changes if line.step not in steps]
        place = next(
            (number for number, line in enumerate(self.changes) if line.step in steps), len(others)
        )
        return (*others[:place], *lines, *others[place:])


FOREIGN_HOSTS = "foreign_hosts"
"""Question about hosts that are not Webex Connect's; the answer is the hosts with spaces."""


def addresses(channel: Channel) -> dict[str, str]:
    return {"callback_url": channel.callback_url, "forwarding_address": channel.forwarding_address}


def identity(account: Account | None) -> tuple[str, ...]:
    return (account.tenant_id, account.object_id) if account else ()


def word_for(scope: Scope) -> Scope:
    """Return the scope of the approval: changes to the whole tenant have one of their own."""
    return Scope.TENANT if scope is Scope.TENANT else Scope.MAILBOX


def _outcome(line: Change) -> tuple[object, ...]:
    return line.step, line.object, line.after.key, word_for(line.scope)


@dataclass(frozen=True, slots=True)
class AppCandidate:
    """App registration that may be the channel's; ``callback_url`` is on a Webex Connect host."""

    client_id: str
    name: str
    callback_url: str = ""
    profile: Profile = Profile.LEAST


@dataclass(frozen=True, slots=True)
class Search:
    """Microsoft's view of a mailbox's channel; an empty value was not found.

    ``apps`` is one app if that is ``certain``, otherwise every app that may be the channel's.
    ``shared`` is true if others sign in for the mailbox, and ``delegate`` is the only one of them.
    ``unread`` means that something was not read, or that there is no such mailbox: nothing is asked
    then, because the check itself says so.
    """

    apps: tuple[AppCandidate, ...] = ()
    certain: bool = False
    forwarding_address: str = ""
    keep_copy: bool = True
    upn: str = ""
    shared: bool = False
    delegate: str = ""
    unread: bool = False


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
    def _missing_(cls, value: object) -> Kind:  # noqa: ARG003  the name is required by the enum module
        """Return UNKNOWN, which has no effect, for a kind that a newer version wrote."""
        return cls.UNKNOWN


@dataclass(frozen=True, slots=True)
class RecordedChange:
    """Change that the channel's runs made through one step, for an undo.

    ``values_before`` are the step's values before the first of these runs, and ``before`` is the
    same in words. ``values_after`` are those that the last run read back, if it came to that.
    ``change`` is its plan line. ``interrupted`` is when it was last begun, if a call may still
    arrive.
    """

    step: str
    change: Change
    before: Text
    values_before: dict[str, str]
    values_after: dict[str, str]
    runs: tuple[str, ...]
    interrupted: datetime | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """``by`` is an address or a UPN, or empty for the bot. ``data`` never holds a secret.

    ``request`` is the ID of the message or button press that this event completes, or empty. Only
    the first event has ``run_kind`` and ``brief``. ``origin`` is that of the run, or of a look.
    """

    kind: Kind
    at: datetime
    by: str = ""
    step: str = ""
    data: dict[str, str] = field(default_factory=dict)
    finding: Finding | None = None
    changes: tuple[Change, ...] = ()
    channel: Channel | None = None
    account: Account | None = None
    person: Person | None = None
    past: tuple[RecordedChange, ...] = ()
    run_kind: RunKind | None = None
    origin: Origin | None = None
    brief: Brief | None = None
    search: Search | None = None
    request: str = ""


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


@dataclass(frozen=True, slots=True)
class Changed:
    """Change that was begun (``done`` is None) or made.

    ``before`` is the finding before it, and ``values_after`` are the values read back after it.
    ``since`` is the first attempt of a change that was never completed, and ``begun`` is the last
    one. ``unseen`` is how often it was made without being seen to take effect since.
    """

    changes: tuple[Change, ...]
    before: Finding
    begun: datetime
    done: datetime | None = None
    values_after: dict[str, str] = field(default_factory=dict)
    since: datetime | None = None
    unseen: int = 0

    @property
    def interrupted(self) -> datetime | None:
        """Return when the change was last begun if an attempt never got an answer, or None."""
        return self.begun if self.done is None or self.since is not None else None

    @property
    def written(self) -> datetime:
        """Return when the change was written, or first attempted if no answer ever came."""
        return self.done or self.since or self.begun


@dataclass(frozen=True, slots=True)
class Run:
    """State of a run.

    Only the conversation interprets the texts of ``origin``. ``version`` is the number of events,
    and ``mac`` is the MAC of the last one (:mod:`jobs.runs.event_log`). ``past`` and ``known`` are
    an undo's data of the runs before it. ``demanded`` are steps whose change a cloud requires,
    whatever their findings. The plan was made with the sign-in of ``planned_by``. ``search`` is the
    result of a check's search for a channel that is not known here, and ``discovered`` is true once
    it is known. ``silent`` are the clouds that give a check no answer so far, and ``once_silent``
    also those that have answered since. ``permissions`` are those of Graph that the sign-in asked
    for. ``looked`` is who last asked to look again, and ``right_before`` are the steps that needed
    nothing then. ``requests`` are the messages and button presses that were carried out: the event
    of one is handled again if its worker dies before it says so.
    """

    id: str
    channel: Channel
    requester: Person
    opened: datetime
    kind: RunKind = RunKind.SETUP
    origin: Origin = field(default_factory=Origin)
    brief: Brief = field(default_factory=Brief)
    detailed: bool = False
    detailed_at: datetime | None = None
    account: Account | None = None
    signed_in: datetime | None = None
    permissions: tuple[str, ...] = ()
    plan: Plan | None = None
    planned_by: Account | None = None
    approvals: dict[Scope, Reply] = field(default_factory=dict)
    findings: dict[str, Finding] = field(default_factory=dict)
    found_at: dict[str, datetime] = field(default_factory=dict)
    waits: dict[str, int] = field(default_factory=dict)
    running: frozenset[str] = frozenset()
    silent: tuple[str, ...] = ()
    once_silent: frozenset[str] = frozenset()
    changed: dict[str, Changed] = field(default_factory=dict)
    demanded: frozenset[str] = frozenset()
    answers: dict[str, Reply] = field(default_factory=dict)
    problems: dict[str, Problem] = field(default_factory=dict)
    looked: Reply | None = None
    right_before: frozenset[str] = frozenset()
    resumed: int = 0
    checked: datetime | None = None
    past: dict[str, RecordedChange] = field(default_factory=dict)
    known: dict[str, str] = field(default_factory=dict)
    search: Search | None = None
    discovered: bool = False
    requests: frozenset[str] = frozenset()
    version: int = 1
    mac: str = ""
    ended: Kind | None = None
    ended_at: datetime | None = None

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
        return (
            self.account.tenant_id if self.account else self._planned_in or self.channel.tenant_id
        )

    @property
    def _planned_in(self) -> str:
        return self.planned_by.tenant_id if self.planned_by else ""

    @property
    def undoes(self) -> str:
        return self.known.get(UNDOES, "")

    @property
    def kept(self) -> bool:
        """Return whether this check found a channel that somebody kept; any other never ends."""
        return self.kind is RunKind.CHECK and self.ended is Kind.FINISHED

    def fact(self, name: str) -> str:
        return next(
            (f.facts[name] for f in self.findings.values() if f.facts.get(name)),
            self.known.get(name, ""),
        )

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
        return (
            self.plan is not None
            and word_for(change.scope) in self.approvals
            and self.plan.shows(change)
        )


UNDOES = "undoes"
"""Name, among an undo's data of the runs before it, of the only run that it reverses."""
ENDS = frozenset({Kind.CANCELLED, Kind.FAILED, Kind.FINISHED})


class AttemptOverError(Exception):
    """Error because this process may write and change nothing more for the run."""


class LeaseLostError(AttemptOverError):
    """Error because another worker has taken over the run, or this worker's lease has expired."""


class EventsLostError(Exception):
    """Error because Redis does not have all events that this worker has seen."""


class RunEndedError(AttemptOverError):
    """Error because the run has ended."""


class RunGoneError(LookupError):
    """Error because the run never existed, was deleted, or Redis came back without its data."""


class ForeignRunError(RunGoneError):
    """Error because the first event of the run was not made by this bot."""


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
    return not run.undoes and any(
        run.findings[name].state is State.OK for name in run.past if name in run.findings
    )


def ends_consent(run: Run) -> bool:
    """Return whether an undo of the run revokes a consent, because it deletes the app."""
    made = run.changed.get("application")
    return made is not None and not made.before.values.get("object_id")


LETTERS = "23456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_id() -> str:
    return "".join(secrets.choice(LETTERS) for _ in range(6))


def new_reference() -> str:
    return f"REF-{secrets.token_hex(3).upper()}"
