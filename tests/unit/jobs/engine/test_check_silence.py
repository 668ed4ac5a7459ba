"""A check names the clouds that have not answered yet, while it still waits for them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any

import pytest

from jobs.clouds import calls
from jobs.clouds.errors import Transient
from jobs.clouds.rate_limit import ReadCache
from jobs.engine.context import StepContext
from jobs.engine.diagnosis import Diagnosis
from jobs.engine.engine import Engine
from jobs.engine.step import Step
from jobs.model import Access, Finding
from jobs.runs.run import Event, Kind
from jobs.runtime import NoListener

CarryOut = Callable[[Coroutine[Any, Any, None]], float]


class Slow(Step):
    """Step whose cloud answers after ``seconds`` seconds."""

    name, article_row, group = "slow", "M1", "microsoft"
    diagnosis = Diagnosis(access=Access.NONE)

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    async def inspect(self, ctx: StepContext) -> Finding:
        """Wait for the cloud."""
        with calls.request_to("exchange", Transient):
            await asyncio.sleep(self.seconds)
        return self.ok()


@pytest.fixture(autouse=True)
def loops_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the watch for silent clouds use the event loop's clock, which skips pauses."""
    time = SimpleNamespace(monotonic=lambda: asyncio.get_running_loop().time())
    monkeypatch.setattr(calls, "time", time)


def told(ctx: StepContext) -> list[str]:
    """Return the names of the silent clouds in each event of the kind ``SILENT``."""
    events: list[Event] = ctx.store.events(ctx.run.id)
    return [event.data["services"] for event in events if event.kind is Kind.SILENT]


@pytest.mark.parametrize(("seconds", "expected"), [(60.0, ["exchange"]), (1.0, [])])
def test_a_cloud_that_does_not_answer_is_named_within_seconds(
    given: Callable[..., StepContext], carry_out: CarryOut, seconds: float, expected: list[str]
):
    """A cloud that does not answer is named long before the finding.

    A cloud that answers after a second is not named.
    """
    ctx = given(kind="check")
    engine = Engine(ctx, {"slow": Slow(seconds)}, NoListener(), lambda: True)
    carry_out(engine.check({Access.NONE}))
    assert told(ctx) == expected
    silent = [event for event in ctx.store.events(ctx.run.id) if event.kind is Kind.SILENT]
    assert len(silent) == len(expected)
    assert "slow" in ctx.run.findings


def test_a_check_of_many_channels_tells_nothing(
    given: Callable[..., StepContext], carry_out: CarryOut
):
    """A check of many channels names no silent clouds.

    Its card has a line for each channel, and no room for clouds.
    """
    ctx = given(kind="check")
    ctx.reads = ReadCache()
    engine = Engine(ctx, {"slow": Slow(60.0)}, NoListener(), lambda: True)
    carry_out(engine.check({Access.NONE}))
    assert told(ctx) == []
