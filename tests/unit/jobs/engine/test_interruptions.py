"""The engine when a sign-in, its lease or its process ends in the middle of a run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from jobs.clock import now
from jobs.clouds.errors import (
    SignInNeeded,
    Transient,
)
from jobs.engine.applier import IN_FLIGHT_S
from jobs.engine.context import StepContext
from jobs.engine.engine import Engine
from jobs.engine.recorder import LeaseLostError
from jobs.model import Finding, State
from jobs.runs.run import Event, Kind
from jobs.runtime import NoListener
from tests.unit.jobs.engine.scripted_steps import (
    SAID,
    Fact,
    appending,
    approve,
    engine,
    raising,
    told,
)


@pytest.mark.parametrize("where", ["inspect", "apply"])
def test_a_dead_sign_in_ends_the_walk(
    carry_out: Callable[..., None], given: Callable[..., StepContext], where: str
):
    """Whatever else is under way is left; the run asks for a sign-in."""
    a, b, ctx = Fact("a", State.WRONG), Fact("b"), given()
    a.hooks[where] = raising(SignInNeeded("sign_in_expired", SAID))

    async def long(_: StepContext) -> None:
        await asyncio.sleep(3600)

    b.hooks["inspect"] = long
    approve(ctx, a)
    with pytest.raises(SignInNeeded):
        carry_out(engine(ctx, a, b).apply_plan())
    assert "b" not in ctx.run.findings


def test_a_lost_lease_writes_nothing_more(
    carry_out: Callable[..., None], given: Callable[..., StepContext]
):
    """Another worker has the run."""
    a, ctx = Fact("a", State.WRONG), given()
    approve(ctx, a)
    before = told(ctx)
    with pytest.raises(LeaseLostError):
        carry_out(engine(ctx, a, holds=False).apply_plan())
    assert (a.log, told(ctx)) == ([], before)


def test_a_lease_that_is_lost_before_a_change_makes_none(
    carry_out: Callable[..., None], given: Callable[..., StepContext]
):
    """A worker that lost its lease makes no change, because the record is written before the change."""
    a, ctx = Fact("a", State.WRONG), given()
    approve(ctx, a)
    held = [True]

    async def lose(_: StepContext) -> None:
        held[0] = False

    a.hooks["inspect"] = lose
    with pytest.raises(LeaseLostError):
        carry_out(Engine(ctx, {"a": a}, NoListener(), lambda: held[0]).apply_plan())
    assert a.log == ["inspect"]


def test_a_run_that_is_cancelled_meanwhile_begins_nothing_more(
    carry_out: Callable[..., None], given: Callable[..., StepContext]
):
    """After a cancellation the current change is finished and recorded, and no other begins."""
    a, b, ctx = Fact("a", State.WRONG, State.OK), Fact("b", needs=("a",)), given()
    a.hooks["apply"] = appending(Event(Kind.CANCELLED, now()))
    approve(ctx, a)
    carry_out(engine(ctx, a, b).apply_plan())
    assert (a.log, b.log, ctx.run.ended, ctx.run.settled("a")) == (
        ["inspect", "apply", "inspect"],
        [],
        "cancelled",
        True,
    )


@pytest.mark.parametrize(
    ("shows", "log"),
    [([State.OK], ["inspect"]), ([State.WRONG, State.OK], ["inspect", "apply", "inspect"])],
)
def test_a_death_between_changing_and_changed_is_looked_at_first(
    carry_out: Callable[..., float],
    given: Callable[..., StepContext],
    shows: list[State],
    log: list[str],
):
    """After a crash during a change, the step is inspected first; a finished change is not repeated.

    The state from before the first try is kept. The engine waits first, because a call under way
    may still arrive.
    """
    a, ctx = Fact("a", *shows), given()
    approve(ctx, a)
    before = Finding("a", State.WRONG, facts={"was": "x"})
    ctx.store.append(
        ctx.run.id,
        Event(Kind.CHANGING, now(), step="a", finding=before),
        Event(Kind.RESUMED, now()),
    )
    waited = carry_out(engine(ctx, a).apply_plan())
    assert (a.log, ctx.run.settled("a"), ctx.run.changed["a"].before) == (log, True, before)
    assert waited == pytest.approx(IN_FLIGHT_S, abs=0.5)


def test_a_cloud_that_is_away_stops_nothing_else(
    carry_out: Callable[..., None], given: Callable[..., StepContext]
):
    """It is looked at again later, by itself."""
    a, b, c, ctx = Fact("a"), Fact("b", needs=("a",)), Fact("c"), given()
    a.hooks["inspect"] = raising(Transient("service_unavailable", SAID))
    carry_out(engine(ctx, a, b, c).apply_plan())
    assert {n: f.state for n, f in ctx.run.findings.items() if n != "given"} == {
        "a": State.UNKNOWN,
        "c": State.OK,
    }
    assert ctx.run.findings["a"].until is not None
