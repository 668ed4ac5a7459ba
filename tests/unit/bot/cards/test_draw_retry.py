"""When a card that Webex did not take is tried again."""

from __future__ import annotations

import pytest

from bot.cards.draw import LONGEST_S, RETRY_S, SAID_NO_S, again_s
from bot.webex.client import (
    WebexAnswerError,
    WebexBadRequestError,
    WebexError,
    WebexRateLimitError,
    WebexUnauthorizedError,
    WebexUnreachableError,
)


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (WebexUnreachableError("no answer"), RETRY_S),
        (WebexAnswerError(503, "away"), RETRY_S),
        (WebexAnswerError(503, "away", "", 40.0), 40),
        (WebexAnswerError(423, "locked"), RETRY_S),
        (WebexRateLimitError(429, "slow down", "", 2.0), RETRY_S),
        (WebexRateLimitError(429, "slow down", "", 90.0), 90),
        (WebexRateLimitError(429, "slow down", "", 99_999_999.0), LONGEST_S),
        (WebexRateLimitError(429, "slow down", "", float("inf")), LONGEST_S),
        (WebexBadRequestError(400, "no"), SAID_NO_S),
        (WebexUnauthorizedError(401, "no"), SAID_NO_S),
        (WebexAnswerError(403, "not in the space any more"), SAID_NO_S),
    ],
)
def test_webex_is_not_asked_sooner_than_it_said(error: WebexError, seconds: float):
    """Retry-After is the minimum wait, up to an hour; a refusal is retried after five minutes."""
    assert again_s(error) == seconds
