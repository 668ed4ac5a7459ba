"""Graph permissions that the sign-in of a run asks for: those of its own steps.

The steps declare them (``reads`` and ``writes``), and docs/permissions.md lists them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from jobs.engine.step import Step
from jobs.microsoft.scopes import (
    GRAPH_READ_SCOPES,
    GRAPH_SETUP_SCOPES,
    LOG_NEEDS,
    SIGN_IN_LOG,
    minimal,
    with_included,
)
from jobs.model import RunKind
from jobs.runs.run import Run
from jobs.steps import SOMETIMES, all_steps, steps_of

OPTIONAL = LOG_NEEDS | {SIGN_IN_LOG}


def permissions_for(run: Run) -> tuple[str, ...]:
    """Return the short names of the Graph permissions for a sign-in at this moment, sorted.

    A setup asks for the permissions of all its steps, because a second sign-in would cost the
    administrator more than it protects: nothing is written before the approval. An undo asks for
    those of the steps that it puts back. A fix reads with all its steps, and asks to write only for
    its plan. Before there is a plan, the steps that the newest check found wrong count. Every run
    reads the tenant's domains.
    """
    if run.kind is RunKind.SETUP:
        return GRAPH_SETUP_SCOPES
    if run.kind not in {RunKind.FIX, RunKind.UNDO}:
        return GRAPH_READ_SCOPES
    steps = steps_of(run)
    writing = frozenset(steps) if run.kind is RunKind.UNDO else _writing(run)
    new = run.kind is RunKind.FIX and "client_secret" in writing
    looks = {**steps, **({"token": all_steps()["token"]} if new else {})}
    names = _needed(looks.values(), writing)
    # names without a dot are roles in Exchange
    return minimal({name for name in names if "." in name} | {*all_steps()["tenant"].reads})


def missing_permissions(run: Run) -> tuple[str, ...]:
    """Return the permissions that the plan of a fix needs and its sign-in did not ask for.

    Without the sign-in log the requester confirms the token, so nobody signs in once more for it.
    """
    if run.kind is not RunKind.FIX:
        return ()
    have = with_included(run.permissions)
    return tuple(name for name in permissions_for(run) if name not in have | OPTIONAL)


def _writing(run: Run) -> frozenset[str]:
    """Return the names of the steps that a fix will change, as far as it is known.

    Steps that only some fixes have are in a run's steps only if they are needed.
    """
    if run.plan is None:
        return frozenset(run.brief.fix.wrong if run.brief.fix else ())
    return frozenset(change.step for change in run.plan.changes) | SOMETIMES


def _needed(steps: Iterable[Step], writing: Collection[str]) -> set[str]:
    return {
        name
        for step in steps
        for name in (*step.reads, *(step.writes if step.name in writing else ()))
    }
