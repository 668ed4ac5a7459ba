"""Behavior of the engine when a sign-in, its lease or its process ends in the middle of a run.

At a shutdown, current work is finished and saved, and no other work begins.
"""

import asyncio

import pytest

from jobs import advance
from jobs.clock import now
from jobs.clouds import calls
from jobs.clouds.errors import RequestIds, SignInNeeded, Transient
from jobs.engine.engine import IN_FLIGHT_S, Engine, StoppingError
from jobs.model import Account, Finding, State
from jobs.runs.audit import read
from jobs.runs.run import Event, Kind, LeaseLostError, RunEndedError
from jobs.runtime import Shutdown, install, no_listener
from tests.fixtures.run_events import answered
from tests.unit.jobs.engine import scripted_steps
from tests.unit.jobs.engine.scripted_steps import Fact, approve, engine, prepared, told


def raising_first(lost: list[Exception]):
    """Return a guard that raises the first of these errors as soon as there is one."""

    def guard() -> None:
        if lost:
            raise lost[0]

    return guard


@pytest.mark.parametrize("where", ["inspect", "apply"])
def test_a_dead_sign_in_ends_the_walk(carry_out, given, where):
    """A sign-in that has ended stops all steps that are under way.

    The run then asks for a new sign-in.
    """
    a, b, ctx = Fact("a", State.WRONG), Fact("b"), given()
    a.hooks[where] = scripted_steps.raising(SignInNeeded("sign_in_expired", *scripted_steps.SAID))
    b.hooks["inspect"] = lambda _: asyncio.sleep(3600)
    approve(ctx, a)
    with pytest.raises(SignInNeeded):
        carry_out(engine(ctx, a, b).apply_plan())
    assert "b" not in ctx.run.findings


def test_a_lost_lease_writes_nothing_more(carry_out, given):
    """A worker without the lease writes nothing, because another worker has the run."""
    a, ctx = prepared(given, State.WRONG)
    before = told(ctx)
    with pytest.raises(LeaseLostError):
        carry_out(engine(ctx, a, holds=False).apply_plan())
    assert (a.log, told(ctx)) == ([], before)


def test_a_lease_that_is_lost_before_a_change_makes_none(carry_out, given):
    """A worker that lost its lease makes no change.

    The change would be recorded first, and the record needs the lease.
    """
    a, ctx = prepared(given, State.WRONG)
    held = [True]

    async def lose(_) -> None:
        held[0] = False

    a.hooks["inspect"] = lose
    with pytest.raises(LeaseLostError):
        carry_out(Engine(ctx, {"a": a}, no_listener, lambda: held[0]).apply_plan())
    assert a.log == ["inspect"]


def test_a_run_that_is_cancelled_meanwhile_begins_nothing_more(carry_out, given):
    """No event follows the cancellation of a run.

    A call that was under way at that time is in the audit trail.
    """
    a, b, ctx = Fact("a", State.WRONG, State.OK), Fact("b", needs=("a",)), given()

    async def cancelled_during_a_call(_) -> None:
        calls.note("exchange", "Set-CASMailbox", 200, RequestIds())
        ctx.store.append(ctx.run.id, Event(Kind.CANCELLED, now()))

    a.hooks["apply"] = cancelled_during_a_call
    approve(ctx, a)
    with pytest.raises(RunEndedError):
        carry_out(engine(ctx, a, b).apply_plan())
    assert (a.log, b.log, told(ctx)[-1]) == (["inspect", "apply"], [], ("cancelled", ""))
    last = read(ctx.store.audit.entries()[-1])
    shown = last["what"], last["step"], last["data"]
    assert shown == ("changed_late", "a", {"calls": "exchange Set-CASMailbox 200"})


def test_a_change_that_the_guard_stops_is_not_made(carry_out, given):
    """The lease is checked right before ``apply``, even if no call of the step is guarded."""
    a, ctx = prepared(given, State.WRONG)
    with calls.guarded(raising_first([LeaseLostError()])), pytest.raises(LeaseLostError):
        carry_out(engine(ctx, a).apply_plan())
    assert (a.log, told(ctx)[-1]) == (["inspect"], ("changing", "a"))


@pytest.mark.parametrize(
    ("shows", "log"),
    [([State.OK], ["inspect"]), ([State.WRONG, State.OK], ["inspect", "apply", "inspect"])],
)
def test_a_death_between_changing_and_changed_is_looked_at_first(carry_out, given, shows, log):
    """After a crash during a change, the step is inspected before it is applied again.

    A finished change is not repeated. The state from before the first try is kept. The engine waits
    first, because a call under way may still arrive.
    """
    a, ctx = prepared(given, *shows)
    before = Finding("a", State.WRONG, facts={"was": "x"})
    begun = Event(Kind.CHANGING, now(), step="a", finding=before)
    ctx.store.append(ctx.run.id, begun, Event(Kind.RESUMED, now()))
    waited = carry_out(engine(ctx, a).apply_plan())
    assert (a.log, ctx.run.settled("a"), ctx.run.changed["a"].before) == (log, True, before)
    assert waited == pytest.approx(IN_FLIGHT_S, abs=0.5)


def test_a_cloud_that_is_away_stops_nothing_else(carry_out, given):
    """A step whose cloud is away is inspected again later by itself, and other steps go on."""
    a, b, c, ctx = Fact("a"), Fact("b", needs=("a",)), Fact("c"), given()
    a.hooks["inspect"] = scripted_steps.raising(
        Transient("service_unavailable", *scripted_steps.SAID)
    )
    carry_out(engine(ctx, a, b, c).apply_plan())
    shown = {n: f.state for n, f in ctx.run.findings.items() if n != "given"}
    assert shown == {"a": State.UNKNOWN, "c": State.OK}
    assert ctx.run.findings["a"].until is not None


@pytest.mark.parametrize("over", [True, False], ids=["lost", "another_reason"])
def test_calls_of_steps_that_end_with_another_are_told(carry_out, given, over):
    """If one step finds that the run is lost, the calls of the other steps are in the audit trail.

    A sign-in that has ended does not lose the run, so no late call is recorded then.
    """
    a, b, ctx = Fact("a", State.WRONG), Fact("b", State.WRONG), given()
    approve(ctx, a, b)
    lost: list[Exception] = []

    async def long(_) -> None:
        calls.note("graph", "PATCH /applications", 0, RequestIds())
        await asyncio.sleep(3600)

    async def ends(_) -> None:
        await asyncio.sleep(1)
        if over:
            lost.append(LeaseLostError())
            calls.check_guard()
        raise SignInNeeded("sign_in_expired", *scripted_steps.SAID)

    a.hooks["apply"], b.hooks["apply"] = long, ends
    error = LeaseLostError if over else SignInNeeded
    with calls.guarded(raising_first(lost)), pytest.raises(error):
        carry_out(engine(ctx, a, b).apply_plan())
    entries = [read(line) for line in ctx.store.audit.entries()]
    late = [entry["step"] for entry in entries if entry["what"] == "changed_late"]
    assert late == (["a"] if over else [])


def test_a_call_that_times_out_while_its_worker_is_stopped_is_told(carry_out, given):
    """A call that times out while its worker is stopped may have changed something.

    So the audit trail contains the call, and does not say that nothing was changed.
    """
    a, ctx = prepared(given, State.WRONG)
    lost: list[Exception] = []

    async def late(_) -> None:
        calls.note("exchange", "Set-Mailbox", 0, RequestIds())
        lost.append(LeaseLostError())
        raise Transient("timed_out", *scripted_steps.SAID)

    a.hooks["apply"] = late
    with calls.guarded(raising_first(lost)), pytest.raises(LeaseLostError):
        carry_out(engine(ctx, a).apply_plan())
    last = read(ctx.store.audit.entries()[-1])
    assert (last["what"], last["data"]) == ("changed_late", {"calls": "exchange Set-Mailbox 0"})


async def test_an_answer_after_a_steps_inspection_is_not_seen(given):
    """An answer that arrives after the inspection of a step counts as not seen yet.

    A later read of the run contains the answer, but the step did not know it, so the work goes on.
    """
    fact = Fact("a")
    fact.hooks["inspect"] = scripted_steps.appending(answered("rehearse"))
    work = engine(given(), fact)
    before = work.seen
    await work.apply_plan()
    own = work.ctx.run.version - before - 1
    shown = own > 0, work.seen, work.ctx.store.length(work.ctx.run.id) - work.seen
    assert shown == (True, before + own, 1)


MADE = ["inspect", "apply", "inspect"]


def made(name: str, seconds: float = 0, meanwhile=lambda: None, **more) -> Fact:
    """Return a step whose change takes so long; ``meanwhile`` is called when it begins."""
    step = Fact(name, State.WRONG, mends=True, **more)

    async def take(_) -> None:
        meanwhile()
        await asyncio.sleep(seconds)

    step.hooks["apply"] = take
    return step


@pytest.fixture
def shutdown() -> Shutdown:
    """Return a shutdown that has not been requested yet."""
    return Shutdown()


def approved(ctx, shutdown: Shutdown, *steps: Fact) -> Engine:
    """Return an engine of these steps, with all their changes approved."""
    approve(ctx, *steps)
    return engine(ctx, *steps, shutdown=shutdown)


def kinds(ctx, step: str) -> list[str]:
    """Return the recorded event kinds of a step."""
    return [str(event.kind) for event in ctx.store.events(ctx.run.id) if event.step == step]


async def test_what_is_under_way_ends_and_nothing_more_is_begun(given, shutdown):
    """At a shutdown, two changes that are under way end and are saved.

    A third change that needs one of them is not begun. The next process makes that one, and makes
    none a second time.
    """
    first, slow = made("a", meanwhile=shutdown.request), made("b", seconds=0.3)
    then, ctx = made("c", needs=("a",)), given()
    with pytest.raises(StoppingError):
        await approved(ctx, shutdown, slow, first, then).apply_plan()
    assert (first.log, slow.log, then.log) == (MADE, MADE, [])
    assert [kinds(ctx, name)[-2:] for name in "ab"] == [["changed", "found"], ["changed", "found"]]
    await engine(ctx, slow, first, then).apply_plan()
    assert (first.log, slow.log, then.log) == (MADE, MADE, MADE)


async def test_a_wait_for_the_directory_is_left(given, shutdown):
    """A shutdown ends the wait for a recorded change to show, but not another step's call."""
    late, slow, ctx = made("a", meanwhile=shutdown.request), made("b", seconds=0.3), given()
    late.mends = False
    with pytest.raises(StoppingError):
        await approved(ctx, shutdown, slow, late).apply_plan()
    assert (kinds(ctx, "a"), ctx.run.running) == (["running", "changing", "changed"], {"a"})
    assert (slow.log, kinds(ctx, "b")[-1]) == (MADE, "found")


def test_the_run_is_due_at_once(given, runtime_of, work_settings, store, monkeypatch):
    """After a shutdown the run is due at once and its lease is free for any worker."""
    account = Account("tenant-1", "oid-1", "admin@contoso.com")
    run = given(events=(Event(Kind.SIGNED_IN, now(), account=account),)).run

    async def stopped(*_: object) -> int:
        raise StoppingError

    monkeypatch.setattr(advance, "_work", stopped)
    install(runtime_of(work_settings))
    advance.advance(run.id)
    with store.lease(run.id) as lease:
        due = store.redis.zscore("due", f"run:{run.id}")
        assert (float(due or 0) <= now().timestamp(), lease is not None) == (True, True)
