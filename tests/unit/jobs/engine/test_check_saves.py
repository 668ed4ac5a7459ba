"""A check saves what it sees as it sees it, and what is seen at the same moment at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from jobs.engine.context import StepContext
from jobs.engine.diagnosis import Diagnosis
from jobs.engine.engine import Engine
from jobs.engine.step import Probe
from jobs.model import Access, Finding, State


@dataclass
class Counting:
    """Counts how often there was something new to show, and how much had been found by then."""

    ctx: StepContext
    found: list[int] = field(default_factory=list)

    def run_changed(self, run_id: str) -> None:
        """Record the number of findings, without the one that every run of these tests starts with."""
        self.found.append(len(self.ctx.store.load(run_id).findings) - 1)


class Look(Probe):
    """A probe that answers after a while."""

    article_row = "X"

    def __init__(self, name: str, access: Access, seconds: float = 0.0) -> None:
        self.name, self.diagnosis = name, Diagnosis(access=access)
        self.seconds = seconds

    async def inspect(self, ctx: StepContext) -> Finding:
        """All is well."""
        await asyncio.sleep(self.seconds)
        return self.ok()


def test_what_is_left_out_holds_up_nobody(
    given: Callable[..., StepContext], carry_out: Callable[..., float]
):
    """Thirty skipped steps are saved at once, before the first inspection and without waiting for it."""
    ctx = given(kind="check")
    left = [Look(f"admin{number}", Access.ADMIN) for number in range(30)]
    steps = {
        step.name: step
        for step in (Look("quick", Access.NONE), Look("slow", Access.NONE, 0.3), *left)
    }
    heard = Counting(ctx)
    carry_out(Engine(ctx, steps, heard, lambda: True).check({Access.NONE}))
    assert heard.found == [30, 31, 32]
    assert [ctx.run.findings[name].state for name in ("admin0", "quick", "slow")] == [
        State.SKIPPED,
        State.OK,
        State.OK,
    ]


def test_what_is_seen_at_once_is_saved_at_once(
    given: Callable[..., StepContext], carry_out: Callable[..., float]
):
    """Ten answers of the same moment are one event to the store, not ten."""
    ctx = given(kind="check")
    steps = {
        step.name: step for step in (Look(f"probe{number}", Access.NONE) for number in range(10))
    }
    heard = Counting(ctx)
    carry_out(Engine(ctx, steps, heard, lambda: True).check({Access.NONE}))
    assert (heard.found[-1], len(heard.found) < 4) == (10, True)
