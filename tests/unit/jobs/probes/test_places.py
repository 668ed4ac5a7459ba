"""Tests of the place at which a mail flow rule or a bounce stops mail."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from jobs.checks.verdict import judge
from jobs.clock import now
from jobs.microsoft.exchange import ExchangeRow
from jobs.model import Finding, Signals, State, Station
from jobs.probes import all_probes
from jobs.probes.transport_rules import TransportRules

TRACES = "GET /admin/exchange/tracing/messageTraces"
MAILBOX, FORWARD, CUSTOMER = (
    "support@contoso.com",
    "x1@mail.webexconnect.io",
    "kim@customer.example",
)
BEFORE, COPY, ANSWER = (
    "transport_rule_blocks_arrivals",
    "transport_rule_blocks",
    "transport_rule_blocks_answers",
)
IN = {
    "Name": "In",
    "State": "Enabled",
    "RedirectMessageTo": ["boss@contoso.com"],
    "SentTo": [MAILBOX],
}
OUT = {
    "Name": "Out",
    "State": "Enabled",
    "DeleteMessage": True,
    "RecipientDomainIs": ["mail.webexconnect.io"],
}
SOME = {
    "Name": "Some mail",
    "State": "Enabled",
    "DeleteMessage": True,
    "SubjectContainsWords": ["order"],
}
BY_RULE = "Fail | Transport rule: 'Some mail', ID: (x)"


def traced(cloud: Any, recipient: str, words: str) -> None:
    """Script the newest mail to ``recipient`` as failed with ``words``."""
    sender = MAILBOX if recipient == CUSTOMER else CUSTOMER
    at = (now() - timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    row = {
        "id": "m1",
        "messageId": "<1>",
        "senderAddress": sender,
        "recipientAddress": recipient,
        "receivedDateTime": at,
    }
    failed = [row | {"subject": "Hello", "status": "failed", "size": 900}]
    cloud.on(TRACES, *([[], failed] if recipient == FORWARD else [failed, []]))
    cloud.on(
        f"{TRACES}/m1/getDetailsByRecipient(recipientAddress='{recipient}')",
        [{"description": words}],
    )


def found_by(name: str, ctx: Any) -> dict[str, Finding]:
    """Return the findings of the trace probe ``name`` and of the rules."""
    probes = all_probes()
    return {each: asyncio.run(probes[each].inspect(ctx)) for each in (name, "transport_rules")}


def judged(found: Mapping[str, Finding]) -> tuple[str, Station | None]:
    """Return the first cause of the verdict, and the station at which mail stops."""
    verdict = judge(all_probes(), found)
    return verdict.weighed[verdict.causes[0]].cause, verdict.stops


@pytest.mark.parametrize(
    ("rules", "cause", "stops"),
    [
        ([IN], BEFORE, Station.MAILBOX),
        ([OUT], COPY, Station.FORWARD),
        ([OUT, IN], BEFORE, Station.MAILBOX),
    ],
)
def test_a_rule_that_certainly_matches_has_its_place(
    cloud: Any, given: Any, rules: list[Any], cause: str, stops: Station
):
    """The rule that stops mail first is reported first."""
    cloud.on("Get-TransportRule", [ExchangeRow(rule) for rule in rules])
    found = asyncio.run(TransportRules().inspect(given()))
    assert judged({"transport_rules": found}) == (cause, stops)


@pytest.mark.parametrize(
    ("name", "recipient", "cause", "stops"),
    [
        ("arrivals", MAILBOX, BEFORE, Station.MAILBOX),
        ("copies", FORWARD, COPY, Station.FORWARD),
        ("answers", CUSTOMER, ANSWER, Station.ANSWER),
    ],
)
@pytest.mark.parametrize("readable", [True, False])
def test_a_rule_that_a_trace_names_has_its_place(
    cloud: Any, given: Any, name: str, recipient: str, cause: str, stops: Station, *, readable: bool
):
    """A rule that a trace names is reported with its station, even if the rules cannot be read."""
    traced(cloud, recipient, BY_RULE if readable else "Deleted by the transport rule 'Some mail'.")
    if readable:
        cloud.on("Get-TransportRule", [ExchangeRow(SOME)])
    found = found_by(name, given())
    assert judged(found if readable else {name: found[name]}) == (cause, stops)


def test_a_rule_for_the_copy_explains_no_mail_that_never_arrived(cloud: Any, given: Any):
    """A rule that stops copies is not the cause of mail that never arrived.

    That mail has an earlier cause. An answer that a rule stops is a symptom of the known rule.
    """
    cloud.on("Get-TransportRule", [ExchangeRow(OUT)])
    rule = asyncio.run(TransportRules().inspect(given()))
    before, answers = (
        Finding("arrivals", State.WRONG, cause=BEFORE),
        Finding("answers", State.WRONG, cause=ANSWER),
    )
    assert judge(all_probes(), {"transport_rules": rule, "arrivals": before}).causes == (
        "arrivals",
        "transport_rules",
    )
    assert judge(all_probes(), {"transport_rules": rule, "answers": answers}).symptoms == {
        "answers": "transport_rules"
    }


@pytest.mark.parametrize(
    ("name", "recipient", "words", "cause", "stops"),
    [
        ("arrivals", MAILBOX, "554 5.2.2 mailbox full", "mailbox_full", Station.MAILBOX),
        (
            "arrivals",
            MAILBOX,
            "550 5.7.134 Sender was not authenticated for mailbox",
            "mailbox_internal_only",
            Station.MAILBOX,
        ),
        (
            "copies",
            FORWARD,
            "550 5.7.705 Access denied, tenant has exceeded threshold",
            "tenant_sending_blocked",
            Station.FORWARD,
        ),
        ("copies", FORWARD, "550 5.4.300 Message expired", "connect_not_reached", Station.CONNECT),
        ("answers", CUSTOMER, "550 5.1.90 daily limit", "sending_limit_reached", Station.ANSWER),
    ],
)
def test_a_bounce_has_its_place(
    cloud: Any, given: Any, name: str, recipient: str, words: str, cause: str, stops: Station
):
    """A single bounce is enough for a cause and its station if its code is known."""
    traced(cloud, recipient, words)
    assert judged(found_by(name, given())) == (cause, stops)


@pytest.mark.parametrize(
    ("name", "recipient", "words"),
    [
        ("arrivals", MAILBOX, "550 5.1.90 daily limit"),
        ("arrivals", MAILBOX, "550 5.1.8 Access denied, bad outbound sender"),
        ("answers", CUSTOMER, "554 5.2.2 mailbox full"),
        ("answers", CUSTOMER, "550 5.7.134 Sender was not authenticated for mailbox"),
    ],
)
def test_what_a_bounce_says_of_others_is_no_cause(
    cloud: Any, given: Any, name: str, recipient: str, words: str
):
    """A bounce because of the other side, such as a customer's full mailbox, is only a warning."""
    traced(cloud, recipient, words)
    found = found_by(name, given())[name]
    assert (found.state, found.cause) == (State.WARNING, "mail_not_delivered")


def test_an_incident_of_webex_explains_a_copy_that_nobody_took():
    """If nobody took a copy during an incident of Webex, the incident is the cause.

    Mail stops at Webex Connect then.
    """
    late = Finding(
        "copies", State.WRONG, cause="connect_not_reached", signals=Signals(station=Station.CONNECT)
    )
    incident = Finding("webex_status", State.POSSIBLE, cause="webex_incident")
    assert judged({"copies": late, "webex_status": incident}) == ("webex_incident", Station.CONNECT)
