"""Outbound spam policies: which one actually applies to a sender (platforms/microsoft.md 2.3)."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from jobs.clouds.json_values import as_list, lower_of, text_of
from jobs.microsoft.exchange import ExchangeRow
from jobs.settings import valid

Rows = Sequence[ExchangeRow]
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
"""Settings that a custom policy would silently replace for its senders, so they are copied."""


@dataclass(frozen=True, slots=True)
class EffectivePolicy:
    """Policy that applies, and the rule that assigns it."""

    policy: ExchangeRow | None
    rule: ExchangeRow | None  # None for the default policy
    unsure: tuple[ExchangeRow, ...] = ()
    """Higher rules with group conditions, which cannot be evaluated here, that would reverse
    whether mail is forwarded."""

    @property
    def forwards(self) -> bool:
        """Return whether forwarding is allowed; ``Automatic`` counts as off (microsoft.md 2.3)."""
        return self.mode.lower() == "on"

    @property
    def mode(self) -> str:
        return text_of(self._settings, "AutoForwardingMode") or "Automatic"

    @property
    def name(self) -> str:
        return text_of(self._settings, "Name", "Identity")

    def limits(self) -> dict[str, object]:
        values = {name: self._settings.get(name) for name in CARRIED}
        return {name: value for name, value in values.items() if value not in (None, "", [])}

    @property
    def _settings(self) -> ExchangeRow:
        return self.policy or ExchangeRow({})


EXCEPTIONS = ("ExceptIfFrom", "ExceptIfFromMemberOf", "ExceptIfSenderDomainIs")
NARROWING = ("FromMemberOf", "SenderDomainIs", *EXCEPTIONS)
"""Properties that can keep a rule from matching a sender in its ``From``: different conditions are
AND, and exceptions win.
"""
_SENDERS, _DOMAINS = ("From", "ExceptIfFrom"), ("SenderDomainIs", "ExceptIfSenderDomainIs")
LONGEST_NAME = 64
_DASHES = str.maketrans(dict.fromkeys('\\%&*+/=?{}|<>();:[],"', "-"))
"""Translation table that puts a dash in place of each character that Exchange refuses in a name."""


def applies_to(senders: Sequence[str], policies: Rows, rules: Rows) -> EffectivePolicy:
    """Return the policy that applies to a mailbox: the first matching rule's, or the default.

    ``senders`` are the mailbox's addresses, its sending address first: a rule may name any of them.
    """
    unsure: list[EffectivePolicy] = []
    own = [bare(address) for address in senders]
    in_force = [rule for rule in rules if enabled(rule) and not _shares(own, rule, "ExceptIfFrom")]
    for rule in sorted(in_force, key=_priority):
        if _in_domain(own, _bare(rule, "ExceptIfSenderDomainIs")):
            continue
        policy = named(policies, str(rule.get("HostedOutboundSpamFilterPolicy")))
        matched, found = _matches(rule, own), EffectivePolicy(policy, rule)
        if matched:
            return _beside(found, unsure)
        if matched is None:
            unsure.append(found)
    marked = (policy for policy in policies if str(policy.get("IsDefault")).lower() == "true")
    return _beside(EffectivePolicy(next(marked, None) or named(policies, "Default"), None), unsure)


def _beside(found: EffectivePolicy, unsure: Iterable[EffectivePolicy]) -> EffectivePolicy:
    """Return ``found`` with the higher rules that may apply instead with the opposite effect."""
    opposite = (each.rule for each in unsure if each.forwards is not found.forwards)
    return replace(found, unsure=tuple(filter(None, opposite)))


def policy_name(mailbox: str) -> str:
    """Return the policy name of a mailbox, the same in every run so that it is found again.

    Exchange accepts its characters, at most 64. A short hash replaces what cannot appear, so that
    two mailboxes never share a policy.
    """
    safe = mailbox.translate(_DASHES)
    name = f"Webex Connect forwarding - {safe}"
    if safe == mailbox and len(name) <= LONGEST_NAME:
        return name
    mark = f"-{hashlib.sha256(mailbox.encode()).hexdigest()[:6]}"
    return name[: LONGEST_NAME - len(mark)] + mark


def bare(address: object) -> str:
    """Return an address for comparison: in lower case, without Exchange's ``smtp:`` prefix."""
    return str(address).strip().lower().removeprefix("smtp:")


def addresses_of(mailbox: ExchangeRow) -> tuple[str, ...]:
    """Return a mailbox's addresses as Get-Mailbox shows them, its sending address first."""
    listed = _texts(mailbox, "EmailAddresses")
    primary_first = sorted(listed, key=lambda each: not each.startswith("SMTP:"))
    every = (text_of(mailbox, "PrimarySmtpAddress"), *primary_first)
    # Exchange lists other kinds of addresses with a colon, too
    smtp = (each for each in every if ":" not in each or each.lower().startswith("smtp:"))
    return tuple(dict.fromkeys(map(bare, filter(None, smtp))))


def needs_addresses(rules: Rows, known: Sequence[str]) -> bool:
    """Return whether a rule has a domain, or senders that may be the mailbox's other addresses."""
    senders = {sender for rule in rules for name in _SENDERS for sender in _bare(rule, name)}
    domains = any(_bare(rule, name) for rule in rules for name in _DOMAINS)
    return domains or not senders <= {bare(address) for address in known}


def moved_down(rules: Rows, name: str) -> int:
    """Return how many rules move down when the one of this name is moved to the top."""
    own = named(rules, name)
    return len(rules) if own is None else sum(_priority(rule) < _priority(own) for rule in rules)


def narrowed(rule: ExchangeRow) -> tuple[str, ...]:
    return tuple(name for name in NARROWING if _texts(rule, name))


def fields_to_cover(rule: ExchangeRow, own: Sequence[str], mailbox: str) -> dict[str, list[str]]:
    """Return the settings to change so that the rule covers the mailbox with addresses ``own``.

    An empty value clears a setting. Other senders stay. Group conditions cannot be evaluated, so
    they go. A rule that names only domains gets no sender, which would exclude the others.
    """
    there = {name: _texts(rule, name) for name in ("From", *NARROWING)}
    domains = there["SenderDomainIs"] if _in_domain(own, _bare(rule, "SenderDomainIs")) else []
    named = [*there["From"], *there["FromMemberOf"]]
    covered = (domains and not named) or _shares(own, rule, "From")
    senders = there["From"] if covered else [*there["From"], mailbox]
    free, foreign = there["ExceptIfFrom"], there["ExceptIfSenderDomainIs"]
    wanted = {
        "From": senders,
        "SenderDomainIs": domains,
        "ExceptIfFrom": [each for each in free if bare(each) not in own],
        "ExceptIfSenderDomainIs": [each for each in foreign if not _in_domain(own, [bare(each)])],
    }
    return {name: wanted.get(name, []) for name in there if wanted.get(name, []) != there[name]}


def alike(one: ExchangeRow, other: ExchangeRow) -> bool:
    """Return whether two rules cover the same senders, however Exchange writes them."""
    names = ("From", *NARROWING)
    return all(sorted(_bare(one, name)) == sorted(_bare(other, name)) for name in names)


def gone(rule: ExchangeRow, repaired: Mapping[str, object]) -> dict[str, list[str]]:
    kept = {name: as_list(repaired[name]) for name in NARROWING if name in repaired}
    return {
        name: [str(each) for each in as_list(rule.get(name)) if each not in left]
        for name, left in kept.items()
    }


def covers(rule: ExchangeRow) -> list[str]:
    return _texts(rule, "From") or _texts(rule, "SenderDomainIs")


def _matches(rule: ExchangeRow, own: Sequence[str]) -> bool | None:
    """Return whether a rule matches, or None if a group would have to be looked up.

    Conditions of different kinds are AND, values of one kind are OR. Group exceptions: None, too.
    """
    senders, domains = _bare(rule, "From"), _bare(rule, "SenderDomainIs")
    if senders and not _shares(own, rule, "From"):
        return False
    if domains and not _in_domain(own, domains):
        return False
    by_group = bool(_texts(rule, "FromMemberOf") or _texts(rule, "ExceptIfFromMemberOf"))
    return None if by_group else bool(senders or domains)


def _shares(own: Sequence[str], rule: ExchangeRow, name: str) -> bool:
    return not set(own).isdisjoint(_bare(rule, name))


def _in_domain(own: Sequence[str], domains: Sequence[str]) -> bool:
    """Return whether the domain of the sending address (the first of ``own``) is in ``domains``."""
    return bool(own) and own[0].rpartition("@")[2] in domains


def enabled(rule: ExchangeRow) -> bool:
    return str(rule.get("State", "Enabled")).lower() == "enabled"


def _priority(rule: ExchangeRow) -> int:
    return valid(int, str(rule.get("Priority"))) or 0


def named(rows: Iterable[ExchangeRow], name: str) -> ExchangeRow | None:
    low, keys = name.lower(), ("Name", "Identity", "Id")
    return next((row for row in rows if low in {lower_of(row, key) for key in keys}), None)


def _texts(row: ExchangeRow, name: str) -> list[str]:
    return [str(each) for each in as_list(row.get(name))]


def _bare(row: ExchangeRow, name: str) -> list[str]:
    """Return the addresses or domains of a property in the form of :func:`bare`, for comparison."""
    return [bare(each) for each in as_list(row.get(name))]
