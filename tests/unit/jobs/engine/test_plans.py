"""Plans with steps that could not be inspected, and approvals that do not cover the real change."""

from dataclasses import replace

import pytest

from jobs.advance import plan_and_apply
from jobs.clock import now
from jobs.clouds.errors import Forbidden
from jobs.engine.engine import REAPPROVAL_NOTE, digest
from jobs.model import Change, Reason, Scope, State, Text, Turn
from jobs.runs.run import Event, Kind
from tests.unit.jobs.engine import scripted_steps
from tests.unit.jobs.engine.scripted_steps import engine

NONE, SHUT = Text("seen.none"), Text("seen.sp_disabled")
ON, OPEN = Text("seen.on"), Text("seen.implicit_on")
REFUSED = Forbidden("not_allowed", "graph", 403)


class Fact(scripted_steps.Fact):
    """Step that is wrong as ``seen`` says, until it is changed; ``error`` is met by its look."""

    scope = Scope.APP

    def __init__(
        self, name: str, seen: Text | None = None, error: Forbidden | None = None, **more
    ) -> None:
        super().__init__(name, **more)
        self.seen, self.error, self.known = seen, error, dict[str, str]()

    async def inspect(self, ctx):
        """Return the scripted state, or raise the scripted error."""
        self.log.append("inspect")
        if self.error:
            raise self.error
        if self.seen is None:
            return self.ok(ON)
        return self.wrong(Reason.ABSENT if self.seen == NONE else self.seen, facts=self.known)

    def plan(self, ctx, finding) -> tuple[Change, ...]:
        """Return one change, which either opens a closed object or makes a missing one."""
        return (self.line_of(finding.seen, OPEN if finding.seen == SHUT else ON, self.scope),)

    def line_of(self, before: Text | None, after: Text, scope: Scope = Scope.APP) -> Change:
        what = Text(f"step.{self.name}")
        return Change(self.name, self.article_row, what, before or NONE, after, scope, "x")

    async def apply(self, ctx, finding) -> None:
        """Make the change, so that the step is correct."""
        self.log.append("apply")
        self.seen = None


def approve(ctx, *scopes: str) -> None:
    """Approve the plan in force for these scopes."""
    words = [{"plan": ctx.run.plan.id, "scope": scope} for scope in scopes]
    ctx.store.append(ctx.run.id, *(Event(Kind.APPROVED, now(), data=each) for each in words))


def kinds(ctx, kind: Kind) -> list[str]:
    """Return the steps of all events of this kind."""
    return [event.step for event in ctx.store.events(ctx.run.id) if event.kind is kind]


@pytest.mark.parametrize(
    ("base", "known", "before", "log"),
    [
        (Fact("base", NONE), {}, Reason.NOTHING_YET.text(), []),
        (Fact("base", SHUT), {"id": "1"}, SHUT, ["inspect"]),
        (Fact("base", SHUT), {}, Reason.NOT_KNOWN.text(), []),
        (Fact("base", error=REFUSED), {}, Reason.NOT_KNOWN.text(), []),
    ],
)
async def test_none_is_said_only_of_what_is_known_to_be_none(given, base, known, before, log):
    """A planned step says "none" only if that is known; otherwise it says "not known".

    A step whose prerequisite exists but is wrong is still inspected. A step whose prerequisite is
    unknown is unknown too.
    """
    top, above = Fact("top", SHUT, needs=("base",)), Fact("above", SHUT, needs=("top",))
    base.known, ctx = known, given()
    await engine(ctx, base, top, above).make_plan()
    lines = {line.step: line.before for line in ctx.run.plan.changes}
    assert (lines["top"], top.log) == (before, log)
    assert lines["above"] == (Reason.NOT_KNOWN.text() if log else before)


async def test_a_part_of_what_is_not_there_is_not_there_whatever_else_is_not_known(given):
    """A grant of an app that is still to be made is missing, even if its user could not be read."""
    steps = Fact("app", NONE), Fact("user", error=REFUSED), Fact("grant", needs=("user", "app"))
    ctx = given()
    await engine(ctx, *steps).make_plan()
    assert ctx.run.findings["grant"].reason is Reason.NOTHING_YET


@pytest.mark.parametrize(("seen", "looked"), [(NONE, True), (SHUT, False)])
async def test_a_step_with_inspect_unmet_is_looked_at_before_what_it_needs_is_made(
    given, seen, looked
):
    """A step with ``inspect_unmet`` is inspected even if its prerequisite is known to be missing.

    It is not inspected if the prerequisite exists but none of its IDs is known.
    """
    base, top = Fact("base", seen), Fact("top", SHUT, needs=("base",), inspect_unmet=True)
    ctx = given()
    await engine(ctx, base, top).make_plan()
    told = bool(top.log), ctx.run.findings["top"].reason
    assert told == (looked, None if looked else Reason.NOT_KNOWN)


async def test_what_could_not_be_looked_at_is_looked_at_again(given):
    """A step that could not be inspected is inspected again once its prerequisite can be read."""
    base, top, ctx = Fact("base", error=REFUSED), Fact("top", SHUT, needs=("base",)), given()
    await engine(ctx, base, top).make_plan()
    base.error = None
    ctx.store.append(ctx.run.id, Event(Kind.LOOK_AGAIN, now()))
    await engine(ctx, base, top).make_plan()
    assert ctx.run.findings["top"].seen == SHUT


@pytest.mark.parametrize("begun", [False, True])
async def test_what_was_right_is_read_again_if_somebody_asks(given, begun):
    """A look that somebody asks for also reads what was in order, once.

    What it finds joins the plan, and waits for an approval even if the plan was approved before.
    """
    wrong, right, ctx = Fact("wrong", NONE, scope=Scope.TENANT), Fact("right"), given()
    later = Fact("later", NONE, automatic=False, needs=("wrong",))
    await engine(ctx, wrong, right, later).make_plan()
    if begun:
        approve(ctx, "mailbox")
    right.seen = SHUT
    ctx.store.append(ctx.run.id, Event(Kind.LOOK_AGAIN, now()))
    for _ in range(2):
        ctx.run = ctx.store.refresh(ctx.run)
        await plan_and_apply(engine(ctx, wrong, right, later))
    assert {line.step for line in ctx.run.plan.changes} == {"wrong", "right"}
    told = ctx.run.approvals, "apply" in right.log, right.log.count("inspect")
    assert told == ({}, False, 3 if begun else 2)


async def test_what_was_found_since_the_approval_is_approved_anew(given):
    """An approval to create an object does not cover opening it if a person has closed it since.

    The new change is added to the plan for approval, and every change that waits is listed in the
    plan.
    """
    made, other, ctx = Fact("made", NONE), Fact("other", NONE, after=("made",)), given()
    await engine(ctx, made, other).make_plan()
    approve(ctx, "mailbox")
    made.seen = SHUT
    for _ in range(2):
        await engine(ctx, made, other).apply_plan()
    line = replace(made.line_of(SHUT, OPEN), note=REAPPROVAL_NOTE, warning=True)
    lines = (line, other.line_of(NONE, ON))
    plan = digest(lines, ctx.run)
    assert (ctx.run.plan.changes, ctx.run.plan.id, ctx.run.approvals) == (lines, plan, {})
    assert ("apply" in made.log, kinds(ctx, Kind.DIFFERS)) == (False, ["made"])
    assert ctx.run.findings["made"] == made.waits_for(Turn.APPROVER, Text("seen.not_approved"))
    approve(ctx, "mailbox")
    await engine(ctx, made, other).apply_plan()
    told = made.log.count("apply"), other.log.count("apply"), kinds(ctx, Kind.DIFFERS)
    assert told == (1, 1, ["made"])


async def test_a_change_that_reaches_further_than_the_approved_one_is_approved_anew(given):
    """A change that now affects the whole tenant needs a new approval.

    The approval for the tenant was for another line of the plan.
    """
    grant, base, ctx = Fact("grant", NONE), Fact("base", NONE, scope=Scope.TENANT), given()
    await engine(ctx, grant, base).make_plan()
    approve(ctx, "mailbox", "tenant")
    grant.scope = Scope.TENANT
    await engine(ctx, grant).apply_plan()
    assert (grant.log.count("apply"), set(ctx.run.approvals)) == (0, {Scope.MAILBOX})


async def test_what_no_plan_has_shown_is_not_waited_for_in_vain(given):
    """A step that was correct when the plan was made, and is wrong now, is added to the plan."""
    late, ctx = Fact("late"), given()
    await engine(ctx).make_plan()
    late.seen = NONE
    await engine(ctx, late).apply_plan()
    assert [line.step for line in ctx.run.plan.changes] == ["late"]


@pytest.mark.parametrize(("seen", "made"), [(NONE, 1), (SHUT, 0)])
async def test_what_was_not_known_is_approved_as_that(given, seen, made):
    """An approved change of something unknown is made if the object proves to be missing.

    It is not made if the object proves to be closed, because the plan did not show opening it.
    """
    base, top, ctx = Fact("base", ON), Fact("top", seen, needs=("base",)), given()
    await engine(ctx, base, top).make_plan()
    told = ctx.run.findings["top"].state, ctx.run.findings["top"].reason
    assert told == (State.WRONG, Reason.NOT_KNOWN)
    approve(ctx, "mailbox")
    await engine(ctx, base, top).apply_plan()
    assert top.log.count("apply") == made


@pytest.mark.parametrize("same", [True, False])
async def test_what_is_left_is_approved_for_the_account_that_makes_it(given, same):
    """If another account signs in after a change, its own plan shows what is left.

    Nothing more is changed before that plan is approved. The same account goes on at once.
    """
    made, left, ctx = Fact("made", NONE), Fact("left", NONE, after=("made",)), given()
    await engine(ctx, made, left).make_plan()
    approve(ctx, "mailbox")
    assert (ctx.run.account, ctx.run.plan) != (None, None)
    account, first = ctx.run.account, ctx.run.plan
    other = account and replace(account, object_id="other", upn="other@contoso.com")
    ctx.store.append(
        ctx.run.id,
        Event(Kind.CHANGING, now(), step="made", finding=made.wrong(NONE)),
        Event(Kind.CHANGED, now(), step="made"),
        Event(Kind.FOUND, now(), step="made", finding=made.ok(ON)),
        Event(Kind.SIGNED_OUT, now()),
        Event(Kind.SIGNED_IN, now(), account=account if same else other),
    )
    ctx.run = ctx.store.load(ctx.run.id)
    made.seen = None
    await plan_and_apply(engine(ctx, made, left))
    assert ("apply" in left.log, ctx.run.plan.id == first.id) == (same, same)
    if not same:
        lines = (left.line_of(NONE, ON),)
        assert (ctx.run.plan.id, ctx.run.plan.changes) == (digest(lines, ctx.run), lines)
        approve(ctx, "mailbox")
        ctx.run = ctx.store.load(ctx.run.id)
        await plan_and_apply(engine(ctx, made, left))
        assert "apply" in left.log
