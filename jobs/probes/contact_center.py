"""What the contact center has of the mailbox: its email tasks, and the entry points that email comes in by."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import takewhile

from jobs.clock import now
from jobs.clouds.cause_codes import causes
from jobs.clouds.errors import CloudError
from jobs.contact_center.tasks import EntryPoint, Task, Tasks, email_entry_points, email_tasks
from jobs.engine.context import StepContext
from jobs.engine.diagnosis import Diagnosis
from jobs.engine.step import Probe
from jobs.mail.flow import LARGEST
from jobs.mail.message_trace import TraceRow
from jobs.model import Access, Finding, Signals, Station, Text
from jobs.probes.traces import BACK

SLACK = timedelta(seconds=5)
"""How far the two clouds' clocks may be apart."""
GRACE = timedelta(minutes=3)
"""How long a mail may take from Webex Connect to a task before that says anything (facts/connect.md 4.1)."""


class AgentTasks(Probe):
    """The newest email task (facts/connect.md 3.1)."""

    name = "agent_tasks"
    article_row = "CC"
    reads = ("cjp:config_read",)
    diagnosis = Diagnosis(
        access=Access.NONE,
        station=Station.AGENT,
        caused_by=("webex_status",),
    )

    async def inspect(self, ctx: StepContext) -> Finding:
        """Ask where a token is configured; without a task nothing is known, as nobody may have written."""
        if not ctx.settings.contact_center_url:
            return self.skipped(Text("skipped.no_contact_center"))
        tasks = await _tasks(ctx)
        app = await _only_app(ctx)
        mine = [task for task in tasks.rows if task.is_for(ctx.channel.mailbox, app)]
        if not mine:
            return self.skipped(_why_none(tasks))
        newest = mine[0].created
        return self.ok(Text("seen.task", {"at": _at(newest), "count": str(len(mine))}), signals=Signals(at=newest))


class MailToTask(Probe):
    """The newest mail that was handed to Webex Connect has become a task.

    Mail that makes none by rule is left out: from the mailbox itself, and above 25 MB (facts/connect.md 1.7).
    """

    name = "mail_to_task"
    article_row = "V2"
    reads = ("ExchangeMessageTrace.Read.All", "cjp:config_read")
    diagnosis = Diagnosis(
        station=Station.CONNECT,
        caused_by=("webex_status", "entry_point"),
    )

    async def inspect(self, ctx: StepContext) -> Finding:
        """Compare the trace with the tasks: one from that moment on proves the way, where it names the mailbox or who wrote."""
        if not ctx.settings.contact_center_url:
            return self.skipped(Text("skipped.no_contact_center"))
        copies, tasks = await asyncio.gather(ctx.trace().find(now() - BACK, recipient=ctx.channel.forwarding_address), _tasks(ctx))
        handed = _handed(copies, ctx.channel.mailbox, tasks.since)
        if not handed:
            return self.skipped(Text("skipped.no_mail"))
        return self._judged(handed, _without_task(handed, tasks, ctx.channel.mailbox, await _only_app(ctx)))

    def _judged(self, handed: list[TraceRow], left: list[TraceRow]) -> Finding:
        """Judge by the newest mails, those that have no task yet."""
        if not left:
            return self.ok(Text("seen.mail_to_task", {"at": _at(handed[0].received)}))
        if now() - left[-1].received < GRACE:
            return self.skipped(Text("skipped.too_fresh", {"at": _at(left[-1].received)}))
        since = left[-1].received
        missed = Signals(since=since, missed=len(left))
        return self.wrong(Text("seen.no_task", {"at": _at(left[0].received)}), cause="no_task", signals=missed)


class EmailEntryPoint(Probe):
    """There is an active entry point of type Email, with the app of Webex Connect by its ``assetId`` (facts/connect.md 3.2)."""

    name = "entry_point"
    article_row = "EP"
    reads = ("cjp:config_read",)
    diagnosis = Diagnosis(
        access=Access.NONE,
        station=Station.AGENT,
        explains=causes("no_task"),
    )

    async def inspect(self, ctx: StepContext) -> Finding:
        """An app that tasks name must have its entry point; where they name none, any active one will do."""
        if not (ctx.settings.contact_center_url and ctx.settings.contact_center_org):
            return self.skipped(Text("skipped.no_contact_center_org"))
        found = [point for point in await _entry_points(ctx) if point.asset != ""]
        if not found:
            return self.wrong(Text("seen.no_entry_point"), cause="entry_point_missing")
        return self._judged(found)

    def _judged(self, found: list[EntryPoint]) -> Finding:
        names = {"names": ", ".join(map(_shown, found))}
        if not any(point.active for point in found):
            return self.wrong(Text("seen.entry_points_off", names), cause="entry_point_inactive")
        return self.ok(Text("seen.entry_points", names), facts=_asset(found))


async def _tasks(ctx: StepContext) -> Tasks:
    known: Tasks = await ctx.reads.read("tasks", lambda: email_tasks(ctx.settings, now() - BACK))
    return known


def _why_none(tasks: Tasks) -> Text:
    """Return why no task is known to be the mailbox's: some do not say whose they are, or there is none."""
    nameless = any(task.names_nobody for task in tasks.rows)
    return Text("skipped.task_of_whom" if nameless else "skipped.no_task")


async def _entry_points(ctx: StepContext) -> tuple[EntryPoint, ...]:
    known: tuple[EntryPoint, ...] = await ctx.reads.read("entry points", lambda: email_entry_points(ctx.settings))
    return known


async def _only_app(ctx: StepContext) -> str:
    """The app of the one entry point for email, whose tasks can only be this channel's; empty where there are more, or none is told."""
    if not ctx.settings.contact_center_org:
        return ""
    try:
        return _only_asset(await _entry_points(ctx))
    except CloudError:
        return ""


def _only_asset(points: Sequence[EntryPoint]) -> str:
    """Return the app of the one entry point; empty where there are more, or it names none."""
    return (points[0].asset or "") if len(points) == 1 else ""


def _handed(copies: Sequence[TraceRow], mailbox: str, since: datetime) -> list[TraceRow]:
    """Return the copies handed to Webex Connect since then that must become tasks."""
    return [row for row in copies if row.received >= since and _makes_a_task(row, mailbox)]


def _without_task(handed: list[TraceRow], tasks: Tasks, mailbox: str, app: str) -> list[TraceRow]:
    """Return the mails, newest first, that are newer than any that has become a task."""
    return list(takewhile(lambda row: not any(_came_of(task, row, mailbox, app) for task in tasks.rows), handed))


def _came_of(task: Task, row: TraceRow, mailbox: str, app: str) -> bool:
    at = row.received - SLACK
    return (task.is_for(mailbox, app) and task.created >= at) or task.came_of(row.sender, at)


def _makes_a_task(row: TraceRow, mailbox: str) -> bool:
    return row.status.went_on and row.sender.lower() != mailbox and row.size <= LARGEST


def _asset(found: list[EntryPoint]) -> dict[str, str]:
    """The resource id that Cisco TAC asks for, where there is no doubt which."""
    asset = _only_asset(found)
    return {"asset_id": asset} if asset else {}


def _shown(point: EntryPoint) -> str:
    return f"{point.name} ({point.asset})" if point.asset else point.name


def _at(moment: datetime) -> str:
    return f"{moment:%d %b %H:%M:%S} UTC"
