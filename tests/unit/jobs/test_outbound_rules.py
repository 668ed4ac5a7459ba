"""Which outbound spam policy applies to a sender."""

from __future__ import annotations

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from jobs.microsoft.exchange import Row
from jobs.microsoft.outbound import CARRIED, Applies, applies_to, named, policy_name

SENDER = "support@contoso.com"
DEFAULT = Row({"Name": "Default", "IsDefault": True, "AutoForwardingMode": "Automatic"})
ON, OFF = Row({"Name": "P-on", "AutoForwardingMode": "On"}), Row({"Name": "P-off", "AutoForwardingMode": "Off"})
POLICIES = [DEFAULT, ON, OFF]


def rule(policy: str, priority: object = 0, **conditions: object) -> Row:
    """An enabled rule."""
    return Row({"Name": f"R-{policy}", "HostedOutboundSpamFilterPolicy": policy, "Priority": priority, "State": "Enabled", **conditions})


@pytest.mark.parametrize(
    ("rules", "policy"),
    [
        ([], "Default"),
        ([rule("P-on", From=[SENDER])], "P-on"),
        ([rule("P-on", From=SENDER.upper())], "P-on"),
        ([rule("P-on", From=["a@contoso.com", SENDER])], "P-on"),
        ([rule("P-on", SenderDomainIs=["fabrikam.com", "Contoso.com"])], "P-on"),
        ([rule("P-on", SenderDomainIs=["sub.contoso.com", "toso.com"])], "Default"),
        ([rule("P-on", From=[SENDER], SenderDomainIs=["contoso.com"])], "P-on"),
        ([rule("P-on", From=[SENDER], SenderDomainIs=["fabrikam.com"])], "Default"),
        ([rule("P-on", From=["a@contoso.com"], SenderDomainIs=["contoso.com"])], "Default"),
        ([rule("P-on", From=[SENDER], ExceptIfFrom=[SENDER])], "Default"),
        ([rule("P-on", From=[SENDER], ExceptIfSenderDomainIs="contoso.com")], "Default"),
        ([rule("P-on", 1, From=[SENDER]), rule("P-off", 0, From=[SENDER])], "P-off"),
        ([rule("P-on", "10", From=[SENDER]), rule("P-off", "9", From=[SENDER])], "P-off"),
        ([rule("P-off", 0, From=["a@contoso.com"]), rule("P-on", 1, From=[SENDER])], "P-on"),
        ([rule("P-on", From=[SENDER], State="Disabled")], "Default"),
        ([rule("P-on", "?", From=[SENDER])], "P-on"),
        ([rule("P-on")], "Default"),
    ],
)
def test_the_first_rule_that_matches(rules: list[Row], policy: str):
    """By priority, enabled ones only; kinds are AND, values of one kind are OR, exceptions win."""
    assert applies_to(SENDER, POLICIES, rules).name == policy


def test_a_group_cannot_be_judged_here():
    """Such a rule is passed over, and named."""
    group = rule("P-off", 0, FromMemberOf=["Sales"])
    both = rule("P-off", 1, From=["a@contoso.com"], FromMemberOf=["Sales"])
    ours = rule("P-on", 2, From=[SENDER])
    assert applies_to(SENDER, POLICIES, [group, both, ours]) == Applies(ON, ours, (group,))


def test_an_exception_for_a_group_cannot_be_judged_either():
    """The rule may or may not match; one that lets mail through is no matter."""
    doubtful = rule("P-off", 0, From=[SENDER], ExceptIfFromMemberOf=["Sales"])
    harmless = rule("P-on", 1, FromMemberOf=["Sales"])
    assert applies_to(SENDER, POLICIES, [doubtful, harmless]).unsure == (doubtful,)


def test_a_default_policy_that_does_not_say_so():
    """It is known by its name."""
    assert applies_to(SENDER, [Row({"Name": "Default", "AutoForwardingMode": "On"})], []).forwards


@pytest.mark.parametrize(
    ("mode", "forwards"), [("On", True), ("on", True), ("Off", False), ("Automatic", False), (None, False), ("", False)]
)
def test_only_on_forwards(mode: str | None, forwards: bool):  # noqa: FBT001  a column of the table
    """Automatic counts as off."""
    assert applies_to(SENDER, [Row(DEFAULT | {"AutoForwardingMode": mode})], []).forwards is forwards


def test_no_policies_at_all():
    """An answer without a default forwards nothing and carries nothing."""
    applies = applies_to(SENDER, [], [])
    assert (applies.forwards, applies.mode, applies.name, applies.limits()) == (False, "Automatic", "", {})


def test_a_rule_whose_policy_is_gone():
    """Applies, with nothing behind it."""
    applies = applies_to(SENDER, [DEFAULT], [rule("P-gone", From=[SENDER])])
    assert (applies.policy, applies.forwards) == (None, False)


def test_limits_are_carried_along():
    """All eight, in whatever case; empty ones are left out, false and zero are not."""
    row = Row({"isdefault": True, **{name.lower(): 7 for name in CARRIED}, "Color": "red"})
    assert applies_to(SENDER, [row], []).limits() == dict.fromkeys(CARRIED, 7)
    row = Row({"IsDefault": True, CARRIED[0]: 0, CARRIED[1]: None, CARRIED[2]: "", CARRIED[4]: False, CARRIED[5]: []})
    assert applies_to(SENDER, [row], []).limits() == {CARRIED[0]: 0, CARRIED[4]: False}


def test_a_row_is_found_by_any_of_its_names():
    """Name, Identity or Id, in any case."""
    rows = [Row({"Name": "A"}), Row({"Identity": "B"}), Row({"Id": "C"})]
    assert [named(rows, each) for each in ("a", "b", "c", "d")] == [*rows, None]


@drawn(st.emails())
def test_a_policys_name_is_one_that_exchange_takes(mailbox: str):
    """At most 64 characters, none that is refused, and none that is a space at the end."""
    name = policy_name(mailbox)
    assert len(name) <= 64
    assert name == name.rstrip()
    assert not set(name) & set('\\%&*+/=?{}|<>();:[],"')
