"""Check of a channel: all facts at once, with the access that is available, without changes.

More access shows more: another sign-in, or a grant of the tenant.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import msgspec
from redis import Redis

from jobs.access import admin_session, app_access
from jobs.channel.mailbox import delegate_of
from jobs.checks import discovering
from jobs.checks.discovering import discover, open_questions
from jobs.checks.verdict import Verdict, judge
from jobs.clock import now, parse
from jobs.clouds.errors import CloudError, SignInNeeded
from jobs.clouds.json_values import as_dict, text_of
from jobs.clouds.rate_limit import ReadCache
from jobs.engine.engine import Engine
from jobs.engine.inspector import GO_WITH_SIGN_IN, Recorder, lacks_role, needs_sign_in
from jobs.engine.step import Step, StepContext
from jobs.microsoft.scopes import app_may_read
from jobs.model import Access, ConnectChange, Finding, Reason, RunKind, Scope, State, Text
from jobs.probes import checks_for
from jobs.runs.run import Brief, Event, Kind, Run
from jobs.runs.run_store import RunStore
from jobs.runtime import Runtime
from jobs.steps.connect_form import token_at
from jobs.storage.counters import COUNTERS, RUNS_ENDED

FORWARDS = ("forwarding", "outbound_policy")
"""Steps whose change decides whether copies of mail are sent, and to which address."""


async def run_check(runtime: Runtime, run: Run, holds: Callable[[], bool]) -> int:
    """Check every fact of the channel once, and return the version of the run.

    The check runs again after a person has signed in, or after the tenant has granted the bot its
    own read access.
    """
    if run.checked is not None:
        return run.version
    if not await _signed_in(runtime, run, holds):
        draft = runtime.store.load(run.id)
        async with app_access.open_reader(runtime, run.channel.tenant_id) as seen:
            ctx, steps = seen.context(draft, runtime.store), steps_of(draft)
            await Engine(ctx, steps, runtime.listener, holds, runtime.shutdown).check(seen.allowed)
            await name_changers(ctx, seen.allowed)
        if ended := seen.revoked_event():
            runtime.store.append(run.id, ended)
    if not open_questions(runtime.store.load(run.id)):
        _finish(runtime, run)
    return runtime.store.length(run.id)


def _finish(runtime: Runtime, run: Run) -> None:
    """Record that everything was inspected, and keep the channel if that was asked for.

    The check of a channel that is not known here is recorded as the newest check of no channel.
    """
    runtime.store.append(run.id, Event(Kind.CHECKED, now()))
    COUNTERS.add(RUNS_ENDED, run.kind, Kind.CHECKED)
    if not run.brief.discover:
        runtime.channels.set_last_check(run.channel.mailbox, run.id)
    elif run.brief.keep:
        discovering.keep(runtime.store, runtime.store.load(run.id), run.requester.email)


async def _signed_in(runtime: Runtime, run: Run, holds: Callable[[], bool]) -> bool:
    """Check with an administrator's sign-in; return False if no valid sign-in exists.

    While a question about the channel is open, nothing is checked and the sign-in stays.
    """
    if run.account is None:
        return False
    try:
        async with admin_session.open_clients(runtime, run, run.account) as ctx:
            ctx.reads = ReadCache()
            if not await discover(Recorder(ctx, {}, runtime.listener, holds, runtime.shutdown)):
                return True
            steps = steps_of(ctx.run)
            allowed = {Access.NONE, Access.ADMIN}
            await Engine(ctx, steps, runtime.listener, holds, runtime.shutdown).check(allowed)
            await name_changers(ctx, allowed)
    except SignInNeeded as error:
        data = {"cause": error.cause, "code": error.words}
        runtime.store.append(run.id, Event(Kind.SIGNED_OUT, now(), data=data))
        return False
    admin_session.drop(runtime, run.id)
    return True


def steps_of(run: Run) -> dict[str, Step]:
    return checks_for(run.channel.profile)


def findings_of(run: Run) -> dict[str, Finding]:
    steps = steps_of(run)
    return {name: finding for name, finding in run.findings.items() if name in steps}


def verdict_of(check: Run) -> Verdict:
    return judge(steps_of(check), findings_of(check))


def brief_for(store: RunStore, mailbox: str) -> Brief:
    """Return the facts from the channel's earlier runs that a check without a sign-in needs.

    They are IDs and times, and never secrets. The newest value is used for each fact, because a fix
    may have created a new app, requested a new token, or set the forwarding. ``client_id`` is the
    client ID with which Webex Connect obtained its token. ``changed_at`` is when the bot last
    changed where copies are sent: mail that arrived earlier says nothing about that change.
    """
    runs = store.runs_of_mailbox(mailbox)
    given = list(filter(token_at, runs))
    shared = bool(_newest(runs, "shared"))
    made = filter(None, (run.changed.get(name) for run in runs for name in FORWARDS))
    return Brief(
        client_id=_newest(given, "client_id") or _newest(runs, "client_id"),
        upn="" if shared else _newest(runs, "upn"),
        shared=shared,
        by_hand=discovering.is_by_hand(runs),
        delegate=next(filter(None, map(delegate_of, reversed(runs))), "") if shared else "",
        token_at=max(filter(None, map(token_at, given)), default=None),
        changed_at=max(filter(None, (each.done for each in made)), default=None),
    )


def _newest(runs: Sequence[Run], fact: str) -> str:
    return next((found for run in reversed(runs) if (found := run.fact(fact))), "")


MISSING = GO_WITH_SIGN_IN | {Reason.NEEDS_OTHER}
"""Reasons for which a finding was skipped, although there is something to read."""


@dataclass(frozen=True, slots=True)
class Gaps:
    """Number of unread findings, and whether an administrator's sign-in reads all of them."""

    count: int = 0
    by_sign_in: bool = False


def gaps(check: Run) -> Gaps:
    """Return the gaps of a check; none if the bot's own access reads all that it can.

    Features that are not configured, and findings with nothing to read, are not gaps.
    """
    steps, found = steps_of(check), findings_of(check)
    skipped = {
        n for n, each in found.items() if each.state is State.SKIPPED and each.reason in MISSING
    }
    unread = {n: each for n, each in found.items() if n in skipped or each.state is State.UNKNOWN}
    at_sign_in = [each.reason in GO_WITH_SIGN_IN for each in unread.values()]
    # one that could have been determined even without a sign-in, but was not
    left = (
        n
        for n, each in zip(unread, at_sign_in, strict=True)
        if not each or app_may_read(steps[n].reads)
    )
    return Gaps(len(unread), all(at_sign_in)) if any(left) else Gaps()


def may_sign_in(run: Run) -> bool:
    """Return whether a sign-in would show more facts than the run has now.

    That is the case before the first sign-in, or after a finished check if somebody with more roles
    signs in.
    """
    if run.account is not None:
        return run.checked is not None and lacks_role(run)
    return any(map(needs_sign_in, run.findings.values()))


def may_be_granted(redis: Redis, run: Run) -> bool:
    """Return whether the tenant could grant the bot access to facts that are skipped now.

    The tenant must be known, and must not have granted access already.
    """
    tenant, may = run.channel.tenant_id, run.account is None and may_sign_in(run)
    return may and tenant != "" and app_access.grant_for(redis, tenant) is None


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


async def name_changers(ctx: StepContext, allowed: Collection[Access]) -> None:
    """Record who made the newest change of Entra that explains each cause, from the audit log.

    The log is read only for the objects of causes. One that cannot be read says nothing.
    """
    if not {Access.ADMIN, Access.APP}.intersection(allowed):
        return
    found = findings_of(ctx.run)
    for name in {*verdict_of(ctx.run).causes} & OBJECTS.keys():
        change = await _change(ctx, name)
        if change is not None:
            signals = msgspec.structs.replace(found[name].signals, changes=(change,))
            finding: Finding = replace(found[name], signals=signals)
            ctx.store.append(ctx.run.id, Event(Kind.FOUND, now(), step=name, finding=finding))


async def _change(ctx: StepContext, step: str) -> ConnectChange | None:
    """Return the newest change of a step's object since the bot's own changes, or None."""
    fact, words = OBJECTS[step]
    runs = ctx.store.runs_of_mailbox(ctx.channel.mailbox)
    object_id = ctx.fact(fact) or _newest(runs, fact)
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


def set_back(store: RunStore, mailbox: str, steps: dict[str, Step]) -> dict[str, SetBack]:
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
