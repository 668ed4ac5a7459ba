"""M5: the organisation may be customized."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from jobs.clock import now
from jobs.model import Change, Finding, Scope, State, Words
from jobs.run import Event, Kind
from jobs.step import DEMANDED, Context
from jobs.steps.customization import Customization
from jobs.steps.outbound_policy import POLICY

STEP = Customization()
DEFAULT = {"Name": "Default", "IsDefault": True, "AutoForwardingMode": "Automatic"}


@pytest.mark.parametrize("rows", [[{"IsDehydrated": False}], [{"IsDehydrated": "False"}]])
async def test_customized(given: Callable[..., Context], cloud: Any, rows: list[object]):
    """As the tenant says, which is no proof."""
    cloud.on("Get-OrganizationConfig", rows).on(f"Get-{POLICY}", [DEFAULT])
    assert await STEP.inspect(given()) == Finding("customization", State.OK, seen=Words("seen.customized"))


@pytest.mark.parametrize("rows", [[], [{}], [{"IsDehydrated": None}]])
async def test_a_tenant_that_does_not_tell(given: Callable[..., Context], cloud: Any, rows: list[object]):
    """Left out, never counted as right; M4 finds out."""
    cloud.on("Get-OrganizationConfig", rows).on(f"Get-{POLICY}", [DEFAULT])
    assert await STEP.inspect(given()) == STEP.skipped(Words("skipped.customization_untold"))


@pytest.mark.parametrize("rows", [[], [{"IsDehydrated": False}]])
async def test_exchange_may_ask_for_it_all_the_same(given: Callable[..., Context], cloud: Any, rows: list[object]):
    """M4 was refused for want of it, whatever the property says: needed, until this run has run it."""
    cloud.on("Get-OrganizationConfig", rows).on(f"Get-{POLICY}", [DEFAULT])
    asked = Event(Kind.DEMANDED, now(), step="customization", data={"plan": "p"})
    ctx = given(events=(asked,))
    found = await STEP.inspect(ctx)
    assert (found.state, found.seen, found.cause) == (State.WRONG, DEMANDED, "customization_needed")
    assert [(line.before, line.scope) for line in STEP.plan(ctx, found)] == [(DEMANDED, Scope.TENANT)]
    ctx.store.append(ctx.run.id, *(Event(kind, now(), step="customization", finding=found) for kind in (Kind.CHANGING, Kind.CHANGED)))
    ctx.run = ctx.store.load(ctx.run.id)
    assert (await STEP.inspect(ctx)).state is (State.OK if rows else State.SKIPPED)


async def test_not_needed_where_forwarding_is_allowed(given: Callable[..., Context], cloud: Any):
    """With nothing to save for M4, the whole tenant stays as it is."""
    cloud.on("Get-OrganizationConfig", [{"IsDehydrated": True}]).on(f"Get-{POLICY}", [DEFAULT | {"AutoForwardingMode": "On"}])
    assert await STEP.inspect(given()) == Finding("customization", State.OK, seen=Words("seen.customization_not_needed"))


@pytest.mark.parametrize("value", [True, "True"])
async def test_needed_is_tenant_wide_and_for_ever(given: Callable[..., Context], cloud: Any, value: object):
    """The line has an approval of its own, a warning, and no way back."""
    cloud.on("Get-OrganizationConfig", [{"IsDehydrated": value}]).on(f"Get-{POLICY}", [DEFAULT])
    ctx = given()
    found = await STEP.inspect(ctx)
    assert (found.state, found.seen, found.cause) == (State.WRONG, Words("seen.not_customized"), "customization_needed")
    words = Words("step.customization"), Words("seen.not_customized"), Words("after.customization")
    rest = {"reversible": False, "note": Words("note.customization"), "warning": True}
    assert STEP.plan(ctx, found) == (Change("customization", "M5", *words, Scope.TENANT, "Enable-OrganizationCustomization", **rest),)
    await STEP.apply(ctx, found)
    assert cloud.writes == [("Enable-OrganizationCustomization", {})]
