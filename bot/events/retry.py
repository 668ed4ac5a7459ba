"""When an event is tried again because Webex did not answer, and when it is too old to be meant."""

from __future__ import annotations

from datetime import UTC, timedelta
from math import ceil

import structlog
from rq import Retry, get_current_job

from bot.webex.client import WebexError, WebexNotFoundError, WebexUnauthorizedError
from bot.webex.errors import passes
from bot.webex.models import MAX_EVENT_AGE, _time
from jobs.clock import now
from jobs.clouds.retry import Pauses

API_LAG = timedelta(seconds=60)
"""For how long something may not be there yet although its event is (facts/webex.md 1)."""


BACK_OFF = Pauses((2, 5, 10, 20, 40, 60))
"""The bot's own pauses before each other try."""


log = structlog.get_logger(__name__)


def retry_event(error: WebexError, created: str) -> Retry | None:
    """What RQ is told: the same job again (:func:`in_time`); or nothing, which is in the log."""
    retry = retry_before_deadline(error, created)
    if retry is None:
        log.warning("event given up", tries=_tries() + 1, tracking_id=error.tracking_id, error=str(error))
    return retry


def retry_before_deadline(error: WebexError, created: str) -> Retry | None:
    """The same job again, not sooner than Webex asked for; None where no try can come in time or help.

    A token that Webex does not take any more (401) may be one that is being exchanged, and what is not there (404) may only be late.
    """
    tries = _tries()
    wait = BACK_OFF.after(tries + 1, error.retry_after)
    if now().timestamp() + wait > _helps_until(error, created):
        return None
    log.info("event is tried again", tries=tries + 1, seconds=wait, tracking_id=error.tracking_id, error=str(error))
    return Retry(max=tries + 1, interval=ceil(wait) + 1)  # RQ cuts the moment to whole seconds, so to an earlier one


def _tries() -> int:
    job = get_current_job()
    return (job.number_of_retries if job else None) or 0


def _helps_until(error: WebexError, created: str) -> float:
    """Until when another try may help, 0 where none does. An event without a time has the job's."""
    job = get_current_job()
    began = _time(created) or (job.created_at.replace(tzinfo=UTC) if job and job.created_at else now())
    if isinstance(error, WebexNotFoundError):
        return (began + API_LAG).timestamp()
    return (began + MAX_EVENT_AGE).timestamp() if passes(error) or isinstance(error, WebexUnauthorizedError) else 0.0
