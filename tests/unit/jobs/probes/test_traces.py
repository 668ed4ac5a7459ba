"""Tests of the message traces: arrivals, copies, mail without a copy, and answers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from jobs.checks.verdict import proves
from jobs.clock import now
from jobs.mail.message_trace import TraceRow, TraceStatus, without_copy
from jobs.microsoft.exchange import ExchangeRow
from jobs.model import Evidence, State, Station
from jobs.runs.run import Brief
from tests.unit.jobs.probes.trace_rows import (
    CUSTOMER,
    FORWARD,
    HOUR,
    LOST,
    MAILBOX,
    MOMENT,
    OK,
    POSSIBLE,
    RULE_BLOCKS,
    SKIPPED,
    TRACES,
    WARNING,
    WRONG,
    copy,
    details,
    look,
    row,
    sides,
)

BLOCKED = (
    "550 5.7.520 Access denied, Your organization does not allow external forwarding. AS(7555)"
)
RULE = {"Name": "Nothing to Webex", "Guid": "11112222-3333"}
RULE |= {"State": "Enabled", "DeleteMessage": True}
NAMED = "Transport rule: 'Nothing to Webex', ID: (x)"


@pytest.mark.parametrize(
    ("rows", "state", "cause"),
    [
        ([], SKIPPED, ""),
        ([row(5, "pending")], SKIPPED, ""),
        ([row(5), row(60, "failed")], OK, ""),
        ([row(5, "failed"), row(60)], WARNING, LOST),
        ([row(5, "failed")], WARNING, LOST),
        ([row(5, "failed"), row(6, "failed"), row(60)], WRONG, LOST),
        ([row(5, "failed"), row(5, id="other")], WARNING, LOST),
        ([row(3, "gettingStatus"), row(5)], OK, ""),
        ([row(5, "quarantined"), row(6, "filteredAsSpam"), row(60)], OK, ""),
        ([row(5, "filteredAsSpam"), row(6, "filteredAsSpam")], WARNING, LOST),
        ([row(90, "pending"), row(95, "pending"), row(200)], WRONG, LOST),
    ],
)
def test_what_arrives(cloud: Any, given: Any, rows: list[Any], state: State, cause: str):
    """Spam is no failure, and one mail that fails for a reason of its own is only a warning.

    A mail that is under way for an hour counts as not delivered.
    """
    cloud.on(TRACES, rows)
    found = look("arrivals", given())
    assert (found.state, found.cause) == (state, cause)


def test_mail_in_quarantine_is_counted_with_its_page(cloud, given):
    """Mail that a filter keeps is normal. The finding says how much, and where it can be seen."""
    spam = [row(age, status="quarantined", senderAddress=f"{age}@x.test") for age in (20, 40)]
    cloud.on(TRACES, [row(5), *spam, row(50, status="filteredAsSpam")])
    found = look("arrivals", given())
    assert found.state is State.OK
    assert found.seen
    assert (found.seen.key, found.seen.values["count"]) == ("seen.traced_quarantine", "2")


def test_a_failure_says_since_when_and_how_often(cloud: Any, given: Any):
    """A failure counts from the first failed mail after the last good one.

    The finding has the trace's text.
    """
    cloud.on(TRACES, [copy(5, "failed"), copy(20, "failed"), copy(30), copy(90, "failed")])
    details(cloud, 5, FORWARD, BLOCKED)
    found = look("copies", given())
    assert (found.state, found.cause) == (WRONG, "forwarding_blocked")
    assert found.signals.failed == 2
    ages = [(now() - at).total_seconds() / 60 for at in (found.signals.since, found.signals.at)]
    assert ages == [pytest.approx(20, abs=2), pytest.approx(30, abs=2)]
    assert found.evidence == (Evidence("trace", f"Fail | {BLOCKED}"),)


def test_the_edge_of_the_window_is_no_beginning(cloud: Any, given: Any):
    """Without a good mail within two days, the beginning of the failure is unknown."""
    cloud.on(TRACES, [copy(5, "failed"), copy(2000, "failed")])
    signals = look("copies", given()).signals
    assert (signals.since, signals.at) == (None, None)


@pytest.mark.parametrize("refuse", [404, 503])
def test_a_known_failure_stays_known(cloud: Any, given: Any, refuse: int):
    """A failed mail stays a failure if its details or the mail flow rules cannot be read."""
    cloud.on(TRACES, [copy(5, "failed"), copy(30)])
    cloud.refuse(f"{TRACES}/m5/getDetailsByRecipient(recipientAddress='{FORWARD}')", refuse).refuse(
        "Get-TransportRule", refuse
    )
    found = look("copies", given())
    assert (found.state, found.cause, found.evidence) == (WRONG, LOST, ())


@pytest.mark.parametrize(
    ("arrived", "copies", "state", "seen"),
    [
        ([], [], SKIPPED, "skipped.no_mail"),
        ([5], [], SKIPPED, "skipped.copy_due"),
        ([4, 300], [300], OK, "seen.traced"),
        ([6, 300], [300], WARNING, "seen.copies_late"),
        ([0, 2, 300], [300], OK, "seen.traced"),
        ([2, 3, 300], [300], WARNING, "seen.copies_late"),
        ([45, 300], [300], POSSIBLE, "seen.no_copy"),
        ([45, 50, 60], [], WRONG, "seen.no_copy"),
        ([*range(60, 480, 60), 33 * HOUR], [33 * HOUR], WRONG, "seen.no_copy"),
        ([40, 50, 60], [45], POSSIBLE, "seen.no_copy"),
    ],
)
def test_copies_that_never_come(cloud, given, arrived, copies, state, seen):
    """Mail without a copy within half an hour is a failure; a single such mail proves little."""
    sides(cloud, [row(minutes) for minutes in arrived], [copy(minutes) for minutes in copies])
    found = look("copies", given())
    assert (found.state, found.seen and found.seen.key) == (state, seen)
    assert found.cause == (LOST if seen == "seen.no_copy" else "")


@pytest.mark.parametrize(
    ("words", "ages", "state", "cause"),
    [("", [2, 3], WARNING, ""), (NAMED, [2, 3], WRONG, RULE_BLOCKS), (NAMED, [20], OK, "")],
)
def test_copies_that_are_held_back(cloud, given, words, ages, state, cause):
    """A single pending copy may be only a short delay, and several give a warning.

    If the trace of a pending copy names a mail flow rule, the rule is the cause.
    """
    held = [copy(age, "pending") for age in ages]
    sides(cloud, [row(age) for age in (*ages, 300)], [*held, copy(300)])
    details(cloud, ages[0], FORWARD, words)
    cloud.on("Get-TransportRule", [ExchangeRow(RULE)])
    found = look("copies", given())
    assert (found.state, found.cause, proves(found)) == (state, cause, state is OK)


@pytest.mark.parametrize(
    ("senders", "words", "state", "cause"),
    [
        (["a", "b", "c"], "", WARNING, ""),
        (["a", "b"], "", OK, ""),
        (["a", "a", "a"], "", OK, ""),
        (
            ["a", "b"],
            "quarantined by the mail flow rule 'All'",
            WRONG,
            "transport_rule_blocks_arrivals",
        ),
    ],
)
def test_what_a_filter_takes(cloud, given, senders, words, state, cause):
    """Quarantined mail of three senders gives a warning, and less of it proves nothing.

    If the trace of such a mail names a mail flow rule, the rule is the cause.
    """
    held = [
        row(age, status="quarantined", senderAddress=f"{who}@customer.test")
        for age, who in enumerate(senders, 1)
    ]
    cloud.on(TRACES, [*held, row(300)])
    for age in range(1, len(senders) + 1):
        details(cloud, age, MAILBOX, words)
    found = look("arrivals", given())
    assert (found.state, found.cause, proves(found)) == (state, cause, state is OK)


def test_what_arrived_before_the_forwarding_was_set_says_nothing(cloud: Any, given: Any):
    """Mail from before the forwarding was set needs no copy.

    A delivery report and a mail from the mailbox itself need no copy either.
    """
    own = [row(40, senderAddress="postmaster@contoso.com"), row(45, senderAddress=MAILBOX)]
    sides(cloud, [*own, row(60), row(70)], [])
    ctx = given(brief=Brief(changed_at=now() - timedelta(minutes=55)))
    assert (look("copies", ctx).state, look("copies", ctx).facts) == (SKIPPED, {})


@pytest.mark.parametrize(
    ("copies", "state"),
    [
        ([copy(8 * HOUR, "pending"), copy(9 * HOUR)], WRONG),
        ([copy(8 * HOUR, "gettingStatus")], WRONG),
        ([copy(20, "pending"), copy(9 * HOUR)], OK),
        ([copy(5, "failed", size=26 * 1024 * 1024), copy(HOUR)], OK),
        ([copy(5, "quarantined"), copy(HOUR)], WARNING),
    ],
)
def test_copies_that_do_not_go_on(cloud: Any, given: Any, copies: list[Any], state: State):
    """A copy that is under way for an hour counts as not delivered.

    A copy that is too large, or is taken for spam, is no failure of the channel.
    """
    sides(cloud, [row(8 * HOUR, messageId=copies[0]["messageId"])], copies)
    assert look("copies", given()).state is state


PUT_OFF = "421 4.4.2 Connection dropped"
REJECTED = (
    "550 5.7.1 TRANSPORT.RULES.RejectMessage; the message was rejected by organization policy"
)


@pytest.mark.parametrize(
    ("words", "rule", "cause"),
    [
        (f"{PUT_OFF}\n{BLOCKED}", None, "forwarding_blocked"),
        (f"{PUT_OFF}\n550 5.7.1 Not from you", None, LOST),
        ("Deleted by the transport rule 'Anything'.", None, RULE_BLOCKS),
        (REJECTED, None, RULE_BLOCKS),
        (NAMED, {}, RULE_BLOCKS),
        ("Dropped by ID: (11112222-3333)", {}, RULE_BLOCKS),
        ("550 5.7.1 Ask us", {"RejectMessageReasonText": "Ask us"}, RULE_BLOCKS),
        ("550 5.7.912 No", {"RejectMessageEnhancedStatusCode": "5.7.912"}, RULE_BLOCKS),
        ("550 5.7.1 No", {"RejectMessageEnhancedStatusCode": "5.7.1"}, LOST),
        (NAMED, {"DeleteMessage": False, "SetSCL": 1}, LOST),
        ("Transport rule: 'Disclaimer', ID: (x)", {}, LOST),
        (f"{NAMED}; {BLOCKED}", {}, "forwarding_blocked"),
        ("550 5.1.10 RESOLVER.ADR.RecipientNotFound; not found", None, "connect_address_gone"),
        ("550 5.1.1 The email account does not exist.", None, "connect_address_gone"),
        ("550 5.4.1 Recipient address rejected", None, "connect_address_gone"),
        ("550 5.1.100 Something else", None, LOST),
        (f"550 5.1.1; {BLOCKED}", None, "forwarding_blocked"),
    ],
)
def test_the_cause_of_a_failed_copy(cloud: Any, given: Any, words: str, rule: Any, cause: str):
    """The final refusal counts, not an earlier temporary error.

    A known code comes first, then a rule that the trace names. A refusal by Webex Connect's mail
    server means that the app was deleted, and mail stops there.
    """
    sides(cloud, [], [copy(5, "failed")])
    details(cloud, 5, FORWARD, *words.split("\n"))
    cloud.on("Get-TransportRule", [] if rule is None else [ExchangeRow(RULE | rule)])
    found = look("copies", given())
    station = Station.CONNECT if cause == "connect_address_gone" else None
    assert (found.state, found.cause, found.signals.station) == (WRONG, cause, station)


def traced(
    minutes: int, sender: str = CUSTOMER, status: TraceStatus = TraceStatus.DELIVERED
) -> TraceRow:
    """Return a row as the trace gives it. A copy has the message id of its original."""
    at = MOMENT - timedelta(minutes=minutes)
    return TraceRow(f"m{minutes}", sender, "", f"<{minutes}>", at, "Hello", status)


@pytest.mark.parametrize(
    ("arrived", "copies", "left"),
    [
        ([traced(5), traced(20), traced(30), traced(90)], [traced(30)], ["m5", "m20"]),
        ([traced(5), traced(30)], [traced(5, status=TraceStatus.FAILED), traced(30)], ["m5"]),
        ([traced(5, MAILBOX), traced(30)], [traced(30)], []),
        ([traced(5), traced(6)], [], ["m5", "m6"]),
        ([traced(5, status=TraceStatus.QUARANTINED)], [], []),
        ([traced(5)], [traced(5)], []),
    ],
)
def test_what_was_left_behind(arrived: list[TraceRow], copies: list[TraceRow], left: list[str]):
    """Mail that arrived since the last good copy and has no copy is listed.

    Mail from the mailbox itself is left out.
    """
    assert [each.id for each in without_copy(arrived, copies, MAILBOX, None)] == left


def answer(minutes: int, status: str = "delivered", to: str = CUSTOMER, **more: Any) -> Any:
    """Return the trace row of a mail from the mailbox."""
    return row(minutes, status, to, senderAddress=MAILBOX, **more)


BOUNCE, BOUNCE_OF_JO = answer(5, "failed"), answer(6, "failed", "jo@x.example")


@pytest.mark.parametrize(
    ("sent", "words", "state", "cause"),
    [
        ([BOUNCE, answer(30)], "550 5.1.10 RecipientNotFound", WARNING, LOST),
        ([BOUNCE, answer(30)], "451 4.7.1 Greylisted, try again", WARNING, LOST),
        ([BOUNCE, answer(30)], "554 5.2.252 SendAsDenied", WRONG, "send_as_denied"),
        ([BOUNCE], "550 5.1.8 bad outbound sender", WRONG, "sender_restricted"),
        ([BOUNCE, BOUNCE_OF_JO, answer(30)], "550 5.7.1", WRONG, LOST),
        ([BOUNCE, answer(6, "failed"), answer(30)], "550 5.1.10", WARNING, LOST),
        ([answer(5), answer(30, "failed")], "", OK, ""),
    ],
)
def test_an_answer_that_bounces(cloud, given, sent, words, state, cause):
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
    assert look("answers", given(facts={"upn": "upn@contoso.com"})).state is SKIPPED


@pytest.mark.parametrize(
    ("told", "state"),
    [
        (("550 5.1.10 RecipientNotFound", "550 5.1.1 User unknown"), WARNING),
        (("550 5.1.10 RecipientNotFound", "550 5.7.1 No"), WARNING),
        (("550 5.7.1 No", "550 5.7.1 No"), WRONG),
    ],
)
def test_customers_who_do_not_exist_say_nothing_of_the_channel(cloud, given, told, state):
    """Bounces from customers' addresses that do not exist are only a warning.

    The mailbox is not to blame for a typing error in an address.
    """
    sides(cloud, [BOUNCE, BOUNCE_OF_JO, answer(30)], [])
    details(cloud, 5, CUSTOMER, told[0])
    details(cloud, 6, "jo@x.example", told[1])
    assert look("answers", given()).state is state


BUSY = [answer(minutes, subject=f"RE: Hello {minutes + 30}") for minutes in (5, 60, 120)]
HANDED = [copy(minutes) for minutes in (35, 90, 150)]


@pytest.mark.parametrize(
    ("sent", "copies", "state", "seen", "waits"),
    [
        ([answer(3)], [copy(5)], OK, "seen.traced", False),
        ([answer(30)], [copy(1), copy(40)], OK, "seen.unanswered", True),
        ([answer(30)], [copy(1), copy(29)], OK, "seen.unanswered", True),
        ([answer(400)], [copy(1), copy(300)], WARNING, "seen.unanswered", True),
        (BUSY, [copy(1, subject="Another order"), *HANDED], OK, "seen.traced", False),
        ([answer(45), *BUSY[1:]], [copy(40), *HANDED[1:]], OK, "seen.unanswered", True),
    ],
)
def test_a_mail_that_waits_for_its_answer(cloud, given, sent, copies, state, seen, waits):
    """A mail without an answer is never a failure.

    The finding stays good or is a warning, depending on how long earlier mails waited for their
    answers. A mail that waits no longer than those is not mentioned.
    """
    sides(cloud, sent, copies)
    found = look("answers", given())
    assert (found.state, found.seen and found.seen.key) == (state, seen)
    assert (found.signals.unanswered is not None) == waits


@pytest.mark.parametrize(
    ("subject", "state"),
    [
        ("Automatic reply: Hello 5", SKIPPED),
        ("Automatische Antwort: Hello 5", SKIPPED),
        ("We have your mail", OK),
        ("Re: Hello 5", OK),
        ("AW: Hello 5", OK),
    ],
)
def test_what_nobody_wrote_is_no_answer(cloud: Any, given: Any, subject: str, state: State):
    """An automatic reply does not count as an answer, because it leaves without Webex Connect.

    Only its subject shows that it is automatic.
    """
    sides(cloud, [answer(5, subject=subject)], [copy(5)])
    assert look("answers", given()).state is state
