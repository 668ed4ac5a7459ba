"""Outbound spam policies and their rules (platforms/microsoft.md 2.3)."""

from datetime import timedelta
from functools import partial
from typing import Any, Final

from practice.microsoft.exchange.call import (
    READERS,
    SECURITY,
    Rows,
    Run,
    cmdlet,
    exists,
    failed,
    identified,
    invalid,
    missing,
)
from practice.microsoft.exchange.organization import need_customization
from practice.microsoft.world import new_id

Json = dict[str, Any]
MODES: Final = {"on": "On", "off": "Off", "automatic": "Automatic"}
BAD_LETTERS: Final = set('\\%&*+/={}|<>();:[],"?')
NAME_LENGTH: Final = 64
LIMITS: Final = (
    "RecipientLimitExternalPerHour",
    "RecipientLimitInternalPerHour",
    "RecipientLimitPerDay",
)
LISTS: Final = ("NotifyOutboundSpamRecipients", "BccSuspiciousOutboundAdditionalRecipients")
FLAGS: Final = ("NotifyOutboundSpam", "BccSuspiciousOutboundMail")
TEXTS: Final = ("ActionWhenThresholdReached", "AdminDisplayName")
POLICY: Final = " ".join(("AutoForwardingMode", *LIMITS, *LISTS, *FLAGS, *TEXTS))
WHO: Final = (
    "From",
    "FromMemberOf",
    "SenderDomainIs",
    "ExceptIfFrom",
    "ExceptIfFromMemberOf",
    "ExceptIfSenderDomainIs",
)
RULE: Final = " ".join((*WHO, "Priority", "Comments", "HostedOutboundSpamFilterPolicy"))


def _find(run: Run, rows: list[Json], name: str) -> Json:
    for row in filter(partial(_known, run), rows):
        if name.lower() in {
            str(row["Name"]).lower(),
            str(row["Identity"]).lower(),
            str(row.get("Guid", "")).lower(),
        }:
            return row
    raise missing(name)


def _known(run: Run, row: Json) -> bool:
    """Return whether readers know the object already.

    Exchange's directory replicates a new object, which takes some time.
    """
    made = run.organization.made.get(str(row.get("Guid")))
    delay = timedelta(seconds=run.world.settings.exchange_replication_s)
    return made is None or run.world.now() - made >= delay


def _name(run: Run, rows: list[Json]) -> str:
    name = run.text("Name")
    if len(name) > NAME_LENGTH or set(name) & BAD_LETTERS:
        raise invalid(
            f"The name '{name}' is not valid: at most {NAME_LENGTH} characters and "
            f'none of \\ % & * + / = ? {{ }} | < > ( ) ; : [ ] , ".'
        )
    if any(row["Name"].lower() == name.lower() for row in rows):
        raise exists(name)
    return name


def _shown(run: Run, rows: list[Json]) -> Rows:
    return (
        [identified(_find(run, rows, run.text("Identity")))]
        if run.has("Identity")
        else [identified(row) for row in rows if _known(run, row)]
    )


def _settings(run: Run) -> Json:
    given: Json = {"AutoForwardingMode": _mode(run)} if run.has("AutoForwardingMode") else {}
    given |= {name: _number(run, name) for name in _given(run, LIMITS)}
    given |= {name: run.list_(name) for name in _given(run, LISTS)}
    given |= {name: run.flag(name) for name in _given(run, FLAGS)}
    return given | {name: run.value(name) for name in _given(run, TEXTS)}


def _given(run: Run, names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(filter(run.has, names))


def _mode(run: Run) -> str:
    value = run.value("AutoForwardingMode")
    if mode := MODES.get(str(value).lower()):
        return mode
    raise invalid(
        "Cannot process argument transformation on parameter 'AutoForwardingMode'. "
        f'Cannot convert value "{value}".'
    )


def _number(run: Run, name: str) -> int:
    value = run.value(name)
    if isinstance(value, bool) or not str(value).isdecimal():
        raise invalid(
            f"Cannot process argument transformation on parameter '{name}'. Cannot "
            f'convert value "{value}" to type "System.UInt32".'
        )
    return int(value)


@cmdlet("Get-HostedOutboundSpamFilterPolicy", READERS, "Identity")
def get_policy(run: Run) -> Rows:
    """Return the outbound spam policies; the cmdlet has no ResultSize."""
    return _shown(run, run.organization.outbound_policies)


@cmdlet("New-HostedOutboundSpamFilterPolicy", SECURITY, f"Name {POLICY}")
def new_policy(run: Run) -> Rows:
    """Create an outbound spam policy, which without a rule applies to no sender."""
    need_customization(run)
    name = _name(run, run.organization.outbound_policies)
    default = next(row for row in run.organization.outbound_policies if row["IsDefault"])
    made = (
        default
        | {"Name": name, "Identity": name, "Guid": new_id(), "IsDefault": False, "Enabled": True}
        | _settings(run)
    )
    run.organization.outbound_policies.append(made)
    run.organization.made[made["Guid"]] = run.world.now()
    run.note(name, None, made)
    return [dict(made)]


@cmdlet("Set-HostedOutboundSpamFilterPolicy", SECURITY, f"Identity {POLICY}")
def set_policy(run: Run) -> Rows:
    """Change an outbound spam policy."""
    need_customization(run)
    policy = _find(run, run.organization.outbound_policies, run.text("Identity"))
    before = dict(policy)
    policy.update(_settings(run))
    run.note(policy["Name"], before, dict(policy))
    return []


@cmdlet("Remove-HostedOutboundSpamFilterPolicy", SECURITY, "Identity Force")
def remove_policy(run: Run) -> Rows:
    """Remove an outbound spam policy; its rule remains."""
    need_customization(run)
    policy = _find(run, run.organization.outbound_policies, run.text("Identity"))
    if policy["IsDefault"]:
        raise failed("The default outbound spam filter policy can't be removed.")
    run.organization.outbound_policies.remove(policy)
    run.note(policy["Name"], policy, None)
    return []


@cmdlet("Get-HostedOutboundSpamFilterRule", READERS, "Identity State")
def get_rule(run: Run) -> Rows:
    """Return the rules of the outbound spam policies by priority."""
    rows = _shown(
        run, sorted(run.organization.outbound_rules, key=lambda row: int(row["Priority"]))
    )
    return [row for row in rows if not run.has("State") or row["State"] == run.value("State")]


@cmdlet("New-HostedOutboundSpamFilterRule", SECURITY, f"Name Enabled {RULE}")
def new_rule(run: Run) -> Rows:
    """Create a rule for an outbound spam policy.

    Without a priority the rule comes last. With one, the other rules move down.
    """
    need_customization(run)
    rules = run.organization.outbound_rules
    name = _name(run, rules)
    policy = _policy(run, None)
    if not any(run.list_(item) for item in WHO[:3]):
        raise invalid("Specify at least one of From, FromMemberOf or SenderDomainIs.")
    enabled = run.flag("Enabled") if run.has("Enabled") else True
    made: Json = {
        "Name": name,
        "Identity": name,
        "Guid": new_id(),
        "HostedOutboundSpamFilterPolicy": policy,
    }
    made |= {item: run.list_(item) for item in WHO}
    made |= {
        "State": "Enabled" if enabled else "Disabled",
        "Comments": run.value("Comments"),
        "Priority": len(rules),
    }
    rules.append(made)
    run.organization.made[made["Guid"]] = run.world.now()
    if run.has("Priority"):
        _move(run, made)
    run.note(name, None, dict(made))
    return [dict(made)]


def _policy(run: Run, rule: Json | None) -> str:
    policy = _find(
        run, run.organization.outbound_policies, run.text("HostedOutboundSpamFilterPolicy")
    )
    others = [row for row in run.organization.outbound_rules if row is not rule]
    if policy["IsDefault"]:
        raise failed("The default policy can't be used in a rule.")
    if any(row["HostedOutboundSpamFilterPolicy"] == policy["Name"] for row in others):
        raise failed(f"The policy '{policy['Name']}' is already used by another rule.")
    return str(policy["Name"])


def _move(run: Run, rule: Json) -> None:
    rules = run.organization.outbound_rules
    place = _number(run, "Priority")
    if place >= len(rules):
        raise failed(
            f"The priority {place} is not valid: it has to be between 0 and {len(rules) - 1}."
        )
    order = [row for row in sorted(rules, key=lambda row: int(row["Priority"])) if row is not rule]
    order.insert(place, rule)
    for number, row in enumerate(order):
        row["Priority"] = number


@cmdlet("Set-HostedOutboundSpamFilterRule", SECURITY, f"Identity Name {RULE}")
def set_rule(run: Run) -> Rows:
    """Change a rule of an outbound spam policy."""
    need_customization(run)
    rule = _find(run, run.organization.outbound_rules, run.text("Identity"))
    before = dict(rule)
    if run.has("HostedOutboundSpamFilterPolicy"):
        rule["HostedOutboundSpamFilterPolicy"] = _policy(run, rule)
    rule.update({item: run.list_(item) for item in WHO if run.has(item)})
    if run.has("Priority"):
        _move(run, rule)
    run.note(rule["Name"], before, dict(rule))
    return []


@cmdlet("Remove-HostedOutboundSpamFilterRule", SECURITY, "Identity")
def remove_rule(run: Run) -> Rows:
    """Remove a rule of an outbound spam policy; the policy remains."""
    need_customization(run)
    rule = _find(run, run.organization.outbound_rules, run.text("Identity"))
    run.organization.outbound_rules.remove(rule)
    for number, row in enumerate(
        sorted(run.organization.outbound_rules, key=lambda row: int(row["Priority"]))
    ):
        row["Priority"] = number
    run.note(rule["Name"], rule, None)
    return []


@cmdlet("Enable-HostedOutboundSpamFilterRule", SECURITY, "Identity")
def enable_rule(run: Run) -> Rows:
    """Enable a rule of an outbound spam policy."""
    return _switch(run, "Enabled")


@cmdlet("Disable-HostedOutboundSpamFilterRule", SECURITY, "Identity")
def disable_rule(run: Run) -> Rows:
    """Disable a rule of an outbound spam policy."""
    return _switch(run, "Disabled")


def _switch(run: Run, state: str) -> Rows:
    need_customization(run)
    rule = _find(run, run.organization.outbound_rules, run.text("Identity"))
    before = rule["State"]
    rule["State"] = state
    run.note(rule["Name"], before, state)
    return []


@cmdlet("Get-BlockedSenderAddress", READERS, "SenderAddress")
def get_blocked_sender_address(run: Run) -> Rows:
    """Return the senders that Exchange has blocked for outbound spam.

    A sender asked for by name must be blocked, or the cmdlet fails with 404.
    """
    wanted = str(run.value("SenderAddress") or "").lower()
    blocked = (user.mail or user.upn for user in run.tenant.users.values() if user.restricted)
    found = [address for address in blocked if wanted in {"", address.lower()}]
    if wanted and not found:
        raise missing(wanted)
    return [
        {"SenderAddress": address, "Reason": "OutboundSpamLast24Hours=300;AntispamPhoneHome"}
        for address in found
    ]
