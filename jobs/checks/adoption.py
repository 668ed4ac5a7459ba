"""Adoption of a channel that a check found by itself, without a write in the tenant.

From then on, the channel is like any other channel of its space. Values that only a setup records,
such as the values from before and the bot's own sign-in, stay unknown.
"""

from __future__ import annotations

from collections.abc import Sequence

from jobs.clock import now
from jobs.model import RunKind
from jobs.runs.run import Event, Kind, Run
from jobs.runs.run_store import RunStore

NEEDED = ("client_id", "callback_url", "forwarding_address")
"""Values without which a channel cannot be saved, because a fix would write an empty value."""


def missing(run: Run) -> tuple[str, ...]:
    """Return the names of the values in NEEDED that the check did not find."""
    channel = run.channel
    known = (run.fact("client_id"), channel.callback_url, channel.forwarding_address)
    return tuple(name for name, value in zip(NEEDED, known, strict=True) if not value)


def may_be_kept(run: Run) -> bool:
    found = run.brief.discover and run.discovered and run.checked is not None
    return found and not run.ended and not missing(run)


def keep(store: RunStore, run: Run, by: str, request: str = "") -> bool:
    """Record the channel in the run's space; return whether it is recorded now.

    ``request`` is the ID of the button press, or empty. Nothing is recorded if another run has the
    mailbox, because that channel may belong to other people.
    """
    known = store.channels.record(run.channel.mailbox)
    if known is not None or not may_be_kept(run):
        return known is not None and known.run == run.id
    store.end(run, Event(Kind.FINISHED, now(), by=by, request=request))
    return True


def is_by_hand(runs: Sequence[Run]) -> bool:
    """Return whether a channel was kept and not set up since; ``runs`` are ordered oldest first."""
    made = (
        run
        for run in reversed(runs)
        if run.ended is Kind.FINISHED and (run.kept or run.kind is RunKind.SETUP)
    )
    return next((run.kept for run in made), False)
