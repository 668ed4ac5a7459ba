"""Tests of outbound connectors, and of the remote domain's entry for Webex Connect."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from jobs.checks.verdict import judge
from jobs.microsoft.exchange import ExchangeRow
from jobs.model import Finding, RunKind, State
from jobs.probes import all_probes
from jobs.steps import all_steps

ON = {"Name": "Relay", "Enabled": True, "RecipientDomains": ["*"], "SmartHosts": ["relay.example"]}


@pytest.mark.parametrize(
    ("row", "state"),
    [
        (ON, State.POSSIBLE),
        (ON | {"RecipientDomains": ["smtp:*.webexconnect.io;1"]}, State.POSSIBLE),
        (ON | {"RecipientDomains": [], "RouteAllMessagesViaOnPremises": True}, State.POSSIBLE),
        (ON | {"Enabled": False}, State.OK),
        (ON | {"IsTransportRuleScoped": True}, State.OK),
        (ON | {"UseMXRecord": True}, State.OK),
        (ON | {"RecipientDomains": ["partner.example"]}, State.OK),
    ],
)
def test_a_connector_that_takes_the_copies_is_possible(cloud, given, row, state):
    """Mail that becomes a task disproves it, and mail that makes none has it as its cause."""
    cloud.on("Get-OutboundConnector", [row])
    found = {"outbound_connectors": asyncio.run(_probe().inspect(given(kind=RunKind.CHECK)))}
    assert found["outbound_connectors"].state is state
    possible = ("outbound_connectors",) if state is State.POSSIBLE else ()
    assert judge(all_probes(), found).possible == possible
    found["mail_to_task"] = Finding("mail_to_task", State.OK)
    assert judge(all_probes(), found).possible == ()
    found["mail_to_task"] = Finding("mail_to_task", State.WRONG, cause="no_task")
    assert judge(all_probes(), found).causes == (possible or ("mail_to_task",))


def test_connectors_that_nobody_may_read_say_nothing(cloud: Any, given: Any):
    """A refusal of Exchange is no finding about the channel."""
    cloud.on("Get-OutboundConnector", (403, {}))
    assert asyncio.run(_probe().inspect(given())).state is State.SKIPPED


def _probe() -> Any:
    return all_probes()["outbound_connectors"]


@pytest.mark.parametrize(
    ("kind", "row", "state", "cause"),
    [
        (
            RunKind.CHECK,
            {"AutoForwardEnabled": False},
            State.WRONG,
            "remote_domain_blocks_forwarding",
        ),
        (
            RunKind.SETUP,
            {"AutoForwardEnabled": False},
            State.POSSIBLE,
            "remote_domain_blocks_forwarding",
        ),
        (RunKind.SETUP, {"TNEFEnabled": True}, State.WARNING, "tnef_on"),
        (RunKind.CHECK, {"TNEFEnabled": "True"}, State.WARNING, "tnef_on"),
        (RunKind.CHECK, {"TNEFEnabled": None}, State.OK, ""),
        (RunKind.SETUP, None, State.SKIPPED, ""),
    ],
)
def test_a_plan_and_a_check_show_the_remote_domain(cloud, given, kind, row, state, cause):
    """A plan blocks nothing; an entry that nobody may read stays open there."""
    cloud.on("Get-RemoteDomain", [{"DomainName": "*", **row}] if row is not None else (403, {}))
    found = asyncio.run(all_steps()["remote_domain"].inspect(given(kind=kind)))
    assert (found.state, found.cause) == (state, cause)


def domain(name: str, *, allows: bool) -> ExchangeRow:
    """Return a remote domain that allows automatic forwarding, or not."""
    return ExchangeRow({"DomainName": name, "AutoForwardEnabled": allows})


EVERYWHERE, NOWHERE = domain("*", allows=True), domain("*", allows=False)


@pytest.mark.parametrize(
    ("rows", "blocked_by"),
    [
        ([], ""),
        ([EVERYWHERE], ""),
        ([NOWHERE], "*"),
        ([NOWHERE, domain("*.webexconnect.io", allows=True)], ""),
        ([EVERYWHERE, domain("mail.WebexConnect.io", allows=False)], "mail.WebexConnect.io"),
        ([EVERYWHERE, domain("*.mail.webexconnect.io", allows=False)], "*.mail.webexconnect.io"),
        ([EVERYWHERE, domain("webexconnect.io", allows=False)], ""),
    ],
)
def test_the_most_specific_remote_domain_counts(cloud, given, rows, blocked_by):
    """A pattern covers the domain and those below it, and the longest one decides."""
    cloud.on("Get-RemoteDomain", rows)
    found = asyncio.run(all_steps()["remote_domain"].inspect(given(kind=RunKind.CHECK)))
    assert found.state is (State.WRONG if blocked_by else State.OK)
    assert not blocked_by or (found.seen and found.seen.values == {"name": blocked_by})
