"""Mails without a subject, which flow templates of Webex Connect before v3.1 lose."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from jobs.causes.cause import Cause
from jobs.channel.mailbox import copies_since
from jobs.clock import now
from jobs.contact_center.tasks import Tasks
from jobs.engine.context import StepContext
from jobs.mail.message_trace import TraceRow
from jobs.model import Finding, Signals, State, Text, second_of
from jobs.probes.contact_center import GRACE, came_of, makes_a_task, only_app, read_tasks
from jobs.probes.probe import Probe
from jobs.probes.traces import BACK


class FlowTemplate(Probe):
    """Probe for the pattern: exactly the mails without a subject have made no task.

    Other mail flows (platforms/connect.md 1.7). A template that loses mails in plain text only
    cannot be told, because a message trace does not show their format.
    """

    name = "flow_template"

    async def inspect(self, ctx: StepContext) -> Finding:
        """Compare each mail with the tasks of the minutes after it.

        If a later mail made a task, the loss is only a warning, because mail flows.
        """
        if not ctx.settings.contact_center_url:
            return self.skipped(Text("skipped.no_contact_center"))
        copies, tasks = await asyncio.gather(copies_since(ctx, now() - BACK), read_tasks(ctx))
        mailbox, app = ctx.channel.mailbox, await only_app(ctx)
        handed = [
            row
            for row in copies
            if tasks.since <= row.received < now() - GRACE and makes_a_task(row, mailbox)
        ]
        lost = [row for row in handed if not _made_one(row, tasks, mailbox, app)]
        if len(lost) == len(handed):
            return self.skipped(Text("skipped.flow_template"))
        if not lost or any((row in lost) is bool(row.subject.strip()) for row in handed):
            return self.ok()
        values = {"count": str(len(lost)), "at": second_of(lost[0].received)}
        found = self.wrong(
            Text("seen.flow_template", values),
            cause=Cause.FLOW_TEMPLATE_OLD,
            signals=Signals(since=lost[-1].received, missed=len(lost)),
        )
        return found if handed[0] in lost else replace(found, state=State.WARNING)


def _made_one(row: TraceRow, tasks: Tasks, mailbox: str, app: str) -> bool:
    soon = (task for task in tasks.rows if task.created <= row.received + GRACE)
    return any(came_of(task, row.sender, row.received, mailbox, app) for task in soon)
