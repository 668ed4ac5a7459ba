"""Effect of what comes later, such as other runs, on the state that a run has seen or left."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from jobs.model import RunKind
from jobs.runs.run import Kind, Run

FIXING = frozenset({RunKind.FIX, RunKind.SETUP})


def fixed_by(check: Run, runs: Sequence[Run]) -> dict[str, Run]:
    """Return, by step name, the latest finished run that has changed the step since the check.

    A run that was undone alone does not count.
    """
    undone = {each.undoes for each in runs if each.ended is Kind.FINISHED}
    since = check.checked
    return {
        step: run
        for run in runs
        if since and run.kind in FIXING and run.ended is Kind.FINISHED and run.id not in undone
        for step in run.changed
        if run.change_applied(step) and run.changed[step].written > since
    }


def undone_by(cancelled: Run, runs: Iterable[Run]) -> Run | None:
    """Return the finished undo of the changes that the canceled run had made, or None."""
    later = (run for run in runs if run.kind is RunKind.UNDO and run.ended is Kind.FINISHED)
    return next((run for run in later if _covers(cancelled, run)), None)


def ends_consent(run: Run) -> bool:
    """Return whether an undo of the run revokes a consent, because it deletes the app."""
    made = run.changed.get("application")
    return made is not None and not made.before.values.get("object_id")


def _covers(cancelled: Run, undo: Run) -> bool:
    """Return whether the undo knew of the canceled run's changes."""
    return any(cancelled.id in change.runs for change in undo.past.values())
