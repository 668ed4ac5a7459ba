"""The organization's switch of SMTP AUTH, if it seems to win over the mailbox's own."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from jobs.checks.check import steps_of
from jobs.checks.fix_context import likely_changes
from jobs.checks.verdict import judge
from jobs.clock import now
from jobs.model import Channel, Finding, RunKind, Scope, State
from jobs.probes import checks_for
from jobs.runs.run import Brief, Event, FixBrief, Kind
from jobs.steps import all_steps
from tests.unit.jobs.conftest import Cloud

OFF = {"SmtpClientAuthenticationDisabled": True}
ON = {"SmtpClientAuthenticationDisabled": False}
REFUSED = Finding("smtp_login", State.WRONG, cause="smtp_auth_off_for_tenant")
STEP = all_steps()["smtp_auth_tenant"]
TO_FIX = Brief(fix=FixBrief(wrong=("smtp_auth_tenant",)))


@pytest.mark.parametrize(
    ("hours", "cause"), [(2, "smtp_auth_settling"), (25, "smtp_auth_tenant_wins")]
)
def test_the_wait_ends_after_a_day(cloud: Cloud, given: Any, hours: float, cause: str):
    """For a day the change may still spread. After it, a fix is offered that concerns everybody."""
    cloud.on("Get-CASMailbox", [ON]).on("Get-TransportConfig", [OFF])
    fixed = given(kind="fix", changed={"smtp_auth": now() - timedelta(hours=hours)})
    fixed.store.end(fixed.run, Event(Kind.FINISHED, now()))
    ctx = given(kind="check")
    found = {
        name: asyncio.run(all_steps()[name].inspect(ctx))
        for name in ("smtp_auth", "smtp_auth_tenant")
    }
    assert found["smtp_auth"].state is State.OK
    steps = checks_for(ctx.channel.profile)
    verdict = judge(steps, found | {"smtp_login": REFUSED})
    assert verdict.weighed["smtp_login"].cause == cause


def test_only_a_fix_of_that_cause_plans_it(cloud: Cloud, given: Any):
    """A setup reads nothing. A fix of the cause plans one change of the tenant."""
    cloud.on("Get-TransportConfig", [OFF])
    setup = given(channel=Channel("a@contoso.com"))
    assert asyncio.run(STEP.inspect(setup)).state is State.OK
    assert cloud.asked == []
    fix = given(kind=RunKind.FIX, brief=TO_FIX)
    found = asyncio.run(STEP.inspect(fix))
    (line,) = STEP.plan(fix, found)
    assert (found.state, line.scope, line.warning) == (State.WRONG, Scope.TENANT, True)
    asyncio.run(STEP.apply(fix, found))
    assert cloud.writes == [("Set-TransportConfig", ON)]


def test_the_check_names_the_step_to_the_fix(cloud: Cloud, given: Any):
    """What the check leaves out is what the fix will probably change."""
    cloud.on("Get-CASMailbox", [ON]).on("Get-TransportConfig", [OFF])
    fixed = given(kind="fix", changed={"smtp_auth": now() - timedelta(hours=30)})
    fixed.store.end(fixed.run, Event(Kind.FINISHED, now()))
    ctx = given(kind="check")
    for name in ("smtp_auth", "smtp_auth_tenant"):
        finding = asyncio.run(all_steps()[name].inspect(ctx))
        ctx.store.append(ctx.run.id, Event(Kind.FOUND, now(), step=name, finding=finding))
    refused = Event(Kind.FOUND, now(), step="smtp_login", finding=REFUSED)
    ctx.store.append(ctx.run.id, refused, Event(Kind.CHECKED, now()))
    check = ctx.store.load(ctx.run.id)
    assert "smtp_auth_tenant" in steps_of(check)
    assert "smtp_auth_tenant" in likely_changes(check)
