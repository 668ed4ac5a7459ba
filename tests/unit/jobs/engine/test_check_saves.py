"""A check saves each finding at once, and findings of the same moment in one write."""

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
    """Listener that records the number of findings at each change of the run."""

    ctx: StepContext
    found: list[int] = field(default_factory=list)

    def run_changed(self, run_id: str) -> None:
        """Record the number of findings, without the finding with which every run begins."""
        self.found.append(len(self.ctx.store.load(run_id).findings) - 1)


class Look(Probe):
    """Probe that answers after ``seconds`` seconds."""

    article_row = "X"

    def __init__(self, name: str, access: Access, seconds: float = 0.0) -> None:
        self.name, self.diagnosis = name, Diagnosis(access=access)
        self.seconds = seconds

    async def inspect(self, ctx: StepContext) -> Finding:
        """Return that all is well, after the pause."""
        await asyncio.sleep(self.seconds)
        return self.ok()


def test_what_is_left_out_holds_up_nobody(
    given: Callable[..., StepContext], carry_out: Callable[..., float]
):
    """Thirty skipped steps are saved at once, before the first inspection.

    They do not wait for that inspection.
    """
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
    """Ten answers that come at the same moment are saved in fewer than four writes."""
    ctx = given(kind="check")
    steps = {
        step.name: step for step in (Look(f"probe{number}", Access.NONE) for number in range(10))
    }
    heard = Counting(ctx)
    carry_out(Engine(ctx, steps, heard, lambda: True).check({Access.NONE}))
    assert (heard.found[-1], len(heard.found) < 4) == (10, True)
