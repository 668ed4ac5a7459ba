"""Tests of the engine with small scripted steps, on a loop whose clock skips every pause."""

import asyncio

import pytest

from jobs.clock import now
from jobs.clouds.errors import AlreadyExists, Forbidden, NotFound, SignInNeeded
from jobs.engine.engine import digest
from jobs.engine.step import Diagnosis
from jobs.model import Access, Reason, Scope, State, Text, Turn
from tests.fixtures.copies import replace
from tests.fixtures.run_events import answered
from tests.unit.jobs.engine import scripted_steps
from tests.unit.jobs.engine.scripted_steps import Fact, approve, engine, prepared, told


def test_what_needs_nothing_runs_at_the_same_time(carry_out, given):
    """Two steps that need nothing run at the same time.

    Two of the steps wait until the other one has begun. Each finding is recorded once.
    """
    both = asyncio.Barrier(2)

    a, b, c, ctx = Fact("a"), Fact("b"), Fact("c", needs=("a",)), given()
    a.hooks["inspect"] = b.hooks["inspect"] = lambda _: both.wait()
    work = engine(ctx, a, b, c)
    carry_out(work.make_plan())
    assert sorted(step for kind, step in told(ctx) if kind == "found") == ["a", "b", "c"]
    assert ({*map(ctx.run.state_of, "abc")}, work.seen) == ({State.OK}, ctx.run.version)


def test_a_look_records_a_plan_and_changes_nothing(carry_out, given):
    """A step that depends on something missing is planned without being inspected."""
    a, b, c = Fact("a", State.WRONG), Fact("b", needs=("a",)), Fact("c", automatic=False)
    ctx = given()
    carry_out(engine(ctx, a, b, c).make_plan())
    assert (a.log, b.log, c.log) == (["inspect"], [], [])
    assert ctx.run.findings["b"] == b.wrong(Reason.NOTHING_YET)
    changes = (*a.plan(ctx, ctx.run.findings["a"]), *b.plan(ctx, ctx.run.findings["b"]))
    assert (ctx.run.plan.changes, ctx.run.plan.id) == (changes, digest(changes, ctx.run))


def test_another_plan_has_another_id(given):
    """The same plan for the same addresses has the same ID, and another plan has another ID."""
    line = Fact("a").change(scripted_steps.EMPTY, scripted_steps.SEEN, Scope.MAILBOX)
    others = [
        *((replace(line, **{name: Text("x")}),) for name in ("object", "before", "after", "note")),
        (replace(line, scope=Scope.TENANT),),
        (line, line),
        (),
    ]
    run = given().run
    assert digest((line,), run) == digest((replace(line),), replace(run))
    assert len({digest(changes, run) for changes in [(line,), *others]}) == 8


@pytest.mark.parametrize(
    ("part", "name", "differs"),
    [
        *(("channel", name, True) for name in ("mailbox", "callback_url", "forwarding_address")),
        *(("account", "object_id", True), ("account", "roles", False)),
    ],
)
def test_another_address_or_account_is_another_plan(given, part, name, differs):
    """An approval for one address, or of changes by one account, counts for no other one."""
    line = Fact("a").change(scripted_steps.EMPTY, scripted_steps.SEEN, Scope.MAILBOX)
    run = given().run
    other = replace(run, **{part: replace(getattr(run, part), **{name: ("other",)})})
    assert (digest((line,), run) != digest((line,), other)) is differs


def test_needs_come_first(carry_out, given):
    """A step is inspected only after all steps that it needs are settled."""
    order: list[str] = []

    class Noting(Fact):
        async def inspect(self, ctx):
            order.append(self.name)
            return await super().inspect(ctx)

    needs = {"c": ("a", "b", "not here"), "b": ("a",), "a": ()}
    steps = [Noting(name, needs=those) for name, those in needs.items()]
    carry_out(engine(given(), *steps).apply_plan())
    assert order == ["a", "b", "c"]


def test_an_approved_change_is_made_and_proven(carry_out, given):
    """An approved change is recorded before and after it is made, and is then read back.

    Only an inspection calls the change done.
    """
    a, ctx = prepared(given, State.WRONG, State.OK)
    carry_out(engine(ctx, a).apply_plan())
    assert a.log == ["inspect", "apply", "inspect"]
    assert told(ctx)[2:] == [("running", "a"), ("changing", "a"), ("changed", "a"), ("found", "a")]
    assert ctx.run.settled("a")


def test_what_holds_is_not_changed(carry_out, given):
    """A step that is correct already is not changed, so a second run writes nothing."""
    a, ctx = prepared(given)
    carry_out(engine(ctx, a).apply_plan())
    assert a.log == ["inspect"]


def test_nothing_is_changed_without_an_approval(carry_out, given):
    """A change without an approval is not made, and its step waits for the approver."""
    a, ctx = Fact("a", State.WRONG), given()
    carry_out(engine(ctx, a).apply_plan())
    shown = a.log, ctx.run.findings["a"]
    assert shown == (["inspect"], a.waits_for(Turn.APPROVER, Text("seen.not_approved")))


def test_what_cannot_be_mended_stays_wrong(carry_out, given):
    """A wrong step without a change of its own is only reported.

    A step that needs no approval is applied without a planned change.
    """
    a = Fact("a", State.WRONG, changes=False)
    b, ctx = Fact("b", State.WRONG, State.OK, changes=False, unapproved=True), given()
    carry_out(engine(ctx, a, b).apply_plan())
    assert (a.log, b.log) == (["inspect"], ["inspect", "apply", "inspect"])
    assert ctx.run.findings["a"].state is State.WRONG


def test_after_holds_a_change_back(carry_out, given):
    """A change waits until the step named in ``after`` is settled.

    Then the change is tried again by itself.
    """
    gate, ctx = Fact("gate", State.WAITING), given()
    a = Fact("a", *[State.WRONG] * 3, State.OK, after=("gate",))
    approve(ctx, a)
    carry_out(engine(ctx, a, gate).apply_plan())
    shown = ctx.run.findings["a"]
    assert shown == a.waits_for(Turn.NOBODY, Text("seen.after", {"step": "key:step.gate"}))
    gate.shows = [State.OK]
    carry_out(engine(ctx, a, gate).apply_plan())
    assert a.log == ["inspect"] * 3 + ["apply", "inspect"]


def test_an_answer_is_asked_for(carry_out, given):
    """A change that needs an answer waits for the mailbox's user."""
    a, ctx = prepared(given, State.WRONG, required_answer="rehearse")
    carry_out(engine(ctx, a).apply_plan())
    assert ctx.run.findings["a"] == a.waits_for(Turn.MAILBOX_USER, Text("seen.asked"))


def test_an_answer_that_comes_meanwhile_counts_at_once(carry_out, given):
    """If the required answer arrives while another step is at work, it counts at once.

    The step that needs the answer is then tried again in the same call of the engine.
    """
    a, b = Fact("a", State.WRONG, State.WRONG, State.OK, required_answer="rehearse"), Fact("b")
    ctx = given()
    approve(ctx, a)
    said = scripted_steps.appending(answered("rehearse"))

    async def later(ctx) -> None:
        await asyncio.sleep(5)
        await said(ctx)

    b.hooks["inspect"] = later
    carry_out(engine(ctx, a, b).apply_plan())
    assert a.log == ["inspect", "inspect", "apply", "inspect"]


def test_an_answer_is_looked_at_although_nothing_has_changed(carry_out, given):
    """After a person has consented in the browser, the next inspection is recorded, once.

    It is recorded even if the cloud shows the same as before.
    """
    step, ctx = Fact("a", State.WAITING, returns_with="consent"), given()
    looks: list[int] = []
    for answers in (0, 1, 0):
        for _ in range(answers):
            ctx.store.append(ctx.run.id, answered("consent", "granted"))
        ctx.run = ctx.store.refresh(ctx.run)
        carry_out(engine(ctx, step).apply_plan())
        looks.append(told(ctx).count(("found", "a")))
    assert (looks, ctx.run.answered_since("a", "consent")) == ([1, 2, 2], False)


def test_a_change_that_shows_late_is_read_again(carry_out, given):
    """A change that shows late is read again, with longer and longer pauses.

    During a long pause the card says why the run waits.
    """
    a, ctx = prepared(given, *[State.WRONG] * 5, State.OK)
    carry_out(engine(ctx, a).apply_plan())
    assert (a.log.count("apply"), a.log.count("inspect"), ctx.run.settled("a")) == (1, 6, True)
    assert told(ctx).count(("found", "a")) == 2


def test_a_change_that_never_shows_parks_the_run(carry_out, given):
    """If a change does not show, the run waits for time and the worker is free for other runs.

    For five minutes the change is not written a second time.
    """
    a, ctx = prepared(given, State.WRONG)
    carry_out(engine(ctx, a).apply_plan())
    carry_out(engine(ctx, a).apply_plan())
    found = ctx.run.findings["a"]
    shown = a.log.count("apply"), found.waiting_for, found.seen
    assert shown == (1, Turn.TIME, Text("seen.replication"))
    assert found.until is not None


@pytest.mark.parametrize(("changed", "tries"), [(["application"], 3), ([], 1)])
def test_not_found_after_a_write_of_ours_is_asked_again(carry_out, given, changed, tries):
    """An object that is not found is asked for again only right after a write of this run.

    Without such a write, the object is really missing.
    """
    a, ctx = Fact("a"), given(changed=dict.fromkeys(changed, now()))
    a.hooks["inspect"] = scripted_steps.raising(
        NotFound("not_found", *scripted_steps.SAID), NotFound("not_found", *scripted_steps.SAID)
    )
    carry_out(engine(ctx, a).apply_plan())
    shown = len(a.log), ctx.run.findings["a"].state
    assert shown == (tries, State.OK if changed else State.UNKNOWN)


def test_already_there_is_success_for_whoever_asked(carry_out, given):
    """If an object already exists, an earlier try may have made it, so the inspection decides."""
    a, ctx = prepared(given, State.WRONG, State.OK)
    a.hooks["apply"] = scripted_steps.raising(AlreadyExists("already_there", *scripted_steps.SAID))
    carry_out(engine(ctx, a).apply_plan())
    assert (a.log, ctx.run.settled("a")) == (["inspect", "apply", "inspect"], True)


def test_a_refused_change_is_told(carry_out, given):
    """A refused change is reported with the cloud's error, and is not recorded as made."""
    a, ctx = prepared(given, State.WRONG)
    a.hooks["apply"] = scripted_steps.raising(Forbidden("not_allowed", *scripted_steps.SAID))
    carry_out(engine(ctx, a).apply_plan())
    shown = ctx.run.findings["a"].state, ctx.run.findings["a"].cause
    assert shown == (State.UNKNOWN, "not_allowed")
    assert ctx.run.changed["a"].done is None


def test_a_step_may_know_better(carry_out, given):
    """A step's own explanation of an error of its change replaces the general one."""

    class Knowing(Fact):
        def explain_error(self, ctx, error):
            return self.skipped(scripted_steps.SEEN)

    a, ctx = Knowing("a", State.WRONG), given()
    a.hooks["apply"] = scripted_steps.raising(Forbidden("not_allowed", *scripted_steps.SAID))
    approve(ctx, a)
    carry_out(engine(ctx, a).apply_plan())
    assert ctx.run.findings["a"] == a.skipped(scripted_steps.SEEN)


def test_a_check_looks_once_and_says_what_it_left_out(carry_out, given):
    """A check inspects each step once, and reports a step that the cloud refuses as unknown.

    It skips a step without the access, or without another step that it needs, and says so.
    """
    a = Fact("a", State.WRONG, diagnosis=Diagnosis(access=Access.NONE))
    b = Fact("b", needs=("a",), diagnosis=Diagnosis(access=Access.NONE))
    c = Fact("c", diagnosis=Diagnosis(access=Access.ADMIN))
    d, ctx = Fact("d", diagnosis=Diagnosis(access=Access.NONE)), given()
    d.hooks["inspect"] = scripted_steps.raising(
        SignInNeeded("sign_in_missing", *scripted_steps.SAID)
    )
    ctx.access = Access.NONE
    carry_out(engine(ctx, a, b, c, d).check())
    assert {n: (f.state, f.seen) for n, f in ctx.run.findings.items() if n in "abc"} == {
        "a": (State.WRONG, scripted_steps.EMPTY),
        "b": (State.SKIPPED, Text("skipped.needs_other", {"step": "key:step.a"})),
        "c": (State.SKIPPED, Text("skipped.needs_sign_in")),
    }
    shown = ctx.run.findings["d"].state, [step.log for step in (a, b, c)]
    assert shown == (State.UNKNOWN, [["inspect"], [], []])
