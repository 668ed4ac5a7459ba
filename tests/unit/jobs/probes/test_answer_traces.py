"""Tests of the probe that traces the answers to customers."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.model import State
from tests.unit.jobs.probes.trace_rows import (
    CUSTOMER,
    FORWARD,
    MAILBOX,
    copy,
    details,
    look,
    row,
    sides,
)


def answer(
    minutes: int, to: str = CUSTOMER, status: str = "delivered", **more: Any
) -> dict[str, Any]:
    """Return the trace row of a mail from the mailbox."""
    return row(minutes, to, status, senderAddress=MAILBOX, **more)


@pytest.mark.parametrize(
    ("sent", "words", "state", "cause"),
    [
        (
            [answer(5, status="failed"), answer(30)],
            "550 5.1.10 RESOLVER.ADR.RecipientNotFound",
            State.WARNING,
            "mail_not_delivered",
        ),
        (
            [answer(5, status="failed"), answer(30)],
            "451 4.7.1 Greylisted, try again",
            State.WARNING,
            "mail_not_delivered",
        ),
        (
            [answer(5, status="failed"), answer(30)],
            "554 5.2.252 SendAsDenied",
            State.WRONG,
            "send_as_denied",
        ),
        (
            [answer(5, status="failed")],
            "550 5.1.8 Access denied, bad outbound sender",
            State.WRONG,
            "sender_restricted",
        ),
        (
            [answer(5, status="failed"), answer(6, "jo@x.example", "failed"), answer(30)],
            "550 5.7.1",
            State.WRONG,
            "mail_not_delivered",
        ),
        (
            [answer(5, status="failed"), answer(6, status="failed"), answer(30)],
            "550 5.1.10",
            State.WARNING,
            "mail_not_delivered",
        ),
        ([answer(5), answer(30, status="failed")], "", State.OK, ""),
    ],
)
def test_an_answer_that_bounces(
    cloud: Any, given: Any, sent: list[Any], words: str, state: State, cause: str
):
    """A bounce for one recipient is only a warning.

    A bounce because of the mailbox itself, and bounces of several answers in a row, are failures.
    """
    sides(cloud, sent, [])
    details(cloud, 5, CUSTOMER, words)
    found = look("answers", given())
    assert (found.state, found.cause) == (state, cause)


@pytest.mark.parametrize("recipient", [MAILBOX, "Support@contoso.com", "upn@contoso.com", FORWARD])
def test_what_is_no_answer(cloud: Any, given: Any, recipient: str):
    """A mail from the mailbox to itself or to Webex Connect does not count as an answer."""
    sides(cloud, [answer(5, to=recipient)], [])
    assert look("answers", given(facts={"upn": "upn@contoso.com"})).state is State.SKIPPED


@pytest.mark.parametrize(
    ("told", "state"),
    [
        (("550 5.1.10 RecipientNotFound", "550 5.1.1 User unknown"), State.WARNING),
        (("550 5.1.10 RecipientNotFound", "550 5.7.1 No"), State.WARNING),
        (("550 5.7.1 No", "550 5.7.1 No"), State.WRONG),
    ],
)
def test_customers_who_do_not_exist_say_nothing_of_the_channel(
    cloud: Any, given: Any, told: tuple[str, str], state: State
):
    """Bounces from customers' addresses that do not exist are only a warning.

    The mailbox is not to blame for a typing error in an address.
    """
    sides(cloud, [answer(5, status="failed"), answer(6, "jo@x.example", "failed"), answer(30)], [])
    details(cloud, 5, CUSTOMER, told[0])
    details(cloud, 6, "jo@x.example", told[1])
    assert look("answers", given()).state is state


BUSY = [answer(minutes, subject=f"RE: Hello {minutes + 30}") for minutes in (5, 60, 120)]
HANDED = [copy(minutes) for minutes in (35, 90, 150)]


@pytest.mark.parametrize(
    ("sent", "copies", "state", "seen", "waits"),
    [
        ([answer(3)], [copy(5)], State.OK, "seen.traced", False),
        ([answer(30)], [copy(1), copy(40)], State.OK, "seen.unanswered", True),
        ([answer(30)], [copy(1), copy(29)], State.OK, "seen.unanswered", True),
        ([answer(400)], [copy(1), copy(300)], State.WARNING, "seen.unanswered", True),
        (BUSY, [copy(1, subject="Another order"), *HANDED], State.OK, "seen.traced", False),
        ([answer(45), *BUSY[1:]], [copy(40), *HANDED[1:]], State.OK, "seen.unanswered", True),
    ],
)
def test_a_mail_that_waits_for_its_answer(
    cloud: Any, given: Any, sent: list[Any], copies: list[Any], state: State, seen: str, waits: bool
):
    """A mail without an answer is never a failure.

    The finding stays good or is a warning, depending on how long earlier mails waited for their
    answers. A mail that waits no longer than those is not mentioned.
    """
    sides(cloud, sent, copies)
    found = look("answers", given())
    assert (found.state, found.seen and found.seen.key, found.signals.unanswered is not None) == (
        state,
        seen,
        waits,
    )


@pytest.mark.parametrize(
    ("subject", "state"),
    [
        ("Automatic reply: Hello 5", State.SKIPPED),
        ("Automatische Antwort: Hello 5", State.SKIPPED),
        ("We have your mail", State.OK),
        ("Re: Hello 5", State.OK),
        ("AW: Hello 5", State.OK),
    ],
)
def test_what_nobody_wrote_is_no_answer(cloud: Any, given: Any, subject: str, state: State):
    """An automatic reply does not count as an answer, because it leaves without Webex Connect.

    Only its subject shows that it is automatic.
    """
    sides(cloud, [answer(5, subject=subject)], [copy(5)])
    assert look("answers", given()).state is state
