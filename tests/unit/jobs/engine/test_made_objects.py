"""Objects that a run has made are looked at again while the run waits for a person."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from jobs.clock import now
from jobs.clouds.errors import CloudReply, SignInNeeded, Transient
from jobs.engine import made_objects
from jobs.engine.context import StepContext
from jobs.model import Finding, State, Turn
from jobs.runs.run import Event, Kind
from jobs.storage import keys
from tests.unit.jobs.engine.scripted_steps import Fact, approve, engine, raising

CAUSE = "app_deleted_meanwhile"
Move = Callable[[float], None]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skip the pause before the second read, and the wait for calls of an earlier worker."""
    monkeypatch.setattr(made_objects, "TWICE_S", 0)
    monkeypatch.setattr("jobs.engine.applier.IN_FLIGHT_S", 0)


class Waiting(Fact):
    """A step that waits for a person."""

    automatic = False

    async def inspect(self, ctx: StepContext) -> Finding:
        """Return that the step still waits for the requester."""
        self.log.append("inspect")
        return self.waits_for(Turn.REQUESTER)


@pytest.fixture
def made(given: Callable[..., StepContext], pass_time: Move) -> Callable[..., Any]:
    """Return a function that makes an app with a grant, and then waits for a person for a minute.

    The states in ``later`` are the results of the looks after that.
    """

    async def make(*later: State) -> tuple[StepContext, tuple[Fact, ...]]:
        ctx = given()
        app = Fact("application", State.WRONG, State.OK, *later, deleted_cause=CAUSE)
        grant = Fact("grant", State.WRONG, State.OK, needs=("application",))
        form = Waiting("form", needs=("grant",))
        approve(ctx, app, grant)
        await engine(ctx, app, grant, form).apply_plan()
        assert [ctx.run.state_of(name) for name in ("application", "grant")] == [State.OK] * 2
        pass_time(61)
        for step in (app, grant, form):
            step.log.clear()
        return ctx, (app, grant, form)

    return make


def look_due(ctx: StepContext, steps: tuple[Fact, ...]) -> float | None:
    """Return the seconds until the next look is due, or None if there is none."""
    when = made_objects.next_look(ctx.store.redis, ctx.run, {step.name: step for step in steps})
    return None if when is None else (when - now()).total_seconds()


async def test_what_is_there_costs_one_read_and_no_event(made: Callable[..., Any]):
    """A look at an object that still exists reads only that object, and records no event."""
    ctx, steps = await made(State.OK)
    before = ctx.run.version
    await engine(ctx, *steps).look_at_made()
    assert [step.log for step in steps] == [["inspect"], [], []]
    assert ctx.run.version == before


async def test_what_is_gone_is_named_with_all_that_needs_it(made: Callable[..., Any]):
    """If the app was deleted, an administrator must act.

    The grant waits for the app, and keeps the facts that are known of it.
    """
    ctx, steps = await made(State.WRONG)
    await engine(ctx, *steps).look_at_made()
    app, grant = ctx.run.findings["application"], ctx.run.findings["grant"]
    assert (app.state, app.waiting_for, app.cause) == (State.WAITING, Turn.ADMINISTRATOR, CAUSE)
    assert (grant.state, grant.waiting_for) == (State.WAITING, Turn.NOBODY)
    assert ctx.run.findings["form"].waiting_for is Turn.REQUESTER
    assert made_objects.is_deleted(ctx.run)
    assert [step.log for step in steps] == [["inspect"] * 2, [], []]


async def test_one_read_that_finds_nothing_is_no_proof(made: Callable[..., Any]):
    """An app counts as deleted only after two reads.

    A copy of the directory may not have the app yet.
    """
    ctx, steps = await made(State.WRONG, State.OK)
    await engine(ctx, *steps).look_at_made()
    assert ctx.run.state_of("application") is State.OK


async def test_what_was_just_made_is_left_alone(given: Callable[..., StepContext], pass_time: Move):
    """An app is not looked at in its first minute.

    The directory may not show the app everywhere yet.
    """
    ctx = given()
    app = Fact("application", State.WRONG, State.OK, State.WRONG, deleted_cause=CAUSE)
    approve(ctx, app)
    await engine(ctx, app).apply_plan()
    await engine(ctx, app).look_at_made()
    assert ctx.run.state_of("application") is State.OK


async def test_it_is_looked_at_once_a_minute(made: Callable[..., Any]):
    """A made object is looked at once a minute, however often the run is worked on."""
    ctx, steps = await made(State.OK)
    for _ in range(3):
        await engine(ctx, *steps).look_at_made()
    assert steps[0].log == ["inspect"]
    assert 0 < ctx.store.redis.ttl(keys.run_mark(ctx.run.id, "look", "done")) <= 60


async def test_the_looks_become_rare(made: Callable[..., Any], pass_time: Move):
    """The looks at the made objects become rarer as the wait gets longer.

    They are due every minute, after ten minutes every five, and after an hour every half hour.
    """
    ctx, steps = await made(State.OK)
    seen = []
    for seconds in (0, 600, 3600):
        pass_time(seconds)
        seen.append(look_due(ctx, steps))
    assert seen == pytest.approx([60, 300, 1800], abs=1)


@pytest.mark.parametrize("why", ["signed out", "ended", "not made"])
async def test_there_is_no_look(made: Callable[..., Any], why: str):
    """The objects of a run are not looked at without a sign-in, or after the end of the run.

    Without made objects there is no look either.
    """
    ctx, steps = await made(State.OK)
    if why == "not made":
        steps = tuple(step for step in steps if step.name != "application")
    else:
        kind = Kind.SIGNED_OUT if why == "signed out" else Kind.CANCELLED
        ctx.store.append(ctx.run.id, Event(kind, now()))
        ctx.run = ctx.store.load(ctx.run.id)
    assert look_due(ctx, steps) is None


async def test_a_sign_in_that_has_ended_ends_the_looks(made: Callable[..., Any]):
    """Looks at the made objects end with the sign-in, because nobody is asked to sign in for them.

    Once something happens to the run, there are looks again.
    """
    ctx, steps = await made(State.OK)
    steps[0].hooks["inspect"] = raising(SignInNeeded("sign_in_missing", CloudReply("entra")))
    before = ctx.run.version
    await engine(ctx, *steps).look_at_made()
    assert (ctx.run.version, look_due(ctx, steps)) == (before, None)
    ctx.store.append(ctx.run.id, Event(Kind.LOOK_AGAIN, now()))
    ctx.run = ctx.store.load(ctx.run.id)
    assert look_due(ctx, steps) == pytest.approx(60, abs=1)


async def test_a_cloud_that_is_away_says_nothing(made: Callable[..., Any]):
    """A look without an answer of the cloud changes no finding, and the next look is as usual."""
    ctx, steps = await made(State.OK)
    steps[0].hooks["inspect"] = raising(Transient("timed_out", CloudReply("graph")))
    await engine(ctx, *steps).look_at_made()
    assert ctx.run.state_of("application") is State.OK
    assert look_due(ctx, steps) == pytest.approx(60, abs=1)


async def gone(made: Callable[..., Any], *later: State) -> tuple[StepContext, tuple[Fact, ...]]:
    """Return the context and the steps of a run after a look has found that its app was deleted."""
    ctx, steps = await made(State.WRONG, State.WRONG, *later)
    await engine(ctx, *steps).look_at_made()
    return ctx, steps


def press(ctx: StepContext, question: str) -> None:
    """Record that a person answers this question with yes."""
    data = {"question": question, "value": "yes"}
    ctx.store.append(ctx.run.id, Event(Kind.ANSWERED, now() + timedelta(seconds=1), data=data))
    ctx.run = ctx.store.load(ctx.run.id)


async def test_it_is_not_made_again_unasked(made: Callable[..., Any]):
    """A deleted app is not made again unasked, because it may have been deleted on purpose.

    It is looked at again in five minutes.
    """
    ctx, steps = await gone(made, State.WRONG)
    await engine(ctx, *steps).apply_plan()
    found = ctx.run.findings["application"]
    assert "apply" not in steps[0].log
    assert found.until is not None
    assert (found.until - now()).total_seconds() == pytest.approx(300, abs=1)


async def test_a_restored_one_lets_the_run_go_on(made: Callable[..., Any]):
    """A restored app is found at the next look, and the steps that need it are inspected again."""
    ctx, steps = await gone(made, State.OK)
    await engine(ctx, *steps).apply_plan()
    assert [ctx.run.state_of(name) for name in ("application", "grant")] == [State.OK] * 2
    assert "apply" not in steps[0].log


@pytest.mark.parametrize("token_saved", [False, True])
async def test_look_again_makes_it_once_more(
    made: Callable[..., Any], pass_time: Move, token_saved: bool
):
    """A press of Look again makes a deleted app once more, under the same approval.

    The app is not made if Webex Connect has the client ID of the deleted app.
    """
    ctx, steps = await gone(made, State.WRONG, State.OK)
    pass_time(300)
    if token_saved:
        press(ctx, "token_saved")
    press(ctx, "look_again")
    await engine(ctx, *steps).apply_plan()
    assert ("apply" in steps[0].log) is not token_saved
    assert made_objects.is_deleted(ctx.run) is token_saved


async def test_a_lost_secret_is_more_than_a_look(made: Callable[..., Any]):
    """A run that keeps a lost secret goes on in full instead of with a look only.

    The page that shows the new secret wakes the run without an event. The run then removes the lost
    secret.
    """
    ctx, steps = await made(State.OK)
    redis = ctx.store.redis
    look_due(ctx, steps)
    assert made_objects.is_only_a_look(redis, ctx.run)
    kept = Finding("lost_secret", State.WAITING, waiting_for=Turn.NOBODY)
    ctx.store.append(ctx.run.id, Event(Kind.FOUND, now(), step="lost_secret", finding=kept))
    run = ctx.store.load(ctx.run.id)
    made_objects.next_look(redis, run, {step.name: step for step in steps})
    assert not made_objects.is_only_a_look(redis, run)
