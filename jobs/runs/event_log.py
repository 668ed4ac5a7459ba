"""The two forms in which events of a run are kept: lines with a MAC, and entries of the trail.

The MAC also covers the run and the MAC before it. So an event counts only in its run and at its
place, and any that another client made, changed, moved or removed is found, but for the last ones
(:mod:`jobs.storage.vault`). That these are missing shows in the trail (:mod:`jobs.runs.trust`).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import takewhile
from typing import Any

import msgspec
import structlog
from redis import Redis
from redis.client import Pipeline
from redis.exceptions import ResponseError

from jobs.clock import now
from jobs.model import Channel, Person, RunKind, Text
from jobs.redact import Redactor
from jobs.runs.audit import AuditEntry
from jobs.runs.run import ENDS, Brief, Event, Kind, Origin, Problem, Run, RunGoneError
from jobs.storage import codec, keys
from jobs.storage.vault import Authenticator, mac_of

FOREIGN_EVENT = "foreign_event"
NOT_AUDITED = "approval_not_audited"
UNREADABLE_RUN = "unreadable_run"
SET_BACK = "run_set_back"
"""Cause of the problem that the audit trail has an event which the run has lost."""
UNTRUSTED = frozenset({FOREIGN_EVENT, NOT_AUDITED, UNREADABLE_RUN, SET_BACK})
CHANGES = frozenset({Kind.CHANGING, Kind.CHANGED})
NOT_AGAIN = frozenset({Kind.UNKNOWN, Kind.UNREADABLE, *ENDS})
"""Kinds of lost events that are not added again: a run ends in a transaction of its own."""
HISTORY, HISTORY_GAP = "history", "history_gap"
"""Name and cause of the problem that an event does not fit the events before it."""
log = structlog.get_logger(__name__)


class ForeignRunError(RunGoneError):
    """Error because the first event of the run was not made by this bot."""


@dataclass(frozen=True, slots=True)
class OwnEvents:
    """Events up to the first foreign one, which ``foreign`` says follows; ``mac`` is the last's."""

    events: tuple[Event, ...]
    mac: str
    foreign: bool

    def apply_to(self, run: Run) -> Run:
        """Return ``run`` with the last MAC; it has failed if a foreign event follows."""
        if not self.foreign:
            return msgspec.structs.replace(run, mac=self.mac)
        at = self.events[-1].at if self.events else run.ended_at or run.opened
        problems = {**run.problems, "run": Problem(FOREIGN_EVENT, str(run.version + 1), at)}
        run = msgspec.structs.replace(run, mac=self.mac, problems=problems, running=frozenset())
        return run if run.ended else msgspec.structs.replace(run, ended=Kind.FAILED, ended_at=at)


class EventLog:
    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator

    def chained(self, run_id: str, bodies: Iterable[bytes], previous: str = "") -> list[bytes]:
        """Return the lines for events after the one with the MAC ``previous``, empty at first."""
        lines = []
        for body in bodies:
            lines.append(self._authenticator.protect(keys.run_events(run_id), body, previous))
            previous = mac_of(lines[-1])
        return lines

    def read(self, run_id: str, lines: Sequence[bytes], previous: str = "") -> OwnEvents:
        events: list[Event] = []
        for body in self._verified(run_id, lines, previous):
            try:
                events.append(codec.load(body, Event))
            except msgspec.MsgspecError:  # by another version
                events.append(Event(Kind.UNREADABLE, events[-1].at if events else now()))
        mac = mac_of(lines[len(events) - 1]) if events else previous
        return OwnEvents(tuple(events), mac, len(events) < len(lines))

    def _verified(self, run_id: str, lines: Iterable[bytes], previous: str) -> Iterator[bytes]:
        """Yield the bodies of the lines up to the first that this bot did not make here."""
        for line in lines:
            body = self._authenticator.verify(keys.run_events(run_id), line, previous)
            if body is None:
                return
            yield body
            previous = mac_of(line)

    def last(self, run_id: str, lines: Sequence[bytes]) -> Event | None:
        """Return the event of the last of these lines, or None if this bot did not make it there."""
        before = mac_of(lines[-2]) if len(lines) > 1 else ""
        return next(iter(self.read(run_id, lines[-1:], before).events), None)

    def missing(self, run_id: str, seen: list[bytes], stored: list[bytes]) -> tuple[Event, ...]:
        """Return the events to add again because Redis has lost them since a worker has seen them.

        If others were added since, they were made without the lost ones. Then only the lost changes
        are added again, so that /cancel and /undo know them. Nothing is added after a foreign
        event.

        Raises:
            RunGoneError: when nothing of the run is stored any more.
        """
        if not stored:
            raise RunGoneError(run_id)
        known, there = (self.read(run_id, lines) for lines in (seen, stored))
        if there.foreign:
            return ()
        pairs = zip(known.events, there.events, strict=False)
        same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        lost = tuple(
            event
            for event in known.events[same:]
            if event.kind in CHANGES or (same == len(stored) and event.kind not in NOT_AGAIN)
        )
        if lost:
            told = [f"{event.kind} {event.step}".strip() for event in lost]
            log.error("Redis has lost events of the run", run=run_id, events=told)
        return lost

    def renewed(self, run_id: str, lines: Sequence[bytes]) -> list[bytes]:
        return self.chained(run_id, self._verified(run_id, lines, ""))


def lines_of(redis: Redis | Pipeline, run_id: str, first: int = 0) -> list[bytes]:
    """Return the history's lines from a place on; a value that is no list is a foreign line."""
    try:
        return _lines(redis.lrange(keys.run_events(run_id), first, -1))
    except ResponseError as error:
        return _lines(error)


def histories(redis: Redis, run_ids: Iterable[str]) -> list[list[bytes]]:
    """Return all lines of each history, in one round trip."""
    with redis.pipeline(transaction=False) as pipe:
        for run_id in run_ids:
            pipe.lrange(keys.run_events(run_id), 0, -1)
        return list(map(_lines, pipe.execute(raise_on_error=False)))


def _lines(answer: Any) -> list[bytes]:
    if not isinstance(answer, Exception):
        return list(map(codec.as_bytes, answer))
    if str(answer).startswith("WRONGTYPE"):
        return [b""]
    raise answer


def distrust(run: Run) -> Text | None:
    problem = run.problems.get("run")
    if problem is None or problem.cause not in UNTRUSTED:
        return None
    return Text(f"turn_words.{problem.cause}", {"event": problem.code})


def unreadable(run_id: str, mailbox: str, opened_at: float) -> Run:
    log.error("a run cannot be read", run=run_id, mailbox=mailbox, to_do="run doctor")
    at = datetime.fromtimestamp(opened_at, UTC)
    problems = {"run": Problem(UNREADABLE_RUN, "1", at)}
    run = Run(run_id, Channel(mailbox), Person("", ""), at, problems=problems)
    return msgspec.structs.replace(run, ended=Kind.FAILED, ended_at=at)


def doubt(run: Run) -> Text | None:
    if why := distrust(run):
        return why
    gap = run.problems.get(HISTORY)
    return Text(f"turn_words.{HISTORY_GAP}", {"event": gap.code}) if gap else None


def foreign_event(run: Run) -> int:
    problem = run.problems.get("run")
    return int(problem.code) if problem is not None and problem.cause == FOREIGN_EVENT else 0


NOT_RECORDED = frozenset(
    {Kind.RUNNING, Kind.FOUND, Kind.CHECKED, Kind.SEARCHED, Kind.SILENT, Kind.UNREADABLE}
)
"""Kinds of events that only inspect. All other kinds, including new ones, are recorded."""
BOT = "bot"
_CHANGE = ("object", "before", "after", "scope", "command", "reversible")
_REDACTOR = Redactor()


def updated(about: AuditEntry, event: Event) -> AuditEntry:
    told: AuditEntry = {}
    if event.kind is Kind.OPENED:
        room = event.origin.room if event.origin else ""
        told = {"kind": event.run_kind or RunKind.SETUP, "room": room, "asked_by": event.by}
    if event.channel is not None:
        told |= {"mailbox": event.channel.mailbox, "tenant": event.channel.tenant_id}
    if event.account is not None:
        told |= {"tenant": event.account.tenant_id, "account": event.account.upn}
    return about | {name: value for name, value in told.items() if value}


def entries_of(about: AuditEntry, events: Iterable[Event]) -> Iterator[AuditEntry]:
    for event in events:
        about = updated(about, event)
        changes = map(msgspec.to_builtins, event.changes)
        own = {
            "at": event.at.isoformat(),
            "by": event.by or BOT,
            "step": event.step,
            "data": event.data,
            "changes": [{name: each[name] for name in _CHANGE} for each in changes],
            "origin": _filled(event.origin),
            "brief": _filled(event.brief),
            "facts": event.finding.facts | event.finding.signals.texts() if event.finding else {},
            "channel": event.channel,
            "account_ids": event.account,
        }
        yield entry(str(event.kind), **about, **own)


def entry(what: str, **more: Any) -> AuditEntry:
    """Return one entry, without empty values and anything that looks like a secret."""
    whole = {"at": now().isoformat(), "by": BOT, "what": what} | msgspec.to_builtins(more)
    filled = {name: value for name, value in whole.items() if value not in ("", None, [], {})}
    clean: AuditEntry = _REDACTOR.data(filled)
    return clean


def _filled(part: Origin | Brief | None) -> dict[str, Any]:
    fields = msgspec.to_builtins(part) if part else {}
    return {name: value for name, value in fields.items() if value}
