"""A fact that ceases to hold in the middle of a run is named, and an administrator acts."""

from dataclasses import replace

import pytest

from jobs.causes.cause import Cause
from jobs.clock import now
from jobs.clouds.errors import NotFound
from jobs.model import Scope, State, Text, Turn
from jobs.runs.run import Event, Kind
from tests.unit.jobs.engine.scripted_steps import Fact, approve, engine, raising

MISSING = NotFound("not_found", "exchange", 404, message="couldn't be found on")


class Mailbox(Fact):
    """Mailbox that other steps need. A wrong state means that its license is missing."""

    doubted_by = frozenset({Cause.NOT_FOUND})

    async def inspect(self, ctx):
        """Return the next state; a wrong one has a cause, and does not contain the IDs."""
        found = await super().inspect(ctx)
        if found.state is State.WRONG:
            return replace(found, cause="licence_missing")
        return replace(found, facts={"upn": "a@x"})


@pytest.fixture(autouse=True)
def at_once(monkeypatch) -> None:
    """Skip the waits for calls of an earlier worker, for a write, and for the second read."""
    monkeypatch.setattr("jobs.engine.engine.IN_FLIGHT_S", 0)
    monkeypatch.setattr("jobs.engine.engine.TWICE_S", 0)
    monkeypatch.setenv("PACE", "0")


def setting(*shows: State) -> tuple[Mailbox, Fact]:
    """Return a mailbox, and a switch that Exchange does not find once."""
    switch = Fact("b", State.WRONG, State.OK, needs=("a",))
    switch.hooks["inspect"] = raising(MISSING)
    return Mailbox("a", *shows, changes=False), switch


async def test_the_lost_fact_is_named_in_place_of_what_follows(given):
    """A lost license is named as the cause, at the mailbox and at the step that failed without it.

    Both steps wait for an administrator and say when they are inspected again. The known IDs stay.
    """
    ctx = given()
    mailbox, switch = setting(State.OK, State.WRONG)
    approve(ctx, switch)
    await engine(ctx, mailbox, switch).apply_plan()
    for name in ("a", "b"):
        found = ctx.run.findings[name]
        told = found.state, found.waiting_for, found.cause
        assert told == (State.WAITING, Turn.ADMINISTRATOR, "licence_missing")
        assert found.until > now()
    assert ctx.run.fact("upn") == "a@x"
    assert switch.log == ["inspect"]


async def test_the_run_goes_on_once_it_holds_again(given):
    """The run goes on once an inspection finds the license again, and the change is made."""
    ctx = given()
    mailbox, switch = setting(State.OK, State.WRONG, State.OK)
    approve(ctx, switch)
    await engine(ctx, mailbox, switch).apply_plan()
    await engine(ctx, mailbox, switch).apply_plan()
    assert ctx.run.state_of("a") is State.OK
    assert "apply" in switch.log


async def test_a_fact_that_holds_is_not_blamed(given):
    """A failure keeps its own cause if a second look finds that the mailbox is still correct."""
    ctx = given()
    mailbox, switch = setting(State.OK)
    approve(ctx, switch)
    await engine(ctx, mailbox, switch).apply_plan()
    found = ctx.run.findings["b"]
    told = found.state, found.cause, mailbox.log
    assert told == (State.UNKNOWN, "not_found", ["inspect", "inspect"])


@pytest.mark.parametrize("waits", [State.WRONG, State.WAITING])
async def test_a_fact_on_the_mails_way_is_read_again_and_asked_for(given, waits):
    """A fact that ceases to hold before the mail is sent, or meanwhile, joins the plan.

    The approval of the earlier plan no longer counts, and neither does another press on its card.
    """
    ctx = given()
    way = Fact("way", State.OK, State.WRONG)
    mail = Fact("mail", waits, changes=False, unapproved=True, needs=("way",), passes=("way",))
    approve(ctx, Fact("other"))
    await engine(ctx, way, mail).apply_plan()
    old = Event(Kind.APPROVED, now(), data={"plan": "p", "scope": "mailbox"})
    ctx.store.append(ctx.run.id, old)
    await engine(ctx, way, mail).apply_plan()
    run = ctx.run
    assert [change.step for change in run.plan.changes] == ["other", "way"]
    assert (run.approvals, run.findings["way"].waiting_for) == ({}, Turn.APPROVER)
    assert "apply" not in way.log + mail.log
    anew = Event(Kind.APPROVED, now(), data={"plan": run.plan.id, "scope": "mailbox"})
    ctx.store.append(ctx.run.id, anew)
    way.hooks["apply"] = mended(way)
    await engine(ctx, way, mail).apply_plan()
    assert "apply" in way.log
    assert (ctx.run.state_of("way"), list(ctx.run.approvals)) == (State.OK, [Scope.MAILBOX])


async def test_a_change_that_somebody_has_undone_is_asked_for_again(given, pass_time):
    """An approval is for making a change once, so what somebody undid since joins the plan.

    It is approved as one more change. If it holds then, and is undone again, it is asked for again.
    """
    ctx = given()
    way = Fact("way", State.WRONG, State.OK, mends=True)
    mail = Fact("mail", State.WAITING, changes=False, needs=("way",), passes=("way",))
    approve(ctx, way)
    await engine(ctx, way, mail).apply_plan()
    for times in (1, 2):
        pass_time(301)
        way.shows = [State.WRONG, State.OK]
        await engine(ctx, way, mail).apply_plan()
        assert ctx.run.state_of("way") is State.OK  # one read may be of a copy that lags
        way.shows = [State.WRONG]
        for _ in range(2):
            await engine(ctx, way, mail).apply_plan()
        run = ctx.run
        assert (way.log.count("apply"), run.findings["way"].waiting_for) == (times, Turn.APPROVER)
        assert [line.note for line in run.plan.changes] == [Text("note.undone")]
        anew = Event(Kind.APPROVED, now(), data={"plan": run.plan.id, "scope": "mailbox"})
        ctx.store.append(run.id, anew)
        await engine(ctx, way, mail).apply_plan()
        assert (way.log.count("apply"), ctx.run.state_of("way")) == (times + 1, State.OK)


def mended(fact: Fact):
    """Return a hook after which the fact holds."""

    async def hook(_) -> None:
        fact.shows = [State.OK]

    return hook
