"""Shutdown of a process: current work is finished and saved, and no other work begins.

The run is then free for the next worker at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from jobs import advance
from jobs.clock import now
from jobs.engine.context import StepContext
from jobs.engine.engine import Engine
from jobs.engine.graph import StoppingError
from jobs.model import Account, State
from jobs.runs.run import Event, Kind
from jobs.runs.run_store import RunStore
from jobs.runtime import Runtime, Shutdown, install
from jobs.settings import Settings
from tests.unit.jobs.conftest import Given
from tests.unit.jobs.engine.scripted_steps import Fact, approve, engine

MADE = ["inspect", "apply", "inspect"]


def made(
    name: str, seconds: float = 0, meanwhile: Callable[[], None] = lambda: None, **more: Any
) -> Fact:
    """Return a step whose change takes so long; ``meanwhile`` is called when it begins."""
    step = Fact(name, State.WRONG, mends=True, **more)

    async def take(_: StepContext) -> None:
        meanwhile()
        await asyncio.sleep(seconds)

    step.hooks["apply"] = take
    return step


@pytest.fixture
def shutdown() -> Shutdown:
    """Return a shutdown that has not been requested yet."""
    return Shutdown()


def approved(ctx: StepContext, shutdown: Shutdown, *steps: Fact) -> Engine:
    """Return an engine of these steps, with all their changes approved."""
    approve(ctx, *steps)
    return engine(ctx, *steps, shutdown=shutdown)


def kinds(ctx: StepContext, step: str) -> list[str]:
    """Return the recorded event kinds of a step."""
    return [str(event.kind) for event in ctx.store.events(ctx.run.id) if event.step == step]


async def test_what_is_under_way_ends_and_nothing_more_is_begun(given: Given, shutdown: Shutdown):
    """At a shutdown, two changes that are under way end and are saved.

    A third change that needs one of them is not begun.
    """
    first, slow = made("a", meanwhile=shutdown.request), made("b", seconds=0.3)
    then, ctx = made("c", needs=("a",)), given()
    with pytest.raises(StoppingError):
        await approved(ctx, shutdown, slow, first, then).apply_plan()
    assert (first.log, slow.log, then.log) == (MADE, MADE, [])
    assert [kinds(ctx, name)[-2:] for name in "ab"] == [["changed", "found"], ["changed", "found"]]


async def test_a_wait_for_the_directory_is_left(given: Given, shutdown: Shutdown):
    """A shutdown ends the wait for a recorded change to show, but not another step's call."""
    late, slow, ctx = made("a", meanwhile=shutdown.request), made("b", seconds=0.3), given()
    late.mends = False
    with pytest.raises(StoppingError):
        await approved(ctx, shutdown, slow, late).apply_plan()
    assert (kinds(ctx, "a"), ctx.run.running) == (["running", "changing", "changed"], {"a"})
    assert (slow.log, kinds(ctx, "b")[-1]) == (MADE, "found")


async def test_another_process_goes_on(given: Given, shutdown: Shutdown):
    """The next process makes the changes that were not begun, and makes none a second time."""
    first, then, ctx = made("a", meanwhile=shutdown.request), made("b", needs=("a",)), given()
    with pytest.raises(StoppingError):
        await approved(ctx, shutdown, first, then).apply_plan()
    await engine(ctx, first, then).apply_plan()
    assert (first.log, then.log) == (MADE, MADE)


def test_the_run_is_due_at_once(
    given: Given,
    runtime_of: Callable[[Settings], Runtime],
    work_settings: Settings,
    store: RunStore,
    monkeypatch: Any,
):
    """After a shutdown the run is due at once and its lease is free for any worker."""
    run = given(
        events=(
            Event(Kind.SIGNED_IN, now(), account=Account("tenant-1", "oid-1", "admin@contoso.com")),
        )
    ).run

    async def stopped(*_: object) -> int:
        raise StoppingError

    monkeypatch.setattr(advance, "_advance_setup", stopped)
    install(runtime_of(work_settings))
    advance.advance(run.id)
    with store.lease(run.id) as lease:
        assert (
            float(store.redis.zscore("due", f"run:{run.id}") or 0) <= now().timestamp(),
            lease is not None,
        ) == (True, True)  # type: ignore[arg-type]  # redis-py's two answers
