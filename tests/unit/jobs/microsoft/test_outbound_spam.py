"""Tests of the choice of the outbound spam policy that applies to a sender."""

import pytest
from hypothesis import given as drawn, strategies as st

from jobs.microsoft import outbound_spam as spam
from jobs.microsoft.exchange import ExchangeRow

SENDER = "support@contoso.com"
DEFAULT = ExchangeRow({"Name": "Default", "IsDefault": True, "AutoForwardingMode": "Automatic"})
ON = ExchangeRow({"Name": "P-on", "AutoForwardingMode": "On"})
OFF = ExchangeRow({"Name": "P-off", "AutoForwardingMode": "Off"})
POLICIES = [DEFAULT, ON, OFF]
ALIASES = ("svc@fabrikam.com", SENDER, "help@contoso.com")
"""Addresses of a mailbox that sends as the first of them."""


def rule(policy: str, priority: object = 0, **conditions: object) -> ExchangeRow:
    """Return an enabled rule that assigns this policy."""
    told = {"Name": f"R-{policy}", "HostedOutboundSpamFilterPolicy": policy}
    return ExchangeRow(told | {"Priority": priority, "State": "Enabled"} | conditions)


@pytest.mark.parametrize(
    ("senders", "rules", "policy"),
    [
        ([SENDER], [], "Default"),
        ([SENDER], [rule("P-on", From=SENDER.upper())], "P-on"),
        ([SENDER], [rule("P-on", SenderDomainIs=["fabrikam.com", "Contoso.com"])], "P-on"),
        ([SENDER], [rule("P-on", SenderDomainIs=["sub.contoso.com", "toso.com"])], "Default"),
        ([SENDER], [rule("P-on", From=[SENDER], SenderDomainIs=["contoso.com"])], "P-on"),
        ([SENDER], [rule("P-on", From=[SENDER], SenderDomainIs=["fabrikam.com"])], "Default"),
        ([SENDER], [rule("P-on", From=[SENDER], ExceptIfFrom=[SENDER])], "Default"),
        ([SENDER], [rule("P-on", From=SENDER, ExceptIfSenderDomainIs="contoso.com")], "Default"),
        ([SENDER], [rule("P-on", "10", From=SENDER), rule("P-off", "9", From=SENDER)], "P-off"),
        ([SENDER], [rule("P-off", From=["a@x.io"]), rule("P-on", 1, From=[SENDER])], "P-on"),
        ([SENDER], [rule("P-on", From=[SENDER], State="Disabled")], "Default"),
        ([SENDER], [rule("P-on", "?", From=[f"SMTP:{SENDER}"])], "P-on"),
        ([SENDER], [rule("P-on")], "Default"),
        ([SENDER], [rule("P-gone", From=[SENDER])], ""),
        (ALIASES, [rule("P-on", From=["help@contoso.com"])], "P-on"),
        (ALIASES, [rule("P-on", From=["smtp:SVC@fabrikam.com"])], "P-on"),
        (ALIASES, [rule("P-on", From=SENDER, ExceptIfFrom=["help@contoso.com"])], "Default"),
        (ALIASES, [rule("P-on", SenderDomainIs=["contoso.com"])], "Default"),
        ([], [rule("P-on", SenderDomainIs=["contoso.com"]), rule("P-off", From=SENDER)], "Default"),
    ],
)
def test_the_first_rule_that_matches(senders, rules, policy):
    """The enabled rule with the highest priority applies.

    Kinds of conditions are combined with AND, values of one kind with OR, and exceptions win. A
    rule may name any of the mailbox's addresses, and its domain is that of its sending address.
    """
    assert spam.applies_to(senders, POLICIES, rules).name == policy


def test_a_group_cannot_be_judged_here():
    """A rule for a group is skipped, and is listed as one that cannot be judged here."""
    group = rule("P-off", 0, FromMemberOf=["Sales"])
    both = rule("P-off", 1, From=["a@contoso.com"], FromMemberOf=["Sales"])
    ours = rule("P-on", 2, From=[SENDER])
    found = spam.applies_to([SENDER], POLICIES, [group, both, ours])
    assert found == spam.EffectivePolicy(ON, ours, (group,))


def test_an_exception_for_a_group_cannot_be_judged_either():
    """A rule with an exception for a group may match or not, so it is listed as unsure.

    A rule that would change nothing is not listed.
    """
    stops = rule("P-off", 0, From=[SENDER], ExceptIfFromMemberOf=["Sales"])
    lets = rule("P-on", 1, From=[SENDER], ExceptIfFromMemberOf=["Sales"])
    on = rule("P-on", 2, From=[SENDER])
    assert spam.applies_to([SENDER], POLICIES, [stops, lets]).unsure == (lets,)
    assert spam.applies_to([SENDER], POLICIES, [stops, lets, on]).unsure == (stops,)


def test_limits_are_carried_along():
    """All eight limits of a policy are copied, whatever the letter case of their names.

    Empty values are left out, but false and zero are kept.
    """
    row = ExchangeRow(
        {"isdefault": True, **{name.lower(): 7 for name in spam.CARRIED}, "Color": "red"}
    )
    assert spam.applies_to([SENDER], [row], []).limits() == dict.fromkeys(spam.CARRIED, 7)
    values = dict(zip(spam.CARRIED, (0, None, "", None, False, []), strict=False))
    row = ExchangeRow({"IsDefault": True} | values)
    assert spam.applies_to([SENDER], [row], []).limits() == {
        spam.CARRIED[0]: 0,
        spam.CARRIED[4]: False,
    }


def test_a_row_is_found_by_any_of_its_names():
    """A row is found by its Name, Identity or Id, in any letter case."""
    rows = [ExchangeRow({"Name": "A"}), ExchangeRow({"Identity": "B"}), ExchangeRow({"Id": "C"})]
    assert [spam.named(rows, each) for each in ("a", "b", "c", "d")] == [*rows, None]


@pytest.mark.slow
@drawn(st.lists(st.emails(), min_size=2, max_size=2, unique=True))
def test_a_policys_name_is_one_that_exchange_takes(mailboxes):
    """A policy's name has at most 64 characters and no character that Exchange refuses.

    It does not end with a space. Two mailboxes never have the same, however alike they are.
    """
    names = list(map(spam.policy_name, mailboxes))
    for name in names:
        assert len(name) <= 64
        assert name == name.rstrip()
        assert not set(name) & set('\\%&*+/=?{}|<>();:[],"')
    assert names[0] != names[1]


@pytest.mark.parametrize(
    ("mailbox", "name"),
    [
        ("support@contoso.com", "Webex Connect forwarding - support@contoso.com"),
        ("a+b@contoso.com", "Webex Connect forwarding - a-b@contoso.com-"),
        (f"{'x' * 40}1@contoso.com", f"Webex Connect forwarding - {'x' * 30}-"),
    ],
)
def test_an_address_that_does_not_fit_is_told_apart(mailbox, name):
    """A policy name with an address that Exchange accepts stays as it is.

    Any other name ends with six characters of the address's hash.
    """
    assert spam.policy_name(mailbox).startswith(name)
    assert len(spam.policy_name(mailbox)) == len(name) + 6 * name.endswith("-")


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
def test_the_addresses_of_a_mailbox(mailbox, addresses):
    """A mailbox's email addresses are listed once each, the primary address first."""
    assert spam.addresses_of(ExchangeRow(mailbox)) == addresses


@pytest.mark.parametrize(
    ("policies", "mode"),
    [
        ([ExchangeRow({**DEFAULT, "AutoForwardingMode": "on"})], "on"),
        ([ExchangeRow({**DEFAULT, "AutoForwardingMode": None})], "Automatic"),
        ([{"Name": "Default", "AutoForwardingMode": "On"}], "On"),
        ([], "Automatic"),
    ],
)
def test_only_on_forwards(policies, mode):
    """Only the mode "On" allows automatic forwarding, and "Automatic" counts as off.

    A default policy without ``IsDefault`` is recognized by its name.
    """
    found = spam.applies_to([SENDER], list(map(ExchangeRow, policies)), [])
    assert (found.mode, found.forwards, found.limits()) == (mode, mode.lower() == "on", {})


@pytest.mark.parametrize(
    ("conditions", "others", "narrows"),
    [
        ({}, False, ()),
        ({"From": SENDER.upper(), "ExceptIfFrom": []}, False, ()),
        ({"From": [SENDER, "b@contoso.com"], "FromMemberOf": None}, True, ()),
        ({"ExceptIfFrom": ["b@contoso.com"]}, True, ("ExceptIfFrom",)),
        ({"SenderDomainIs": ["contoso.com"]}, True, ("SenderDomainIs",)),
    ],
)
def test_a_rule_may_mean_another_address(conditions, others, narrows):
    """The mailbox's addresses are read only if a rule names another person or a domain.

    A rule is narrowed by every condition that has a value, except its senders.
    """
    found = rule("P-on", **conditions)
    assert (spam.needs_addresses([found], [SENDER]), spam.narrowed(found)) == (others, narrows)
