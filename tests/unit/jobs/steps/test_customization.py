"""Article row M5: the organization is enabled for customization."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from jobs.clock import now
from jobs.clouds.errors import Forbidden
from jobs.engine.engine import Engine
from jobs.model import Finding, Reason, Scope, State, Text, Turn
from jobs.runs.run import Event, Kind
from jobs.runtime import Runtime
from jobs.settings import Settings
from jobs.steps.forwarding import CUSTOMIZATION_S, POLICY, Customization, OutboundPolicy
from tests.unit.jobs.conftest import Cloud, Given

STEP = Customization()
DEFAULT = {"Name": "Default", "IsDefault": True, "AutoForwardingMode": "Automatic"}


async def test_who_may_not_ask_the_tenant_is_told_nothing(given: Given, cloud: Cloud):
    """If only the organization cannot be read, the step is skipped.

    If the policies cannot be read either, the step fails with ``Forbidden``.
    """
    cloud.refuse("Get-OrganizationConfig", 403).on(f"Get-{POLICY}", [DEFAULT])
    ctx = given()
    assert await STEP.inspect(ctx) == STEP.skipped(Text("skipped.customization_untold"))
    cloud.refuse(f"Get-{POLICY}", 403)
    with pytest.raises(Forbidden):
        await STEP.inspect(ctx)


@pytest.mark.parametrize("rows", [[], [{"IsDehydrated": False}], [{"IsDehydrated": True}]])
async def test_exchange_may_ask_for_it_all_the_same(given: Given, cloud: Cloud, rows: list[object]):
    """If Exchange refused M4 for lack of customization, M5 is needed whatever the tenant reports.

    Once this run has made the change, the step is OK.
    """
    cloud.on("Get-OrganizationConfig", rows).on(f"Get-{POLICY}", [DEFAULT])
    asked = Event(Kind.DEMANDED, now(), step="customization", data={"plan": "p"})
    ctx = given(events=(asked,))
    found = await STEP.inspect(ctx)
    assert (found.state, found.reason, found.cause) == (
        State.WRONG,
        Reason.DEMANDED,
        "customization_needed",
    )
    assert [(line.before, line.scope) for line in STEP.plan(ctx, found)] == [
        (Reason.DEMANDED.text(), Scope.TENANT)
    ]
    ctx.store.append(
        ctx.run.id,
        *(
            Event(kind, now(), step="customization", finding=found)
            for kind in (Kind.CHANGING, Kind.CHANGED)
        ),
    )
    ctx.run = ctx.store.load(ctx.run.id)
    assert await STEP.inspect(ctx) == Finding(
        "customization", State.OK, seen=Text("seen.customized")
    )


NOT_REQUIRED = "This operation is not required. Organization is already enabled for customization."
NOT_YET = (
    "The command you tried to run isn't currently allowed in your organization. First need to run "
    "the command: Enable-OrganizationCustomization"
)


async def test_a_flag_that_stays_is_waited_for_by_the_policy(
    given: Given, cloud: Cloud, runtime_of: Callable[[Settings], Runtime], work_settings: Settings
):
    """If ``IsDehydrated`` stays true, the cmdlet still runs once, and M4 is retried.

    The pauses between the tries grow.
    """
    cloud.on("Get-OrganizationConfig", [{"IsDehydrated": True}]).on(f"Get-{POLICY}", [DEFAULT])
    cloud.refuse("Enable-OrganizationCustomization", 400, "BadRequest", NOT_REQUIRED).refuse(
        f"New-{POLICY}", 400, "BadRequest", NOT_YET
    )
    steps = {"customization": STEP, "outbound_policy": OutboundPolicy()}
    ctx = given()
    engine = Engine(ctx, steps, runtime_of(work_settings).listener, lambda: True)
    await engine.make_plan()
    assert ctx.run.plan is not None
    words = [
        Event(Kind.APPROVED, now(), data={"plan": ctx.run.plan.id, "scope": scope})
        for scope in ("tenant", "mailbox")
    ]
    ctx.store.append(ctx.run.id, *words)
    pauses = []
    for _ in range(4):
        await engine.apply_plan()
        waiting = ctx.run.findings["outbound_policy"]
        assert (waiting.waiting_for, waiting.seen) == (Turn.TIME, Text("seen.customization_takes"))
        assert waiting.until is not None
        pauses.append(round((waiting.until - now()).total_seconds()))
    asked = [what for what, _ in cloud.writes]
    assert (asked.count("Enable-OrganizationCustomization"), asked.count(f"New-{POLICY}")) == (1, 4)
    assert (ctx.run.settled("customization"), pauses) == (
        True,
        [round(pause) for pause in CUSTOMIZATION_S[:4]],
    )
