"""The engine, with small steps of the tests' own, on a loop whose clock jumps over every pause."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from jobs.clock import now
from jobs.clouds.errors import (
    AlreadyExists,
    CloudError,
    CloudReply,
    Forbidden,
    NotFound,
    SignInNeeded,
    Transient,
)
from jobs.engine.applier import IN_FLIGHT_S
from jobs.engine.context import StepContext
from jobs.engine.diagnosis import Diagnosis
from jobs.engine.engine import Engine
from jobs.engine.planner import digest
from jobs.engine.readiness import NOTHING_YET
from jobs.engine.recorder import LeaseLostError
from jobs.engine.step import Step
from jobs.model import Access, Change, Finding, Scope, State, Text, Turn
from jobs.runs.run import Event, Kind
from jobs.runtime import NoListener

SAID = CloudReply("graph", 404, "Code", "words")
SEEN, EMPTY = Text("seen.ok"), Text("seen.none")


class Fact(Step):
    """Step with scripted states.

    ``shows`` are the states that ``inspect`` sees; the last one is repeated.
    """

    article_row, group = "E1", "entra"

    def __init__(self, name: str, *shows: State, changes: bool = True, **more: Any) -> None:
        self.name, self.shows, self.changes = name, list(shows or (State.OK,)), changes
        self.log: list[str] = []
        self.hooks: dict[str, Callable[[StepContext], Awaitable[None]]] = {}
        for key, value in more.items():
            setattr(self, key, value)

    async def inspect(self, ctx: StepContext) -> Finding:
        """The next state."""
        self.log.append("inspect")
        if "inspect" in self.hooks:
            await self.hooks["inspect"](ctx)
        state = self.shows.pop(0) if len(self.shows) > 1 else self.shows[0]
        return self.wrong(EMPTY) if state is State.WRONG else Finding(self.name, state, seen=SEEN)

    def plan(self, ctx: StepContext, finding: Finding) -> tuple[Change, ...]:
        """One line."""
        return (self.change(EMPTY, SEEN, Scope.MAILBOX, "x"),) if self.changes else ()

    async def apply(self, ctx: StepContext, finding: Finding) -> None:
        """Log the call and run the test's hook."""
        self.log.append("apply")
        if "apply" in self.hooks:
            await self.hooks["apply"](ctx)


def raising(*errors: CloudError) -> Callable[[StepContext], Awaitable[None]]:
    """A hook that fails, and then does not any more."""
    left = list(errors)

    async def hook(_: StepContext) -> None:
        if left:
            raise left.pop(0)

    return hook


def appending(*events: Event) -> Callable[[StepContext], Awaitable[None]]:
    """A hook that says something to the run, as another process would."""
    left = list(events)

    async def hook(ctx: StepContext) -> None:
        while left:
            ctx.store.append(ctx.run.id, left.pop(0))

    return hook


def engine(ctx: StepContext, *steps: Fact, holds: bool = True) -> Engine:
    """The engine of these steps."""
    return Engine(ctx, {step.name: step for step in steps}, NoListener(), lambda: holds)


def approve(ctx: StepContext, *steps: Fact) -> None:
    """A plan with everything in it, and a word for it."""
    changes = tuple(
        change for step in steps for change in step.plan(ctx, Finding(step.name, State.WRONG))
    )
    planned = Event(Kind.PLANNED, now(), data={"plan": "p"}, changes=changes)
    ctx.store.append(
        ctx.run.id, planned, Event(Kind.APPROVED, now(), data={"plan": "p", "scope": "mailbox"})
    )


def told(ctx: StepContext) -> list[tuple[str, str]]:
    """Return the kinds and steps of the events that the engine has appended."""
    known = {"opened", "details", "signed_in"}
    return [
        (str(e.kind), e.step)
        for e in ctx.store.events(ctx.run.id)
        if e.kind not in known and e.step != "given"
    ]


def test_what_needs_nothing_runs_at_the_same_time(
    carry_out: Callable[..., None], given: Callable[..., StepContext]
):
    """Each waits for the other to have begun, which only works together."""
    both = asyncio.Barrier(2)

    async def meet(_: StepContext) -> None:
        await both.wait()

    a, b, ctx = Fact("a"), Fact("b"), given()
    a.hooks["inspect"] = b.hooks["inspect"] = meet
    carry_out(engine(ctx, a, b).make_plan())
    assert {name: f.state for name, f in ctx.run.findings.items() if name != "given"} == {
        "a": State.OK,
        "b": State.OK,
    }


def test_a_look_records_a_plan_and_changes_nothing(
    carry_out: Callable[..., None], given: Callable[..., StepContext]
):
    """A step that depends on something missing is planned without being inspected."""
    a, b, c, ctx = (
        Fact("a", State.WRONG),
        Fact("b", needs=("a",)),
        Fact("c", automatic=False),
        given(),
    )
    carry_out(engine(ctx, a, b, c).make_plan())
    assert (a.log, b.log, c.log) == (["inspect"], [], [])
    assert ctx.run.findings["b"] == b.wrong(NOTHING_YET)
    changes = (*a.plan(ctx, ctx.run.findings["a"]), *b.plan(ctx, ctx.run.findings["b"]))
    assert ctx.run.plan is not None
    assert (ctx.run.plan.changes, ctx.run.plan.id) == (changes, digest(changes))


def test_another_plan_has_another_id(given: Callable[..., StepContext]):
    """And the same plan the same."""
    line = Fact("a").change(EMPTY, SEEN, Scope.MAILBOX, "x")
    others = [(replace(line, after=EMPTY),), (replace(line, scope=Scope.TENANT),), (line, line), ()]
    assert digest((line,)) == digest((replace(line),))
    assert len({digest(changes) for changes in [(line,), *others]}) == 5


def test_needs_come_first(carry_out: Callable[..., None], given: Callable[..., StepContext]):
    """A step is looked at only once what it needs is settled."""
    order: list[str] = []

    def noting(step: Fact) -> Fact:
        async def note(_: StepContext) -> None:
            order.append(step.name)

        step.hooks["inspect"] = note
        return step

    steps = [
        noting(Fact("c", needs=("a", "b", "not here"))),
        noting(Fact("b", needs=("a",))),
        noting(Fact("a")),
    ]
    carry_out(engine(given(), *steps).apply_plan())
    assert order == ["a", "b", "c"]


def test_an_approved_change_is_made_and_proven(
    carry_out: Callable[..., None], given: Callable[..., StepContext]
):
    """Saved before, saved after, read back; only inspect calls it done."""
    a, ctx = Fact("a", State.WRONG, State.OK), given()
    approve(ctx, a)
    carry_out(engine(ctx, a).apply_plan())
    assert a.log == ["inspect", "apply", "inspect"]
    assert told(ctx)[2:] == [("running", "a"), ("changing", "a"), ("changed", "a"), ("found", "a")]
    assert ctx.run.settled("a")


def test_what_holds_is_not_changed(
    carry_out: Callable[..., None], given: Callable[..., StepContext]
):
    """A second run writes nothing."""
    a, ctx = Fact("a"), given()
    approve(ctx, a)
    carry_out(engine(ctx, a).apply_plan())
    assert a.log == ["inspect"]


def test_nothing_is_changed_without_an_approval(
    carry_out: Callable[..., None], given: Callable[..., StepContext]
):
    """The approver is waited for."""
    a, ctx = Fact("a", State.WRONG), given()
    carry_out(engine(ctx, a).apply_plan())
    assert (a.log, ctx.run.findings["a"]) == (
        ["inspect"],
        a.waits_for(Turn.APPROVER, Text("seen.not_approved")),
    )


def test_what_cannot_be_mended_stays_wrong(
    carry_out: Callable[..., None], given: Callable[..., StepContext]
):
    """A step without a change of its own is only reported; a free step is applied without approval."""
    a, b, ctx = (
        Fact("a", State.WRONG, changes=False),
        Fact("b", State.WRONG, State.OK, changes=False, unapproved=True),
        given(),
    )
    carry_out(engine(ctx, a, b).apply_plan())
    assert (a.log, b.log) == (["inspect"], ["inspect", "apply", "inspect"])
    assert ctx.run.findings["a"].state is State.WRONG


def test_after_holds_a_change_back(
    carry_out: Callable[..., None], given: Callable[..., StepContext]
):
    """Until the other step is settled; then it is tried again by itself."""
    gate, ctx = Fact("gate", State.WAITING), given()
    a = Fact("a", *[State.WRONG] * 3, State.OK, after=("gate",))
    approve(ctx, a)
    carry_out(engine(ctx, a, gate).apply_plan())
    assert ctx.run.findings["a"] == a.waits_for(
        Turn.NOBODY, Text("seen.after", {"step": "key:step.gate"})
    )
    gate.shows = [State.OK]
    carry_out(engine(ctx, a, gate).apply_plan())
    assert a.log == ["inspect"] * 3 + ["apply", "inspect"]


def test_an_answer_is_asked_for(carry_out: Callable[..., None], given: Callable[..., StepContext]):
    """A change that takes somebody's word waits for it."""
    a, ctx = Fact("a", State.WRONG, required_answer="rehearse"), given()
    approve(ctx, a)
    carry_out(engine(ctx, a).apply_plan())
    assert ctx.run.findings["a"] == a.waits_for(Turn.MAILBOX_USER, Text("seen.asked"))


def test_an_answer_that_comes_meanwhile_counts_at_once(
    carry_out: Callable[..., None], given: Callable[..., StepContext]
):
    """The step is tried again in the same walk."""
    a, b, ctx = (
        Fact("a", State.WRONG, State.WRONG, State.OK, required_answer="rehearse"),
        Fact("b"),
        given(),
    )
    approve(ctx, a)
    said = appending(Event(Kind.ANSWERED, now(), data={"question": "rehearse", "value": "yes"}))

    async def later(ctx: StepContext) -> None:
        await asyncio.sleep(5)
        await said(ctx)

    b.hooks["inspect"] = later
    carry_out(engine(ctx, a, b).apply_plan())
    assert a.log == ["inspect", "inspect", "apply", "inspect"]


def test_a_change_that_shows_late_is_read_again(
    carry_out: Callable[..., None], given: Callable[..., StepContext]
):
    """With longer and longer pauses; a long one says on the card what is waited for."""
    a, ctx = Fact("a", *[State.WRONG] * 5, State.OK), given()
    approve(ctx, a)
    carry_out(engine(ctx, a).apply_plan())
    assert (a.log.count("apply"), a.log.count("inspect"), ctx.run.settled("a")) == (1, 6, True)
    assert told(ctx).count(("found", "a")) == 2


def test_a_change_that_never_shows_parks_the_run(
    carry_out: Callable[..., None], given: Callable[..., StepContext]
):
    """Time is waited for, the worker is free, and for five minutes nothing is written a second time."""
    a, ctx = Fact("a", State.WRONG), given()
    approve(ctx, a)
    carry_out(engine(ctx, a).apply_plan())
    carry_out(engine(ctx, a).apply_plan())
    found = ctx.run.findings["a"]
    assert (a.log.count("apply"), found.waiting_for, found.seen) == (
        1,
        Turn.TIME,
        Text("seen.replication"),
    )
    assert found.until is not None


@pytest.mark.parametrize(("changed", "tries"), [(["application"], 3), ([], 1)])
def test_not_found_after_a_write_of_ours_is_asked_again(
    carry_out: Callable[..., None],
    given: Callable[..., StepContext],
    changed: list[str],
    tries: int,
):
    """Without such a write, not found is not found."""
    a, ctx = Fact("a"), given(changed=dict.fromkeys(changed, now()))
    a.hooks["inspect"] = raising(NotFound("not_found", SAID), NotFound("not_found", SAID))
    carry_out(engine(ctx, a).apply_plan())
    assert (len(a.log), ctx.run.findings["a"].state) == (
        tries,
        State.OK if changed else State.UNKNOWN,
    )


def test_already_there_is_success_for_whoever_asked(
    carry_out: Callable[..., None], given: Callable[..., StepContext]
):
    """An earlier try has made it: inspect decides."""
    a, ctx = Fact("a", State.WRONG, State.OK), given()
    a.hooks["apply"] = raising(AlreadyExists("already_there", SAID))
    approve(ctx, a)
    carry_out(engine(ctx, a).apply_plan())
    assert (a.log, ctx.run.settled("a")) == (["inspect", "apply", "inspect"], True)


def test_a_refused_change_is_told(
    carry_out: Callable[..., None], given: Callable[..., StepContext]
):
    """With the cloud's words; nothing is said to have changed."""
    a, ctx = Fact("a", State.WRONG), given()
    a.hooks["apply"] = raising(Forbidden("not_allowed", SAID))
    approve(ctx, a)
    carry_out(engine(ctx, a).apply_plan())
    assert (ctx.run.findings["a"].state, ctx.run.findings["a"].cause) == (
        State.UNKNOWN,
        "not_allowed",
    )
    assert ctx.run.changed["a"].done is None


def test_a_step_may_know_better(carry_out: Callable[..., None], given: Callable[..., StepContext]):
    """Its own word about an error of its change comes first."""

    class Knowing(Fact):
        def explain_error(self, ctx: StepContext, error: CloudError) -> Finding | None:
            return self.skipped(SEEN)

    a, ctx = Knowing("a", State.WRONG), given()
    a.hooks["apply"] = raising(Forbidden("not_allowed", SAID))
    approve(ctx, a)
    carry_out(engine(ctx, a).apply_plan())
    assert ctx.run.findings["a"] == a.skipped(SEEN)


@pytest.mark.parametrize("where", ["inspect", "apply"])
def test_a_dead_sign_in_ends_the_walk(
    carry_out: Callable[..., None], given: Callable[..., StepContext], where: str
):
    """Whatever else is under way is left; the run asks for a sign-in."""
    a, b, ctx = Fact("a", State.WRONG), Fact("b"), given()
    a.hooks[where] = raising(SignInNeeded("sign_in_expired", SAID))

    async def long(_: StepContext) -> None:
        await asyncio.sleep(3600)

    b.hooks["inspect"] = long
    approve(ctx, a)
    with pytest.raises(SignInNeeded):
        carry_out(engine(ctx, a, b).apply_plan())
    assert "b" not in ctx.run.findings


def test_a_lost_lease_writes_nothing_more(
    carry_out: Callable[..., None], given: Callable[..., StepContext]
):
    """Another worker has the run."""
    a, ctx = Fact("a", State.WRONG), given()
    approve(ctx, a)
    before = told(ctx)
    with pytest.raises(LeaseLostError):
        carry_out(engine(ctx, a, holds=False).apply_plan())
    assert (a.log, told(ctx)) == ([], before)


def test_a_lease_that_is_lost_before_a_change_makes_none(
    carry_out: Callable[..., None], given: Callable[..., StepContext]
):
    """A worker that lost its lease makes no change, because the record is written before the change."""
    a, ctx = Fact("a", State.WRONG), given()
    approve(ctx, a)
    held = [True]

    async def lose(_: StepContext) -> None:
        held[0] = False

    a.hooks["inspect"] = lose
    with pytest.raises(LeaseLostError):
        carry_out(Engine(ctx, {"a": a}, NoListener(), lambda: held[0]).apply_plan())
    assert a.log == ["inspect"]


def test_a_run_that_is_cancelled_meanwhile_begins_nothing_more(
    carry_out: Callable[..., None], given: Callable[..., StepContext]
):
    """After a cancellation the current change is finished and recorded, and no other begins."""
    a, b, ctx = Fact("a", State.WRONG, State.OK), Fact("b", needs=("a",)), given()
    a.hooks["apply"] = appending(Event(Kind.CANCELLED, now()))
    approve(ctx, a)
    carry_out(engine(ctx, a, b).apply_plan())
    assert (a.log, b.log, ctx.run.ended, ctx.run.settled("a")) == (
        ["inspect", "apply", "inspect"],
        [],
        "cancelled",
        True,
    )


@pytest.mark.parametrize(
    ("shows", "log"),
    [([State.OK], ["inspect"]), ([State.WRONG, State.OK], ["inspect", "apply", "inspect"])],
)
def test_a_death_between_changing_and_changed_is_looked_at_first(
    carry_out: Callable[..., float],
    given: Callable[..., StepContext],
    shows: list[State],
    log: list[str],
):
    """After a crash during a change, the step is inspected first; a finished change is not repeated.

    The state from before the first try is kept. The engine waits first, because a call under way
    may still arrive.
    """
    a, ctx = Fact("a", *shows), given()
    approve(ctx, a)
    before = Finding("a", State.WRONG, facts={"was": "x"})
    ctx.store.append(
        ctx.run.id,
        Event(Kind.CHANGING, now(), step="a", finding=before),
        Event(Kind.RESUMED, now()),
    )
    waited = carry_out(engine(ctx, a).apply_plan())
    assert (a.log, ctx.run.settled("a"), ctx.run.changed["a"].before) == (log, True, before)
    assert waited == pytest.approx(IN_FLIGHT_S, abs=0.5)


def test_a_cloud_that_is_away_stops_nothing_else(
    carry_out: Callable[..., None], given: Callable[..., StepContext]
):
    """It is looked at again later, by itself."""
    a, b, c, ctx = Fact("a"), Fact("b", needs=("a",)), Fact("c"), given()
    a.hooks["inspect"] = raising(Transient("service_unavailable", SAID))
    carry_out(engine(ctx, a, b, c).apply_plan())
    assert {n: f.state for n, f in ctx.run.findings.items() if n != "given"} == {
        "a": State.UNKNOWN,
        "c": State.OK,
    }
    assert ctx.run.findings["a"].until is not None


def test_a_check_looks_once_and_says_what_it_left_out(
    carry_out: Callable[..., None], given: Callable[..., StepContext]
):
    """Without the access, without what it needs, and where the cloud refuses."""
    a, b = (
        Fact("a", State.WRONG, diagnosis=Diagnosis(access=Access.NONE)),
        Fact("b", needs=("a",), diagnosis=Diagnosis(access=Access.NONE)),
    )
    c, d, ctx = (
        Fact("c", diagnosis=Diagnosis(access=Access.ADMIN)),
        Fact("d", diagnosis=Diagnosis(access=Access.NONE)),
        given(),
    )
    d.hooks["inspect"] = raising(SignInNeeded("sign_in_missing", SAID))
    carry_out(engine(ctx, a, b, c, d).check({Access.NONE}))
    assert {n: (f.state, f.seen) for n, f in ctx.run.findings.items() if n in "abc"} == {
        "a": (State.WRONG, EMPTY),
        "b": (State.SKIPPED, Text("skipped.needs_other", {"step": "key:step.a"})),
        "c": (State.SKIPPED, Text("skipped.needs_sign_in")),
    }
    assert (ctx.run.findings["d"].state, [step.log for step in (a, b, c)]) == (
        State.UNKNOWN,
        [["inspect"], [], []],
    )
