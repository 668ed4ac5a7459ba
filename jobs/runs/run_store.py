"""Runs in Redis: their events, each saved together with its entry in the audit trail."""

import copy
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache, reduce
from typing import Self

from redis import Redis
from redis.client import Pipeline

from jobs.clock import now
from jobs.model import CHECKS, Channel, Finding, Person, RunKind, State, Text, day_of
from jobs.runs import event_log
from jobs.runs.audit import Along, AuditEntry, Trail
from jobs.runs.fold import apply_events, fold
from jobs.runs.run import (
    ENDS,
    AttemptOverError,
    Brief,
    Event,
    Kind,
    LeaseLostError,
    Origin,
    Run,
    RunEndedError,
    RunGoneError,
    new_id,
    opening,
    undid,
)
from jobs.storage import codec, keys
from jobs.storage.counters import COUNTERS, RUNS_ENDED, RUNS_OPENED
from jobs.storage.locks import DueQueue, LockKind, LockName, RenewedLock, after_lease, renewed_lock
from jobs.storage.vault import AuthenticatedStore, Authenticator, mac_of

CHECK_KEPT_S = 30 * 24 * 3600
MOST_READ = 50  # histories that a process remembers, because a card reads all runs of its mailbox
ASKED_S = 24 * 3600
"""Seconds for which a started run is remembered, longer than an event may be delivered again."""


@dataclass(frozen=True, slots=True)
class Record:
    """Proof of a connected channel: the run that proved or found it, and when it was kept."""

    run: str
    at: datetime
    channel: Channel

    @classmethod
    def of(cls, run: Run, at: datetime) -> Self:
        """Return the proof by a run, with the tenant and the delegate that it has found."""
        delegate = run.fact("delegate") or run.channel.delegate
        tenant = run.fact("tenant_id") or run.channel.tenant_id
        return cls(run.id, at, replace(run.channel, tenant_id=tenant, delegate=delegate))


@dataclass(frozen=True, slots=True)
class Accepted:
    """Cause that an approver, whose address is ``by``, has accepted: a note ``until`` a moment."""

    until: datetime
    why: str
    by: str

    def as_note(self, finding: Finding) -> Finding:
        if finding.state not in {State.WRONG, State.POSSIBLE}:
            return finding
        values = {"day": day_of(self.until), "why": self.why, "by": self.by}
        return replace(finding, state=State.WARNING, seen=Text("seen.accepted", values))


@dataclass(eq=False)
class AlreadyRunningError(Exception):
    run: str


class EventsLostError(Exception):
    """Error because Redis does not have all events that this worker has seen."""


class ChannelIndex(AuthenticatedStore):
    """Holders, records and lists of channels. Raises redis.RedisError if Redis is unreachable."""

    def holder(self, mailbox: str) -> str:
        return codec.as_text(self.redis.get(keys.channel_claim(mailbox)))

    def running(self, mailbox: str) -> str:
        """Return the open run that holds the mailbox; one that died before its first event is none."""
        holder = self.holder(mailbox)
        is_open = self.redis.zscore(keys.runs_open(), holder) is not None
        return holder if is_open and self.redis.exists(keys.run_events(holder)) else ""

    def record(self, mailbox: str) -> Record | None:
        return self._get(keys.channel_record(mailbox), Record)

    def channel(self, mailbox: str) -> Channel:
        """Return the connected channel, or one of which only the address is known."""
        record = self.record(mailbox)
        return record.channel if record else Channel(mailbox)

    def keep(self, record: Record, pipe: Pipeline | None = None) -> None:
        self._put(keys.channel_record(record.channel.mailbox), record, pipe or self.redis)

    def connected(self, most: int | None = None) -> tuple[Record, ...]:
        """Return every channel (at most ``most``) that was proven and is not undone, by address."""
        mailboxes = sorted(map(codec.as_text, self.redis.smembers(keys.channels())))[:most]
        return self._get_all(mailboxes, keys.channel_record, Record)

    def sharing_address(self, channel: Channel) -> list[str]:
        own = {channel.mailbox, channel.forwarding_address.lower()} - {""}
        others = (each.channel for each in self.connected())
        used = {each.mailbox: {each.mailbox, each.forwarding_address.lower()} for each in others}
        return [name for name in used if name != channel.mailbox and own & used[name]]

    def of_space(self, room: str, person: str = "") -> tuple[str, ...]:
        lists = [keys.space_channels(room), *([keys.person_channels(person)] if person else [])]
        return tuple(sorted(codec.as_text(raw) for raw in self.redis.sunion(lists)))

    def set_last_check(self, mailbox: str, run_id: str) -> None:
        self.redis.set(keys.channel_check(mailbox), run_id, ex=CHECK_KEPT_S)

    def open_runs(self, most: int) -> tuple[str, ...]:
        return tuple(map(codec.as_text, self.redis.zrevrange(keys.runs_open(), 0, most - 1)))

    def count_in_space(self, room: str) -> int:
        return int(self.redis.zcard(keys.space_runs(room)))

    def runs_of_mailboxes(self, *mailboxes: str) -> tuple[str, ...]:
        """Return the mailboxes' runs, oldest first; a check only if it made one a channel."""
        lists = list(map(keys.channel_runs, mailboxes))
        return tuple(map(codec.as_text, self.redis.zunion(lists, aggregate="MAX") if lists else ()))

    def add(self, pipe: Pipeline, record: Record, run: Run) -> None:
        """Make the proven channel known in the space that asked for it, and to the requester."""
        mailbox = record.channel.mailbox
        self.keep(record, pipe)
        if run.kind is RunKind.CHECK:
            # Make a check the first run of the channel that it has found.
            pipe.persist(keys.run_events(run.id))
            pipe.zadd(keys.channel_runs(mailbox), {run.id: now().timestamp()}, nx=True)
            pipe.set(keys.channel_check(mailbox), run.id, ex=CHECK_KEPT_S)
        pipe.sadd(keys.channels(), mailbox)
        pipe.sadd(keys.space_channels(run.origin.room), mailbox)
        pipe.sadd(keys.person_channels(run.requester.id), mailbox)

    def remove(self, pipe: Pipeline, mailbox: str, runs: Iterable[Run]) -> None:
        """Remove the channel from the spaces that asked for its runs, and from their requesters."""
        pipe.delete(keys.channel_record(mailbox), keys.channel_check(mailbox))
        pipe.srem(keys.channels(), mailbox)
        for run in runs:
            pipe.srem(keys.space_channels(run.origin.room), mailbox)
            pipe.srem(keys.person_channels(run.requester.id), mailbox)


class RunStore:
    """Runs in Redis. Raises redis.RedisError if Redis is unreachable."""

    def __init__(self, redis: Redis, encryption_keys: Sequence[str] = ()) -> None:
        self.redis = redis
        self.authenticator = Authenticator(encryption_keys)
        self.event_log = event_log.EventLog(self.authenticator)
        self.audit = Trail(redis, encryption_keys)
        self.channels = ChannelIndex(redis, self.authenticator)
        self.schedule = DueQueue(redis, LockKind.RUN)
        self.held_lease: RenewedLock | None = None  # of a worker that has a run (held_by)
        self._seen: dict[keys.Key, list[bytes]] = {}
        self._read = lru_cache(MOST_READ)(self._folded)

    def open(
        self,
        channel: Channel,
        requester: Person,
        origin: Origin,
        kind: RunKind = RunKind.SETUP,
        brief: Brief | None = None,
    ) -> Run:
        """Open a run, and claim its mailbox; any number may check at a time, as they change nothing.

        While the mailbox is not known, the message or button press that asked for it is claimed.

        Raises:
            AlreadyRunningError: there is such a run, and it has not ended.
        """
        run_id = new_id()
        first = opening(channel, requester, kind, origin, brief)
        if kind in CHECKS:
            self.append(run_id, first, Event(Kind.DETAILS, now(), channel=channel))
            self.redis.expire(keys.run_events(run_id), CHECK_KEPT_S)
        else:
            at = {run_id: now().timestamp()}
            self.append(run_id, first, along=lambda pipe: pipe.zadd(keys.runs_open(), at))
            try:
                self.claim(channel.mailbox or origin.message or run_id, run_id)
            except AlreadyRunningError as busy:
                with self.redis.pipeline() as pipe:
                    self.closing(run_id, "")(pipe)
                    pipe.delete(keys.run_events(run_id))
                    pipe.execute()
                self.attest("not_opened", run_id, by=requester.email, running=busy.run)
                raise
            self.redis.zadd(keys.space_runs(origin.room), at)
        COUNTERS.add(RUNS_OPENED, kind)
        return self.load(run_id)

    def claim(self, mailbox: str, run_id: str) -> None:
        """Make the run the only one of the mailbox, or of the message or button press.

        A run that was stopped by a foreign event holds nothing. A worker records the stop.

        Raises:
            AlreadyRunningError: another run holds it, and it has not ended.
        """
        key = keys.channel_claim(mailbox)

        def take(pipe: Pipeline) -> None:
            holder = self.channels.running(mailbox)
            if holder not in {"", run_id}:
                if any(not run.ended for run in self.known([holder])):
                    raise AlreadyRunningError(holder)
                self.schedule.add(holder, now())
            pipe.multi()
            pipe.set(key, run_id, ex=None if "@" in mailbox else ASKED_S)
            if "@" in mailbox:
                pipe.zadd(keys.channel_runs(mailbox), {run_id: now().timestamp()}, nx=True)

        # if two claim at the same time, the second one checks the holder again
        self.redis.transaction(take, key)

    def append(self, run_id: str, *events: Event, along: Along = lambda _: None) -> None:
        """Append events to the run's history; the events of one call are written together.

        The run also becomes due a little later, in the same transaction. So if the caller dies
        before a worker gets the job from the queue, it is picked up anyway. If ``along`` raises an
        error, nothing is written.

        Raises:
            RunGoneError: when the run does not exist, and this is not its first event.
            RunEndedError: when the run has ended, or its last event was not made by this bot.
            LeaseLostError: when another worker has the run.
        """

        def due_and_along(pipe: Pipeline) -> None:
            self.schedule.add(run_id, after_lease(), pipe, sooner=True)
            along(pipe)

        self._save(run_id, events, due_and_along)

    def events(self, run_id: str) -> tuple[Event, ...]:
        return self.event_log.read(run_id, self._lines(run_id)).events

    def load(self, run_id: str) -> Run:
        """Return the run in its present state.

        If an event was not made by this bot, the run is in the state before that event, and has
        failed (:mod:`jobs.runs.event_log`).

        Raises:
            RunGoneError: when the run does not exist.
            ForeignRunError: when its first event was not made by this bot.
        """
        return self._read(run_id, tuple(self._lines(run_id)))

    def _folded(self, run_id: str, lines: tuple[bytes, ...]) -> Run:
        found = self.event_log.read(run_id, lines)
        if found.foreign and not found.events:
            raise event_log.ForeignRunError(run_id)
        return found.apply_to(fold(run_id, found.events))

    def refresh(self, run: Run) -> Run:
        """Return the run in its present state, reading only what is new if that continues it."""
        last, *lines = self._lines(run.id, run.version - 1) or [b""]
        found = self.event_log.read(run.id, lines, run.mac)
        if mac_of(last) != run.mac or found.foreign:
            return self.load(run.id)
        return found.apply_to(apply_events(run, found.events))

    def length(self, run_id: str) -> int:
        """Return the number of events, which only grows, so it is the run's version."""
        return int(self.redis.llen(keys.run_events(run_id)))

    def end(self, run: Run, event: Event) -> bool:
        """Append the last event and release the channel, in one transaction.

        A run ends once; a second call has no effect and returns False. A finished setup records its
        channel, and so does a finished check, which has found one (:mod:`jobs.checks.check`).

        Raises:
            RunGoneError: when the run does not exist.
            LeaseLostError: when another worker has the run.
        """
        mailbox = run.channel.mailbox
        close = self.closing(run.id, mailbox)
        undone = self.runs_of_mailbox(mailbox) if event.kind is Kind.FINISHED and undid(run) else ()

        def all_at_once(pipe: Pipeline) -> None:
            close(pipe)
            if event.kind is Kind.FINISHED and run.kind in {RunKind.SETUP, RunKind.CHECK}:
                self.channels.add(pipe, Record.of(run, event.at), run)
            if undone:
                self.channels.remove(pipe, mailbox, undone)

        try:
            self._save(run.id, (event,), all_at_once)
        except RunEndedError:
            return False
        COUNTERS.add(RUNS_ENDED, run.kind, event.kind)
        return True

    def closing(self, run_id: str, mailbox: str) -> Along:
        """Return what takes a run off the lists of open and due runs, and frees its mailbox."""
        mine = self.channels.holder(mailbox) == run_id

        def close(pipe: Pipeline) -> None:
            pipe.zrem(keys.runs_open(), run_id)
            self.schedule.remove(run_id, pipe)
            if mine:
                pipe.delete(keys.channel_claim(mailbox))

        return close

    def last_check(self, mailbox: str) -> Run | None:
        return self.last_checks([mailbox])[0]

    def last_checks(self, mailboxes: Sequence[str]) -> tuple[Run | None, ...]:
        found = self.redis.mget(map(keys.channel_check, mailboxes)) if mailboxes else ()
        ids = list(map(codec.as_text, found))
        checks = {run.id: run for run in self.known(filter(None, ids))}
        return tuple(map(checks.get, ids))

    def runs_in_space(self, room: str, most: int = 10) -> tuple[Run, ...]:
        """Return every open run of a space, then ended ones up to ``most`` in all, newest first.

        One that cannot be read is a failed one. A deleted one is taken off the list of the space.
        """
        runs = keys.space_runs(room)
        still_open = self.redis.zinter({runs: 1, keys.runs_open(): 0})
        every = [*reversed(still_open), *self.redis.zrevrange(runs, 0, most - 1)]
        listed = list(dict.fromkeys(map(codec.as_text, every)))[: max(most, len(still_open))]
        found = tuple(self._named(listed, room))
        if gone := set(listed) - {run.id for run in found}:
            self.redis.zrem(runs, *gone)
            return self.runs_in_space(room, most)
        return found

    def runs_of_mailbox(self, mailbox: str) -> tuple[Run, ...]:
        known = self.known(self.channels.runs_of_mailboxes(mailbox))
        return tuple(run for run in known if run.channel.mailbox == mailbox)

    def attest(self, what: str, run_id: str, along: Along = lambda _: None, **more: object) -> None:
        """Add a fact about a run to the audit trail, and no event: another worker may have the run."""
        self.audit.add(event_log.entry(what, **self._about(run_id), **more), along=along)

    def accept(self, check: Run, cause: str, given: Accepted) -> None:
        mailbox = check.channel.mailbox
        key = keys.accepted(mailbox)
        ends = max([given.until, *(each.until for each in self.accepted(mailbox).values())])
        data = {"cause": cause, "value": given.why, "until": given.until.date().isoformat()}

        def along(pipe: Pipeline) -> None:
            pipe.hset(key, cause, self.authenticator.dump(key, given, cause))
            pipe.expireat(key, ends)

        self.attest("accepted", check.id, along, by=given.by, data=data)

    def accepted(self, mailbox: str) -> dict[str, Accepted]:
        """Return what is accepted for a channel now, by cause; a value of others does not count."""
        key, load = keys.accepted(mailbox), self.authenticator.load
        rows = {codec.as_text(cause): raw for cause, raw in self.redis.hgetall(key).items()}
        found = {cause: load(key, raw, Accepted, cause) for cause, raw in rows.items()}
        return {cause: given for cause, given in found.items() if given and given.until > now()}

    def mark_secret_shown(self, key_id: str, run_id: str = "") -> None:
        shown = keys.secrets_shown()
        self.attest("handed_over", run_id, lambda pipe: pipe.sadd(shown, key_id), key_id=key_id)

    def was_secret_shown(self, key_id: str) -> bool:
        return bool(self.redis.sismember(keys.secrets_shown(), key_id))

    def lease(self, run_id: str) -> AbstractContextManager[RenewedLock | None]:
        """Return the right to work on a run, for one worker at a time, or None if another has it.

        Each renewal makes the run due after it, so that another worker follows a dead one.
        """
        name = LockName(LockKind.RUN, run_id)
        return renewed_lock(
            self.redis, name, on_renewal=lambda: self.schedule.add(run_id, after_lease())
        )

    def held_by(self, lease: RenewedLock) -> Self:
        """Return this store for the worker with the lease, which each transaction compares.

        A worker that was stopped for longer than its lease writes nothing. The store also remembers
        the history that it reads and writes.
        """
        held = copy.copy(self)
        held.held_lease, held._seen = lease, {lease.key: []}  # noqa: SLF001  a copy of this store
        return held

    def confirm(self, run_id: str) -> None:
        """Ask Redis whether this store's worker may still change something for the run.

        The lease is renewed for its full time. The clock is read after the last answer.

        Raises:
            LeaseLostError: another worker has the run, or Redis does not confirm the lease.
            RunEndedError: the run has ended, or its last event was not made by this bot.
        """
        if self.held_lease is None or self.held_lease.renew():
            self._require_open(run_id, event_log.lines_of(self.redis, run_id, -2))
        if self.held_lease is not None and self.held_lease.lost:
            raise LeaseLostError(run_id)

    def others_at_work(self, run: Run) -> bool:
        """Return whether another run of the mailbox has a lease, so that a call may be late."""
        others = self.channels.runs_of_mailboxes(run.channel.mailbox)
        leases = [keys.run_lock(other) for other in others if other != run.id]
        return bool(leases) and bool(self.redis.exists(*leases))

    def _lines(self, run_id: str, first: int = 0) -> list[bytes]:
        return self._seen_again(run_id, event_log.lines_of(self.redis, run_id, first), first)

    def _histories(self, run_ids: Iterable[str]) -> Iterator[tuple[str, list[bytes]]]:
        every = tuple(run_ids)
        for run_id, lines in zip(every, event_log.histories(self.redis, every), strict=True):
            yield run_id, self._seen_again(run_id, lines)

    def _seen_again(self, run_id: str, lines: list[bytes], first: int = 0) -> list[bytes]:
        """Return the lines that were read from Redis, after what a failover has lost is added."""
        seen = self._seen.get(keys.run_lock(run_id))
        if seen is None:
            return lines
        if lines[: len(seen[first:])] != seen[first:]:
            with suppress(AttemptOverError, RunGoneError):
                self._save(run_id, (), lambda _: None)
            lines = event_log.lines_of(self.redis, run_id, first)
        if first <= len(seen):
            seen[first:] = lines
        return lines

    def _save(self, run_id: str, events: Sequence[Event], along: Along) -> None:
        """Write events, entries and ``along`` at once, after what a failover has lost."""
        worth = [event for event in events if event.kind not in event_log.NOT_RECORDED]
        facts = tuple(event_log.entries_of(self._about(run_id), worth)) if worth else ()
        seen = self._seen.get(keys.run_lock(run_id), [])
        before: list[bytes] = []
        lines: list[bytes] = []

        def check(pipe: Pipeline) -> None:
            opens = bool(events) and events[0].kind is Kind.OPENED
            before[:] = self._check(pipe, run_id, seen, opens=opens)
            bodies, previous = map(codec.dump, events), mac_of(before[-1]) if before else ""
            lines[:] = self.event_log.chained(run_id, bodies, previous)

        def write(pipe: Pipeline) -> None:
            pipe.rpush(keys.run_events(run_id), *lines)
            along(pipe)

        def attempt(pipe: Pipeline) -> None:
            check(pipe)
            pipe.multi()
            if lines:
                write(pipe)

        watched = (keys.run_events(run_id), *((self.held_lease.key,) if self.held_lease else ()))
        try:
            if facts:
                self.audit.add(*facts, along=write, check=check, watched=watched)
            else:
                self.redis.transaction(attempt, *watched)
        except EventsLostError:
            stored = event_log.lines_of(self.redis, run_id)
            lost, seen[:] = self.event_log.missing(run_id, seen, stored), stored
            self._save(run_id, (*lost, *events), along)
        else:
            seen[-2:] = [*before, *lines] if seen else []

    def _check(self, pipe: Pipeline, run_id: str, seen: list[bytes], *, opens: bool) -> list[bytes]:
        """Return the last lines, from the last two in ``seen`` on, unless nothing may be added."""
        if self.held_lease is not None and not self.held_lease.is_current(pipe):
            raise LeaseLostError(run_id)
        last = event_log.lines_of(pipe, run_id, max(len(seen) - 2, 0) if seen else -2)
        if last[: len(seen[-2:])] != seen[-2:]:
            raise EventsLostError
        if not last and not opens:
            raise RunGoneError(run_id)
        self._require_open(run_id, last)
        return last

    def _require_open(self, run_id: str, last: list[bytes]) -> None:
        event = self.event_log.last(run_id, last)
        if last and (event is None or event.kind in ENDS):
            raise RunEndedError(run_id)

    def _about(self, run_id: str) -> AuditEntry:
        lines = self._seen.get(keys.run_lock(run_id)) or event_log.lines_of(self.redis, run_id)
        return reduce(event_log.updated, self.event_log.read(run_id, lines).events, {"run": run_id})

    def known(self, run_ids: Iterable[str], read: Iterable[Run] = ()) -> Iterator[Run]:
        """Yield the runs that exist: a check expires, and an id may be that of an incident.

        All are read in one round trip, but for those that were ``read`` a moment ago.
        """
        every, before = tuple(run_ids), {run.id: run for run in read}
        lines = dict(self._histories(each for each in every if each not in before))
        for run_id in every:
            with suppress(RunGoneError):
                yield before.get(run_id) or self._read(run_id, tuple(lines[run_id]))

    def _named(self, run_ids: Iterable[str], room: str) -> Iterator[Run]:
        for run_id, lines in self._histories(run_ids):
            try:
                yield self._read(run_id, tuple(lines))
            except RunGoneError:
                if lines:
                    at = self.redis.zscore(keys.space_runs(room), run_id) or 0
                    told = (str(each.get("mailbox", "")) for each in self.audit.of_run(run_id))
                    yield event_log.unreadable(run_id, next(filter(None, told), ""), float(at))


class CheckBuffer(RunStore):
    """Store that keeps the events of one run in memory and passes all other calls to Redis."""

    def __init__(
        self, store: RunStore, channel: Channel, by: Person, origin: Origin, brief: Brief
    ) -> None:
        super().__init__(store.redis)
        self.audit, self.event_log = store.audit, store.event_log
        self.authenticator, self.channels = store.authenticator, store.channels
        self._id, opened = new_id(), opening(channel, by, RunKind.CHECK, origin, brief)
        self._events = [opened, Event(Kind.DETAILS, now(), channel=channel)]

    @property
    def run(self) -> Run:
        return fold(self._id, self._events)

    def append(self, run_id: str, *events: Event, along: Along = lambda _: None) -> None:
        self._events += events

    def refresh(self, run: Run) -> Run:
        """Return the check in its present state, folding only the events that ``run`` lacks."""
        return apply_events(run, self._events[run.version :])

    def save(self) -> Run:
        """Save the finished check as the newest; the bulk check's events have who asked."""
        self.append(self._id, Event(Kind.CHECKED, now()))
        lines = self.event_log.chained(self._id, map(codec.dump, self._events))
        with self.redis.pipeline() as together:
            together.rpush(keys.run_events(self._id), *lines)
            together.expire(keys.run_events(self._id), CHECK_KEPT_S)
            together.execute()
        self.channels.set_last_check(self.run.channel.mailbox, self._id)
        return self._folded(self._id, tuple(lines))
