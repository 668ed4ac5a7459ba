"""Undo of a channel, or of one run: each change becomes a fact, "it is as it was before".

The facts are in reverse order. So an undo is a run like any other: inspected, planned, approved,
changed, read back, and resumed after a crash.

If the worker of an earlier change was interrupted during a call, the call may still arrive. So a
value that is as before is looked at once more, :data:`CALL_LASTS` after that change was begun.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from jobs.clock import now, paced
from jobs.clouds.errors import NotFound
from jobs.clouds.http import PATIENCE
from jobs.engine.step import Step, StepContext, Undoable, reachable
from jobs.model import Change, Finding, RunKind, Scope, State, Text, Turn
from jobs.runs.run import Changed, RecordedChange, Run

CALL_LASTS = timedelta(seconds=paced(PATIENCE.total_s))
"""Longest duration of a call. Its worker gives up a longer one (:mod:`jobs.clouds.http`)."""
IDS = ("object_id", "client_id", "app_name", "sp_id", "exchange_sp_id", "graph_sp_id", "user_id")
PERMISSIONS = ("exchange_smtp_send", "graph_smtp_send", "mail_send")


class Remains(Step):
    """Step of an undo for changes that stay, because their own step cannot undo them."""

    def __init__(self, step: Step, past: RecordedChange, after: tuple[str, ...]) -> None:
        self.name, self.article_row = step.name, step.article_row
        self.reads, self.writes = step.reads, step.writes
        self.step, self.past, self.after = step, past, after

    async def inspect(self, ctx: StepContext) -> Finding:
        return self.skipped(Text(f"skipped.undo_{self.name}"))


class Reversal(Remains):
    """Step that restores another step's values, except those that somebody changed since."""

    step: Undoable

    async def inspect(self, ctx: StepContext) -> Finding:
        """Inspect through the original step; without the object nothing is left to undo."""
        try:
            finding = await self.step.inspect_undo(ctx, self.past)
        except NotFound:
            lost = self.past.change.scope is Scope.MAILBOX  # found by its address, not by an id
            return self.left_alone(Text("seen.undo_not_found" if lost else "seen.undo_gone"))
        begun = self.past.interrupted
        left_s = (begun + CALL_LASTS - now()).total_seconds() if begun else 0.0
        # a clock that was set back since says nothing about a call
        if finding.state is not State.OK or not 0 < left_s <= CALL_LASTS.total_seconds():
            return finding
        return self.waits_for(Turn.TIME, Text("seen.undo_late"), again_s=left_s)

    def plan(self, ctx: StepContext, finding: Finding) -> tuple[Change, ...]:
        line = replace(
            self.past.change,
            before=finding.seen or self.past.change.after,
            after=self.past.before,
            command=self.step.undo_command(ctx, self.past),
            note=Text(f"note.undo_{self.name}") if self.step.undo_note else None,
            reversible=not self.step.irreversible,
            warning=False,
        )
        return (line,)

    async def apply(self, ctx: StepContext, finding: Finding) -> None:
        await self.step.undo(ctx, self.past)


def reversals(run: Run, steps: Mapping[str, Step]) -> dict[str, Step]:
    """Return the steps of an undo; each waits for those that depend on it."""
    found: dict[str, Step] = {}
    graph = tuple((name, (*step.needs, *step.after)) for name, step in steps.items())
    below = {name: reachable(name, graph) for name in run.past}
    for name, past in run.past.items():
        step, after = steps.get(name), tuple(sorted(each for each in below if name in below[each]))
        if step:
            kind = Reversal if isinstance(step, Undoable) else Remains
            found[name] = kind(step, past, after)
    return found


def recall(runs: Sequence[Run], names: Iterable[str], only: str = "") -> tuple[RecordedChange, ...]:
    """Return the changes of a channel's runs that no undo has reversed.

    ``runs`` are ordered oldest first, and ``names`` are the steps in their order. ``only`` is the
    ID of the run whose changes are wanted, or empty for those of all runs.
    """
    if only:
        runs = [run for run in runs if run.id == only or run.kind is RunKind.UNDO]
    return tuple(past for name in names if (past := _past(name, runs)) is not None)


def ids_of(runs: Sequence[Run]) -> dict[str, str]:
    """Return the IDs and names that an undo needs, each from the newest run that had it."""
    found = ((name, run.fact(name)) for run in runs for name in (*IDS, *PERMISSIONS))
    return {name: value for name, value in found if value}


def _past(name: str, runs: Sequence[Run]) -> RecordedChange | None:
    """Return the change recorded by the newest runs, going back as long as they are continuous.

    They are continuous while each run found the values that the previous run had left. A value that
    somebody else set in between is kept. A run that was undone alone is passed over. If it had found
    a value of somebody else, the change before it is returned, so that the plan names what stays.
    """
    undone = {run.undoes for run in runs if _was_put_back(run, name)}
    past: RecordedChange | None = None
    later: RecordedChange | None = None
    for run in reversed(runs):
        if _was_put_back(run, name):
            if not run.undoes or (past and past.values_before != run.past[name].values_before):
                break
            later = run.past[name]
        if (changed := _recorded(run, name, undone)) is None:
            continue
        if later and changed.values_after not in ({}, later.values_before):
            return past or _before(None, run, changed)
        past = later = _before(past, run, changed)
    return past


def _recorded(run: Run, name: str, undone: set[str]) -> Changed | None:
    changed = None if run.kind is RunKind.UNDO or run.id in undone else run.changed.get(name)
    return changed if changed and changed.changes and changed.before.values else None


def _was_put_back(run: Run, name: str) -> bool:
    """Return whether the run is an undo that has put the change back, or has found it put back."""
    return run.kind is RunKind.UNDO and (run.change_applied(name) or run.state_of(name) is State.OK)


def _before(later: RecordedChange | None, run: Run, changed: Changed) -> RecordedChange:
    first, was = changed.changes[0], changed.before.values
    left, interrupted = changed.values_after, changed.interrupted
    if later is None:
        return RecordedChange(first.step, first, first.before, was, left, (run.id,), interrupted)
    before, runs = first.before, (run.id, *later.runs)
    interrupted = later.interrupted or interrupted
    return replace(later, before=before, values_before=was, runs=runs, interrupted=interrupted)
