"""Which outbound spam policy really applies to a sender (facts/microsoft.md 2.3)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from jobs.microsoft.exchange import ExchangeRow

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
class EffectivePolicy:
    """The policy that applies, the rule that brings it (None: the default policy), and rules above it that go by a group.

    Whether those match cannot be judged here; only those are named that would turn round whether mail is forwarded if they did.
    """

    policy: ExchangeRow | None
    rule: ExchangeRow | None
    unsure: tuple[ExchangeRow, ...] = ()

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


EXCEPTIONS = ("ExceptIfFrom", "ExceptIfFromMemberOf", "ExceptIfSenderDomainIs")
NARROWING = ("FromMemberOf", "SenderDomainIs", *EXCEPTIONS)
"""What keeps a rule from matching a sender that its ``From`` names: conditions of different kinds are AND, and exceptions win."""
LONGEST_NAME = 64


def applies_to(senders: Sequence[str], policies: Sequence[ExchangeRow], rules: Sequence[ExchangeRow]) -> EffectivePolicy:
    """Rules by priority, enabled ones only; the first whose conditions all match wins, else the default policy.

    ``senders`` are the addresses of one mailbox, first the one that its mail is sent from: a rule may name it by any of them.
    """
    unsure: list[EffectivePolicy] = []
    own = [bare(address) for address in senders]
    for rule in sorted((r for r in rules if enabled(r)), key=_priority):
        if _excepts(rule, own):
            continue
        matched, policy = _matches(rule, own), named(policies, str(rule.get("HostedOutboundSpamFilterPolicy")))
        if matched is None:
            unsure.append(EffectivePolicy(policy, rule))
        elif matched:
            return _beside(EffectivePolicy(policy, rule), unsure)
    default = next((p for p in policies if _true(p.get("IsDefault"))), None)
    return _beside(EffectivePolicy(default or named(policies, "Default"), None), unsure)


def _beside(found: EffectivePolicy, unsure: Iterable[EffectivePolicy]) -> EffectivePolicy:
    """With the rules above that may apply in its place, and to another effect."""
    return replace(found, unsure=tuple(each.rule for each in unsure if each.rule and each.forwards is not found.forwards))


def policy_name(mailbox: str) -> str:
    """At most 64 characters and none that Exchange refuses; the same for every run of the mailbox, so it is found again.

    Where a mailbox's address does not stand in it whole, a short hash does, so that two mailboxes never share a policy.
    """
    safe = "".join("-" if c in '\\%&*+/=?{}|<>();:[],"' else c for c in mailbox)
    name = f"Webex Connect forwarding - {safe}"
    if safe == mailbox and len(name) <= LONGEST_NAME:
        return name
    mark = f"-{hashlib.sha256(mailbox.encode()).hexdigest()[:6]}"
    return name[: LONGEST_NAME - len(mark)] + mark


def bare(address: object) -> str:
    """An address as addresses are compared: in lower case, without the ``smtp:`` that Exchange puts before some."""
    return str(address).strip().lower().removeprefix("smtp:")


def addresses_of(mailbox: ExchangeRow) -> tuple[str, ...]:
    """A mailbox's addresses as Get-Mailbox shows them, the one that its mail is sent from first."""
    every = [str(each) for each in _listed(mailbox.get("EmailAddresses"))]
    kinds = (str(mailbox.get("PrimarySmtpAddress") or ""), *(each for each in every if each.startswith("SMTP:")), *every)
    return tuple(dict.fromkeys(bare(each) for each in kinds if each and (":" not in each or each.lower().startswith("smtp:"))))


def needs_addresses(rules: Iterable[ExchangeRow], known: Sequence[str]) -> bool:
    """Whether a rule goes by domain, or names senders that are not among these: another address of the mailbox may be what it means."""
    mine = {bare(address) for address in known}
    named_ones = {sender for rule in rules for name in ("From", "ExceptIfFrom") for sender in _list(rule.get(name))}
    return bool(named_ones - mine) or any(_list(rule.get(name)) for rule in rules for name in ("SenderDomainIs", "ExceptIfSenderDomainIs"))


def moved_down(rules: Iterable[ExchangeRow], name: str) -> int:
    """How many rules get the next lower priority where the one of that name, new or not, is put on top."""
    others = list(rules)
    own = named(others, name)
    return sum(1 for rule in others if rule is not own and (own is None or _priority(rule) < _priority(own)))


def narrowed(rule: ExchangeRow) -> tuple[str, ...]:
    """By what, beside its senders, a rule is narrowed."""
    return tuple(name for name in NARROWING if _list(rule.get(name)))


def opened(rule: ExchangeRow, own: Sequence[str], mailbox: str) -> dict[str, list[str]]:
    """What has to be set so that the rule covers the mailbox, whose addresses are ``own``; empty is cleared, what is right is left out.

    Whoever else the rule names stays in it: only what keeps the mailbox out goes. What goes by a group cannot be judged, so all of it goes.
    A rule by domain alone gets no sender, who would keep the rest of the domain out.
    """
    there = {name: [str(each) for each in _listed(rule.get(name))] for name in ("From", *NARROWING)}
    domains = there["SenderDomainIs"] if _in_domain(own, _list(there["SenderDomainIs"])) else []
    covered = bool(set(own) & set(_list(there["From"]))) or bool(domains and not there["From"] and not there["FromMemberOf"])
    wanted: dict[str, list[str]] = {
        "From": there["From"] if covered else [*there["From"], mailbox],
        "SenderDomainIs": domains,
        "ExceptIfFrom": [each for each in there["ExceptIfFrom"] if bare(each) not in own],
        "ExceptIfSenderDomainIs": [each for each in there["ExceptIfSenderDomainIs"] if not _in_domain(own, [bare(each)])],
    }
    return {name: wanted.get(name, []) for name in there if wanted.get(name, []) != there[name]}


def alike(one: ExchangeRow, other: ExchangeRow) -> bool:
    """Whether two rules cover the same senders by the same conditions, however Exchange writes them."""
    return all(sorted(_list(one.get(name))) == sorted(_list(other.get(name))) for name in ("From", *NARROWING))


def gone(rule: ExchangeRow, mended: Mapping[str, object]) -> dict[str, list[str]]:
    """What of a rule is not there any more once that is set."""
    return {
        name: [str(each) for each in _listed(rule.get(name)) if each not in _listed(mended[name])] for name in NARROWING if name in mended
    }


def covers(rule: ExchangeRow) -> list[str]:
    """Whom a rule names: its senders, else their domains."""
    return [str(each) for each in _listed(rule.get("From")) or _listed(rule.get("SenderDomainIs"))]


def _matches(rule: ExchangeRow, own: Sequence[str]) -> bool | None:
    """Conditions of different kinds are AND, values of one are OR; None where a group, of either kind, would have to be looked up."""
    senders, domains, groups = (_list(rule.get(name)) for name in ("From", "SenderDomainIs", "FromMemberOf"))
    if senders and not set(own) & set(senders):
        return False
    if domains and not _in_domain(own, domains):
        return False
    if groups or _list(rule.get("ExceptIfFromMemberOf")):
        return None
    return bool(senders or domains)


def _excepts(rule: ExchangeRow, own: Sequence[str]) -> bool:
    return bool(set(own) & set(_list(rule.get("ExceptIfFrom")))) or _in_domain(own, _list(rule.get("ExceptIfSenderDomainIs")))


def _in_domain(own: Sequence[str], domains: Sequence[str]) -> bool:
    """The domain is that of the address which the mail is sent from."""
    return bool(own) and own[0].rpartition("@")[2] in domains


def enabled(rule: ExchangeRow) -> bool:
    """Whether the rule is switched on."""
    return str(rule.get("State", "Enabled")).lower() == "enabled"


def _priority(rule: ExchangeRow) -> int:
    try:
        return int(str(rule.get("Priority", 0)))
    except ValueError:
        return 0


def named(rows: Iterable[ExchangeRow], name: str) -> ExchangeRow | None:
    """The row with that name, or None."""
    wanted = name.lower()
    return next((row for row in rows if wanted in {str(row.get(key) or "").lower() for key in ("Name", "Identity", "Id")}), None)


def _list(value: object) -> list[str]:
    return [bare(each) for each in _listed(value)]


def _listed(value: object) -> list[object]:
    """One value stands for a list of one."""
    return [] if value in (None, "") else list(value) if isinstance(value, list | tuple) else [value]


def _true(value: object) -> bool:
    return str(value).lower() == "true"
