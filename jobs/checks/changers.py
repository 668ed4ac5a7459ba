"""Who changed an object of Entra that is a cause, and when, from the directory's audit log.

The log is read only if a cause is found, and only for its objects. Changes from before the channel
was proven are the bot's own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import msgspec

from jobs.checks.verdict import Steps, judge
from jobs.clock import now, parse
from jobs.clouds.errors import CloudError
from jobs.clouds.json_values import as_dict, text_of
from jobs.engine.step import StepContext
from jobs.model import Access, ConnectChange, Finding, RunKind, Scope, Text
from jobs.runs.run import Event, Kind
from jobs.runs.run_store import RunStore

OBJECTS = {
    "application": ("object_id", ("application",)),
    "permissions": ("object_id", ("application",)),
    "client_secret": ("object_id", ("application",)),
    "service_principal": ("sp_id", ("service principal",)),
    "smtp_grant": ("sp_id", ("permission grant", "consent")),
    "admin_consent": ("sp_id", ("app role assignment", "consent")),
    "mailbox_user": ("user_id", ("account", "user")),
    "sessions": ("user_id", ("stsrefreshtoken", "password", "account")),
}
"""Fact with the object of a step's cause, and words of the activities that may bring it about.

Source: learn.microsoft.com/entra/identity/monitoring-health/reference-audit-activities.
"""
KEPT = timedelta(days=7)
"""Time for which a tenant without a license keeps the log."""


async def name_changers(ctx: StepContext, steps: Steps, allowed: Iterable[Access]) -> None:
    """Record the newest change that explains each cause; a log that cannot be read says nothing."""
    if not {Access.ADMIN, Access.APP} & {*allowed}:
        return
    found = {name: each for name, each in ctx.run.findings.items() if name in steps}
    for name in {*judge(steps, found).causes} & OBJECTS.keys():
        change = await _change(ctx, name)
        if change is not None:
            signals = msgspec.structs.replace(found[name].signals, changes=(change,))
            finding: Finding = replace(found[name], signals=signals)
            ctx.store.append(ctx.run.id, Event(Kind.FOUND, now(), step=name, finding=finding))


async def _change(ctx: StepContext, step: str) -> ConnectChange | None:
    fact, words = OBJECTS[step]
    runs = ctx.store.runs_of_mailbox(ctx.channel.mailbox)
    object_id = ctx.fact(fact) or next(filter(None, (r.fact(fact) for r in reversed(runs))), "")
    own = (each.ended_at for each in runs if each.changed)
    since = max(filter(None, (*own, now() - KEPT)))
    if not object_id:
        return None
    try:
        rows = await ctx.graph.directory_audits(object_id, since)
    except CloudError:
        return None
    changes = filter(None, (_read(row, words, since) for row in rows))
    return max(changes, key=lambda each: each.at, default=None)


def _read(row: dict[str, Any], words: tuple[str, ...], since: datetime) -> ConnectChange | None:
    at, activity = parse(row.get("activityDateTime")), text_of(row, "activityDisplayName")
    by = as_dict(row.get("initiatedBy"))
    who = text_of(as_dict(by.get("user")), "userPrincipalName", "displayName", "id")
    app = text_of(as_dict(by.get("app")), "displayName", "appId")
    fits = any(word in activity.lower() for word in words) and row.get("result") != "failure"
    if at is None or at <= since or not fits:
        return None
    return ConnectChange(at=at, by=who or app, event=activity)


@dataclass(frozen=True, slots=True)
class SetBack:
    """Value of a step that the bot's newest change has set, and that is wrong again.

    ``baselines`` ask for the other value; they are given from the second time on, because then a
    tool probably keeps them.
    """

    step: str
    run: str
    at: datetime
    after: Text
    baselines: tuple[str, ...] = ()


def set_back(store: RunStore, mailbox: str, steps: Steps) -> dict[str, SetBack]:
    """Return which of these wrong steps the bot has set right before.

    An object of the app that is wrong again, such as an expired secret, was not set back.
    """
    found: dict[str, SetBack] = {}
    for run in store.runs_of_mailbox(mailbox):
        for name in steps.keys() & run.changed.keys():
            made = run.changed[name]
            if run.kind is RunKind.UNDO or made.done is None or not made.changes:
                found.pop(name, None)
            elif made.changes[0].scope is not Scope.APP:
                again = steps[name].baselines if name in found else ()
                found[name] = SetBack(name, run.id, made.done, made.changes[0].after, again)
    return found
