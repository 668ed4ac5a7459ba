"""How often, and for how long, a call to Webex is tried again before its caller hears of the trouble."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import stamina

from bot.webex.errors import SDK_ERRORS, WebexError, WebexNotFoundError, passes, translate

ATTEMPTS = 4
FRESH_ATTEMPTS = 3
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """At most 4 tries, with growing pauses.

    Attributes:
        retry_after_s: the longest Retry-After that is slept for. It is a minimum, so a longer one goes to the caller, who can come back.
        total_s: after so many seconds no other try begins; the last one may take its time-out beyond.
    """

    retry_after_s: float
    total_s: float

    def get(self, call: Callable[[], T], *, fresh: bool = False) -> T:
        """The answer of a call that may be made twice: GET, PUT, DELETE. Where it is ``fresh``, a 404 is asked again for 2 seconds.

        Raises:
            WebexError: it did not pass in time.
        """
        if not fresh:
            return self._retrying(call, self._again)
        waits = stamina.retry_context(on=WebexNotFoundError, attempts=FRESH_ATTEMPTS, wait_initial=0.6, wait_jitter=0.1, timeout=2.5)
        for attempt in waits:
            with attempt:
                return self._retrying(call, self._again)
        raise AssertionError  # stamina ends by a return or by the error

    def post(self, call: Callable[[], T]) -> T:
        """The answer of a POST, which is tried again only where it is sure that it had no effect (3xx, 423, 429, 503, no connection).

        After a time-out or a 502 the message may stand in the space already, and twice is worse than late.

        Raises:
            WebexError: it did not pass in time, or may have been accepted.
        """
        return self._retrying(call, lambda error: self._again(error) if isinstance(error, WebexError) and not error.accepted else False)

    def gone(self, call: Callable[[], object]) -> None:
        """A DELETE; what is gone already is fine.

        Raises:
            WebexError: it did not pass in time.
        """
        try:
            self.get(call)
        except WebexNotFoundError:
            return

    def _again(self, error: Exception) -> bool | float:
        """Whether it is tried again: False, True (with back-off), or the seconds to wait."""
        if not isinstance(error, WebexError) or not passes(error):
            return False
        if error.retry_after is None:
            return True
        return error.retry_after if error.retry_after <= self.retry_after_s else False

    def _retrying(self, call: Callable[[], T], when: Callable[[Exception], bool | float]) -> T:
        for attempt in stamina.retry_context(on=when, attempts=ATTEMPTS, timeout=self.total_s, wait_initial=0.3, wait_max=8.0):
            with attempt:
                return _translated(call)
        raise AssertionError  # stamina ends by a return or by the error


PATIENT = RetryPolicy(60.0, 90.0)
HURRIED = RetryPolicy(3.0, 3.0)
"""For whoever comes back by itself, as cards and events do, and for a browser that waits."""


def _translated(call: Callable[[], T]) -> T:
    try:
        return call()
    except SDK_ERRORS as error:
        raise translate(error) from None
