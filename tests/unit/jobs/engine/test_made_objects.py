"""Objects that a run has made are looked at again after a person's answer."""

from datetime import timedelta

import pytest

from jobs.clock import now
from jobs.clouds.errors import SignInNeeded, Transient
from jobs.engine import findings
from jobs.model import Reason, State, Turn
from jobs.runs.run import Event, Kind
from tests.fixtures.run_events import noted
from tests.unit.jobs.engine.scripted_steps import Fact, approve, engine, raising

CAUSE = "app_deleted_meanwhile"


@pytest.fixture(autouse=True)
def at_once(monkeypatch) -> None:
    """Skip the pause before the second read, and the wait for calls of an earlier worker."""
    monkeypatch.setattr("jobs.engine.engine.TWICE_S", 0)
    monkeypatch.setattr("jobs.engine.engine.IN_FLIGHT_S", 0)


class Waiting(Fact):
    """A step that waits for a person."""

    article_row, automatic = "C3", False

    async def inspect(self, ctx):
        """Return that the step still waits for the requester."""
        self.log.append("inspect")
        return self.waits_for(Turn.REQUESTER)


@pytest.fixture
def made(given, pass_time):
    """Return a function that makes an app with its grants, and gets an answer a minute later.

    The states in ``later`` are the results of the looks after that.
    """

    async def make(*later: State):
        ctx = given()
        app = Fact("application", State.WRONG, State.OK, *later, deleted_cause=CAUSE)
        grant = Fact("grant", State.WRONG, State.OK, needs=("application",))
        consent = Fact("consent", needs=("application",), automatic=False)
        steps = app, grant, consent, Waiting("form", needs=("grant", "consent"))
        approve(ctx, app, grant)
        await engine(ctx, *steps).apply_plan()
        assert [ctx.run.state_of(step.name) for step in steps[:3]] == [State.OK] * 3
        pass_time(61)
        press(ctx, "form")
        for step in steps:
            step.log.clear()
        return ctx, steps

    return make


async def test_what_is_gone_is_named_with_all_that_needs_it(made):
    """If the app was deleted, an administrator must act.

    The grant waits for the app. A person's consent is gone with it.
    """
    ctx, steps = await made(State.WRONG)
    await engine(ctx, *steps).look_at_made()
    app, grant, consent = (ctx.run.findings[step.name] for step in steps[:3])
    assert (app.state, app.waiting_for, app.cause) == (State.WAITING, Turn.ADMINISTRATOR, CAUSE)
    assert (grant.state, grant.waiting_for) == (State.WAITING, Turn.NOBODY)
    assert (consent.state, consent.reason) == (State.WRONG, Reason.NOTHING_YET)
    assert ctx.run.findings["form"].waiting_for is Turn.REQUESTER
    assert findings.is_deleted(ctx.run)
    assert [step.log for step in steps] == [["inspect"] * 2, [], [], []]


async def test_it_is_named_while_an_answer_is_awaited(made):
    """While an agent is asked, a deleted app is named, and not made again by the old approval."""
    ctx, steps = await made(State.WRONG)
    answer = Waiting("answer", needs=("application",), passes=("application",))
    await engine(ctx, *steps, answer).apply_plan()
    found = ctx.run.findings
    assert (found["application"].cause, found["answer"].waiting_for) == (CAUSE, Turn.NOBODY)
    assert "apply" not in steps[0].log


async def test_one_read_that_finds_nothing_is_no_proof(made):
    """An app counts as deleted only after two reads.

    A copy of the directory may not have the app yet.
    """
    ctx, steps = await made(State.WRONG, State.OK)
    await engine(ctx, *steps).look_at_made()
    assert ctx.run.state_of("application") is State.OK


async def test_what_was_just_made_is_left_alone(given, pass_time):
    """An app is not looked at in its first minute.

    The directory may not show the app everywhere yet.
    """
    ctx = given()
    app = Fact("application", State.WRONG, State.OK, State.WRONG, deleted_cause=CAUSE)
    approve(ctx, app)
    await engine(ctx, app).apply_plan()
    await engine(ctx, app).look_at_made()
    assert ctx.run.state_of("application") is State.OK


async def test_a_part_is_not_named_while_the_whole_is_awaited(given, pass_time):
    """A secret whose app does not show is not called deleted: the app may be what is gone."""
    ctx = given()
    app = Fact("application", State.WRONG, State.OK)
    secret = Fact("secret", State.WRONG, State.OK, State.WRONG, needs=("application",))
    secret.deleted_cause = CAUSE
    approve(ctx, app, secret)
    await engine(ctx, app, secret).apply_plan()
    pass_time(61)
    ctx.store.append(ctx.run.id, noted(app.waits_for(Turn.TIME, Reason.REPLICATION)))
    ctx.run = ctx.store.load(ctx.run.id)
    await engine(ctx, app, secret).look_at_made()
    assert ctx.run.state_of("secret") is State.OK


async def test_it_is_looked_at_once_after_each_answer(made, pass_time):
    """A made object is looked at once after an answer, however often the run is worked on.

    A look at one that still exists reads only that object, and records no event.
    """
    ctx, steps = await made(State.OK)
    before = ctx.run.version
    for _ in range(3):
        await engine(ctx, *steps).look_at_made()
    assert [step.log for step in steps] == [["inspect"], [], [], []]
    assert ctx.run.version == before
    pass_time(60)
    press(ctx, "look_again")
    await engine(ctx, *steps).look_at_made()
    assert steps[0].log == ["inspect"] * 2


@pytest.mark.parametrize(
    "error", [SignInNeeded("sign_in_missing", "entra"), Transient("timed_out", "graph")]
)
async def test_a_look_that_fails_says_nothing(made, error):
    """A look without an answer of the cloud changes no finding, and nobody is asked to sign in.

    The next attempt looks again.
    """
    ctx, steps = await made(State.OK)
    steps[0].hooks["inspect"] = raising(error)
    before = ctx.run.version
    await engine(ctx, *steps).look_at_made()
    assert ctx.run.version == before
    await engine(ctx, *steps).look_at_made()
    assert steps[0].log == ["inspect"] * 2


async def gone(made, *later: State):
    """Return the context and the steps of a run after a look has found that its app was deleted."""
    ctx, steps = await made(State.WRONG, State.WRONG, *later)
    await engine(ctx, *steps).look_at_made()
    return ctx, steps


def press(ctx, question: str) -> None:
    """Record that a person answers this question with yes."""
    data = {"question": question, "value": "yes"}
    ctx.store.append(ctx.run.id, Event(Kind.ANSWERED, now() + timedelta(seconds=1), data=data))
    ctx.run = ctx.store.load(ctx.run.id)


async def test_it_is_not_made_again_unasked(made):
    """A deleted app is not made again unasked, because it may have been deleted on purpose.

    It is looked at again in five minutes.
    """
    ctx, steps = await gone(made, State.WRONG)
    await engine(ctx, *steps).apply_plan()
    found = ctx.run.findings["application"]
    assert "apply" not in steps[0].log
    assert (found.until - now()).total_seconds() == pytest.approx(300, abs=1)


async def test_a_check_does_not_make_it_again(made):
    """A check finds that an app was deleted, and is no request to make it again."""
    ctx, steps = await made(State.OK, State.WRONG)
    await engine(ctx, *steps).look_at_made()
    ctx.store.append(ctx.run.id, Event(Kind.LOOK_AGAIN, now() + timedelta(seconds=1)))
    ctx.run = ctx.store.load(ctx.run.id)
    for _ in range(2):
        await engine(ctx, *steps).look_at_made()
        await engine(ctx, *steps).apply_plan()
    found = ctx.run.findings["application"]
    assert ("apply" in steps[0].log, found.waiting_for) == (False, Turn.ADMINISTRATOR)


async def test_a_restored_one_lets_the_run_go_on(made):
    """A restored app is found at the next look, and the steps that need it are inspected again."""
    ctx, steps = await gone(made, State.OK)
    await engine(ctx, *steps).apply_plan()
    assert [ctx.run.state_of(step.name) for step in steps[:3]] == [State.OK] * 3
    assert "apply" not in steps[0].log


@pytest.mark.parametrize("token_saved", [False, True])
async def test_look_again_makes_it_once_more(made, pass_time, token_saved):
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
    assert findings.is_deleted(ctx.run) is token_saved
