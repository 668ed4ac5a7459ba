"""Scripted steps for the tests of the engine."""

from collections.abc import Awaitable, Callable

from jobs.clock import now
from jobs.engine.engine import Engine
from jobs.engine.step import Step, StepContext
from jobs.model import Change, Finding, Reason, Scope, State, Text
from jobs.runs.run import Event, Kind
from jobs.runtime import Shutdown, no_listener

SAID = ("graph", 404, "Code", "words")
SEEN, EMPTY = Text("seen.ok"), Text("seen.none")


class Fact(Step):
    """Step with scripted states.

    ``shows`` are the states that ``inspect`` sees; the last one is repeated. A step that ``mends``
    holds once it was changed. A step that a cloud demands is wrong until then.
    """

    article_row = "E1"
    scope = Scope.MAILBOX
    mends = False

    def __init__(self, name: str, *shows: State, changes: bool = True, **more) -> None:
        self.name, self.shows, self.changes = name, list(shows or (State.OK,)), changes
        self.log: list[str] = []
        self.hooks: dict[str, Callable[[StepContext], Awaitable[None]]] = {}
        for key, value in more.items():
            setattr(self, key, value)

    async def inspect(self, ctx: StepContext) -> Finding:
        """Return the finding for the next scripted state."""
        self.log.append("inspect")
        if "inspect" in self.hooks:
            await self.hooks["inspect"](ctx)
        state = self.shows.pop(0) if len(self.shows) > 1 else self.shows[0]
        demanded = self.name in ctx.run.demanded and not ctx.run.change_applied(self.name)
        if demanded or state is State.WRONG:
            return self.wrong(Reason.ABSENT)
        return Finding(self.name, state, seen=SEEN)

    def plan(self, ctx: StepContext, finding: Finding) -> tuple[Change, ...]:
        """Return one change, or none if the step has no change of its own."""
        return (self.change(EMPTY, SEEN, self.scope),) if self.changes else ()

    def change(self, before: Text, after: Text, scope: Scope) -> Change:
        what = Text(f"step.{self.name}")
        return Change(self.name, self.article_row, what, before, after, scope, "x")

    async def apply(self, ctx: StepContext, finding: Finding) -> None:
        """Log the call and run the test's hook."""
        self.log.append("apply")
        if "apply" in self.hooks:
            await self.hooks["apply"](ctx)
        if self.mends:
            self.shows = [State.OK]


def raising(*errors) -> Callable[[StepContext], Awaitable[None]]:
    """Return a hook that raises these errors one after another, and then none."""
    left = list(errors)

    async def hook(_: StepContext) -> None:
        if left:
            raise left.pop(0)

    return hook


def appending(*events: Event) -> Callable[[StepContext], Awaitable[None]]:
    """Return a hook that appends these events to the run, as another process would."""
    left = list(events)

    async def hook(ctx: StepContext) -> None:
        while left:
            ctx.store.append(ctx.run.id, left.pop(0))

    return hook


def engine(
    ctx: StepContext, *steps: Step, holds: bool = True, shutdown: Shutdown | None = None
) -> Engine:
    """Return an engine that runs these steps."""
    named = {step.name: step for step in steps}
    return Engine(ctx, named, no_listener, lambda: holds, shutdown or Shutdown())


def approve(ctx: StepContext, *steps: Fact) -> None:
    """Record a plan with the changes of all these steps, and an approval of it."""
    changes = tuple(
        change for step in steps for change in step.plan(ctx, Finding(step.name, State.WRONG))
    )
    planned = Event(Kind.PLANNED, now(), data={"plan": "p"}, changes=changes)
    ctx.store.append(
        ctx.run.id, planned, Event(Kind.APPROVED, now(), data={"plan": "p", "scope": "mailbox"})
    )


def prepared(given, *shows: State, **more) -> tuple[Fact, StepContext]:
    """Return a step with these scripted states, and a run in which its change is approved."""
    step, ctx = Fact("a", *shows, **more), given()
    approve(ctx, step)
    return step, ctx


def told(ctx: StepContext) -> list[tuple[str, str]]:
    """Return the kinds and steps of the events that the engine has appended."""
    return [
        (str(e.kind), e.step)
        for e in ctx.store.events(ctx.run.id)
        if e.kind not in {"opened", "details", "signed_in"} and e.step != "given"
    ]
