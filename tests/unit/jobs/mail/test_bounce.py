"""Cause and place of each bounce code in Microsoft's pages on non-delivery reports."""

from __future__ import annotations

import pytest

from jobs.causes.reader import read
from jobs.causes.speaker import Place
from jobs.mail.flow import GONE, LOST, UNANSWERED, cause_at, cause_of_copy
from jobs.model import Station

FULL = "554 5.2.2 mailbox full; STOREDRV.Deliver.Exception:QuotaExceededException.MapiExceptionQuotaExceeded"
INSIDE = "550 5.7.134 RESOLVER.RST.SenderNotAuthenticatedForMailbox; authentication required"
LIMIT = "550 5.1.90 Your message can't be sent because you've reached your daily limit for message recipients"
THRESHOLD = "550 5.7.705 Access denied, tenant has exceeded threshold"
BAD_SENDER = "550 5.1.8 Access denied, bad outbound sender"
OVER, INTERNAL, LISTED = "sending_limit_reached", "mailbox_internal_only", "mailbox_senders_listed"
NOT_FROM_HERE = "550 5.7.1 Service unavailable, client host blocked"


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        (FULL, "mailbox_full"),
        ("554 5.2.0 QuotaExceededException.MapiExceptionShutoffQuotaExceeded", "mailbox_full"),
        ("550 5.2.2 Submission quota exceeded", OVER),
        (LIMIT, OVER),
        ("550 5.7.232 your trial tenant has exceeded its daily limit", OVER),
        ("550 5.7.233 your tenant exceeded its daily limit", OVER),
        ("550 5.7.236 Message not sent", "sends_as_onmicrosoft"),
        ("Sent from 10.5.7.236 to 5.7.2361", ""),
        (THRESHOLD, "tenant_sending_blocked"),
        ("550 5.7.708 Access denied, traffic not accepted from this IP", "tenant_sending_blocked"),
        ("550 5.7.750 Client blocked from unregistered domains", "domain_not_registered"),
        ("550 5.7.12 Sender was not authenticated by organization", INTERNAL),
        ("550 5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup; required", INTERNAL),
        (INSIDE, INTERNAL),
        ("550 5.7.136 Sender was not authenticated", INTERNAL),
        ("#5.7.1 smtp;550 5.7.1 RESOLVER.RST.AuthRequired; authentication required", INTERNAL),
        ("550 5.7.124 Sender not in allowed-senders list", LISTED),
        ("550 5.7.129 RESOLVER.RST.RestrictedToRecipientsPermission; not authorized", LISTED),
        ("550 5.7.1 RESOLVER.RST.NotAuthorized; not authorized", LISTED),
        ("554 5.4.6 Hop count exceeded - possible mail loop", "mail_loop"),
        ("554 5.4.14 Hop count exceeded - possible mail loop ATTR34", "mail_loop"),
        ("550 5.7.1 Delivery not authorized", ""),
        ("550 5.7.703 blocked by tenant recipient block policy", "tenant_block_list"),
        ("Message received from 10.5.2.2 by 40.5.4.6", ""),
        ("554 5.2.252 SendAsDenied", "send_as_denied"),
    ],
)
def test_what_a_code_means(words: str, cause: str):
    """A bounce code has the same cause in a message trace and in pasted text.

    The code 5.7.1 alone has no cause, because anybody may send it. An IP address is not a code.
    """
    named = {cause_at(each, [f"Fail | Reason: [{{LED={words}}}]"]) for each in Station}
    assert named - {""} == {cause} - {""}
    certain = [found.cause for found in read(words, Place.EXCHANGE).certain]
    assert certain == ([cause] if cause else [])


@pytest.mark.parametrize(
    ("words", "arrival", "copy", "answer"),
    [
        (FULL, "mailbox_full", "", ""),
        (INSIDE, INTERNAL, "", ""),
        ("550 5.7.124 Sender not in allowed-senders list", LISTED, "", ""),
        (LIMIT, "", OVER, OVER),
        ("550 5.7.236 Message not sent", "", "sends_as_onmicrosoft", "sends_as_onmicrosoft"),
        (THRESHOLD, "", "tenant_sending_blocked", "tenant_sending_blocked"),
        (BAD_SENDER, "", "sender_restricted", "sender_restricted"),
        ("554 5.4.14 Hop count exceeded", "mail_loop", "mail_loop", "mail_loop"),
    ],
)
def test_of_whom_a_code_speaks(words: str, arrival: str, copy: str, answer: str):
    """The cause of a code depends on the place at which the mail was refused.

    A colleague who may not send, or a customer's full mailbox, is no fault of the channel's
    mailbox.
    """
    places = (Station.MAILBOX, Station.FORWARD, Station.ANSWER)
    assert [cause_at(place, [words]) for place in places] == [arrival, copy, answer]


DROPPED = "Defer | 421 4.4.2 Connection dropped"


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        ((DROPPED, "Fail | 550 5.4.300 expired -> 421 4.4.2 Connection dropped"), UNANSWERED),
        (("Fail | 550 4.4.7 QUEUE.Expired; message expired",), UNANSWERED),
        (("Fail | 550 5.4.316 Message expired, connection refused (Socket error)",), UNANSWERED),
        (("Defer | 450 4.4.316 Connection refused [Message=Socket error]",), UNANSWERED),
        ((DROPPED,), UNANSWERED),
        ((DROPPED, f"Fail | {NOT_FROM_HERE}"), LOST),
        ((f"Fail | {NOT_FROM_HERE}", DROPPED), LOST),
        ((DROPPED, "Fail | 550 5.1.1 User unknown"), GONE),
        (("Receive | from 40.4.4.7",), LOST),
        ((), LOST),
    ],
)
def test_a_copy_that_nobody_took(words: tuple[str, ...], cause: str):
    """A forwarded copy that expired or is deferred has its own cause.

    A final refusal of the copy overrides that cause.
    """
    assert cause_of_copy(words) == cause
