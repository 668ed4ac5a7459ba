"""Retry policies for calls to Webex: how often and how long, before the caller gets the error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from bot.webex.errors import WebexError, WebexNotFoundError, passes, sdk_errors, translate
from jobs.clouds.retry import Pauses, RetryPolicy

T = TypeVar("T")
PATIENT = RetryPolicy(attempts=4, shortest_wait_s=0.0, first_pause_s=0.3, jitter_s=1.0)
HURRIED = replace(PATIENT, total_s=3.0, longest_wait_s=3.0)
"""Retry policy for a browser, and for callers that try again, such as cards and events."""
UNCONFIRMED = Pauses((5.0, 60.0, 300.0))
"""Pauses after a post that Webex may have accepted without confirming it, in seconds."""
_FRESH = RetryPolicy(
    attempts=3,
    total_s=2.5,
    longest_wait_s=2.5,
    first_pause_s=0.6,
    longest_pause_s=5.0,
    jitter_s=0.1,
)
"""Retry policy for an object that was just created and may not exist yet (facts/webex.md 1)."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Caller of Webex that follows a retry policy and translates the SDK's errors."""

    policy: RetryPolicy

    def get(self, call: Callable[[], T], *, fresh: bool = False) -> T:
        """Return the answer of a call that may be repeated: GET, PUT, DELETE.

        With ``fresh``, a 404 is retried for 2 seconds.

        Raises:
            WebexError: The call did not succeed in time.
        """
        if fresh:
            return _FRESH.call(
                lambda: self.get(call), lambda error: isinstance(error, WebexNotFoundError)
            )
        return self.policy.call(lambda: _translated(call), _may_pass)

    def post(self, call: Callable[[], T]) -> T:
        """Return the answer of a POST, retried only if it certainly had no effect.

        A POST has no effect after 3xx, 423, 429, 503 and a failed connection. After a timeout or a
        502 the message may already be in the space, and a duplicate is worse than a delay.

        Raises:
            WebexError: The call did not succeed in time, or it may have been accepted.
        """
        return self.policy.call(lambda: _translated(call), _had_no_effect)

    def gone(self, call: Callable[[], object]) -> None:
        """Make a DELETE call; an object that no longer exists is no error.

        Raises:
            WebexError: The call did not succeed in time.
        """
        try:
            self.get(call)
        except WebexNotFoundError:
            return


def _may_pass(error: Exception) -> bool:
    return isinstance(error, WebexError) and passes(error)


def _had_no_effect(error: Exception) -> bool:
    return isinstance(error, WebexError) and passes(error) and not error.accepted


def _translated(call: Callable[[], T]) -> T:
    try:
        return call()
    except sdk_errors() as error:
        raise translate(error) from None
