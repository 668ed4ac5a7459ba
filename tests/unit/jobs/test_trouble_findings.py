"""What an error of a cloud means for a step."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from jobs.clock import now
from jobs.microsoft.errors import CloudError, NotAllowed, NotFound, Rejected, Said, Settling, Transient, Unreadable
from jobs.model import State, Turn, Words, verbatim
from jobs.step import Context
from jobs.steps.ids import Ids
from jobs.trouble import AGAIN_S, LONGEST_PAUSE_S, finding_of, settles

SAID = Said("graph", 503, "ServiceUnavailable", "Try later")


@pytest.mark.parametrize("kind", [Transient, Unreadable])
@pytest.mark.parametrize("waits", [0, 3, len(AGAIN_S) - 1])
def test_what_may_pass_is_tried_again(given: Callable[..., Context], kind: type[CloudError], waits: int):
    """After longer and longer pauses."""
    found = finding_of(Ids(), kind("service_unavailable", SAID), given(waits={"ids": waits}).run)
    assert (found.state, found.waiting_for, found.cause, found.seen) == (
        State.UNKNOWN,
        Turn.TIME,
        "service_unavailable",
        verbatim("Try later"),
    )
    assert found.until is not None
    assert abs((found.until - now()).total_seconds() - AGAIN_S[waits]) < 1


@pytest.mark.parametrize(("asked", "pause"), [(None, 30), (7.0, 30), (90.0, 90), (99_999_999.0, LONGEST_PAUSE_S)])
def test_retry_after_is_the_least_that_is_waited(given: Callable[..., Context], asked: float | None, pause: float):
    """A cloud that asks for more than our own pause gets it, up to an hour."""
    found = finding_of(Ids(), Transient("throttled", SAID, retry_after=asked), given(waits={"ids": 2}).run)
    assert found.until is not None
    assert abs((found.until - now()).total_seconds() - pause) < 1


@pytest.mark.parametrize(
    ("error", "waits"), [(Transient("throttled", SAID), len(AGAIN_S)), (NotAllowed("not_allowed", SAID), 0), (Rejected("x", SAID), 0)]
)
def test_everything_else_is_a_persons_turn(given: Callable[..., Context], error: CloudError, waits: int):
    """So is what did not pass after seven tries."""
    found = finding_of(Ids(), error, given(waits={"ids": waits}).run)
    assert (found.state, found.waiting_for, found.until) == (State.UNKNOWN, Turn.ADMINISTRATOR, None)


@pytest.mark.parametrize(("said", "words"), [(Said("graph", code="C"), verbatim("C")), (Said("graph"), Words("cause.not_found"))])
def test_an_error_without_words_is_told_by_its_code(given: Callable[..., Context], said: Said, words: Words):
    """Something always stands there: the cloud's code, or the sentence of the cause where no cloud was asked."""
    assert finding_of(Ids(), NotFound("not_found", said), given().run).seen == words


@pytest.mark.parametrize(
    ("error", "ago", "settling"),
    [
        (NotFound("not_found", SAID), timedelta(seconds=10), True),
        (Settling("not_found", SAID), timedelta(seconds=115), True),
        (Settling("not_found", SAID), timedelta(seconds=121), False),
        (NotFound("not_found", SAID), timedelta(seconds=121), False),
        (NotFound("not_found", Said("exchange", 404)), timedelta(seconds=10), False),
        (Rejected("x", SAID), timedelta(seconds=10), False),
        (NotFound("not_found", SAID), None, False),
    ],
)
def test_what_a_write_of_ours_explains(given: Callable[..., Context], error: CloudError, ago: timedelta | None, settling: bool):  # noqa: FBT001  a column of the table
    """Only what replicates, and only for two minutes (CHECKLIST J7)."""
    assert settles(error, given(changed={"application": now() - ago} if ago else {}).run) is settling
