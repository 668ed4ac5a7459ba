"""Tests of the message traces: the newest mail, the failures, and mail without a copy."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from jobs.checks.verdict import proves
from jobs.clock import now
from jobs.mail.flow import without_copy
from jobs.mail.message_trace import TraceRow, TraceStatus
from jobs.microsoft.exchange import ExchangeRow
from jobs.model import Evidence, State
from jobs.runs.run import Brief
from tests.unit.jobs.probes.trace_rows import (
    CUSTOMER,
    FORWARD,
    HOUR,
    MAILBOX,
    MOMENT,
    TRACES,
    copy,
    details,
    look,
    row,
    sides,
)

BLOCKED = (
    "550 5.7.520 Access denied, Your organization does not allow external forwarding. AS(7555)"
)


@pytest.mark.parametrize(
    ("rows", "state", "cause"),
    [
        ([], State.SKIPPED, ""),
        ([row(5, status="pending")], State.SKIPPED, ""),
        ([row(5), row(60, status="failed")], State.OK, ""),
        ([row(5, status="failed"), row(60)], State.WARNING, "mail_not_delivered"),
        ([row(5, status="failed")], State.WARNING, "mail_not_delivered"),
        (
            [row(5, status="failed"), row(6, status="failed"), row(60)],
            State.WRONG,
            "mail_not_delivered",
        ),
        ([row(5, status="failed"), row(5, id="other")], State.WARNING, "mail_not_delivered"),
        ([row(3, status="gettingStatus"), row(5)], State.OK, ""),
        ([row(5, status="quarantined"), row(6, status="filteredAsSpam"), row(60)], State.OK, ""),
        (
            [row(5, status="filteredAsSpam"), row(6, status="filteredAsSpam")],
            State.WARNING,
            "mail_not_delivered",
        ),
        (
            [row(90, status="pending"), row(95, status="pending"), row(200)],
            State.WRONG,
            "mail_not_delivered",
        ),
    ],
)
def test_what_arrives(cloud: Any, given: Any, rows: list[Any], state: State, cause: str):
    """Spam is no failure, and one mail that fails for a reason of its own is only a warning.

    A mail that is under way for an hour counts as not delivered.
    """
    cloud.on(TRACES, rows)
    found = look("arrivals", given())
    assert (found.state, found.cause) == (state, cause)


def test_mail_in_quarantine_is_counted_with_its_page(cloud: Any, given: Any):
    """Mail that a filter keeps is normal. The finding says how much, and where it can be seen."""
    spam = [row(age, status="quarantined", senderAddress=f"{age}@x.test") for age in (20, 40)]
    cloud.on(TRACES, [row(5), *spam, row(50, status="filteredAsSpam")])
    found = look("arrivals", given())
    assert found.state is State.OK
    assert found.seen
    assert (found.seen.key, found.seen.values["count"]) == ("seen.traced_quarantine", "2")


def test_a_code_that_is_known_needs_no_second_mail(cloud: Any, given: Any):
    """A cause that the trace itself names is certain after one mail."""
    cloud.on(TRACES, [row(5, status="failed")])
    details(cloud, 5, MAILBOX, "550 5.7.520 Access denied")
    found = look("arrivals", given())
    assert (found.state, found.cause) == (State.WRONG, "forwarding_blocked")


@pytest.mark.parametrize(
    ("last", "cause"),
    [(BLOCKED, "forwarding_blocked"), ("550 5.7.1 Not from you", "mail_not_delivered")],
)
def test_what_put_it_off_is_not_why_it_failed(cloud: Any, given: Any, last: str, cause: str):
    """The cause of a failed copy is the final refusal, not an earlier temporary error."""
    cloud.on(TRACES, [copy(5, "failed"), copy(30)])
    details(cloud, 5, FORWARD, "421 4.4.2 Connection dropped", last)
    assert look("copies", given()).cause == cause


def test_a_failure_says_since_when_and_how_often(cloud: Any, given: Any):
    """A failure counts from the first failed mail after the last good one.

    The finding has the trace's text.
    """
    cloud.on(TRACES, [copy(5, "failed"), copy(20, "failed"), copy(30), copy(90, "failed")])
    details(cloud, 5, FORWARD, BLOCKED)
    found = look("copies", given())
    assert (found.state, found.cause, found.signals.failed) == (
        State.WRONG,
        "forwarding_blocked",
        2,
    )
    ages = [(now() - at).total_seconds() / 60 for at in (found.signals.since, found.signals.at)]
    assert ages == [pytest.approx(20, abs=2), pytest.approx(30, abs=2)]
    assert found.evidence == (Evidence("trace", f"Fail | {BLOCKED}"),)


def test_the_edge_of_the_window_is_no_beginning(cloud: Any, given: Any):
    """Without a good mail within two days, the beginning of the failure is unknown."""
    cloud.on(TRACES, [copy(5, "failed"), copy(2000, "failed")])
    signals = look("copies", given()).signals
    assert (signals.since, signals.at) == (None, None)


@pytest.mark.parametrize("refuse", [404, 429, 503])
def test_a_known_failure_stays_known(cloud: Any, given: Any, refuse: int):
    """A failed mail stays a failure if its details or the mail flow rules cannot be read."""
    cloud.on(TRACES, [copy(5, "failed"), copy(30)])
    cloud.refuse(f"{TRACES}/m5/getDetailsByRecipient(recipientAddress='{FORWARD}')", refuse).refuse(
        "Get-TransportRule", refuse
    )
    found = look("copies", given())
    assert (found.state, found.cause, found.evidence) == (State.WRONG, "mail_not_delivered", ())


@pytest.mark.parametrize(
    ("arrived", "copies", "state", "seen"),
    [
        ([], [], State.SKIPPED, "skipped.no_mail"),
        ([5], [], State.SKIPPED, "skipped.copy_due"),
        ([4, 300], [300], State.OK, "seen.traced"),
        ([6, 300], [300], State.WARNING, "seen.copies_late"),
        ([0, 2, 300], [300], State.OK, "seen.traced"),
        ([2, 3, 300], [300], State.WARNING, "seen.copies_late"),
        ([45, 300], [300], State.POSSIBLE, "seen.no_copy"),
        ([45, 50, 60], [], State.WRONG, "seen.no_copy"),
        ([*range(60, 480, 60), 33 * HOUR], [33 * HOUR], State.WRONG, "seen.no_copy"),
        ([40, 50, 60], [45], State.POSSIBLE, "seen.no_copy"),
    ],
)
def test_copies_that_never_come(
    cloud: Any, given: Any, arrived: list[int], copies: list[int], state: State, seen: str
):
    """Mail without a copy within half an hour is a failure; a single such mail proves little."""
    sides(cloud, [row(minutes) for minutes in arrived], [copy(minutes) for minutes in copies])
    found = look("copies", given())
    assert (found.state, found.seen and found.seen.key) == (state, seen)
    assert found.cause == ("mail_not_delivered" if seen == "seen.no_copy" else "")


@pytest.mark.parametrize(
    ("words", "ages", "state", "cause"),
    [
        ("", [2, 3], State.WARNING, ""),
        (
            "Transport rule: 'Nothing to Webex', ID: (x)",
            [2, 3],
            State.WRONG,
            "transport_rule_blocks",
        ),
        ("Transport rule: 'Nothing to Webex', ID: (x)", [20], State.OK, ""),
    ],
)
def test_copies_that_are_held_back(
    cloud: Any, given: Any, words: str, ages: list[int], state: State, cause: str
):
    """A single pending copy may be only a short delay, and several give a warning.

    If the trace of a pending copy names a mail flow rule, the rule is the cause.
    """
    rule = {
        "Name": "Nothing to Webex",
        "State": "Enabled",
        "ModerateMessageByUser": ["boss@contoso.com"],
        "DeleteMessage": True,
    }
    sides(
        cloud,
        [row(age) for age in (*ages, 300)],
        [*(copy(age, "pending") for age in ages), copy(300)],
    )
    details(cloud, ages[0], FORWARD, words)
    cloud.on("Get-TransportRule", [rule])
    found = look("copies", given())
    assert (found.state, found.cause, proves(found)) == (state, cause, state is State.OK)


@pytest.mark.parametrize(
    ("senders", "words", "state", "cause"),
    [
        (["a", "b", "c"], "", State.WARNING, ""),
        (["a", "b"], "", State.OK, ""),
        (["a", "a", "a"], "", State.OK, ""),
        (
            ["a", "b"],
            "quarantined by the mail flow rule 'All'",
            State.WRONG,
            "transport_rule_blocks_arrivals",
        ),
    ],
)
def test_what_a_filter_takes(
    cloud: Any, given: Any, senders: list[str], words: str, state: State, cause: str
):
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
    assert (found.state, found.cause, proves(found)) == (state, cause, state is State.OK)


def test_what_arrived_before_the_forwarding_was_set_says_nothing(cloud: Any, given: Any):
    """Mail from before the forwarding was set needs no copy.

    A delivery report and a mail from the mailbox itself need no copy either.
    """
    sides(
        cloud,
        [
            row(40, senderAddress="postmaster@contoso.com"),
            row(45, senderAddress=MAILBOX),
            row(60),
            row(70),
        ],
        [],
    )
    ctx = given(brief=Brief(changed_at=now() - timedelta(minutes=55)))
    assert (look("copies", ctx).state, look("copies", ctx).facts) == (State.SKIPPED, {})


@pytest.mark.parametrize(
    ("copies", "state"),
    [
        ([copy(8 * HOUR, "pending"), copy(9 * HOUR)], State.WRONG),
        ([copy(8 * HOUR, "gettingStatus")], State.WRONG),
        ([copy(20, "pending"), copy(9 * HOUR)], State.OK),
        ([copy(5, "failed", size=26 * 1024 * 1024), copy(HOUR)], State.OK),
        ([copy(5, "quarantined"), copy(HOUR)], State.WARNING),
    ],
)
def test_copies_that_do_not_go_on(cloud: Any, given: Any, copies: list[Any], state: State):
    """A copy that is under way for an hour counts as not delivered.

    A copy that is too large, or is taken for spam, is no failure of the channel.
    """
    sides(cloud, [row(8 * HOUR, messageId=copies[0]["messageId"])], copies)
    assert look("copies", given()).state is state


RULE = {
    "Name": "Nothing to Webex",
    "Guid": "11112222-3333",
    "State": "Enabled",
    "DeleteMessage": True,
}


@pytest.mark.parametrize(
    ("words", "rules", "cause"),
    [
        ("Deleted by the transport rule 'Anything'.", [], "transport_rule_blocks"),
        (
            "550 5.7.1 TRANSPORT.RULES.RejectMessage; the message was rejected by organization policy",
            [],
            "transport_rule_blocks",
        ),
        ("Transport rule: 'Nothing to Webex', ID: (x)", [RULE], "transport_rule_blocks"),
        ("Dropped by ID: (11112222-3333)", [RULE], "transport_rule_blocks"),
        (
            "550 5.7.1 Ask the helpdesk",
            [RULE | {"RejectMessageReasonText": "Ask the helpdesk"}],
            "transport_rule_blocks",
        ),
        (
            "550 5.7.912 No",
            [RULE | {"RejectMessageEnhancedStatusCode": "5.7.912"}],
            "transport_rule_blocks",
        ),
        (
            "550 5.7.1 No",
            [RULE | {"RejectMessageEnhancedStatusCode": "5.7.1"}],
            "mail_not_delivered",
        ),
        (
            "Transport rule: 'Nothing to Webex', ID: (x)",
            [RULE | {"DeleteMessage": False, "SetSCL": 1}],
            "mail_not_delivered",
        ),
        ("Transport rule: 'Disclaimer', ID: (x)", [RULE], "mail_not_delivered"),
        (f"Transport rule: 'Nothing to Webex'; {BLOCKED}", [RULE], "forwarding_blocked"),
    ],
)
def test_a_trace_that_names_the_rule(
    cloud: Any, given: Any, words: str, rules: list[Any], cause: str
):
    """A mail flow rule is the cause if the trace names it by its name, its id or its reason.

    A known error code in the trace takes precedence.
    """
    sides(cloud, [], [copy(5, "failed")])
    details(cloud, 5, FORWARD, words)
    cloud.on("Get-TransportRule", [ExchangeRow(rule) for rule in rules])
    assert look("copies", given()).cause == cause


@pytest.mark.parametrize(
    ("words", "cause", "station"),
    [
        (
            "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup",
            "connect_address_gone",
            "connect",
        ),
        (
            "550 5.1.1 The email account that you tried to reach does not exist.",
            "connect_address_gone",
            "connect",
        ),
        ("550 5.4.1 Recipient address rejected: Access denied", "connect_address_gone", "connect"),
        ("550 5.1.100 Something else", "mail_not_delivered", None),
        (f"550 5.1.1; {BLOCKED}", "forwarding_blocked", None),
    ],
)
def test_a_forwarding_address_that_nobody_has(
    cloud: Any, given: Any, words: str, cause: str, station: str | None
):
    """A refusal by Webex Connect's mail server means that the forwarding address is gone.

    The app was deleted then, and mail stops at Webex Connect.
    """
    sides(cloud, [], [copy(5, "failed")])
    details(cloud, 5, FORWARD, words)
    found = look("copies", given())
    assert (found.state, found.cause, found.signals.station) == (State.WRONG, cause, station)


def traced(
    minutes: int, sender: str = CUSTOMER, status: TraceStatus = TraceStatus.DELIVERED
) -> TraceRow:
    """Return a row as the trace gives it. A copy has the message id of its original."""
    return TraceRow(
        f"m{minutes}",
        sender,
        "",
        f"<{minutes}>",
        MOMENT - timedelta(minutes=minutes),
        "Hello",
        status,
    )


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
