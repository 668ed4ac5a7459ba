"""Behavior of the engine when a sign-in, its lease or its process ends in the middle of a run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from jobs.clock import now
from jobs.clouds import calls
from jobs.clouds.errors import RequestIds, SignInNeeded, Transient
from jobs.engine.context import StepContext
from jobs.engine.engine import IN_FLIGHT_S, Engine
from jobs.model import Finding, State
from jobs.runs.audit import read
from jobs.runs.run import Event, Kind, LeaseLostError, RunEndedError
from jobs.runtime import no_listener
from tests.unit.jobs.conftest import CarryOut, Given
from tests.unit.jobs.engine.scripted_steps import (
    SAID,
    Fact,
    appending,
    approve,
    engine,
    raising,
    told,
)


def raising_first(lost: list[Exception]) -> Callable[[], None]:
    """Return a guard that raises the first of these errors as soon as there is one."""

    def guard() -> None:
        if lost:
            raise lost[0]

    return guard


@pytest.mark.parametrize("where", ["inspect", "apply"])
def test_a_dead_sign_in_ends_the_walk(carry_out: CarryOut, given: Given, where: str):
    """A sign-in that has ended stops all steps that are under way.

    The run then asks for a new sign-in.
    """
    a, b, ctx = Fact("a", State.WRONG), Fact("b"), given()
    a.hooks[where] = raising(SignInNeeded("sign_in_expired", SAID))

    async def long(_: StepContext) -> None:
        await asyncio.sleep(3600)

    b.hooks["inspect"] = long
    approve(ctx, a)
    with pytest.raises(SignInNeeded):
        carry_out(engine(ctx, a, b).apply_plan())
    assert "b" not in ctx.run.findings


def test_a_lost_lease_writes_nothing_more(carry_out: CarryOut, given: Given):
    """A worker without the lease writes nothing, because another worker has the run."""
    a, ctx = Fact("a", State.WRONG), given()
    approve(ctx, a)
    before = told(ctx)
    with pytest.raises(LeaseLostError):
        carry_out(engine(ctx, a, holds=False).apply_plan())
    assert (a.log, told(ctx)) == ([], before)


def test_a_lease_that_is_lost_before_a_change_makes_none(carry_out: CarryOut, given: Given):
    """A worker that lost its lease makes no change.

    The change would be recorded first, and the record needs the lease.
    """
    a, ctx = Fact("a", State.WRONG), given()
    approve(ctx, a)
    held = [True]

    async def lose(_: StepContext) -> None:
        held[0] = False

    a.hooks["inspect"] = lose
    with pytest.raises(LeaseLostError):
        carry_out(Engine(ctx, {"a": a}, no_listener, lambda: held[0]).apply_plan())
    assert a.log == ["inspect"]


def test_a_run_that_is_cancelled_meanwhile_begins_nothing_more(carry_out: CarryOut, given: Given):
    """No event follows the cancellation of a run.

    A call that was under way at that time is in the audit trail.
    """
    a, b, ctx = Fact("a", State.WRONG, State.OK), Fact("b", needs=("a",)), given()

    async def cancelled_during_a_call(_: StepContext) -> None:
        calls.record("exchange", "Set-CASMailbox", 200, RequestIds())
        ctx.store.append(ctx.run.id, Event(Kind.CANCELLED, now()))

    a.hooks["apply"] = cancelled_during_a_call
    approve(ctx, a)
    with pytest.raises(RunEndedError):
        carry_out(engine(ctx, a, b).apply_plan())
    assert (a.log, b.log, told(ctx)[-1]) == (["inspect", "apply"], [], ("cancelled", ""))
    last = read(ctx.store.audit.entries()[-1])
    assert (last["what"], last["step"], last["data"]) == (
        "changed_late",
        "a",
        {"calls": "exchange Set-CASMailbox 200"},
    )


def test_a_change_that_the_guard_stops_is_not_made(carry_out: CarryOut, given: Given):
    """The lease is checked right before ``apply``, even if no call of the step is guarded."""
    a, ctx = Fact("a", State.WRONG), given()
    approve(ctx, a)

    def lost() -> None:
        raise LeaseLostError

    with calls.guarded(lost), pytest.raises(LeaseLostError):
        carry_out(engine(ctx, a).apply_plan())
    assert (a.log, told(ctx)[-1]) == (["inspect"], ("changing", "a"))


@pytest.mark.parametrize(
    ("shows", "log"),
    [([State.OK], ["inspect"]), ([State.WRONG, State.OK], ["inspect", "apply", "inspect"])],
)
def test_a_death_between_changing_and_changed_is_looked_at_first(
    carry_out: CarryOut, given: Given, shows: list[State], log: list[str]
):
    """After a crash during a change, the step is inspected before it is applied again.

    A finished change is not repeated. The state from before the first try is kept. The engine waits
    first, because a call under way may still arrive.
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


def test_a_cloud_that_is_away_stops_nothing_else(carry_out: CarryOut, given: Given):
    """A step whose cloud is away is inspected again later by itself, and other steps go on."""
    a, b, c, ctx = Fact("a"), Fact("b", needs=("a",)), Fact("c"), given()
    a.hooks["inspect"] = raising(Transient("service_unavailable", SAID))
    carry_out(engine(ctx, a, b, c).apply_plan())
    assert {n: f.state for n, f in ctx.run.findings.items() if n != "given"} == {
        "a": State.UNKNOWN,
        "c": State.OK,
    }
    assert ctx.run.findings["a"].until is not None


@pytest.mark.parametrize("over", [True, False], ids=["lost", "another_reason"])
def test_calls_of_steps_that_end_with_another_are_told(
    carry_out: CarryOut, given: Given, over: bool
):
    """If one step finds that the run is lost, the calls of the other steps are in the audit trail.

    A sign-in that has ended does not lose the run, so no late call is recorded then.
    """
    a, b, ctx = Fact("a", State.WRONG), Fact("b", State.WRONG), given()
    approve(ctx, a, b)
    lost: list[Exception] = []

    async def long(_: StepContext) -> None:
        calls.record("graph", "PATCH /applications", 0, RequestIds())
        await asyncio.sleep(3600)

    async def ends(_: StepContext) -> None:
        await asyncio.sleep(1)
        if over:
            lost.append(LeaseLostError())
            calls.check_guard()
        raise SignInNeeded("sign_in_expired", SAID)

    a.hooks["apply"], b.hooks["apply"] = long, ends
    with (
        calls.guarded(raising_first(lost)),
        pytest.raises(LeaseLostError if over else SignInNeeded),
    ):
        carry_out(engine(ctx, a, b).apply_plan())
    entries = [read(line) for line in ctx.store.audit.entries()]
    late = [entry["step"] for entry in entries if entry["what"] == "changed_late"]
    assert late == (["a"] if over else [])


def test_a_call_that_times_out_while_its_worker_is_stopped_is_told(
    carry_out: CarryOut, given: Given
):
    """A call that times out while its worker is stopped may have changed something.

    So the audit trail contains the call, and does not say that nothing was changed.
    """
    a, ctx = Fact("a", State.WRONG), given()
    approve(ctx, a)
    lost: list[Exception] = []

    async def late(_: StepContext) -> None:
        calls.record("exchange", "Set-Mailbox", 0, RequestIds())
        lost.append(LeaseLostError())
        raise Transient("timed_out", SAID)

    a.hooks["apply"] = late
    with calls.guarded(raising_first(lost)), pytest.raises(LeaseLostError):
        carry_out(engine(ctx, a).apply_plan())
    last = read(ctx.store.audit.entries()[-1])
    assert (last["what"], last["data"]) == ("changed_late", {"calls": "exchange Set-Mailbox 0"})


async def test_an_answer_after_a_steps_inspection_is_not_seen(given: Given):
    """An answer that arrives after the inspection of a step counts as not seen yet.

    A later read of the run contains the answer, but the step did not know it, so the work goes on.
    """
    answered = Event(Kind.ANSWERED, now(), data={"question": "rehearse", "value": "yes"})
    fact = Fact("a")
    fact.hooks["inspect"] = appending(answered)
    work = engine(given(), fact)
    before = work.seen
    await work.apply_plan()
    own = work.ctx.run.version - before - 1
    assert (own > 0, work.seen, work.ctx.store.length(work.ctx.run.id) - work.seen) == (
        True,
        before + own,
        1,
    )
