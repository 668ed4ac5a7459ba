"""Tests of the choice of the outbound spam policy that applies to a sender."""

from __future__ import annotations

import pytest
from hypothesis import given as drawn, strategies as st

from jobs.microsoft.exchange import ExchangeRow
from jobs.microsoft.outbound_spam import (
    CARRIED,
    EffectivePolicy,
    addresses_of,
    applies_to,
    named,
    narrowed,
    needs_addresses,
    policy_name,
)

SENDER = "support@contoso.com"
DEFAULT = ExchangeRow({"Name": "Default", "IsDefault": True, "AutoForwardingMode": "Automatic"})
ON = ExchangeRow({"Name": "P-on", "AutoForwardingMode": "On"})
OFF = ExchangeRow({"Name": "P-off", "AutoForwardingMode": "Off"})
POLICIES = [DEFAULT, ON, OFF]


def rule(policy: str, priority: object = 0, **conditions: object) -> ExchangeRow:
    """Return an enabled rule that assigns this policy."""
    named = {"Name": f"R-{policy}", "HostedOutboundSpamFilterPolicy": policy}
    return ExchangeRow(named | {"Priority": priority, "State": "Enabled"} | conditions)


@pytest.mark.parametrize(
    ("rules", "policy"),
    [
        ([], "Default"),
        ([rule("P-on", From=SENDER.upper())], "P-on"),
        ([rule("P-on", SenderDomainIs=["fabrikam.com", "Contoso.com"])], "P-on"),
        ([rule("P-on", SenderDomainIs=["sub.contoso.com", "toso.com"])], "Default"),
        ([rule("P-on", From=[SENDER], SenderDomainIs=["contoso.com"])], "P-on"),
        ([rule("P-on", From=[SENDER], SenderDomainIs=["fabrikam.com"])], "Default"),
        ([rule("P-on", From=[SENDER], ExceptIfFrom=[SENDER])], "Default"),
        ([rule("P-on", From=[SENDER], ExceptIfSenderDomainIs="contoso.com")], "Default"),
        ([rule("P-on", "10", From=[SENDER]), rule("P-off", "9", From=[SENDER])], "P-off"),
        ([rule("P-off", 0, From=["a@contoso.com"]), rule("P-on", 1, From=[SENDER])], "P-on"),
        ([rule("P-on", From=[SENDER], State="Disabled")], "Default"),
        ([rule("P-on", "?", From=[SENDER])], "P-on"),
        ([rule("P-on")], "Default"),
        ([rule("P-on", From=[f"SMTP:{SENDER}"])], "P-on"),
    ],
)
def test_the_first_rule_that_matches(rules: list[ExchangeRow], policy: str):
    """The enabled rule with the highest priority applies.

    Kinds of conditions are combined with AND, values of one kind with OR, and exceptions win.
    """
    assert applies_to([SENDER], POLICIES, rules).name == policy


def test_a_group_cannot_be_judged_here():
    """A rule for a group is skipped, and is listed as one that cannot be judged here."""
    group = rule("P-off", 0, FromMemberOf=["Sales"])
    both = rule("P-off", 1, From=["a@contoso.com"], FromMemberOf=["Sales"])
    ours = rule("P-on", 2, From=[SENDER])
    found = applies_to([SENDER], POLICIES, [group, both, ours])
    assert found == EffectivePolicy(ON, ours, (group,))


def test_an_exception_for_a_group_cannot_be_judged_either():
    """A rule with an exception for a group may match or not, so it is listed as unsure.

    A rule that would change nothing is not listed.
    """
    stops = rule("P-off", 0, From=[SENDER], ExceptIfFromMemberOf=["Sales"])
    lets = rule("P-on", 1, From=[SENDER], ExceptIfFromMemberOf=["Sales"])
    on = rule("P-on", 2, From=[SENDER])
    assert applies_to([SENDER], POLICIES, [stops, lets]).unsure == (lets,)
    assert applies_to([SENDER], POLICIES, [stops, lets, on]).unsure == (stops,)


def test_a_default_policy_that_does_not_say_so():
    """A default policy without ``IsDefault`` is recognized by its name."""
    default = ExchangeRow({"Name": "Default", "AutoForwardingMode": "On"})
    assert applies_to([SENDER], [default], []).forwards


@pytest.mark.parametrize(
    ("mode", "forwards"),
    [("On", True), ("on", True), ("Off", False), ("Automatic", False), (None, False), ("", False)],
)
def test_only_on_forwards(mode: str | None, forwards: bool):
    """Only the mode "On" allows automatic forwarding; "Automatic" counts as off."""
    default = ExchangeRow(DEFAULT | {"AutoForwardingMode": mode})
    assert applies_to([SENDER], [default], []).forwards is forwards


def test_no_policies_at_all():
    """Without any policy, nothing is forwarded and there are no limits to copy."""
    found = applies_to([SENDER], [], [])
    assert (found.forwards, found.mode, found.name) == (False, "Automatic", "")
    assert found.limits() == {}


def test_a_rule_whose_policy_is_gone():
    """A rule whose policy is gone still applies, but there is no policy and no forwarding."""
    applies = applies_to([SENDER], [DEFAULT], [rule("P-gone", From=[SENDER])])
    assert (applies.policy, applies.forwards) == (None, False)


def test_limits_are_carried_along():
    """All eight limits of a policy are copied, whatever the letter case of their names.

    Empty values are left out, but false and zero are kept.
    """
    row = ExchangeRow({"isdefault": True, **{name.lower(): 7 for name in CARRIED}, "Color": "red"})
    assert applies_to([SENDER], [row], []).limits() == dict.fromkeys(CARRIED, 7)
    values = dict(zip(CARRIED, (0, None, "", None, False, []), strict=False))
    row = ExchangeRow({"IsDefault": True} | values)
    assert applies_to([SENDER], [row], []).limits() == {CARRIED[0]: 0, CARRIED[4]: False}


def test_a_row_is_found_by_any_of_its_names():
    """A row is found by its Name, Identity or Id, in any letter case."""
    rows = [ExchangeRow({"Name": "A"}), ExchangeRow({"Identity": "B"}), ExchangeRow({"Id": "C"})]
    assert [named(rows, each) for each in ("a", "b", "c", "d")] == [*rows, None]


@pytest.mark.slow
@drawn(st.emails())
def test_a_policys_name_is_one_that_exchange_takes(mailbox: str):
    """A policy's name has at most 64 characters and no character that Exchange refuses.

    It does not end with a space.
    """
    name = policy_name(mailbox)
    assert len(name) <= 64
    assert name == name.rstrip()
    assert not set(name) & set('\\%&*+/=?{}|<>();:[],"')


@pytest.mark.parametrize(
    ("mailbox", "name"),
    [
        ("support@contoso.com", "Webex Connect forwarding - support@contoso.com"),
        ("a+b@contoso.com", "Webex Connect forwarding - a-b@contoso.com-"),
        (f"{'x' * 40}1@contoso.com", f"Webex Connect forwarding - {'x' * 30}-"),
    ],
)
def test_an_address_that_does_not_fit_is_told_apart(mailbox: str, name: str):
    """A policy name with an address that Exchange accepts stays as it is.

    Any other name ends with six characters of the address's hash.
    """
    assert policy_name(mailbox).startswith(name)
    assert len(policy_name(mailbox)) == len(name) + 6 * name.endswith("-")


@pytest.mark.slow
@drawn(st.lists(st.emails(), min_size=2, max_size=2, unique=True))
def test_two_mailboxes_never_share_a_policy(mailboxes: list[str]):
    """Two mailboxes never have the same policy name, however alike their addresses are."""
    assert len({policy_name(mailbox) for mailbox in mailboxes}) == 2


ALIASES = ["svc@fabrikam.com", "support@contoso.com", "help@contoso.com"]


@pytest.mark.parametrize(
    ("conditions", "policy"),
    [
        ({"From": ["help@contoso.com"]}, "P-on"),
        ({"From": ["smtp:SVC@fabrikam.com"]}, "P-on"),
        ({"From": [SENDER], "ExceptIfFrom": ["help@contoso.com"]}, "Default"),
        ({"SenderDomainIs": ["contoso.com"]}, "Default"),
    ],
)
def test_a_mailbox_is_known_by_all_of_its_addresses(conditions: dict[str, object], policy: str):
    """A rule may name any of the mailbox's addresses.

    The domain of the mailbox is that of its sending address.
    """
    assert applies_to(ALIASES, POLICIES, [rule("P-on", **conditions)]).name == policy


def test_nobody_sends():
    """Without a sender address, only the default policy applies."""
    rules = [rule("P-on", SenderDomainIs=["contoso.com"]), rule("P-off", From=[SENDER])]
    assert applies_to([], POLICIES, rules).name == "Default"


@pytest.mark.parametrize(
    ("mailbox", "addresses"),
    [
        ({}, ()),
        (
            {"EmailAddresses": ["smtp:a@x.io", "SMTP:b@x.io", "SIP:a@x.io", "X:x"]},
            ("b@x.io", "a@x.io"),
        ),
        ({"PrimarySmtpAddress": "C@x.io", "EmailAddresses": "SMTP:c@x.io"}, ("c@x.io",)),
    ],
)
def test_the_addresses_of_a_mailbox(mailbox: dict[str, object], addresses: tuple[str, ...]):
    """A mailbox's email addresses are listed once each, the primary address first."""
    assert addresses_of(ExchangeRow(mailbox)) == addresses


@pytest.mark.parametrize(
    ("conditions", "others"),
    [
        ({}, False),
        ({"From": SENDER.upper(), "ExceptIfFrom": []}, False),
        ({"From": [SENDER, "b@contoso.com"]}, True),
        ({"ExceptIfFrom": ["b@contoso.com"]}, True),
        ({"SenderDomainIs": ["contoso.com"]}, True),
    ],
)
def test_a_rule_may_mean_another_address(conditions: dict[str, object], others: bool):
    """The mailbox's addresses are read only if a rule names another person or a domain."""
    assert needs_addresses([rule("P-on", **conditions)], [SENDER]) is others


def test_what_narrows_a_rule():
    """A rule is narrowed by every condition that has a value, except its senders."""
    empty: dict[str, object] = {"ExceptIfFrom": [], "FromMemberOf": None}
    domains = {"ExceptIfSenderDomainIs": ["x.io"], "SenderDomainIs": "contoso.com"}
    found = rule("P-on", From=[SENDER], **empty, **domains)
    assert narrowed(found) == ("SenderDomainIs", "ExceptIfSenderDomainIs")
