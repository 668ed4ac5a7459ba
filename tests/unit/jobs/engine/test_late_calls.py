"""Late calls of an interrupted worker: an undo inspects a value once more after their time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from jobs.clock import now
from jobs.clouds.retry import PATIENCE
from jobs.engine.context import StepContext
from jobs.engine.engine import Engine
from jobs.engine.inspector import SETTLES_FOR
from jobs.engine.undo import CALL_LASTS, Reversal, Undoable, recall
from jobs.model import Change, Finding, Reason, Scope, State, Text, Turn
from jobs.runs.fold import apply_events
from jobs.runs.run import Event, Kind, RecordedChange, Run
from jobs.runtime import no_listener
from jobs.steps import all_steps
from tests.unit.jobs.conftest import CarryOut, Given

STEP = "smtp_auth"
LINE = Change(STEP, "M2", Text("step.smtp_auth"), Text("b"), Text("a"), Scope.MAILBOX, "x")


class Switch(Undoable):
    """Step whose value an undo restores, with scripted states; the last one is repeated."""

    name, article_row, group = STEP, "M2", "exchange"

    def __init__(self, *shows: State) -> None:
        self.shows, self.undone = list(shows), 0

    async def inspect(self, ctx: StepContext) -> Finding:
        """Fail, because an undo does not use this method."""
        raise NotImplementedError

    async def inspect_undo(self, ctx: StepContext, past: RecordedChange) -> Finding:
        """Return the finding for the next scripted state."""
        state = self.shows.pop(0) if len(self.shows) > 1 else self.shows[0]
        return Finding(self.name, state, seen=Text("seen.ok"))

    def undo_command(self, ctx: StepContext, past: RecordedChange) -> str:
        """Return a placeholder instead of a command."""
        return "x"

    async def undo(self, ctx: StepContext, past: RecordedChange) -> None:
        """Count the calls."""
        self.undone += 1


def reversal(step: Switch, begun: datetime | None) -> Reversal:
    """Return the undo of a change whose last try began at ``begun`` and was interrupted.

    If ``begun`` is None, the change was not interrupted.
    """
    past = RecordedChange(STEP, LINE, Text("b"), {"x": ""}, {"x": "1"}, ("A",), begun)
    return Reversal(step, past, ())


async def test_a_value_that_is_back_is_looked_at_once_more(given: Given):
    """A restored value is inspected once more as soon as no late call can be under way anymore.

    Such a call would be from a worker that was interrupted during the change.
    """
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
    given: Given, ago: timedelta | None
):
    """An undo does not wait for late calls if none can come.

    Otherwise every undo would take a minute and a half.
    """
    step = reversal(Switch(State.OK), now() - ago if ago else None)
    assert (await step.inspect(given())).state is State.OK


@pytest.mark.parametrize("state", [State.WRONG, State.WARNING])
async def test_what_is_not_back_is_said_at_once(given: Given, state: State):
    """A value that is not restored yet is reported at once.

    The undo must restore it, or must leave it because it is somebody else's value.
    """
    assert (await reversal(Switch(state), now()).inspect(given())).state is state


def test_a_call_that_arrives_during_the_undo_is_undone_too(
    carry_out: CarryOut, given: Given, pass_time: Callable[[float], None]
):
    """A late call that overwrites the restored value is undone too.

    The second inspection sees the late value, and the undo restores the value once more.
    """
    step = Switch(State.WRONG, State.OK, State.WRONG, State.WRONG, State.OK)
    ctx, back = given(kind="undo"), reversal(step, now())
    lines = back.plan(ctx, back.wrong(Text("seen.ok")))
    planned = Event(Kind.PLANNED, now(), data={"plan": "p"}, changes=lines)
    approved = Event(Kind.APPROVED, now(), data={"plan": "p", "scope": "mailbox"})
    ctx.store.append(ctx.run.id, planned, approved)
    worker = Engine(ctx, {STEP: back}, no_listener, lambda: True)
    seen = []
    for seconds in (0, CALL_LASTS.total_seconds(), SETTLES_FOR.total_seconds()):
        pass_time(seconds)
        carry_out(worker.apply_plan())
        found = ctx.run.findings[STEP]
        seen.append((step.undone, found.state, found.reason or found.seen))
    assert seen == [
        (1, State.WAITING, Text("seen.undo_late")),
        (1, State.WAITING, Reason.REPLICATION),
        (2, State.OK, Text("seen.ok")),
    ]


def changed(run: Run, *more: Event) -> Run:
    """Return the run after a change was begun and after the events in ``more``."""
    before = Finding(STEP, State.WRONG, values={"disabled": ""})
    begin = Event(Kind.CHANGING, now(), step=STEP, finding=before, changes=(LINE,))
    return apply_events(run, [begin, *more])


def test_which_changes_were_interrupted(given: Given):
    """A change counts as interrupted if its last try was never completed.

    It also counts as interrupted if the try before that one was never completed.
    """
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
    """The longest time of a call is the time that the client allows for a request to Microsoft."""
    assert CALL_LASTS.total_seconds() == PATIENCE.total_s
