"""Contact center's view of the mailbox: its email tasks, and the entry points for email."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import takewhile

from jobs.causes.cause import Cause
from jobs.channel.mailbox import copies_since
from jobs.clock import now
from jobs.clouds.errors import CloudError
from jobs.contact_center.tasks import EntryPoint, Task, Tasks, email_entry_points, email_tasks
from jobs.engine.context import StepContext
from jobs.engine.diagnosis import Diagnosis
from jobs.engine.step import Probe
from jobs.mail.flow import LARGEST
from jobs.mail.message_trace import TraceRow
from jobs.model import Access, Finding, Signals, State, Station, Text, second_of
from jobs.probes.traces import BACK

CHANNEL = "EMAIL"
"""Channel type of the entry points, queues and tasks that a check reads."""
SLACK = timedelta(seconds=5)
"""Largest expected difference between the two clouds' clocks."""
GRACE = timedelta(minutes=3)
"""Time that a mail may take from Webex Connect to a task before its absence means anything
(platforms/connect.md 4.1).
"""


class AgentTasks(Probe):
    """Probe for the newest email task of the mailbox (platforms/connect.md 3.1)."""

    name = "agent_tasks"
    article_row = "CC"
    reads = ("cjp:config_read",)
    diagnosis = Diagnosis(
        access=Access.NONE,
        station=Station.AGENT,
        caused_by=("webex_status",),
    )

    async def inspect(self, ctx: StepContext) -> Finding:
        """Read the tasks with a token; no task says nothing, as perhaps no mail was sent."""
        if not ctx.settings.contact_center_url:
            return self.skipped(Text("skipped.no_contact_center"))
        mine = await own_tasks(ctx)
        return self._judged(mine) if mine else self.skipped(_why_none(await read_tasks(ctx)))

    def _judged(self, mine: list[Task]) -> Finding:
        newest = mine[0].created
        return self.ok(
            Text("seen.task", {"at": second_of(newest), "count": str(len(mine))}),
            signals=Signals(at=newest),
        )


class MailToTask(Probe):
    """Probe that checks whether the newest mail handed to Webex Connect has become a task.

    Mail that creates no task by design is left out: mail from the mailbox itself, and mail above 25
    MB (platforms/connect.md 1.7).
    """

    name = "mail_to_task"
    article_row = "V2"
    reads = ("ExchangeMessageTrace.Read.All", "cjp:config_read")
    diagnosis = Diagnosis(
        station=Station.CONNECT,
        caused_by=("webex_status", "entry_point", "flow_template", "outbound_connectors"),
    )

    async def inspect(self, ctx: StepContext) -> Finding:
        """Compare trace and tasks; a later task of mailbox or sender proves the path."""
        if not ctx.settings.contact_center_url:
            return self.skipped(Text("skipped.no_contact_center"))
        copies, tasks = await asyncio.gather(copies_since(ctx, now() - BACK), read_tasks(ctx))
        handed = [
            row
            for row in copies
            if row.received >= tasks.since and makes_a_task(row, ctx.channel.mailbox)
        ]
        if not handed:
            return self.skipped(Text("skipped.no_mail"))
        return self._judged(
            handed, _without_task(handed, tasks, ctx.channel.mailbox, await only_app(ctx))
        )

    def _judged(self, handed: list[TraceRow], left: list[TraceRow]) -> Finding:
        if not left:
            return self.ok(Text("seen.mail_to_task", {"at": second_of(handed[0].received)}))
        if now() - left[-1].received < GRACE:
            return self.skipped(Text("skipped.too_fresh", {"at": second_of(left[-1].received)}))
        since = left[-1].received
        missed = Signals(since=since, missed=len(left))
        return self.wrong(
            Text("seen.no_task", {"at": second_of(left[0].received)}),
            cause=Cause.NO_TASK,
            signals=missed,
        )


class EmailEntryPoint(Probe):
    """Probe for an active Email entry point whose ``assetId`` is the app (connect.md 3.2)."""

    name = "entry_point"
    article_row = "EP"
    reads = ("cjp:config_read",)
    diagnosis = Diagnosis(
        access=Access.NONE,
        station=Station.AGENT,
        explains=frozenset({Cause.NO_TASK}),
    )

    async def inspect(self, ctx: StepContext) -> Finding:
        if not (ctx.settings.contact_center_url and ctx.settings.contact_center_org):
            return self.skipped(Text("skipped.no_contact_center_org"))
        found = [point for point in await _entry_points(ctx) if point.asset != ""]
        if not found:
            return self.wrong(Text("seen.no_entry_point"), cause=Cause.ENTRY_POINT_MISSING)
        return await self._full(ctx, found) or self._judged(found)

    async def _full(self, ctx: StepContext, found: list[EntryPoint]) -> Finding | None:
        """Return that the only entry point takes no more tasks, if it has a limit that is reached."""
        most = found[0].most if len(found) == 1 else 0
        taken = sum(task.is_open for task in await own_tasks(ctx)) if most else 0
        if not most or taken < most:
            return None
        full = {"name": found[0].name, "count": str(taken), "most": str(most)}
        return self.wrong(Text("seen.queue_full", full), cause=Cause.CONTACT_LIMIT_REACHED)

    def _judged(self, found: list[EntryPoint]) -> Finding:
        names = {"names": ", ".join(map(_shown, found))}
        if not any(point.active for point in found):
            return self.wrong(
                Text("seen.entry_points_off", names), cause=Cause.ENTRY_POINT_INACTIVE
            )
        asset = _only_asset(found)
        return self.ok(Text("seen.entry_points", names), facts={"asset_id": asset} if asset else {})


async def read_tasks(ctx: StepContext) -> Tasks:
    """Return the email tasks of the last days, read once for all channels of a check.

    Raises:
        CloudError: the contact center cannot be asked.
    """
    known: Tasks = await ctx.reads.read("tasks", lambda: email_tasks(ctx.settings, now() - BACK))
    return known


async def own_tasks(ctx: StepContext) -> list[Task]:
    """Return the mailbox's email tasks of the last days, newest first.

    Raises:
        CloudError: the contact center cannot be asked.
    """
    tasks, app = await read_tasks(ctx), await only_app(ctx)
    return [task for task in tasks.rows if task.is_for(ctx.channel.mailbox, app)]


def _why_none(tasks: Tasks) -> Text:
    """Return why no task is the mailbox's: some are nameless, or there are none."""
    nameless = any(task.names_nobody for task in tasks.rows)
    return Text("skipped.task_of_whom" if nameless else "skipped.no_task")


async def _entry_points(ctx: StepContext) -> tuple[EntryPoint, ...]:
    known: tuple[EntryPoint, ...] = await ctx.reads.read(
        "entry points", lambda: email_entry_points(ctx.settings)
    )
    return known


async def only_app(ctx: StepContext) -> str:
    """Return the app of the only email entry point, or '' if that is not readable."""
    if not ctx.settings.contact_center_org:
        return ""
    try:
        return _only_asset(await _entry_points(ctx))
    except CloudError:
        return ""


def _only_asset(points: Sequence[EntryPoint]) -> str:
    """Return the app of the only entry point, if it names one, else ''."""
    return (points[0].asset or "") if len(points) == 1 else ""


def _without_task(handed: list[TraceRow], tasks: Tasks, mailbox: str, app: str) -> list[TraceRow]:
    """Return the mails, newest first, that are newer than any that has become a task."""
    return list(takewhile(lambda row: not _has_a_task(row, tasks, mailbox, app), handed))


def _has_a_task(row: TraceRow, tasks: Tasks, mailbox: str, app: str) -> bool:
    return any(came_of(task, row.sender, row.received, mailbox, app) for task in tasks.rows)


def came_of(task: Task, sender: str, at: datetime, mailbox: str, app: str) -> bool:
    """Return whether the task may result from a mail of ``sender`` to the mailbox.

    The mail was received at ``at`` or later. ``app`` is the app whose tasks can only be the
    mailbox's, or empty.
    """
    since = at - SLACK
    return (task.is_for(mailbox, app) and task.created >= since) or task.came_of(sender, since)


def makes_a_task(row: TraceRow, mailbox: str) -> bool:
    """Return whether a copy was delivered that the flow does not drop on purpose."""
    return row.status.went_on and row.sender.lower() != mailbox and row.size <= LARGEST


def _shown(point: EntryPoint) -> str:
    return f"{point.name} ({point.asset})" if point.asset else point.name


class AssetWorkload(MailToTask):
    """Probe of the asset's workload, which no API shows, but a task proves.

    Since August 2026 an email asset serves one workload. If it is assigned to Webex Connect, Webex
    Contact Center cannot use it at the same time (platforms/connect.md 1.9).
    """

    name = "asset_workload"
    article_row = "CC"
    diagnosis = Diagnosis(station=Station.CONNECT)

    async def inspect(self, ctx: StepContext) -> Finding:
        found = await super().inspect(ctx)
        if found.state is not State.WRONG:
            return found
        return self.possible(
            Text("seen.asset_workload"), cause=Cause.ASSET_OF_OTHER_WORKLOAD, signals=found.signals
        )
