"""A run: an append-only list of events, and what follows from them.

Nobody ever writes a run's state. Whoever has something to say (the engine, a card answer, a browser's callback)
appends an event; :mod:`jobs.runs.fold` reads the list from the start and says where the run stands. So two
writers cannot overwrite each other, a worker may die between any two events, and the history is what the audit
trail (:mod:`jobs.runs.audit`) is made of.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from jobs.clock import now
from jobs.model import Account, Change, Channel, Finding, Person, RunKind, Scope, State, Text
from jobs.runs.origin import Brief, Origin
from jobs.runs.plan import Plan, word_for


class Kind(StrEnum):
    """What an event says."""

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
    UNKNOWN = "unknown"

    @classmethod
    def _missing_(cls, value: object) -> Kind:  # noqa: ARG003  the enum module calls it so
        """What a newer version wrote and this one does not know: nothing follows from it."""
        return cls.UNKNOWN


@dataclass(frozen=True, slots=True)
class RecordedChange:
    """What the runs of a channel changed through one step, for an undo.

    ``was`` are the step's values (:class:`jobs.model.Finding`) before the first of these runs, ``before`` the same in words;
    ``left`` are the values that the last of them read back, empty where it ended before that. ``change`` is the last run's line.
    """

    step: str
    change: Change
    before: Text
    values_before: dict[str, str]
    values_after: dict[str, str]
    runs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened. ``by`` is an address, a UPN or empty for the bot; ``data`` never holds a secret.

    Only the first event of a run has ``run_kind``, ``origin`` and ``brief``.
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


@dataclass(frozen=True, slots=True)
class Reply:
    """What a person said, and when."""

    value: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong where a person was asked to do something: a cause code, and the cloud's own words."""

    cause: str
    code: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Changed:
    """A change that was begun (``done`` None) or made, what inspect had seen before it, and the values that it read back after it.

    ``since`` is the first try of one that never got to its end, where ``begun`` is the last; ``unseen`` is how often it was made
    without having been seen in force since.
    """

    changes: tuple[Change, ...]
    before: Finding
    begun: datetime
    done: datetime | None = None
    values_after: dict[str, str] = field(default_factory=dict)
    since: datetime | None = None
    unseen: int = 0

    @property
    def written(self) -> datetime:
        """When it was written; where no answer ever came, when that was first tried."""
        return self.done or self.since or self.begun


@dataclass(frozen=True, slots=True)
class Run:
    """Where a run stands.

    ``kind``, ``origin`` and ``brief`` are what it was opened with. Only the conversation understands the words of ``origin``;
    ``brief`` is made by :mod:`jobs.checks.check` and :mod:`jobs.checks.fix_context`.
    ``version`` is the number of events behind it. ``past`` and ``known`` are what an undo has of the runs before it.
    ``demanded`` are steps whose change a cloud asked for, whatever their look says; ``planned_in`` is the tenant of whom the plan was made with.
    """

    id: str
    channel: Channel
    requester: Person
    opened: datetime
    kind: RunKind = RunKind.SETUP
    origin: Origin = field(default_factory=Origin)
    brief: Brief = field(default_factory=Brief)
    detailed: bool = False
    account: Account | None = None
    signed_in: datetime | None = None
    plan: Plan | None = None
    planned_in: str = ""
    approvals: dict[Scope, Reply] = field(default_factory=dict)
    findings: dict[str, Finding] = field(default_factory=dict)
    found_at: dict[str, datetime] = field(default_factory=dict)
    waits: dict[str, int] = field(default_factory=dict)
    running: frozenset[str] = frozenset()
    changed: dict[str, Changed] = field(default_factory=dict)
    demanded: frozenset[str] = frozenset()
    answers: dict[str, Reply] = field(default_factory=dict)
    problems: dict[str, Problem] = field(default_factory=dict)
    resumed: int = 0
    checked: datetime | None = None
    past: dict[str, RecordedChange] = field(default_factory=dict)
    known: dict[str, str] = field(default_factory=dict)
    version: int = 1
    ended: Kind | None = None
    ended_at: datetime | None = None

    @property
    def required_tenant(self) -> str:
        """The only tenant that a sign-in may be of; empty as long as nothing was approved in any."""
        return self.channel.tenant_id or (self.planned_in if self.has_begun else "")

    @property
    def has_begun(self) -> bool:
        """Whether anything was approved or changed yet; before that all may be planned anew."""
        return bool(self.approvals or self.changed)

    @property
    def tenant(self) -> str:
        """The tenant that the run is about, whether somebody is signed in now or not; empty as long as nobody was."""
        return self.account.tenant_id if self.account else self.planned_in or self.channel.tenant_id

    def fact(self, name: str) -> str:
        """A value that some step found (an object id, the UPN), or the empty string."""
        return next((f.facts[name] for f in self.findings.values() if f.facts.get(name)), self.known.get(name, ""))

    def settled(self, step: str) -> bool:
        """Whether the step needs nothing more: it holds as far as can be told, or it was left out with a reason."""
        finding = self.findings.get(step)
        return finding is not None and finding.state in {State.OK, State.WARNING, State.POSSIBLE, State.SKIPPED}

    def answer(self, question: str) -> str:
        """What a person answered, or the empty string."""
        return self.answers[question].value if question in self.answers else ""

    def change_applied(self, step: str) -> bool:
        """Whether this run has made the step's change."""
        return step in self.changed and self.changed[step].done is not None

    def approved(self, change: Change) -> bool:
        """Whether the plan in force shows this change and somebody approved its scope."""
        return self.plan is not None and word_for(change.scope) in self.approvals and self.plan.shows(change)


class RunGoneError(LookupError):
    """There is no such run: there never was, it was deleted, or Redis came back without its data."""


def opening(channel: Channel, requester: Person, kind: RunKind, origin: Origin, brief: Brief | None = None) -> Event:
    """The first event of a run."""
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
    """Whether an undo has put anything back, so that the channel is no longer what it was."""
    return any(run.findings[name].state is State.OK for name in run.past if name in run.findings)
