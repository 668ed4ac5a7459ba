"""The engine's waits: their reasons and length, and the changes that it requests during a run."""

from dataclasses import replace
from datetime import timedelta

import pytest

from jobs.causes.cause import Cause
from jobs.clock import now
from jobs.clouds import errors
from jobs.engine.engine import MAX_UNSEEN_CHANGES, digest
from jobs.model import Account, Reason, Scope, State, Text, Turn, verbatim
from jobs.runs.run import Event, Kind
from tests.unit.jobs.engine.scripted_steps import EMPTY, SEEN, Fact, engine, raising

NO_ROLE = errors.Forbidden("exchange_role_missing", "exchange", 403)
NO_CONSENT = errors.SignInNeeded("exchange_consent_missing", "exchange", 401)
REPLY = ("graph", 400, "Request_BadRequest", "NoBackingApplicationObject")
NOT_READY = errors.NotReplicatedYet("directory_settling", *REPLY)
DEHYDRATED = errors.Rejected("customization_needed", "exchange", 400)
ACCOUNT = Account("tenant-1", "oid-1", "admin@contoso.com")
GONE, THERE = EMPTY, SEEN


@pytest.fixture(autouse=True)
def at_once(monkeypatch) -> None:
    """Skip the wait for calls of an earlier worker; in these tests they have always ended."""
    monkeypatch.setattr("jobs.engine.engine.IN_FLIGHT_S", 0)


def fact(name: str, *refusals, where: str = "apply", holds: bool = False, **more) -> Fact:
    """Return a step that holds once it was changed; ``refusals`` are the first errors it meets."""
    made = Fact(name, State.OK if holds else State.WRONG, mends=True, **more)
    made.hooks[where] = raising(*refusals)
    return made


def seconds_ago(seconds: float):
    """Return the time that many seconds ago."""
    return now() - timedelta(seconds=seconds)


def signed_in(seconds: float) -> Event:
    """Return the event of an administrator's sign-in that many seconds ago."""
    return Event(Kind.SIGNED_IN, seconds_ago(seconds), account=ACCOUNT)


def approved(*steps: Fact, scope: str = "mailbox") -> tuple[Event, Event]:
    """Return the events of a plan with all these changes and of its approval."""
    lines = tuple(step.change(GONE, THERE, step.scope) for step in steps)
    planned = Event(Kind.PLANNED, now(), data={"plan": "p"}, changes=lines)
    return planned, Event(Kind.APPROVED, now(), data={"plan": "p", "scope": scope})


@pytest.mark.parametrize("error", [NO_ROLE, NO_CONSENT])
async def test_a_role_that_may_be_on_its_way_is_waited_for(given, error):
    """Right after a sign-in, a missing role is waited for and named in the cloud's own words."""
    step, ctx = fact("a", error, where="inspect", holds=True), given(events=(signed_in(5),))
    await engine(ctx, step).make_plan()
    found = ctx.run.findings["a"]
    seen, evidence = Text("seen.let_in"), error.evidence()
    waits = step.waits_for(Turn.TIME, seen, cause=error.cause, evidence=evidence)
    assert found == replace(waits, until=found.until)
    told = step.log, timedelta() < found.until - now() <= timedelta(seconds=8)
    assert told == (["inspect"], True)


async def test_a_role_that_arrives_lets_the_run_go_on(given):
    """A run that waits for a missing role continues by itself once the role arrives."""
    step, ctx = fact("a", NO_ROLE, NO_ROLE), given(events=(signed_in(5),))
    ctx.store.append(ctx.run.id, *approved(step))
    for _ in range(3):
        await engine(ctx, step).apply_plan()
    assert (step.log, ctx.run.settled("a")) == (["inspect", "apply"] * 3 + ["inspect"], True)


@pytest.mark.parametrize("where", ["inspect", "apply"])
async def test_a_role_that_is_missing_is_said_after_two_minutes(given, where):
    """A role that is still missing two minutes after the sign-in is the administrator's turn."""
    step, ctx = fact("a", NO_ROLE, where=where), given(events=(signed_in(121),))
    ctx.store.append(ctx.run.id, *approved(step))
    await engine(ctx, step).apply_plan()
    found = ctx.run.findings["a"]
    told = found.state, found.waiting_for, found.cause
    assert told == (State.UNKNOWN, Turn.ADMINISTRATOR, "exchange_role_missing")


@pytest.mark.parametrize("where", ["inspect", "apply"])
async def test_a_sign_in_that_exchange_does_not_take_ends_after_two_minutes(given, where):
    """A sign-in that Exchange still refuses after two minutes ends.

    It does not end earlier, because the consent may be only minutes old.
    """
    step, ctx = fact("a", NO_CONSENT, where=where), given(events=(signed_in(121),))
    ctx.store.append(ctx.run.id, *approved(step))
    with pytest.raises(errors.SignInNeeded):
        await engine(ctx, step).apply_plan()


@pytest.mark.parametrize("error", [NO_ROLE, NO_CONSENT])
async def test_a_check_never_waits(given, error):
    """A check never waits for a missing role or consent, and reports the failure at once."""
    step, ctx = fact("a", error, where="inspect"), given(kind="check", events=(signed_in(1),))
    await engine(ctx, step).check()
    found = ctx.run.findings["a"]
    told = found.state, found.waiting_for, found.until, step.log
    assert told == (State.UNKNOWN, Turn.ADMINISTRATOR, None, ["inspect"])


async def test_a_change_that_never_settles_is_not_tried_for_ever(given):
    """A change that never settles is reported five minutes after its first try.

    The report quotes the directory. The change is tried again only on request.
    """
    step = fact("a", *[NOT_READY] * 3)
    wrong, times = step.wrong(GONE), map(seconds_ago, (301, 60, 30))
    tries = [Event(Kind.CHANGING, at, step="a", finding=wrong) for at in times]
    ctx = given(events=(*approved(step), *tries))
    for _ in range(2):
        await engine(ctx, step).apply_plan()
    found = ctx.run.findings["a"]
    told = found.state, found.waiting_for, found.seen
    assert told == (State.UNKNOWN, Turn.ADMINISTRATOR, verbatim("NoBackingApplicationObject"))
    assert step.log.count("apply") == 2


async def test_a_change_that_is_never_seen_is_not_made_for_ever(given):
    """After three writes that never show, a change waits for a person.

    On request the change is then made once more.
    """
    step = fact("a")
    wrong, made = step.wrong(GONE), (Kind.CHANGING, Kind.CHANGED) * MAX_UNSEEN_CHANGES
    events = [Event(kind, seconds_ago(400), step="a", finding=wrong) for kind in made]
    ctx = given(events=(*approved(step), *events))
    await engine(ctx, step).apply_plan()
    seen, cause = Text("seen.never_shown"), Cause.CHANGE_NEVER_SHOWN
    stopped = step.waits_for(Turn.ADMINISTRATOR, seen, cause=cause)
    assert (step.log, ctx.run.findings["a"]) == (["inspect"], replace(stopped, state=State.UNKNOWN))
    ctx.store.append(ctx.run.id, Event(Kind.LOOK_AGAIN, now()))
    await engine(ctx, step).apply_plan()
    assert (step.log, ctx.run.settled("a")) == (["inspect", "inspect", "apply", "inspect"], True)


class Wanting(Fact):
    """Step that a cloud refuses until ``base`` is changed.

    It waits if that change was not enough.
    """

    prerequisites = {"customization_needed": "base"}  # noqa: RUF012  as in jobs.engine.step

    def explain_error(self, ctx, error):
        """Return a finding that waits for five seconds."""
        return self.waits_for(Turn.TIME, THERE, again_s=5)


async def test_a_change_that_a_cloud_asks_for_joins_the_plan(given):
    """A change that a cloud demands is added to the plan, even if it seemed done already.

    It needs its own approval, and the step that demanded it waits.
    """
    base = fact("base", holds=True, scope=Scope.TENANT)
    top = Wanting("top", State.WRONG, mends=True, after=("base",))
    top.hooks["apply"] = raising(*[DEHYDRATED] * 2)
    ctx = given(events=approved(top))
    await engine(ctx, base, top).apply_plan()
    lines = (*top.plan(ctx, top.wrong(GONE)), *base.plan(ctx, base.wrong(Reason.DEMANDED)))
    told = ctx.run.plan.changes, ctx.run.plan.id, set(ctx.run.approvals)
    assert told == (lines, digest(lines, ctx.run), {Scope.MAILBOX})
    assert (ctx.run.findings["base"], ctx.run.findings["top"]) == (
        base.waits_for(Turn.APPROVER, Text("seen.not_approved")),
        top.waits_for(Turn.NOBODY, Text("seen.after", {"step": "key:step.base"})),
    )
    assert "apply" not in base.log
    word = Event(Kind.APPROVED, now(), data={"plan": ctx.run.plan.id, "scope": "tenant"})
    ctx.store.append(ctx.run.id, word)
    await engine(ctx, base, top).apply_plan()
    told = base.log.count("apply"), ctx.run.settled("base"), ctx.run.findings["top"].waiting_for
    assert told == (1, True, Turn.TIME)
    await engine(ctx, base, top).apply_plan()
    assert (base.log.count("apply"), ctx.run.settled("top")) == (1, True)


async def test_a_change_that_was_approved_already_is_made_at_once(given):
    """A demanded change that was approved already is made at once, though it had seemed done."""
    base, top = fact("base", holds=True), Wanting("top", State.WRONG, mends=True, after=("base",))
    top.hooks["apply"] = raising(DEHYDRATED)
    ctx = given(events=approved(base, top))
    await engine(ctx, base, top).apply_plan()
    settled = ctx.run.settled("base"), ctx.run.settled("top")
    assert (base.log.count("apply"), settled, len(ctx.run.plan.changes)) == (1, (True, True), 2)
