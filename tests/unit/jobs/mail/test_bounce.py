"""Cause and place of each bounce code in Microsoft's pages on non-delivery reports."""

from __future__ import annotations

import pytest

from jobs.causes.reader import read
from jobs.causes.speaker import Place
from jobs.mail.message_trace import cause_at, cause_of_copy
from jobs.model import Station
from tests.unit.jobs.mail.bounces import ROWS


@pytest.mark.slow
@pytest.mark.parametrize(("words", "cause"), ROWS["meanings"])
def test_what_a_code_means(words: str, cause: str):
    """A bounce code has the same cause in a message trace and in pasted text."""
    named = {cause_at(each, [f"Fail | Reason: [{{LED={words}}}]"]) for each in Station}
    assert named - {""} == {cause} - {""}
    certain = [found.cause for found in read(words, Place.EXCHANGE).certain]
    assert certain == ([cause] if cause else [])


@pytest.mark.slow
@pytest.mark.parametrize("row", ROWS["places"], ids=str)
def test_of_whom_a_code_speaks(row: list[str]):
    """The cause of a code depends on the place at which the mail was refused.

    A colleague who may not send, or a customer's full mailbox, is no fault of the channel's
    mailbox.
    """
    words, *causes = row
    places = (Station.MAILBOX, Station.FORWARD, Station.ANSWER)
    assert [cause_at(place, [words]) for place in places] == causes


@pytest.mark.parametrize("row", ROWS["copies"], ids=str)
def test_a_copy_that_nobody_took(row: list[str]):
    """A forwarded copy that expired or is deferred has its own cause."""
    cause, *words = row
    assert cause_of_copy(words) == cause
