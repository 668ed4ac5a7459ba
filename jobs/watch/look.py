"""Look at the channels of one tenant, with the kinds of access that need no person.

The look is the check of many channels (:mod:`jobs.checks.bulk`) without a run. The channels share
the reads of their tenant, and the same limits keep the pace.

Each test mail of the watch becomes a task that an agent gets. So none is sent if a customer's mail
has just gone the whole way, if nothing could follow it, or if the channel is known to be broken.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog
from redis import Redis
from redis.exceptions import RedisError

from jobs.access.tenants import TenantReader, open_reader
from jobs.causes.cause import Cause
from jobs.checks.bulk import CHANNELS_AT_ONCE, SLICE_S, checked
from jobs.checks.check import findings_of, name_changers, repaired, verdict_of
from jobs.checks.reading import COUNTED, signals_of
from jobs.checks.verdict import Verdict
from jobs.clock import now, parse
from jobs.clouds.errors import CloudError
from jobs.clouds.rate_limit import ReadCache
from jobs.engine.findings import UNSEEN, wrote_within
from jobs.engine.step import StepContext
from jobs.mail import watch_mail
from jobs.mail.message_trace import Trace, TraceRow
from jobs.mail.smtp_login import OutgoingMail, send_test_mail
from jobs.model import Finding, Reason, RunKind, State, Turn
from jobs.runs.run import AttemptOverError, Origin, Run, new_reference
from jobs.runs.run_store import CheckBuffer
from jobs.runtime import Runtime
from jobs.settings import Settings
from jobs.steps.proof import sends_it
from jobs.watch import model
from jobs.watch.model import ChannelState, Damage, Eye, Found, LookOutcome, Sight, WatchedChannel

SETTLES_FOR = timedelta(minutes=30)
"""Time after a change by an open run in which the run itself may be the cause of a break."""
Findings = Mapping[str, Finding]
MailText = Callable[[WatchedChannel], tuple[str, str]]
"""Function that returns the subject and the body of a channel's test mail."""
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class CloudLook:
    """``holds`` returns whether this worker still has the lock of the channels' group.

    ``state`` returns what earlier looks have left. ``mail_every`` is how often a test mail is sent,
    at least an hour, or zero for never.
    """

    runtime: Runtime
    holds: Callable[[], bool]
    state: Callable[[str], ChannelState]
    mail_every: timedelta
    mail_text: MailText
    began: float = field(default_factory=time.monotonic)

    async def __call__(self, channels: tuple[WatchedChannel, ...]) -> AsyncIterator[Found]:
        at_once = asyncio.Semaphore(CHANNELS_AT_ONCE)
        tenant = channels[0].channel.tenant_id if channels else ""
        async with open_reader(self.runtime, tenant, ReadCache()) as seen:
            work = [asyncio.create_task(self._one(seen, each, at_once)) for each in channels]
            try:
                for each in asyncio.as_completed(work):
                    if (found := await each) is not None:
                        yield found
            finally:
                for task in work:
                    task.cancel()

    async def _one(
        self, seen: TenantReader, watched: WatchedChannel, at_once: asyncio.Semaphore
    ) -> Found | None:
        async with at_once:
            late = time.monotonic() - self.began > SLICE_S or self.runtime.shutdown.run_waits()
            if late or not self.holds() or self.runtime.shutdown.requested():
                return None
            outcome = LookOutcome(Sight.UNSURE, model.FAILED)
            try:
                outcome, context = await self._looked(seen, watched)
                mail_is_due = self.holds() and needs_mail(context, outcome, self.mail_every, now())
                running = self.runtime.channels.running
                if mail_is_due and not await asyncio.to_thread(running, watched.mailbox):
                    await send_watch_mail(context, watched, self.mail_every, self.mail_text)
            except (AttemptOverError, RedisError):
                raise
            except Exception:
                log.exception("look failed", mailbox=watched.mailbox, reference=new_reference())
            return watched, outcome

    async def _looked(
        self, seen: TenantReader, watched: WatchedChannel
    ) -> tuple[LookOutcome, StepContext]:
        mailbox, origin = watched.mailbox, Origin(watched.room, direct=watched.direct)
        trace = CountingTrace(seen.trace, mailbox)
        reader = replace(seen, trace=trace)
        draft, context = await checked(reader, watched.channel, watched.by, origin, self.holds)
        state = await asyncio.to_thread(self.state, mailbox)
        known = state.last is not None and state.last.sight is Sight.BROKEN
        if not known or state.suspicion is not None:  # later looks show what the first ones read
            await name_changers(context)
        access = seen.granted is not None and seen.tokens.ended is None
        outcome = outcome_of(draft.run, state.eyes, app=access, mails=trace.hours)
        return await asyncio.to_thread(self._judged, draft, state, outcome), context

    def _judged(self, draft: CheckBuffer, state: ChannelState, outcome: LookOutcome) -> LookOutcome:
        mailbox, broken = draft.run.channel.mailbox, outcome.sight is Sight.BROKEN
        if arrived := parse(draft.run.fact("watch_mail_arrived")):
            watch_mail.note_arrival(self.runtime.store.redis, mailbox, arrived)
        # a run whose history is not of this bot may hold the mailbox, but changes nothing
        runs = self.runtime.store.known([self.runtime.channels.running(mailbox)] if broken else [])
        if any(wrote_within(run, SETTLES_FOR) for run in runs):
            return LookOutcome(Sight.UNSURE, model.UNDER_WORK, eyes=outcome.eyes)
        # the findings are kept if a break begins, changes or ends; the same are shown further on
        before, check = state.last or LookOutcome(Sight.HEALTHY), ""
        if (before.sight, before.cause) == (outcome.sight, outcome.cause):
            check = before.check
        elif Sight.BROKEN in {before.sight, outcome.sight}:
            check = draft.save().id
        return replace(outcome, check=check)


class CountingTrace(Trace):
    """Message trace that counts customers' mails by the hour of arrival (ISO, UTC)."""

    def __init__(self, trace: Trace, mailbox: str) -> None:
        self._trace = trace
        self._mailbox = mailbox
        self.hours: dict[str, int] = {}

    async def find(self, since: datetime, **sought: str) -> tuple[TraceRow, ...]:
        """Find mails as :meth:`jobs.mail.message_trace.Trace.find` does, and count them."""
        rows = await self._trace.find(since, **sought)
        if sought == {"recipient": self._mailbox}:
            customers = (each.received for each in watch_mail.without_watch_mails(rows))
            hours = (each.replace(minute=0, second=0, microsecond=0) for each in customers)
            found = Counter(each.isoformat() for each in hours)
            self.hours |= {hour: max(found[hour], self.hours.get(hour, 0)) for hour in found}
        return rows

    async def details(self, row: TraceRow) -> tuple[str, ...]:
        return await self._trace.details(row)


def ended_by(runtime: Runtime, mailbox: str, since: datetime) -> str:
    """Return the newest setup or fix that repaired the channel and did not end before, or ''."""
    runs, kinds = runtime.store.runs_of_mailbox(mailbox), {RunKind.SETUP, RunKind.FIX}
    changed = (run for run in reversed(runs) if run.kind in kinds and repaired(run))
    return next((run.id for run in changed if not run.ended_at or run.ended_at > since), "")


def needs_mail(ctx: StepContext, outcome: LookOutcome, every: timedelta, at: datetime) -> bool:
    """Return whether a mail would show what the look leaves open: the whole way."""
    is_open = outcome.sight is Sight.HEALTHY or outcome.is_of_test_mail
    reads_tasks = ctx.run.state_of("agent_tasks") in {State.OK, State.SKIPPED}
    has_tasks = bool(ctx.settings.contact_center_url) and reads_tasks
    may = sends_it(ctx) and is_open and (Eye.APP in outcome.eyes or has_tasks)
    return bool(every) and may and not _is_proven(ctx, at - every)


def _is_proven(ctx: StepContext, since: datetime) -> bool:
    """Return whether a mail has gone the whole way since: a task shows all of it, a copy most."""
    copies_do = ctx.run.state_of("mail_to_task") is State.OK or not ctx.settings.contact_center_url
    steps = ("agent_tasks", "copies") if copies_do else ("agent_tasks",)
    good = (ctx.run.findings[name] for name in steps if ctx.run.state_of(name) is State.OK)
    return any(each.signals.at is not None and each.signals.at > since for each in good)


async def send_watch_mail(
    ctx: StepContext, watched: WatchedChannel, every: timedelta, text_for: MailText
) -> None:
    """Send a test mail, unless one was sent in this time.

    A server that refuses it is not asked again before, and says nothing about the channel.
    """
    redis, mailbox = ctx.store.redis, watched.mailbox
    if await asyncio.to_thread(watch_mail.claim, redis, mailbox, every):
        await deliver(ctx.settings, redis, mailbox, *text_for(watched))


async def deliver(
    settings: Settings, redis: Redis, mailbox: str, subject: str, body: str
) -> watch_mail.WatchMail:
    """Send a test mail and keep the result; ``refused`` names the cause if no server took it."""
    mail, sender = watch_mail.new_mail(now()), settings.probe_from
    await asyncio.to_thread(watch_mail.save, redis, mailbox, mail)
    subject, message_id = f"{mail.subject} {subject}", mail.message_id(sender)
    headers = ((watch_mail.HEADER, mail.id), watch_mail.NO_REPLY)
    outgoing = OutgoingMail(sender, mailbox, subject, body, message_id, headers)
    try:
        await send_test_mail(settings.probe_smtp_url, outgoing)
    except CloudError as error:
        log.warning("test mail not sent", mailbox=mailbox, cause=error.cause)
        result = replace(mail, refused=error.cause or Cause.SMTP_REFUSED)
    else:
        result = replace(mail, sent=now())
    await asyncio.to_thread(watch_mail.save, redis, mailbox, result)
    return result


EYES = {
    Eye.LOGIN: ("smtp_login", Cause.SIGN_IN_MISSING, Turn.MAILBOX_USER),
    Eye.APP: ("", Cause.APP_ACCESS_WITHDRAWN, Turn.ADMINISTRATOR),
    Eye.CONNECT: ("connect_changes", Cause.WEBEX_KEY_REFUSED, Turn.OPERATOR),
    Eye.TASKS: ("agent_tasks", Cause.WEBEX_KEY_REFUSED, Turn.OPERATOR),
}
"""For each kind of access: a step that is read with it, or ''; why it ended; who gives it."""
_READ = frozenset({State.OK, State.WRONG, State.WARNING, State.WAITING})
_MOST_UNKNOWN = 0.5
"""Largest share of findings without an answer with which a look still counts."""


def outcome_of(
    run: Run, had: Iterable[Eye] = (), *, app: bool = False, mails: Mapping[str, int] | None = None
) -> LookOutcome:
    """Return the outcome of a look; one without an access that the watch ``had`` is not healthy.

    ``app`` is whether the tenant's read access worked, and ``mails`` the arrived mails by hour.
    """
    verdict = verdict_of(run)
    eyes = tuple(eye for eye in Eye if _has(eye, verdict.weighed, app=app))
    unseen = _unseen(verdict.weighed)
    known = LookOutcome(Sight.HEALTHY, unseen=unseen, eyes=eyes, mails=dict(mails or {}))
    if verdict.causes:
        return _broken(run, verdict, known)
    read = [each for each in findings_of(run).values() if each.state is not State.SKIPPED]
    unknown = list(filter(_is_for_the_moment, read))
    if len(unknown) > len(read) * _MOST_UNKNOWN:
        cause = unknown[0].cause or Cause.SERVICE_UNAVAILABLE
        return replace(known, sight=Sight.UNSURE, cause=cause)
    lost = next((eye for eye in had if eye not in eyes), None)
    return known if lost is None else _without(lost, verdict.weighed, known)


def _unseen(weighed: Findings) -> tuple[str, ...]:
    """Return the steps that the look could not read.

    A test mail is not missed if other mail went on, so an incident that only a test mail has seen
    can end without another one.
    """
    not_missed = "watch_mail" if weighed.get("copies", UNSEEN).state is State.OK else ""
    unread = (name for name, each in weighed.items() if each.state not in _READ)
    return tuple(name for name in unread if name != not_missed)


def _broken(run: Run, verdict: Verdict, known: LookOutcome) -> LookOutcome:
    """Return the outcome of a look that saw a cause.

    A cause for the bot's operator lies with the bot's own place, so the watch only cannot look.
    """
    name = verdict.causes[0]
    finding = verdict.weighed[name]
    cause, turn = finding.cause or name, verdict.turn
    if turn is Turn.OPERATOR:
        return replace(known, sight=Sight.CANNOT_LOOK, cause=cause, turn=turn)
    button = verdict.fix_button(run, whole=True)
    return replace(
        known,
        sight=Sight.BROKEN,
        cause=cause,
        since=verdict.since,
        step=name,
        station=verdict.stops,
        turn=turn,
        fix=button[0] if button else "",
        damage=damage_of(verdict.weighed),
        changed=next(iter(finding.signals.changes), None),
    )


def damage_of(found: Findings) -> Damage:
    late = [each for name in COUNTED if (each := signals_of(found, name)).missed]
    ends = (signals_of(found, name) for name in ("arrivals", "answers"))
    bounced = [each for each in ends if each.failed]
    times = [each.missed_since or each.since for each in late]
    times += [each.since for each in bounced]
    missed = max((each.missed for each in late), default=0)
    returned = min(sum(each.failed for each in late), missed)  # the senders of failed copies know
    return Damage(
        late=missed - returned,
        bounced=sum(each.failed for each in bounced) + returned,
        since=min(filter(None, times), default=None),
    )


def _has(eye: Eye, weighed: Findings, *, app: bool) -> bool:
    if eye is Eye.APP:
        return app
    # a refused login may be the bot's alone, and suspect changes are read from the log
    read = _READ if eye is Eye.LOGIN else _READ | {State.POSSIBLE}
    return weighed.get(EYES[eye][0], UNSEEN).state in read


def _without(eye: Eye, weighed: Findings, known: LookOutcome) -> LookOutcome:
    step, lost, turn = EYES[eye]
    own = weighed.get(step, UNSEEN)
    if _is_for_the_moment(own):
        return replace(known, sight=Sight.UNSURE, cause=own.cause)
    return replace(known, sight=Sight.CANNOT_LOOK, cause=own.cause or lost, turn=turn)


def _is_for_the_moment(finding: Finding) -> bool:
    if finding.state is State.UNKNOWN:
        return finding.waiting_for is Turn.TIME
    return finding.reason is Reason.LOG_AWAY
