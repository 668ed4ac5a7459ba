"""Channel that was made by hand, so nobody has entered its values here.

Facts that only a setup records are unknown for such a channel, and are never called wrong.
"""

from __future__ import annotations

from jobs.engine.context import StepContext
from jobs.model import RunKind


def is_by_hand(ctx: StepContext) -> bool:
    """Return whether the run's channel was made by hand and not set up here since."""
    return ctx.run.brief.by_hand


def is_found_by_check(ctx: StepContext) -> bool:
    """Return whether the run is a check of a channel that was made by hand."""
    return is_by_hand(ctx) and ctx.run.kind is RunKind.CHECK


def needs_own_redirect(ctx: StepContext) -> bool:
    """Return whether the app must have the bot's own redirect URI.

    A setup needs it for its consent button and the rehearsal. A fix of a channel that was made by
    hand needs it only if it asks for consent.
    """
    if not is_by_hand(ctx):
        return True
    fix = ctx.run.brief.fix
    return fix is not None and fix.consent_missing
