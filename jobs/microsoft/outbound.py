"""Which outbound spam policy really applies to a sender (facts/microsoft.md 2.3)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from jobs.microsoft.exchange import Row

CARRIED = (
    "RecipientLimitExternalPerHour",
    "RecipientLimitInternalPerHour",
    "RecipientLimitPerDay",
    "ActionWhenThresholdReached",
    "NotifyOutboundSpam",
    "NotifyOutboundSpamRecipients",
    "BccSuspiciousOutboundMail",
    "BccSuspiciousOutboundAdditionalRecipients",
)
"""What a custom policy would silently replace for its senders, so it is copied from the policy that applied before."""


@dataclass(frozen=True, slots=True)
class Applies:
    """The policy that applies, the rule that brings it (None: the default policy), and rules above it that go by a group.

    Whether those match cannot be judged here; only those are named that would stop forwarding if they did.
    """

    policy: Row | None
    rule: Row | None
    unsure: tuple[Row, ...] = ()

    @property
    def forwards(self) -> bool:
        """Whether automatic forwarding to the outside is allowed. Automatic counts as off (facts 0.4)."""
        return self.mode.lower() == "on"

    @property
    def mode(self) -> str:
        """``On``, ``Off`` or ``Automatic``."""
        return str(self.policy.get("AutoForwardingMode") or "Automatic") if self.policy else "Automatic"

    @property
    def name(self) -> str:
        """The policy's name."""
        return str(self.policy.get("Name") or self.policy.get("Identity") or "") if self.policy else ""

    def limits(self) -> dict[str, object]:
        """The limits and notifications of the policy, as parameters for a new one."""
        values = {name: self.policy.get(name) for name in CARRIED} if self.policy else {}
        return {name: value for name, value in values.items() if value not in (None, "", [])}


def applies_to(sender: str, policies: Sequence[Row], rules: Sequence[Row]) -> Applies:
    """Rules by priority, enabled ones only; the first whose conditions all match wins, else the default policy."""
    unsure: list[Row] = []
    for rule in sorted((r for r in rules if _enabled(r)), key=_priority):
        if _excepts(rule, sender):
            continue
        matched, policy = _matches(rule, sender), named(policies, str(rule.get("HostedOutboundSpamFilterPolicy")))
        if matched is None:
            unsure += [] if Applies(policy, rule).forwards else [rule]
        elif matched:
            return Applies(policy, rule, tuple(unsure))
    default = next((p for p in policies if _true(p.get("IsDefault"))), None)
    return Applies(default or named(policies, "Default"), None, tuple(unsure))


def policy_name(mailbox: str) -> str:
    """At most 64 characters and none that Exchange refuses; the same for every run of the mailbox, so it is found again."""
    safe = "".join("-" if c in '\\%&*+/=?{}|<>();:[],"' else c for c in mailbox)
    return f"Webex Connect forwarding - {safe}"[:64].rstrip()


def _matches(rule: Row, sender: str) -> bool | None:
    """Conditions of different kinds are AND, values of one are OR; None where a group, of either kind, would have to be looked up."""
    senders, domains, groups = (_list(rule.get(name)) for name in ("From", "SenderDomainIs", "FromMemberOf"))
    if senders and sender.lower() not in senders:
        return False
    if domains and not any(_in_domain(sender, domain) for domain in domains):
        return False
    if groups or _list(rule.get("ExceptIfFromMemberOf")):
        return None
    return bool(senders or domains)


def _excepts(rule: Row, sender: str) -> bool:
    return sender.lower() in _list(rule.get("ExceptIfFrom")) or any(
        _in_domain(sender, domain) for domain in _list(rule.get("ExceptIfSenderDomainIs"))
    )


def _in_domain(sender: str, domain: str) -> bool:
    return sender.lower().rpartition("@")[2] == domain


def _enabled(rule: Row) -> bool:
    return str(rule.get("State", "Enabled")).lower() == "enabled"


def _priority(rule: Row) -> int:
    try:
        return int(str(rule.get("Priority", 0)))
    except ValueError:
        return 0


def named(rows: Iterable[Row], name: str) -> Row | None:
    """The row with that name, or None."""
    wanted = name.lower()
    return next((row for row in rows if wanted in {str(row.get(key) or "").lower() for key in ("Name", "Identity", "Id")}), None)


def _list(value: object) -> list[str]:
    if value in (None, ""):
        return []
    return [str(each).lower() for each in value] if isinstance(value, list | tuple) else [str(value).lower()]


def _true(value: object) -> bool:
    return str(value).lower() == "true"
