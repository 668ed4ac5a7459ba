"""Runs in Redis: events, who works on a run, when to look again, and which run a channel belongs to.

``run:ID:events`` is the append-only list; everything else is an index that can be lost without losing a run.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice

from redis import Redis
from redis.client import Pipeline
from redis.exceptions import LockError
from redis.lock import Lock

from jobs.clock import now
from jobs.model import Channel, Person
from jobs.runs.audit import Along, Trail
from jobs.runs.audit_entries import About, entries_of, entry, recorded
from jobs.runs.run import Event, Kind, Run, RunGoneError, apply_events, fold, undid
from jobs.storage import codec, locks
from jobs.storage.due_list import DueList

LETTERS = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
LEASE_S = 12
ASKED_S = 24 * 3600
"""How long it is known which run a message or a press has begun, in seconds: longer than the same event is delivered again."""
CHECK_KEPT_S = 30 * 24 * 3600
"""How long a check's history is kept, in seconds."""
ABOUT_S = 90 * 24 * 3600
"""How long the audit trail knows what a run is about after the run's last event, in seconds."""
DUE = "runs:due"
OPEN = "runs:open"


@dataclass(frozen=True, slots=True)
class Record:
    """A channel that was proven: which run did it and when."""

    run: str
    at: datetime
    channel: Channel


class AlreadyRunningError(Exception):
    """Another run is at work on this channel. ``run`` names it."""

    def __init__(self, run: str) -> None:
        super().__init__(run)
        self.run = run


class Store:
    """All that is kept about runs. Raises redis.RedisError where Redis is away."""

    def __init__(self, redis: Redis, keys: Sequence[str] = ()) -> None:
        self.redis = redis
        self.audit = Trail(redis, keys)
        self._due = DueList(redis, DUE, LEASE_S + 1)

    def open(self, channel: Channel, requester: Person, place: dict[str, str]) -> Run:
        """Begin a run, claimed by its mailbox, or by the message or press that asked for it while the mailbox is not known (:meth:`claim`).

        Raises:
            AlreadyRunningError: there is such a run, and it has not ended.
        """
        run_id = new_id()
        self.redis.zadd(OPEN, {run_id: now().timestamp()})
        self.append(run_id, Event(Kind.OPENED, now(), by=requester.email, data=place, channel=channel, person=requester))
        try:
            self.claim(channel.mailbox or place.get("message", run_id), run_id)
        except AlreadyRunningError as busy:
            self.redis.zrem(OPEN, run_id)
            self.redis.zrem(DUE, run_id)
            self.redis.delete(f"run:{run_id}:events", f"run:{run_id}:about")
            self.audit.add(entry("not_opened", About(run_id), by=requester.email, running=busy.run))
            raise
        self.redis.zadd(f"space:{place.get('room', '')}:runs", {run_id: now().timestamp()})
        return self.load(run_id)

    def claim(self, mailbox: str, run_id: str) -> None:
        """Make this the one run of the mailbox, or of the message or press. One that died before its first event is no run.

        Raises:
            AlreadyRunningError: another run that has not ended holds it.
        """
        key = f"channel:{mailbox}:run"

        def take(pipe: Pipeline) -> None:
            holder = _text(pipe.get(key))
            if holder not in {"", run_id} and self._is_open(holder):
                raise AlreadyRunningError(holder)
            pipe.multi()
            pipe.set(key, run_id, ex=None if "@" in mailbox else ASKED_S)
            if "@" in mailbox:
                pipe.zadd(f"channel:{mailbox}:runs", {run_id: now().timestamp()}, nx=True)

        self.redis.transaction(take, key)  # of two at once the second looks again at who has it

    def append(self, run_id: str, *events: Event) -> None:
        """Add to the run's history; the events of one call land together.

        The run is due a little later, in the same transaction: whoever dies before a worker has it from the queue is made up for.

        Raises:
            RunGoneError: there is no such run, and this is not the beginning of one.
        """

        def along(pipe: Pipeline) -> None:
            push = pipe.rpush if events[0].kind is Kind.OPENED else pipe.rpushx
            push(f"run:{run_id}:events", *(codec.dump(event).decode() for event in events))
            pipe.zadd(DUE, {run_id: _later()}, lt=True)

        self._save(run_id, events, along)

    def events(self, run_id: str) -> tuple[Event, ...]:
        """The run's history, oldest first; empty where there is no such run."""
        return tuple(codec.load(raw, Event) for raw in self.redis.lrange(f"run:{run_id}:events", 0, -1))

    def load(self, run_id: str) -> Run:
        """Where the run stands.

        Raises:
            RunGoneError: there is no such run.
        """
        return fold(run_id, self.events(run_id))

    def refresh(self, run: Run) -> Run:
        """The run as it stands now; only what happened since is read."""
        return apply_events(run, (codec.load(raw, Event) for raw in self.redis.lrange(f"run:{run.id}:events", run.version, -1)))

    def length(self, run_id: str) -> int:
        """How many events the run has; it only grows, so it is the run's version."""
        return int(self.redis.llen(f"run:{run_id}:events"))

    def end(self, run: Run, event: Event) -> None:
        """Append the last event and give the channel free, all at once. A run ends once; a second end changes nothing."""
        mailbox = run.channel.mailbox
        mine = _text(self.redis.get(f"channel:{mailbox}:run")) == run.id
        undone = self.runs_of_mailbox(mailbox) if event.kind is Kind.FINISHED and undid(run) else ()

        def all_at_once(pipe: Pipeline) -> None:
            pipe.rpush(f"run:{run.id}:events", codec.dump(event))
            pipe.zrem(OPEN, run.id)
            pipe.zrem(DUE, run.id)
            if mine:
                pipe.delete(f"channel:{mailbox}:run")
            if event.kind is Kind.FINISHED and run.kind == "setup":
                record = Record(run.id, event.at, replace(run.channel, tenant_id=run.fact("tenant_id")))
                pipe.set(f"channel:{mailbox}", codec.dump(record))
                pipe.sadd(f"space:{run.place.get('room', '')}:channels", mailbox)
                pipe.sadd(f"person:{run.requester.id}:channels", mailbox)
            if undone:
                _unlist(pipe, mailbox, undone)

        self._save(run.id, (event,), all_at_once)

    def check(self, channel: Channel, requester: Person, place: dict[str, str]) -> Run:
        """Begin a check, or a round of them (``kind`` in the place); any number may run at a time, as they change nothing."""
        run_id = new_id()
        opened = Event(Kind.OPENED, now(), by=requester.email, data={"kind": "check", **place}, channel=channel, person=requester)
        self.append(run_id, opened, Event(Kind.DETAILS, now(), channel=channel))
        self.redis.expire(f"run:{run_id}:events", CHECK_KEPT_S)
        return self.load(run_id)

    def remember_check(self, mailbox: str, run_id: str) -> None:
        """This is the channel's newest check."""
        self.redis.set(f"channel:{mailbox}:check", run_id, ex=CHECK_KEPT_S)

    def last_check(self, mailbox: str) -> Run | None:
        """The channel's newest check, if there is one."""
        run_id = _text(self.redis.get(f"channel:{mailbox}:check"))
        try:
            return self.load(run_id) if run_id else None
        except RunGoneError:
            return None

    def channels(self, room: str, person: str = "") -> tuple[str, ...]:
        """The channels that were set up in a space, and by a person, by their address."""
        keys = [f"space:{room}:channels", *([f"person:{person}:channels"] if person else [])]
        return tuple(sorted(_text(raw) for raw in self.redis.sunion(keys)))

    def record(self, mailbox: str) -> Record | None:
        """The channel's proof, if it was ever proven."""
        raw = self.redis.get(f"channel:{mailbox}")
        return codec.load(raw, Record) if isinstance(raw, bytes) else None

    def connected_channels(self) -> tuple[Record, ...]:
        """Every channel that was proven and is not undone, by its address."""
        spaces = self.redis.scan_iter("space:*:channels")
        mailboxes = {_text(raw) for space in spaces for raw in self.redis.smembers(space)}
        return tuple(found for mailbox in sorted(mailboxes) if (found := self.record(mailbox)) is not None)

    def running(self, mailbox: str) -> str:
        """The run that has not ended and holds the mailbox, or the empty string."""
        holder = _text(self.redis.get(f"channel:{mailbox}:run"))
        return holder if holder and self._is_open(holder) else ""

    def runs_in_space(self, room: str, most: int = 10) -> tuple[Run, ...]:
        """Every open run of a space, then so many ended ones that there are ``most`` in all; both newest first."""
        key = f"space:{room}:runs"
        still_open = [_text(raw) for raw in reversed(self.redis.zinter({key: 1, OPEN: 0}))]
        ended = (run_id for raw in self.redis.zrevrange(key, 0, -1) if (run_id := _text(raw)) not in still_open)
        first = tuple(self._known(still_open))
        return (*first, *islice(self._known(ended), max(most - len(first), 0)))

    def count_in_space(self, room: str) -> int:
        """How many runs of a space are still known."""
        with self.redis.pipeline(transaction=False) as pipe:
            for run_id in self.redis.zrange(f"space:{room}:runs", 0, -1):
                pipe.exists(f"run:{_text(run_id)}:events")
            return sum(pipe.execute())

    def runs_of_mailbox(self, mailbox: str) -> tuple[Run, ...]:
        """Every run of the mailbox that is still known, oldest first; checks, which change nothing, are not among them."""
        return tuple(self._known(map(_text, self.redis.zrange(f"channel:{mailbox}:runs", 0, -1))))

    def schedule(self, run_id: str, when: datetime) -> None:
        """Have the run advanced at that time, by whichever worker is there then."""
        self._due.schedule(run_id, when)

    def unschedule(self, run_id: str) -> None:
        """Nothing is to be looked at by itself."""
        self._due.remove(run_id)

    def claim_due(self) -> tuple[str, ...]:
        """Runs whose time has come. Each stays on the list, for a little later: who takes it may die before it is done."""
        return self._due.claim()

    def not_changed(self, run_id: str, step: str, why: dict[str, str]) -> None:
        """Have it on record that a change did not end well, with the calls that were made all the same."""
        self.audit.add(entry("not_changed", self._about(run_id), step=step, data=why))

    def record_secret_shown(self, key_id: str, run_id: str = "") -> None:
        """Remember that somebody has seen the secret with this key id, on the one-time page of the run."""
        handed = entry("handed_over", self._about(run_id), key_id=key_id)
        self.audit.add(handed, along=lambda pipe: pipe.sadd("secrets:handed-over", key_id))

    def was_secret_shown(self, key_id: str) -> bool:
        """Whether somebody has seen the secret with this key id."""
        return bool(self.redis.sismember("secrets:handed-over", key_id))

    @contextmanager
    def lease(self, run_id: str) -> Iterator[Lease | None]:
        """The right to work on a run, for one worker at a time; None where another has it.

        The run is put on the due list meanwhile, so a worker that dies is followed by another after :data:`LEASE_S` seconds;
        where its machine lives, at once (:mod:`jobs.storage.locks`).
        """
        lock = locks.acquire(self.redis, f"run:{run_id}:lease", LEASE_S)
        if lock is None:
            yield None
            return
        try:
            yield Lease(self, run_id, lock)
        finally:
            locks.release(self.redis, lock)

    def _save(self, run_id: str, events: Sequence[Event], along: Along) -> None:
        """Do what comes along, and put into the audit trail what belongs there, all at once."""
        worth_recording = recorded(events)
        if not worth_recording:
            with self.redis.pipeline() as pipe:
                along(pipe)
                answers = pipe.execute()
        else:
            answers = self._recorded(self._about(run_id), worth_recording, along)
        if not answers[0]:
            raise RunGoneError(run_id)

    def _recorded(self, about: About, events: Sequence[Event], along: Along) -> list[object]:
        facts = list(entries_of(about, events))

        def more(pipe: Pipeline) -> None:
            along(pipe)
            pipe.set(f"run:{about.run}:about", codec.dump(facts[-1][1]), ex=ABOUT_S)

        return self.audit.add(*(each for each, _ in facts), along=more)

    def _about(self, run_id: str) -> About:
        """What the run's entries in the audit trail say about it."""
        raw = self.redis.get(f"run:{run_id}:about") if run_id else None
        return codec.load(raw, About) if isinstance(raw, bytes) else About(run_id)

    def _known(self, run_ids: Iterable[str]) -> Iterator[Run]:
        """Those of the runs that are still there: whoever runs the bot may delete one's history (docs/operations.md)."""
        for run_id in run_ids:
            with suppress(RunGoneError):
                yield self.load(run_id)

    def _is_open(self, run_id: str) -> bool:
        return self.redis.zscore(OPEN, run_id) is not None and self.length(run_id) > 0


@dataclass(slots=True)
class Lease:
    """The right to work on one run, while it is renewed."""

    store: Store
    run_id: str
    lock: Lock

    def renew(self) -> bool:
        """Keep the right for another :data:`LEASE_S` seconds; False where it was lost to another worker."""
        try:
            self.lock.reacquire()
        except LockError:
            return False
        self.store.redis.zadd(DUE, {self.run_id: _later()})
        return True


def _unlist(pipe: Pipeline, mailbox: str, runs: Sequence[Run]) -> None:
    """The channel counts as connected nowhere any more: not where one of its runs was asked for, and not for who asked."""
    pipe.delete(f"channel:{mailbox}", f"channel:{mailbox}:check")
    for run in runs:
        pipe.srem(f"space:{run.place.get('room', '')}:channels", mailbox)
        pipe.srem(f"person:{run.requester.id}:channels", mailbox)


def new_id() -> str:
    """A short id that can be read aloud."""
    return "".join(secrets.choice(LETTERS) for _ in range(6))


def _later() -> float:
    """When a run is due whose worker has not been heard of again: once its lease has run out."""
    return (now() + timedelta(seconds=LEASE_S + 1)).timestamp()


def _text(raw: object) -> str:
    return raw.decode() if isinstance(raw, bytes) else str(raw or "")
