"""Rules for retrying an event when Webex did not answer, and for ignoring one that is too old."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from bot.queue.events import PendingEvent
from bot.webex.client import WebexError, WebexNotFoundError, WebexUnauthorizedError
from bot.webex.errors import passes
from bot.webex.models import MAX_EVENT_AGE, _time
from jobs.clock import now
from jobs.clouds.clock_skew import METER, WEBEX
from jobs.clouds.retry import Pauses
from jobs.storage.counters import COUNTERS, EVENTS_HANDLED

API_LAG = timedelta(seconds=60)
"""Time for which an object may be missing although its event has arrived (facts/webex.md 1)."""


BACK_OFF = Pauses((2, 5, 10, 20, 40, 60))
"""Pauses before each retry, in seconds."""


log = structlog.get_logger(__name__)


def retry_event(
    error: WebexError, pending: PendingEvent, *, unread: bool = False
) -> datetime | None:
    """Return when the event is tried again (:func:`retry_before_deadline`), or None.

    None means that the event is given up, which is logged.
    """
    when = retry_before_deadline(error, pending, unread=unread)
    if when is None:
        COUNTERS.add(EVENTS_HANDLED, "given_up")
        log.warning(
            "event given up",
            tries=pending.tries + 1,
            tracking_id=error.tracking_id,
            error=str(error),
        )
    return when


def retry_before_deadline(
    error: WebexError, pending: PendingEvent, *, unread: bool = False
) -> datetime | None:
    """Return when the event is tried again, or None if no retry would be in time or would help.

    The time is not earlier than Webex asked for. A rejected token (401) may be in the middle of a
    replacement, and a missing object (404) may only be late. If the event is still ``unread``,
    nothing was done yet, so it is tried again after any other answer as well.
    """
    wait = BACK_OFF.after(pending.tries + 1, error.retry_after)
    if now().timestamp() + wait > _helps_until(error, pending, unread=unread):
        return None
    log.info(
        "event is tried again",
        tries=pending.tries + 1,
        seconds=wait,
        tracking_id=error.tracking_id,
        error=str(error),
    )
    return now() + timedelta(seconds=wait)


def _helps_until(error: WebexError, pending: PendingEvent, *, unread: bool) -> float:
    """Return the timestamp until which a retry may help, or 0 if none does."""
    began = _began(pending)
    if isinstance(error, WebexNotFoundError):
        return (began + API_LAG).timestamp()
    return (
        (began + MAX_EVENT_AGE).timestamp()
        if unread or passes(error) or isinstance(error, WebexUnauthorizedError)
        else 0.0
    )


def _began(pending: PendingEvent) -> datetime:
    """Return when the event happened, by this machine's clock.

    The time of arrival is used if the event has no time, or while it is unknown how far this clock
    is from Webex's.
    """
    created, ahead = _time(pending.event.created), METER.ahead_s(WEBEX)
    if created is None or ahead is None:
        return pending.arrived
    return created + timedelta(seconds=ahead)
