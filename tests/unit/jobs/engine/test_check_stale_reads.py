"""A check reads the directory again if a run of the channel wrote to it a moment ago."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

import pytest

from jobs.clock import now
from jobs.clouds.rate_limit import ReadCache
from jobs.engine.context import StepContext
from jobs.engine.diagnosis import Diagnosis
from jobs.engine.engine import STALE_S, Engine
from jobs.engine.step import Step
from jobs.model import Access, Finding, State, Text
from jobs.runs.run import Event, Kind

CarryOut = Callable[[Coroutine[Any, Any, None]], float]
SHOWN, NOT_SHOWN = State.OK, State.WRONG


class Silent:
    """Listener that ignores every change."""

    def run_changed(self, run_id: str) -> None:
        """Do nothing."""


class Grant(Step):
    """Step that shows the next of its scripted states at each look."""

    name, article_row, diagnosis = "grant", "E2", Diagnosis(access=Access.NONE)

    def __init__(self, group: str, *looks: State, replicates: bool = False) -> None:
        self.group = group
        self.replicates = replicates
        self.looks = list(looks)

    async def inspect(self, ctx: StepContext) -> Finding:
        """Return the next scripted state; the last one is repeated."""
        state = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        return (
            self.ok()
            if state is State.OK
            else self.wrong(Text("seen.none"), cause="consent_missing")
        )


def written(given: Callable[..., StepContext], minutes: float) -> None:
    """Record a setup of the channel that wrote so many minutes ago and has ended."""
    ctx = given(changed={"smtp_grant": now() - timedelta(minutes=minutes)})
    ctx.store.end(ctx.run, Event(Kind.FINISHED, now()))


@pytest.mark.parametrize(
    ("minutes", "group", "looks", "state", "waited"),
    [
        (1, "entra", (NOT_SHOWN, SHOWN), State.OK, STALE_S),
        (1, "entra", (NOT_SHOWN, NOT_SHOWN, SHOWN), State.WRONG, STALE_S),
        (1, "entra", (SHOWN, NOT_SHOWN), State.OK, 0),
        (6, "entra", (NOT_SHOWN, SHOWN), State.WRONG, 0),
        (1, "microsoft", (NOT_SHOWN, SHOWN), State.WRONG, 0),
    ],
)
def test_what_was_written_a_moment_ago_is_read_once_more(
    given: Callable[..., StepContext],
    carry_out: CarryOut,
    minutes: float,
    group: str,
    looks: tuple[State, ...],
    state: State,
    waited: float,
):
    """A recent write that the directory does not show is read once more, after a pause.

    A setting in Exchange is not read again, because only new objects replicate there.
    """
    written(given, minutes)
    ctx = given(kind="check")
    seconds = carry_out(
        Engine(ctx, {"grant": Grant(group, *looks)}, Silent(), lambda: True).check({Access.NONE})
    )
    assert (ctx.run.findings["grant"].state, seconds) == (state, pytest.approx(waited, abs=0.4))


def test_a_new_object_in_exchange_is_read_once_more(
    given: Callable[..., StepContext], carry_out: CarryOut
):
    """A new object in Exchange is read once more.

    Exchange may not list a new object for some minutes.
    """
    written(given, 1)
    ctx = given(kind="check")
    grant = Grant("microsoft", NOT_SHOWN, SHOWN, replicates=True)
    carry_out(Engine(ctx, {"grant": grant}, Silent(), lambda: True).check({Access.NONE}))
    assert ctx.run.findings["grant"].state is State.OK


def test_of_many_channels_all_is_read_once(given: Callable[..., StepContext], carry_out: CarryOut):
    """A check of many channels reads everything once.

    A second read would be answered from memory.
    """
    written(given, 1)
    ctx = given(kind="check")
    ctx.reads = ReadCache()
    assert (
        carry_out(
            Engine(ctx, {"grant": Grant("entra", NOT_SHOWN, SHOWN)}, Silent(), lambda: True).check(
                {Access.NONE}
            )
        )
        < STALE_S
    )
    assert ctx.run.findings["grant"].state is State.WRONG
