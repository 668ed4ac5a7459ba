"""Check of many channels in one run. Channels of one tenant share the reads of that tenant.

The bulk check is a run whose findings are the channels' verdicts. If its worker is killed, the next
one continues with the remaining channels.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

import structlog
from redis.exceptions import RedisError

from jobs.access.tenants import TenantReader, open_reader
from jobs.checks.check import brief_for, checks_of, summarize
from jobs.clock import now
from jobs.clouds.rate_limit import ReadCache
from jobs.engine.engine import Engine
from jobs.engine.step import StepContext
from jobs.model import Channel, Finding, Person, State, Text
from jobs.runs.run import AttemptOverError, Event, Kind, LeaseLostError, Origin, Run, new_reference
from jobs.runs.run_store import CheckBuffer
from jobs.runtime import Runtime, no_listener
from jobs.storage.counters import COUNTERS, RUNS_ENDED

TENANTS_AT_ONCE, CHANNELS_AT_ONCE = 10, 4
"""Number of tenants that are checked in parallel, and number of channels of one tenant."""


SLICE_S, LONGEST_S = 300, 600
"""Seconds after which no further tenant is begun, and seconds for a further channel.

The worker then does other queued work first and continues the round later. A tenant whose channels
are split over two turns is read twice, so that is done only to stay within the job's timeout.
"""
TURN_S = 15
"""Seconds after which nothing further is begun while a run waits for this worker."""


log = structlog.get_logger(__name__)


@dataclass(slots=True)
class BulkCheck:
    runtime: Runtime
    run: Run
    holds: Callable[[], bool]
    began: float
    memo: ReadCache = field(default_factory=ReadCache)
    tenants: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(TENANTS_AT_ONCE))

    def over(self, seconds: float) -> bool:
        took = time.monotonic() - self.began
        return took > seconds or (took > TURN_S and self.runtime.shutdown.run_waits())

    async def tenant(self, name: str, channels: list[Channel]) -> None:
        async with self.tenants:
            if self.over(SLICE_S):
                return
            async with open_reader(self.runtime, name, self.memo) as seen:
                at_once = asyncio.Semaphore(CHANNELS_AT_ONCE)
                await asyncio.gather(*(self.channel(seen, each, at_once) for each in channels))
            if ended := seen.revoked_event():
                self._tell(replace(ended, data={**ended.data, "question": f"app_access:{name}"}))

    async def channel(self, seen: TenantReader, one: Channel, at_once: asyncio.Semaphore) -> None:
        """Check one channel, also after the time for starting new tenants is over.

        An error of the bot in it does not stop the others.
        """
        async with at_once:
            if self.over(LONGEST_S):
                return
            try:
                by, origin = self.run.requester, self.run.origin
                draft, _ = await checked(seen, one, by, origin, self.holds)
                found = summarize(draft.save())
            except (AttemptOverError, RedisError):
                raise
            except Exception:
                reference = new_reference()
                log.exception("check failed", mailbox=one.mailbox, reference=reference)
                words = Text("channels.failed", {"reference": reference})
                found = Finding(one.mailbox, State.UNKNOWN, seen=words)
            self._tell(Event(Kind.FOUND, now(), step=one.mailbox, finding=found))

    def _tell(self, event: Event) -> None:
        if not self.holds():
            raise LeaseLostError
        self.runtime.store.append(self.run.id, event)
        self.runtime.listener(self.run.id)


async def check_all(runtime: Runtime, run: Run, holds: Callable[[], bool]) -> int:
    """Check the channels without a verdict; return the run's version, or 0 if some are left."""
    if run.checked is not None:
        return run.version
    work = BulkCheck(runtime, run, holds, time.monotonic())
    left = by_tenant(runtime, _without_verdict(run))
    await asyncio.gather(*(work.tenant(name, channels) for name, channels in left.items()))
    if _without_verdict(runtime.store.load(run.id)):
        return 0
    runtime.store.append(run.id, Event(Kind.CHECKED, now()))
    COUNTERS.add(RUNS_ENDED, run.kind, Kind.CHECKED)
    return runtime.store.length(run.id)


def _without_verdict(run: Run) -> list[str]:
    return [mailbox for mailbox in run.brief.mailboxes if mailbox not in run.findings]


def by_tenant(runtime: Runtime, wanted: Iterable[str]) -> dict[str, list[Channel]]:
    """Return the channels grouped by tenant ID, which is empty for an unknown tenant."""
    found: dict[str, list[Channel]] = {}
    for mailbox in wanted:
        channel = runtime.channels.channel(mailbox)
        found.setdefault(channel.tenant_id.lower(), []).append(channel)
    return found


async def checked(
    seen: TenantReader, channel: Channel, by: Person, origin: Origin, holds: Callable[[], bool]
) -> tuple[CheckBuffer, StepContext]:
    """Check a channel without a run: the buffer has the findings, which are not saved."""
    store = seen.runtime.store
    brief = await asyncio.to_thread(brief_for, store, channel.mailbox)
    draft = CheckBuffer(store, channel, by, origin, brief)
    context = seen.context(draft.run, draft)
    steps, shutdown = checks_of(context.run), seen.runtime.shutdown
    await Engine(context, steps, no_listener, holds, shutdown).check()
    return draft, context
