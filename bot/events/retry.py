"""Rules for retrying an event when Webex did not answer, and for ignoring one that is too old."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from bot.queue.events import PendingEvent
from bot.webex.client import WebexError, WebexNotFoundError, WebexUnauthorizedError
from bot.webex.errors import passes
from bot.webex.models import MAX_EVENT_AGE, _time
from jobs.clock import now
from jobs.clouds.retry import Pauses

API_LAG = timedelta(seconds=60)
"""Time for which an object may be missing although its event has arrived (facts/webex.md 1)."""


BACK_OFF = Pauses((2, 5, 10, 20, 40, 60))
"""The bot's own pauses before each other try."""


log = structlog.get_logger(__name__)


def retry_event(error: WebexError, pending: PendingEvent) -> datetime | None:
    """Return when the event is tried again (:func:`retry_before_deadline`); None where it is given up, which is in the log."""
    when = retry_before_deadline(error, pending)
    if when is None:
        log.warning(
            "event given up",
            tries=pending.tries + 1,
            tracking_id=error.tracking_id,
            error=str(error),
        )
    return when


def retry_before_deadline(error: WebexError, pending: PendingEvent) -> datetime | None:
    """Return when the event is tried again, not sooner than Webex asked for; None where no try can come in time or help.

    A token that Webex does not take any more (401) may be one that is being exchanged, and what is not there (404) may only be late.
    """
    wait = BACK_OFF.after(pending.tries + 1, error.retry_after)
    if now().timestamp() + wait > _helps_until(error, pending):
        return None
    log.info(
        "event is tried again",
        tries=pending.tries + 1,
        seconds=wait,
        tracking_id=error.tracking_id,
        error=str(error),
    )
    return now() + timedelta(seconds=wait)


def _helps_until(error: WebexError, pending: PendingEvent) -> float:
    """Until when another try may help, 0 where none does. An event without a time has that of its arrival."""
    began = _time(pending.event.created) or pending.arrived
    if isinstance(error, WebexNotFoundError):
        return (began + API_LAG).timestamp()
    return (
        (began + MAX_EVENT_AGE).timestamp()
        if passes(error) or isinstance(error, WebexUnauthorizedError)
        else 0.0
    )
