"""Look at the channels of one tenant, with the kinds of access that need no person.

The look is the check of many channels (:mod:`jobs.checks.bulk`) without a run. It uses the facts
that everybody can see, the bot's own login as the mailbox, the read access that the tenant has
granted, and the services that the settings name. An administrator's sign-in is never used. The
channels share the reads of their tenant, and the same limits keep the pace.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog
from redis.exceptions import RedisError

from jobs.access import app_access
from jobs.access.app_access import TenantReader
from jobs.checks.bulk import CHANNELS_AT_ONCE, SLICE_S, CheckBuffer
from jobs.checks.check import brief_for, steps_of
from jobs.clock import now, parse
from jobs.clouds.calls import CallCount, count_calls
from jobs.clouds.rate_limit import ReadCache
from jobs.engine.context import StepContext
from jobs.engine.engine import Engine
from jobs.engine.inspector import wrote_within
from jobs.mail.message_trace import Trace, TraceRow
from jobs.mail.watch_mail import note_arrival, without_watch_mails
from jobs.model import RunKind
from jobs.runs.run import AttemptOverError, Origin, Run, new_reference, opening
from jobs.runtime import NoListener, Runtime
from jobs.watch.model import ChannelState, LookOutcome, Sight, WatchedChannel
from jobs.watch.outcome import Extras, outcome_of
from jobs.watch.test_mail import MailPlan, is_needed, send

UNDER_WORK = "run_under_way"
"""Reason for an unsure look while a run of the bot changes the channel."""
SETTLES_FOR = timedelta(minutes=30)
"""Time after a change by an open run in which the run itself may be the cause of a break."""
FAILED = "look_failed"
"""Reason for an unsure look that failed because of an error of the bot."""
Found = tuple[WatchedChannel, LookOutcome]
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class CloudLook:
    """Look at channels of one tenant (:class:`jobs.watch.model.Look`).

    ``holds`` returns whether this worker still has the lock of the channels' group. ``state``
    returns the state that earlier looks have left. ``mails`` says how often a test mail is sent;
    None means never.
    """

    runtime: Runtime
    holds: Callable[[], bool]
    state: Callable[[str], ChannelState]
    mails: MailPlan | None = None
    began: float = field(default_factory=time.monotonic)

    async def __call__(self, channels: tuple[WatchedChannel, ...]) -> AsyncIterator[Found]:
        done: asyncio.Queue[Found | None] = asyncio.Queue()
        work = asyncio.create_task(self._all(channels, done))
        try:
            while (found := await done.get()) is not None:
                yield found
            await work
        finally:
            work.cancel()

    async def _all(
        self, channels: tuple[WatchedChannel, ...], done: asyncio.Queue[Found | None]
    ) -> None:
        """Look at all channels, a few at a time, and put None at the end, also after an error."""
        at_once = asyncio.Semaphore(CHANNELS_AT_ONCE)
        tenant = channels[0].channel.tenant_id if channels else ""
        caches = (ReadCache(), ReadCache(), ReadCache())
        try:
            async with app_access.open_reader(self.runtime, tenant, caches) as seen:
                await asyncio.gather(*(self._one(seen, each, at_once, done) for each in channels))
        finally:
            done.put_nowait(None)

    async def _one(
        self,
        seen: TenantReader,
        watched: WatchedChannel,
        at_once: asyncio.Semaphore,
        done: asyncio.Queue[Found | None],
    ) -> None:
        """Look at one channel in this turn's time; the others follow in the next."""
        async with at_once:
            late = time.monotonic() - self.began > SLICE_S or self.runtime.shutdown.run_waits()
            if not late and self.holds() and not self.runtime.shutdown.requested():
                with count_calls() as count:
                    outcome, context = await self._outcome(seen, watched, count)
                done.put_nowait((watched, outcome))
                if context is not None:
                    await self._send_test_mail(context, watched, outcome)

    async def _outcome(
        self, seen: TenantReader, watched: WatchedChannel, count: CallCount
    ) -> tuple[LookOutcome, StepContext | None]:
        """Return the outcome, and the context if the look ended; an error stops no others."""
        try:
            return await self._looked(seen, watched, count)
        except (AttemptOverError, RedisError):
            raise
        except Exception:
            reference = new_reference()
            log.exception("look failed", mailbox=watched.mailbox, reference=reference)
            return LookOutcome(Sight.UNSURE, FAILED), None

    async def _send_test_mail(
        self, context: StepContext, watched: WatchedChannel, outcome: LookOutcome
    ) -> None:
        """Send a due test mail, unless a run goes on, which has mails of its own."""
        if self.mails is None or not self._wants_test_mail(self.mails.every, context, outcome):
            return
        if await asyncio.to_thread(self.runtime.channels.running, watched.mailbox):
            return
        try:
            await send(context, watched, self.mails)
        except (AttemptOverError, RedisError):
            raise
        except Exception:
            log.exception("test mail failed", mailbox=watched.mailbox, reference=new_reference())

    def _wants_test_mail(
        self, every: timedelta, context: StepContext, outcome: LookOutcome
    ) -> bool:
        return bool(every) and self.holds() and is_needed(context, outcome, every, now())

    async def _looked(
        self, seen: TenantReader, watched: WatchedChannel, count: CallCount
    ) -> tuple[LookOutcome, StepContext]:
        store, mailbox = self.runtime.store, watched.mailbox
        brief = await asyncio.to_thread(brief_for, store, mailbox)
        origin = Origin(watched.room, direct=watched.direct)
        draft = CheckBuffer(
            store, opening(watched.channel, watched.by, RunKind.CHECK, origin, brief)
        )
        run = draft.run
        context = seen.context(run, draft)
        trace = CountingTrace(context.trace(), mailbox)
        context.trace = lambda: trace
        engine = Engine(context, steps_of(run), NoListener(), self.holds, self.runtime.shutdown)
        await engine.check(seen.allowed)
        access = seen.granted is not None and (seen.tokens is None or seen.tokens.ended is None)
        extras = Extras(app=access, calls=count.calls, mails=trace.hours)
        return await asyncio.to_thread(self._judged, draft, watched, extras), context

    def _judged(self, draft: CheckBuffer, watched: WatchedChannel, extras: Extras) -> LookOutcome:
        """Return the outcome of a look; its findings are kept only if they say something new."""
        state = self.state(watched.mailbox)
        if arrived := parse(draft.run.fact("watch_mail_arrived")):
            note_arrival(self.runtime.store.redis, watched.mailbox, arrived)
        outcome = outcome_of(draft.run, state.eyes, extras)
        if outcome.sight is Sight.BROKEN and self._under_work(watched.mailbox):
            return LookOutcome(Sight.UNSURE, UNDER_WORK, eyes=outcome.eyes, calls=outcome.calls)
        return replace(outcome, check=_check_to_show(outcome, state.last, draft))

    def _under_work(self, mailbox: str) -> bool:
        run_id = self.runtime.channels.running(mailbox)
        return bool(run_id) and wrote_within(self.runtime.store.load(run_id), SETTLES_FOR)


def _check_to_show(outcome: LookOutcome, last: LookOutcome | None, draft: CheckBuffer) -> str:
    """Return the id of the run with the findings, or an empty string if nobody needs them.

    A look with the same result as the last one shows the findings of the last one. The findings of
    this look are kept if a break begins, changes or ends. Before the first look a channel counts as
    healthy.
    """
    before = last or LookOutcome(Sight.HEALTHY)
    if (before.sight, before.cause) == (outcome.sight, outcome.cause):
        return before.check
    return draft.save().id if Sight.BROKEN in {before.sight, outcome.sight} else ""


class CountingTrace:
    """Message trace that counts customers' mails by the hour of arrival (ISO, UTC)."""

    def __init__(self, trace: Trace, mailbox: str) -> None:
        self._trace = trace
        self._mailbox = mailbox
        self.hours: dict[str, int] = {}

    async def find(
        self, since: datetime, *, recipient: str = "", sender: str = "", subject: str = ""
    ) -> tuple[TraceRow, ...]:
        """Find mails as :meth:`jobs.mail.message_trace.Trace.find` does, and count them."""
        rows = await self._trace.find(since, recipient=recipient, sender=sender, subject=subject)
        if recipient.lower() == self._mailbox and not sender and not subject:
            found = _by_hour(without_watch_mails(rows))
            self.hours |= {hour: max(found[hour], self.hours.get(hour, 0)) for hour in found}
        return rows

    async def details(self, row: TraceRow) -> tuple[str, ...]:
        return await self._trace.details(row)


def _by_hour(rows: Iterable[TraceRow]) -> Counter[str]:
    hours = (row.received.replace(minute=0, second=0, microsecond=0) for row in rows)
    return Counter(each.isoformat() for each in hours)


def ended_by(runtime: Runtime, mailbox: str, since: datetime) -> str:
    """Return the newest setup or fix that changed the channel and ended since, or ''."""
    runs = runtime.store.runs_of_mailbox(mailbox)
    return next((run.id for run in reversed(runs) if _repaired(run, since)), "")


def _repaired(run: Run, since: datetime) -> bool:
    kinds = {RunKind.SETUP, RunKind.FIX}
    return run.kind in kinds and bool(run.changed) and (run.ended_at or since) > since
