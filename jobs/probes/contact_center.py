"""Contact center's view of the mailbox, and the changes in Webex Connect before mail stopped.

What the token may not read is skipped, because it says nothing about the channel.
"""

import asyncio
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import takewhile

from jobs.causes.cause import Cause
from jobs.channel.mailbox import copies_since
from jobs.clock import now
from jobs.clouds.clock_skew import MICROSOFT, WEBEX, now_at
from jobs.clouds.errors import CloudError, if_answered
from jobs.contact_center import services
from jobs.contact_center.routing import ContactCenter, Routing
from jobs.engine.step import Diagnosis, Probe, StepContext
from jobs.mail.message_trace import LARGEST, TraceRow
from jobs.mail.watch_mail import without_watch_mails
from jobs.model import Evidence, Finding, Reason, Signals, State, Text, Turn, second_of

BACK = timedelta(hours=48)
"""Age of the oldest mail and task that a check reads."""
OTHERS = frozenset({"CHAT", "SOCIAL_CHANNEL", "TELEPHONY"})
"""Channel types of queues that take no email."""
SLACK = timedelta(seconds=5)
"""Largest expected difference between the two clouds' clocks."""
GRACE = timedelta(minutes=3)
"""Time that a mail may take from Webex Connect to a task (platforms/connect.md 4.1)."""


class Configured(Probe):
    """Probe that asks nothing before it is configured."""

    without: Mapping[str, str]
    """Texts on why nothing was asked, by the setting that is empty."""

    async def inspect(self, ctx: StepContext) -> Finding:
        for setting, why in self.without.items():
            if not getattr(ctx.settings, setting):
                return self.skipped(Text(f"skipped.{why}"))
        return await self.look(ctx)

    @abstractmethod
    async def look(self, ctx: StepContext) -> Finding:
        """Inspect the fact, as :meth:`jobs.engine.step.Step.inspect` does."""


class AgentTasks(Configured, row="agent_tasks"):
    """Probe for the newest email task of the mailbox (platforms/connect.md 3.1)."""

    async def look(self, ctx: StepContext) -> Finding:
        """Read the tasks with a token; no task says nothing, as perhaps no mail was sent."""
        mine = await own_tasks(ctx)
        if not mine:
            nameless = any(task.names_nobody for task in (await read_tasks(ctx)).rows)
            return self.skipped(Text("skipped.task_of_whom" if nameless else "skipped.no_task"))
        newest = mine[0].created
        words = {"at": second_of(newest), "count": str(len(mine))}
        return self.ok(Text("seen.task", words), signals=Signals(at=newest))


class MailToTask(Configured, row="mail_to_task"):
    """Probe that checks whether the newest mail handed to Webex Connect has become a task.

    Mail that creates no task by design is left out: mail from the mailbox itself, and mail above 25
    MB (platforms/connect.md 1.7).
    """

    async def look(self, ctx: StepContext) -> Finding:
        """Compare trace and tasks; a later task of mailbox or sender proves the path."""
        handed, made = await _handed(ctx)
        # newer than any mail with a task
        left = list(takewhile(lambda row: not made(row), handed))
        if not handed:
            return self.skipped(Text("skipped.no_mail"))
        if not left:
            return self.ok(Text("seen.mail_to_task", {"at": second_of(handed[0].received)}))
        since, at = left[-1].received, {"at": second_of(left[0].received)}
        if now_at(MICROSOFT) - since < GRACE:
            return self.skipped(Text("skipped.too_fresh", {"at": second_of(since)}))
        missed = Signals(since=since, missed=len(left))
        return self.wrong(Text("seen.no_task", at), cause=Cause.NO_TASK, signals=missed)


class FlowTemplate(Configured, row="flow_template"):
    """Probe for the pattern: exactly the mails without a subject made no task (connect.md 1.7)."""

    async def look(self, ctx: StepContext) -> Finding:
        """Compare each mail with the tasks of the minutes after it.

        If a later mail made a task, the loss is only a warning, because mail flows.
        """
        fresh_too, made = await _handed(ctx)
        handed = [row for row in fresh_too if row.received < now_at(MICROSOFT) - GRACE]
        lost = [row for row in handed if not any(at <= row.received + GRACE for at in made(row))]
        if len(lost) == len(handed):
            return self.skipped(Text("skipped.flow_template"))
        if not lost or any((row in lost) is bool(row.subject.strip()) for row in handed):
            return self.ok()
        values = {"count": str(len(lost)), "at": second_of(lost[0].received)}
        seen = Text("seen.flow_template", values)
        signals = Signals(since=lost[-1].received, missed=len(lost))
        found = self.wrong(seen, cause=Cause.FLOW_TEMPLATE_OLD, signals=signals)
        return found if handed[0] in lost else replace(found, state=State.WARNING)


class EmailEntryPoint(Configured, row="entry_point"):
    """Probe for an active Email entry point whose ``assetId`` is the app (connect.md 3.2)."""

    async def look(self, ctx: StepContext) -> Finding:
        found = [point for point in await _entry_points(ctx) if point.asset != ""]
        if not found:
            return self.wrong(Text("seen.no_entry_point"), cause=Cause.ENTRY_POINT_MISSING)
        most = found[0].most if len(found) == 1 else 0
        taken = sum(task.is_open for task in await own_tasks(ctx)) if most else 0
        if 0 < most <= taken:
            full = {"name": found[0].name, "count": str(taken), "most": str(most)}
            return self.wrong(Text("seen.queue_full", full), cause=Cause.CONTACT_LIMIT_REACHED)
        shown = (f"{each.name} ({each.asset})" if each.asset else each.name for each in found)
        names = {"names": ", ".join(shown)}
        if not any(point.active for point in found):
            seen = Text("seen.entry_points_off", names)
            return self.wrong(seen, cause=Cause.ENTRY_POINT_INACTIVE)
        return self.ok(Text("seen.entry_points", names))


async def _handed(ctx: StepContext) -> tuple[list[TraceRow], Callable[[TraceRow], list[datetime]]]:
    """Return the copies that should become tasks, and when the tasks that may be one's were made."""
    mailbox = ctx.channel.mailbox
    reading = copies_since(ctx, now() - BACK)
    copies, tasks, app = await asyncio.gather(reading, read_tasks(ctx), only_app(ctx))

    def made(row: TraceRow) -> list[datetime]:
        of_mail = (row.sender, row.received - SLACK, mailbox, app)
        return [task.created for task in tasks.rows if task.came_of(*of_mail)]

    taken = (row for row in without_watch_mails(copies) if row.went_on and row.size <= LARGEST)
    of_others = (row for row in taken if row.sender.lower() != mailbox)
    return [row for row in of_others if row.received >= tasks.since], made


async def read_tasks(ctx: StepContext) -> services.Tasks:
    """Return the email tasks of the last days; CloudError if they cannot be read."""
    return await ctx.memo.read("tasks", lambda: services.email_tasks(ctx.settings, now() - BACK))


async def own_tasks(ctx: StepContext) -> list[services.Task]:
    """Return the mailbox's tasks, newest first; CloudError as for :func:`read_tasks`."""
    tasks, app = await asyncio.gather(read_tasks(ctx), only_app(ctx))
    return [task for task in tasks.rows if task.is_for(ctx.channel.mailbox, app)]


async def _entry_points(ctx: StepContext) -> tuple[services.EntryPoint, ...]:
    return await ctx.memo.read("entry points", lambda: services.email_entry_points(ctx.settings))


async def only_app(ctx: StepContext) -> str:
    """Return the app of the only email entry point, or '' if that is not readable."""
    if not ctx.settings.contact_center_org:
        return ""
    points = await if_answered(_entry_points(ctx)) or ()
    return (points[0].asset or "") if len(points) == 1 else ""


class AssetWorkload(MailToTask, row="asset_workload"):
    """Probe of the asset's workload, which no API shows, but a task proves.

    Since August 2026 an email asset serves Webex Connect or Webex Contact Center, and not both
    (platforms/connect.md 1.9).
    """

    async def look(self, ctx: StepContext) -> Finding:
        found = await super().look(ctx)
        if found.state is not State.WRONG:
            return found
        seen = Text("seen.asset_workload")
        return self.possible(seen, cause=Cause.ASSET_OF_OTHER_WORKLOAD, signals=found.signals)


WAITS_LONG = timedelta(minutes=15)
"""Time after which it means something that no agent has accepted a task."""


class ContactQueue(Configured, row="contact_queue"):
    """Probe for a queue of the channel that is active and serves somebody.

    It is that of the mailbox's newest task. Before there is one, every queue for the channel type
    may be it, and only a problem that all of them have counts.
    """

    async def look(self, ctx: StepContext) -> Finding:
        routings = await _routings(ctx)
        if routings is None:
            return self.skipped(Text("skipped.queue_unseen"))
        newest = next(iter(await own_tasks(ctx)), None)
        lost = newest is not None and newest.waits and newest.queue == ""
        if not routings or (lost and newest and now_at(WEBEX) - newest.created > GRACE):
            return self.wrong(Text("seen.no_queue"), cause=Cause.QUEUE_GONE)
        tasks = await read_tasks(ctx)
        found = [self._judged(each, tasks) for each in routings]
        return next((each for each in found if each.state is State.OK), found[0])

    def _judged(self, routing: Routing, tasks: services.Tasks) -> Finding:
        queue = routing.queue
        name, served = {"name": queue.name}, queue.by_skill or queue.agents
        if queue.channel in OTHERS:
            return self.wrong(Text("seen.queue_channel", name), cause=Cause.QUEUE_OF_OTHER_CHANNEL)
        if not queue.active:
            return self.wrong(Text("seen.queue_off", name), cause=Cause.QUEUE_INACTIVE)
        if not served and routing.teams is not None and not routing.teams:
            return self.wrong(Text("seen.queue_no_team", name), cause=Cause.QUEUE_WITHOUT_TEAMS)
        taken = sum(task.is_open and task.queue == queue.id for task in tasks.rows)
        if queue.most and taken >= queue.most:
            full = name | {"count": str(taken), "most": str(queue.most)}
            return self.wrong(Text("seen.queue_full", full), cause=Cause.CONTACT_LIMIT_REACHED)
        return self.ok(Text("seen.queue", name))


class QueueAgents(Configured, row="queue_agents"):
    """Probe for an agent of the queue who may get a task of the channel."""

    async def look(self, ctx: StepContext) -> Finding:
        found = [self._judged(each) for each in await _routings(ctx) or ()]
        by_state = {each.state: each for each in reversed(found)}
        unseen = self.skipped(Text("skipped.agents_unseen"))
        return by_state.get(State.OK) or by_state.get(State.SKIPPED) or (found or [unseen])[0]

    def _judged(self, routing: Routing) -> Finding:
        if routing.skilled is False:
            return self.wrong(Text("seen.no_skill"), cause=Cause.SKILL_MISSING)
        enabled = [agent for agent in routing.agents if agent.enabled]
        count = {"count": str(len(enabled)), "all": str(len(routing.agents))}
        if any(agent.most for agent in enabled):
            return self.ok(Text("seen.agents", count))
        if not routing.whole or any(agent.most is None for agent in enabled):
            return self.skipped(Text("skipped.agents_unseen"))
        if not enabled:
            return self.wrong(Text("seen.nobody_enabled", count), cause=Cause.AGENTS_NOT_ENABLED)
        return self.wrong(Text("seen.profile_zero", count), cause=Cause.PROFILE_WITHOUT_EMAIL)


class WaitingTasks(Configured, row="waiting_tasks"):
    """Probe for tasks that no agent accepts; with nobody logged in, as at night, they only wait."""

    async def look(self, ctx: StepContext) -> Finding:
        waiting = [task for task in await own_tasks(ctx) if task.waits]
        long_ago = now_at(WEBEX) - WAITS_LONG
        if waiting and waiting[-1].created <= long_ago:
            return await self._waits(ctx, waiting)
        others = (task for task in (await read_tasks(ctx)).rows if task.waits and task.names_nobody)
        if any(task.created <= long_ago for task in others):
            return self.skipped(Text("skipped.task_of_whom"))
        return self.ok(Text("seen.no_waiting"))

    async def _waits(self, ctx: StepContext, waiting: Sequence[services.Task]) -> Finding:
        told = {"count": str(len(waiting)), "at": second_of(waiting[-1].created)}
        center = ContactCenter(ctx.settings, ctx.memo)
        routings = await _routings(ctx) or ()
        logged_in = [await center.logged_in(each) for each in routings]
        if None in logged_in or not logged_in:
            return self.skipped(Text("skipped.logins_unseen", told))
        if not any(logged_in):
            seen = Text("seen.nobody_logged_in", told)
            return self.waits_for(Turn.TIME, seen, cause=Cause.NOBODY_LOGGED_IN)
        if len(routings) == 1 and now_at(WEBEX) - waiting[-1].created < routings[0].queue.threshold:
            return self.ok(Text("seen.waiting", told))
        offers = await center.offers(routings[0].queue) if len(routings) == 1 else None
        if offers is None:
            return self.wrong(Text("seen.waiting", told), cause=Cause.TASKS_WAIT)
        told |= {"accepted": str(offers[0]), "rejected": str(offers[1])}
        return self.wrong(Text("seen.waiting_offers", told), cause=Cause.TASKS_WAIT)


async def _routings(ctx: StepContext) -> tuple[Routing, ...] | None:
    mine = await own_tasks(ctx)
    queue = (mine[0].queue or "") if mine else ""
    center = ContactCenter(ctx.settings, ctx.memo)
    return await ctx.memo.read(f"routing {queue}", lambda: center.routings(queue))


BACK_DAYS = 7
MOST = 30
"""Number of the newest changes that a finding keeps."""
ENDS = ("agent_tasks", "answers")
"""Findings with the newest mail on the way into Webex Connect and on the way out."""
WITHOUT = ("mail_to_task", "sign_ins")
"""Findings with the time since which mail does not get through or Webex Connect gets no token."""
LATE = timedelta(minutes=90)
"""Longest time for which Webex Connect may have an app's old token (platforms/microsoft.md 4)."""
SLOW = ("app", "authorizationintegration", "credential")
"""Endings of the names of actions that may take effect only after :data:`LATE`, not at once."""
LOG_SLACK = timedelta(minutes=1)
"""Largest expected difference between the clocks of Webex Connect and of the others."""
_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


class SuspectDiagnosis(Diagnosis):
    """Diagnosis of changes that suspects only those between the last good mail and a bad sign.

    The log does not show the values, so the finding is at most possible.
    """

    def among(self, finding: Finding, findings: Mapping[str, Finding]) -> Finding:
        """Return the finding with only the suspect changes, or unchanged if there are none.

        No change is suspect before the newest mail is known.
        """
        if finding.state is not State.OK or not findings.keys() >= {*ENDS}:
            return finding
        signals = _suspects(finding.signals, findings)
        if not signals.changes:
            return finding
        newest = signals.changes[0]
        values = {"event": newest.event, "by": newest.by, "at": second_of(newest.at)}
        return replace(
            finding,
            state=State.POSSIBLE,
            cause=Cause.CONNECT_CHANGED,
            seen=Text("seen.connect_suspect", values),
            expected=Text(f"expected.{finding.step}"),
            signals=signals,
        )


class ConnectChanges(Configured, row="connect_changes"):
    """Probe for changes in Webex Connect that may have stopped mail (platforms/connect.md 2.3)."""

    diagnosis: SuspectDiagnosis
    lasting: Mapping[str, str]
    """Texts on why the log was not read, by the status of its answer, which will stay the same."""

    async def look(self, ctx: StepContext) -> Finding:
        """Read the audit log; an unreadable one says nothing."""
        try:
            since, read = now() - timedelta(days=BACK_DAYS), services.read_changes
            found = await ctx.memo.read("connect audit", lambda: read(ctx.settings, since))
        except CloudError as error:
            lasting = self.lasting.get(str(error.status))
            why = Text(f"skipped.{lasting}") if lasting else Reason.LOG_AWAY
            return self.skipped(why, evidence=(Evidence("connect-audit", str(error)),))
        # until a setup or a fix ends, the channel's people change the app, which they register last
        good = ctx.run.brief.token_at or _FIRST
        if good > _FIRST and (proven := ctx.store.channels.record(ctx.channel.mailbox)):
            good = max(good, proven.at)
        later = tuple(change for change in found.rows if change.at > good)
        if not later:
            return self.ok(Text("seen.connect_unchanged", {"days": str(BACK_DAYS)}))
        values = {"count": str(len(later)), "at": second_of(later[0].at)}
        seen = Text("seen.connect_changed" if found.whole else "seen.connect_changed_cut", values)
        return self.ok(seen, signals=Signals(changes=later[:MOST]))


def _suspects(seen: Signals, findings: Mapping[str, Finding]) -> Signals:
    """Return only the changes between the last good mail and the first bad sign after it.

    The last good mail is the older one of the newest mails in both directions. Without a good mail
    or a bad sign, the time has an open end.
    """
    good = min(filter(None, (findings[name].signals.at for name in ENDS)), default=_FIRST)
    bad = min((at for at in _bad_signs(findings) if at + LOG_SLACK > good), default=_LAST)
    slow = SLOW if bad < _LAST else ()
    return Signals(
        changes=tuple(
            change
            for change in seen.changes
            for lag in (LATE if change.event.lower().endswith(slow) else timedelta(0),)
            if change.at - LOG_SLACK <= bad and change.at + lag > good
        )
    )


def _bad_signs(findings: Mapping[str, Finding]) -> Iterator[datetime]:
    answers = findings["answers"].signals
    known = filter(None, map(findings.get, (*WITHOUT, "answers")))
    wrong = [each.signals for each in known if each.state is State.WRONG]
    times = (each.missed_since or each.since for each in wrong)
    return filter(None, (answers.unanswered, answers.unproven, *times))
