"""Retention: removes runs, cards and audit entries that are too old, a slice at a time.

A run is removed if it ended long enough ago and nothing needs it. A recorded channel needs all its
runs, because ``/undo`` restores the values that they recorded. So does a mailbox with a run that is
going on, or with changes that were not undone.
"""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import islice, takewhile

import structlog
from redis.client import Pipeline

from jobs.clock import now, paced
from jobs.runs.audit import SLICE
from jobs.runs.event_log import lines_of
from jobs.runs.run import Kind, Run, RunGoneError, undid
from jobs.runs.run_store import RunStore
from jobs.storage import keys

EVERY_S = paced(60)
KEYS_AT_ONCE = 200
PASS = timedelta(days=1)
ORPHAN_S = 24 * 3600
ENDLESS = -1
"""Redis's time to live of a key that does not expire."""
log = structlog.get_logger(__name__)


class Retention:
    def __init__(self, store: RunStore, run_days: int, audit_days: int) -> None:
        self._store = store
        self._redis = store.redis
        self._run_age = timedelta(days=run_days)
        self._audit_age = timedelta(days=audit_days)
        self._left: Iterator[str] = iter(())
        self._passed: datetime | None = None
        self._verified: datetime | None = None
        self._reported = 0

    def __call__(self) -> None:
        """Look at some runs, and once a day at the audit trail.

        Old entries go by midnight, so that one entry a day says so. The clock may be set back.
        """
        seen = list(islice(self._left, KEYS_AT_ONCE))
        if not seen and (self._passed is None or abs(now() - self._passed) >= PASS):
            self._left = self._one_pass()
            list(islice(self._left, KEYS_AT_ONCE))  # each run is looked at as it is taken
        moment, trail = now(), self._store.audit
        if self._verified is not None and abs(moment - self._verified) < PASS:
            return
        trail.look()
        found = trail.verify()
        if found.broken_at not in {0, self._reported}:  # once for each such entry
            log.error("audit trail is broken", entry=found.broken_at, why=found.why)
        self._reported = found.broken_at
        if not found.broken_at:
            midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
            while trail.clear(midnight - self._audit_age) == SLICE:
                pass
        self._verified = moment

    def _one_pass(self) -> Iterator[str]:
        for raw in self._redis.scan_iter(keys.run_events("*"), count=KEYS_AT_ONCE):
            self._keep_run(run_id := keys.owner(raw, keys.run_events("*")))
            yield run_id
        for raw in self._redis.scan_iter(keys.cards("*"), count=KEYS_AT_ONCE):
            run_id = keys.owner(raw, keys.cards("*"))
            left = self._redis.ttl(keys.run_events(run_id))
            if left != ENDLESS:  # the run expires by itself, or is gone
                self._redis.expire(raw, max(left, ORPHAN_S), nx=True)
            yield run_id
        self._passed = now()  # a pass that an error of Redis has ended begins again

    def _keep_run(self, run_id: str) -> None:
        # one that this bot did not make is left for the operator to look at
        last = self._store.event_log.last(run_id, lines_of(self._redis, run_id, -2))
        expires = self._redis.ttl(keys.run_events(run_id)) != ENDLESS
        if expires or last is None or last.at >= now() - self._run_age:
            return
        with suppress(RunGoneError):
            run = self._store.load(run_id)
            runs = self._store.runs_of_mailbox(run.channel.mailbox) if run.channel.mailbox else ()
            mailboxes = run_id in {each.id for each in runs}
            for each in self._unneeded(run.channel.mailbox, runs if mailboxes else (run,)):
                self._remove(each)

    def _unneeded(self, mailbox: str, runs: tuple[Run, ...]) -> list[Run]:
        """Return the runs that may go, oldest first; an undo stays as long as what it undid."""
        channels = self._store.channels
        if mailbox and (channels.record(mailbox) is not None or channels.running(mailbox)):
            return []
        ends = (n for n, run in enumerate(runs) if run.ended is Kind.FINISHED and undid(run))
        undone, before = max(ends, default=-1), now() - self._run_age
        old = list(takewhile(lambda run: run.ended_at is not None and run.ended_at < before, runs))
        needed = (n for n, run in enumerate(old) if run.changed and n > undone)
        return old[: next(needed, len(old))]

    def _remove(self, run: Run) -> None:
        """Remove a run with its cards and places in the indexes, unless it just got an event."""

        def attempt(pipe: Pipeline) -> None:
            same = pipe.llen(keys.run_events(run.id)) == run.version
            pipe.multi()
            if same:
                pipe.delete(keys.run_events(run.id), keys.cards(run.id))
                pipe.zrem(keys.space_runs(run.origin.room), run.id)
                pipe.zrem(keys.channel_runs(run.channel.mailbox), run.id)

        self._redis.transaction(attempt, keys.run_events(run.id))
        log.info("run removed", run=run.id, kind=str(run.kind), ended=str(run.ended_at))
