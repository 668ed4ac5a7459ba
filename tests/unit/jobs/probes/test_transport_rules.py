"""Tests of the mail flow rules that stop the forwarded copy."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from jobs.checks.verdict import judge
from jobs.engine.context import StepContext
from jobs.microsoft.exchange import ExchangeRow
from jobs.model import Finding, State
from jobs.probes import all_probes
from jobs.probes.transport_rules import TransportRules


def rules(cloud: Any, given: Callable[..., StepContext], rule: dict[str, Any]) -> State:
    """Return the state that the probe reports for one mail flow rule."""
    cloud.on(
        "Get-TransportRule",
        [ExchangeRow({"Name": "R", "State": "Enabled", "Mode": "Enforce"} | rule)],
    )
    return asyncio.run(TransportRules().inspect(given())).state


@pytest.mark.parametrize(
    ("rule", "state"),
    [
        ({"DeleteMessage": True, "RecipientDomainIs": ["mail.webexconnect.io"]}, State.WRONG),
        (
            {
                "DeleteMessage": True,
                "RecipientDomainIs": ["mail.webexconnect.io"],
                "SentToScope": "NotInOrganization",
            },
            State.WRONG,
        ),
        (
            {
                "DeleteMessage": True,
                "RecipientDomainIs": ["mail.webexconnect.io"],
                "SenderIpRanges": ["10.0.0.0/8"],
            },
            State.POSSIBLE,
        ),
        (
            {
                "DeleteMessage": True,
                "RecipientDomainIs": ["mail.webexconnect.io"],
                "SubjectMatchesPatterns": ["x"],
            },
            State.POSSIBLE,
        ),
        (
            {
                "DeleteMessage": True,
                "RecipientDomainIs": ["mail.webexconnect.io"],
                "ExceptIfFrom": ["a@b.c"],
            },
            State.POSSIBLE,
        ),
        ({"DeleteMessage": True, "RecipientAddressMatchesPatterns": ["connect"]}, State.POSSIBLE),
        (
            {"ModerateMessageByUser": ["boss@contoso.com"], "SentToScope": "NotInOrganization"},
            State.POSSIBLE,
        ),
        ({"RejectMessageReasonText": "no", "SentToScope": "InOrganization"}, State.OK),
        (
            {
                "RedirectMessageTo": ["boss@contoso.com"],
                "SentTo": ["Support@contoso.com"],
                "SentToScope": "InOrganization",
            },
            State.WRONG,
        ),
        (
            {
                "DeleteMessage": True,
                "RecipientDomainIs": ["contoso.com"],
                "SubjectContainsWords": ["spam"],
            },
            State.POSSIBLE,
        ),
        ({"DeleteMessage": True, "SentTo": ["sales@contoso.com"]}, State.OK),
        ({"DeleteMessage": "false", "RecipientDomainIs": ["mail.webexconnect.io"]}, State.OK),
        ({"DeleteMessage": True, "MessageTypeMatches": "AutoForward"}, State.OK),
        ({"DeleteMessage": True, "State": "Disabled"}, State.OK),
        (
            {
                "DeleteMessage": True,
                "RecipientDomainIs": ["mail.webexconnect.io"],
                "SomeNewCondition": ["x"],
            },
            State.POSSIBLE,
        ),
        (
            {
                "DeleteMessage": True,
                "RecipientDomainIs": ["mail.webexconnect.io"],
                "WhenChanged": "2026-01-01",
                "Size": 9,
            },
            State.WRONG,
        ),
        (
            {
                "DeleteMessage": True,
                "RecipientDomainIs": ["mail.webexconnect.io"],
                "ExpiryDate": "2026-01-01T00:00:00",
            },
            State.OK,
        ),
        (
            {
                "DeleteMessage": True,
                "RecipientDomainIs": ["mail.webexconnect.io"],
                "ActivationDate": "2999-01-01T00:00:00Z",
            },
            State.OK,
        ),
        (
            {
                "DeleteMessage": True,
                "RecipientDomainIs": ["mail.webexconnect.io"],
                "ActivationDate": "2026-01-01T00:00:00Z",
            },
            State.WRONG,
        ),
        (
            {"DeleteMessage": True, "AnyOfRecipientAddressContainsWords": ["webexconnect"]},
            State.WRONG,
        ),
        (
            {"DeleteMessage": True, "AnyOfRecipientAddressContainsWords": ["partner.example"]},
            State.OK,
        ),
        (
            {"DeleteMessage": True, "AnyOfRecipientAddressMatchesPatterns": ["webexconnect\\.io$"]},
            State.POSSIBLE,
        ),
        (
            {"DeleteMessage": True, "RecipientAddressMatchesPatterns": ["partner\\.example$"]},
            State.OK,
        ),
        (
            {
                "DeleteMessage": True,
                "RecipientDomainIs": ["mail.webexconnect.io"],
                "SentTo": ["other@mail.webexconnect.io"],
            },
            State.OK,
        ),
        ({"DeleteMessage": True, "RecipientDomainIs": ["connect.io"]}, State.OK),
        ({"DeleteMessage": True, "Mode": "AuditAndNotify"}, State.OK),
        ({"DeleteMessage": True, "RecipientDomainIs": "mail.webexconnect.io"}, State.WRONG),
        ({"DeleteMessage": True, "RecipientDomainIs": ["webexconnect.io"]}, State.POSSIBLE),
        ({"DeleteMessage": True, "MessageTypeMatches": ["AutoForward"]}, State.OK),
        ({"DeleteMessage": True, "MessageTypeMatches": "OOF"}, State.POSSIBLE),
        ({"DeleteMessage": True, "ExceptIfRecipientDomainIs": ["Mail.webexconnect.io"]}, State.OK),
        ({"DeleteMessage": True, "ExceptIfRecipientDomainIs": ["webexconnect.io"]}, State.POSSIBLE),
        ({"DeleteMessage": True, "ExceptIfSentTo": ["x1@mail.webexconnect.io"]}, State.OK),
        (
            {
                "DeleteMessage": True,
                "RecipientDomainIs": ["contoso.com"],
                "ExceptIfSentTo": ["support@contoso.com"],
            },
            State.OK,
        ),
    ],
)
def test_which_rules_stop_the_copy(
    cloud: Any, given: Callable[..., StepContext], rule: dict[str, Any], state: State
):
    """A rule is certain to stop the copy if it is active and its only condition is the recipient.

    With another condition the rule is only possible.
    """
    assert rules(cloud, given, rule) is state


@pytest.mark.parametrize(
    ("cause", "causes"),
    [("transport_rule_blocks", "transport_rules"), ("forwarding_blocked", "copies")],
)
async def test_a_rule_is_the_cause_where_a_trace_names_it(
    cloud: Any, given: Callable[..., StepContext], cause: str, causes: str
):
    """A rule that may match is the cause if a trace blames a rule.

    Otherwise the rule is no cause.
    """
    cloud.on(
        "Get-TransportRule",
        [
            ExchangeRow(
                {
                    "Name": "R",
                    "State": "Enabled",
                    "DeleteMessage": True,
                    "SubjectContainsWords": ["x"],
                }
            )
        ],
    )
    found = {
        "transport_rules": await TransportRules().inspect(given()),
        "copies": Finding("copies", State.WRONG, cause=cause),
    }
    verdict = judge(all_probes(), found)
    assert (verdict.causes, verdict.weighed[causes].cause) == ((causes,), cause)


TASKS = "Microsoft.Exchange.MessagingPolicies.Rules.Tasks"
WHOLE: dict[str, Any] = {
    "IsRuleConfigurationSupported": True,
    "RuleConfigurationUnsupportedReason": "",
    "RecipientAddressType": "Resolved",
    "SenderAddressLocation": "Header",
    "RuleVersion": {"Major": 14, "Minor": 0},
    "RegexSize": 0,
    "Description": "If the message ...",
    "OrganizationId": "contoso.onmicrosoft.com",
    "HasNoClassification": False,
    "From": None,
    "Exceptions": None,
    "SomethingNewAboutEveryRule": ["x"],
    "DeleteMessage": True,
    "Actions": [f"{TASKS}.DeleteMessageAction"],
    "RecipientDomainIs": ["mail.webexconnect.io"],
    "Conditions": [f"{TASKS}.RecipientDomainIsPredicate"],
}
"""Some of the 200 properties that Exchange gives for a rule, with values as in a real rule."""


@pytest.mark.parametrize(
    ("rule", "narrowing"),
    [
        ({}, ()),
        ({"IsRuleConfigurationSupported": False}, ("IsRuleConfigurationSupported",)),
        ({"Conditions": [*WHOLE["Conditions"], f"{TASKS}.NewThingPredicate"]}, ("NewThing",)),
        ({"Exceptions": [f"{TASKS}.NewThingPredicate"]}, ("NewThing",)),
        (
            {
                "FromScope": "NotInOrganization",
                "Conditions": [*WHOLE["Conditions"], f"{TASKS}.FromScopePredicate"],
            },
            ("FromScope",),
        ),
        ({"ExceptIfFrom": ["a@b.c"], "Exceptions": [f"{TASKS}.FromPredicate"]}, ("ExceptIfFrom",)),
        (
            {
                "RecipientDomainIs": None,
                "AnyOfRecipientAddressContainsWords": ["webexconnect"],
                "Conditions": [f"{TASKS}.AnyOfRecipientAddressContainsPredicate"],
            },
            (),
        ),
        ({"Conditions": None}, ()),
    ],
)
def test_a_whole_rule_goes_by_the_conditions_that_are_set(
    cloud: Any, given: Callable[..., StepContext], rule: dict[str, Any], narrowing: tuple[str, ...]
):
    """General properties that Exchange gives for every rule do not count as conditions.

    A condition that the bot does not know is named in the finding.
    """
    cloud.on(
        "Get-TransportRule",
        [ExchangeRow({"Name": "R", "State": "Enabled", "Mode": "Enforce"} | WHOLE | rule)],
    )
    found = asyncio.run(TransportRules().inspect(given()))
    assert found.state is (State.POSSIBLE if narrowing else State.WRONG)
    assert found.seen is not None
    assert found.seen.values["names"] == (f"R ({', '.join(narrowing)})" if narrowing else "R")
