"""Index of channels, spaces and runs: holders of mailboxes, proven channels, runs of a space."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from redis.client import Pipeline

from jobs.clock import now
from jobs.model import Channel, RunKind
from jobs.runs.run import Run
from jobs.storage import codec, keys
from jobs.storage.vault import Records

CHECK_KEPT_S = 30 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Record:
    """Proof of a connected channel: the run that proved or found it, and when it was kept."""

    run: str
    at: datetime
    channel: Channel

    @classmethod
    def of(cls, run: Run, at: datetime) -> Record:
        """Return the proof by a run, with the tenant and the delegate that it has found."""
        delegate = run.fact("delegate") or run.channel.delegate
        tenant = run.fact("tenant_id") or run.channel.tenant_id
        return cls(run.id, at, replace(run.channel, tenant_id=tenant, delegate=delegate))


class AlreadyRunningError(Exception):
    def __init__(self, run: str) -> None:
        super().__init__(run)
        self.run = run


class ChannelIndex(Records):
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

    def keep(self, record: Record, pipe: Pipeline | None = None) -> None:
        self._put(keys.channel_record(record.channel.mailbox), record, pipe or self.redis)

    def connected(self, most: int | None = None) -> tuple[Record, ...]:
        """Return every channel (at most ``most``) that was proven and is not undone, by address."""
        mailboxes = sorted(map(codec.as_text, self.redis.smembers(keys.channels())))[:most]
        return self._get_all(mailboxes, keys.channel_record, Record)

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
        found = self.redis.zunion(lists, aggregate="MAX") if lists else ()
        return tuple(map(codec.as_text, found))

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
