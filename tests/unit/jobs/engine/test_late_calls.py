"""Calls of an interrupted worker that may still arrive: an undo looks once more after their time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from jobs.clock import now
from jobs.clouds.retry import PATIENCE
from jobs.engine.context import StepContext
from jobs.engine.engine import Engine
from jobs.engine.failures import SETTLES_FOR
from jobs.engine.inspector import REPLICATION
from jobs.engine.undo import CALL_LASTS, Reversal, recall
from jobs.engine.undoable import Undoable
from jobs.model import Change, Finding, Scope, State, Text, Turn
from jobs.runs.fold import apply_events
from jobs.runs.run import Event, Kind, RecordedChange, Run
from jobs.runtime import NoListener
from jobs.steps import all_steps

STEP = "smtp_auth"
LINE = Change(STEP, "M2", Text("step.smtp_auth"), Text("b"), Text("a"), Scope.MAILBOX, "x")


class Switch(Undoable):
    """Step whose value an undo puts back, with the states that it sees; the last one is repeated."""

    name, article_row, group = STEP, "M2", "exchange"

    def __init__(self, *shows: State) -> None:
        self.shows, self.undone = list(shows), 0

    async def inspect(self, ctx: StepContext) -> Finding:
        """Nothing asks for it."""
        raise NotImplementedError

    async def inspect_undo(self, ctx: StepContext, past: RecordedChange) -> Finding:
        """The next state."""
        state = self.shows.pop(0) if len(self.shows) > 1 else self.shows[0]
        return Finding(self.name, state, seen=Text("seen.ok"))

    def undo_command(self, ctx: StepContext, past: RecordedChange) -> str:
        """No command."""
        return "x"

    async def undo(self, ctx: StepContext, past: RecordedChange) -> None:
        """Count."""
        self.undone += 1


def reversal(step: Switch, begun: datetime | None) -> Reversal:
    """The undo of a change that was interrupted after this moment, or never."""
    past = RecordedChange(STEP, LINE, Text("b"), {"x": ""}, {"x": "1"}, ("A",), begun)
    return Reversal(step, past, ())


async def test_a_value_that_is_back_is_looked_at_once_more(given: Callable[..., StepContext]):
    """At the moment from which no call of the interrupted worker can be under way."""
    begun = now() - timedelta(seconds=30)
    finding = await reversal(Switch(State.OK), begun).inspect(given())
    assert (finding.state, finding.waiting_for, finding.seen) == (
        State.WAITING,
        Turn.TIME,
        Text("seen.undo_late"),
    )
    assert finding.until is not None
    assert abs(finding.until - (begun + CALL_LASTS)) < timedelta(seconds=1)


@pytest.mark.parametrize("ago", [None, CALL_LASTS], ids=["never_interrupted", "long_ago"])
async def test_nothing_late_is_waited_for_where_nothing_can_come(
    given: Callable[..., StepContext], ago: timedelta | None
):
    """Otherwise every undo would take a minute and a half."""
    step = reversal(Switch(State.OK), now() - ago if ago else None)
    assert (await step.inspect(given())).state is State.OK


@pytest.mark.parametrize("state", [State.WRONG, State.WARNING])
async def test_what_is_not_back_is_said_at_once(given: Callable[..., StepContext], state: State):
    """There is something to put back, or somebody else's value to leave."""
    assert (await reversal(Switch(state), now()).inspect(given())).state is state


def test_a_call_that_arrives_during_the_undo_is_undone_too(
    carry_out: Callable[..., float],
    given: Callable[..., StepContext],
    pass_time: Callable[[float], None],
):
    """Put back, overwritten by the late call, seen at the second look, and put back once more."""
    step = Switch(State.WRONG, State.OK, State.WRONG, State.WRONG, State.OK)
    ctx, back = given(kind="undo"), reversal(step, now())
    lines = back.plan(ctx, back.wrong(Text("seen.ok")))
    planned = Event(Kind.PLANNED, now(), data={"plan": "p"}, changes=lines)
    approved = Event(Kind.APPROVED, now(), data={"plan": "p", "scope": "mailbox"})
    ctx.store.append(ctx.run.id, planned, approved)
    worker = Engine(ctx, {STEP: back}, NoListener(), lambda: True)
    seen = []
    for seconds in (0, CALL_LASTS.total_seconds(), SETTLES_FOR.total_seconds()):
        pass_time(seconds)
        carry_out(worker.apply_plan())
        found = ctx.run.findings[STEP]
        seen.append((step.undone, found.state, found.seen))
    assert seen == [
        (1, State.WAITING, Text("seen.undo_late")),
        (1, State.WAITING, REPLICATION),
        (2, State.OK, Text("seen.ok")),
    ]


def changed(run: Run, *more: Event) -> Run:
    """The run with a change that was begun, and what came then."""
    before = Finding(STEP, State.WRONG, values={"disabled": ""})
    begin = Event(Kind.CHANGING, now(), step=STEP, finding=before, changes=(LINE,))
    return apply_events(run, [begin, *more])


def test_which_changes_were_interrupted(given: Callable[..., StepContext]):
    """Those that were never completed, and those that were begun again after that."""
    run, done = given().run, Event(Kind.CHANGED, now(), step=STEP)
    again = changed(changed(run), done)
    runs = {
        "completed": changed(run, done),
        "not completed": changed(run),
        "begun again": again,
        "completed twice": changed(changed(run, done), done),
        "begun again, and once more later": changed(again, done),
    }
    found = {
        name: [past.interrupted is not None for past in recall([each], all_steps())]
        for name, each in runs.items()
    }
    assert found == {
        "completed": [False],
        "not completed": [True],
        "begun again": [True],
        "completed twice": [False],
        "begun again, and once more later": [False],
    }


def test_no_call_lasts_longer_than_its_client_waits():
    """The bound is that of the requests to Microsoft."""
    assert CALL_LASTS.total_seconds() == PATIENCE.total_s
