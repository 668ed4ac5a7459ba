"""Faults that keep the forwarded copy of a mail in the organization.

They are in outbound policies, remote domains and mail-flow rules. Source: microsoft.md 2.3, 8
row 2.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from practice.faults.fault_context import FaultContext, Json, put
from practice.faults.model import described
from practice.mail import gates


def applying(ground: FaultContext) -> Json:
    """Return the outbound policy that applies to the mailbox now."""
    return gates.policy(ground.tenant, ground.user)


def _mode(mode: str) -> Callable[[FaultContext], None]:
    return lambda ground: applying(ground).update(AutoForwardingMode=mode)


def _rules(change: Callable[[Json], object]) -> Callable[[FaultContext], None]:
    def apply(ground: FaultContext) -> None:
        name = applying(ground)["Name"]
        for rule in ground.exchange.outbound_rules:
            if rule["HostedOutboundSpamFilterPolicy"] == name:
                change(rule)

    return apply


def _without_rule(ground: FaultContext) -> None:
    name = applying(ground)["Name"]
    rules = ground.exchange.outbound_rules
    rules[:] = [rule for rule in rules if rule["HostedOutboundSpamFilterPolicy"] != name]


def _without_policy(ground: FaultContext) -> None:
    policies = ground.exchange.outbound_policies
    policies.remove(applying(ground))


def higher_rule(ground: FaultContext, mode: str, **who: list[str]) -> None:
    """Add a policy with a rule of the highest priority."""
    default = next(row for row in ground.exchange.outbound_policies if row["IsDefault"])
    name = f"Strict {mode}"
    ground.exchange.outbound_policies.append(
        default
        | {
            "Name": name,
            "Identity": name,
            "Guid": name,
            "IsDefault": False,
            "Enabled": True,
            "AutoForwardingMode": mode,
        }
    )
    for rule in ground.exchange.outbound_rules:
        rule["Priority"] += 1
    nobody: Json = {
        f"{prefix}{key}": []
        for prefix in ("", "ExceptIf")
        for key in ("From", "FromMemberOf", "SenderDomainIs")
    }
    rule = {
        "Name": name,
        "Identity": name,
        "Guid": name,
        "HostedOutboundSpamFilterPolicy": name,
        "State": "Enabled",
        "Priority": 0,
    }
    ground.exchange.outbound_rules.append(nobody | rule | {"Comments": None} | who)


def _shared_under_baseline(ground: FaultContext) -> None:
    _rules(lambda row: row["From"].append("agent@contoso.com"))(ground)
    higher_rule(ground, "Off", SenderDomainIs=["contoso.com"])


def _joins_strict_group(ground: FaultContext) -> None:
    ground.tenant.groups[0]["members"].append(ground.mailbox)
    higher_rule(ground, "Off", FromMemberOf=["sales@contoso.com"])


def _remote(name: str, domain: Callable[[FaultContext], str]) -> Callable[[FaultContext], None]:
    def apply(ground: FaultContext) -> None:
        rows = [row for row in ground.exchange.remote_domains if row["Name"] != name]
        entry = {
            "Identity": name,
            "Name": name,
            "DomainName": domain(ground),
            "AutoForwardEnabled": False,
            "AutoReplyEnabled": True,
        }
        put(ground.exchange, remote_domains=[*rows, entry | {"IsInternal": False}])

    return apply


def rule(ground: FaultContext, name: str, **fields: Any) -> None:
    """Add an enabled mail-flow rule."""
    row = {
        "Identity": name,
        "Name": name,
        "State": "Enabled",
        "Mode": "Enforce",
        "Priority": len(ground.exchange.transport_rules),
    }
    ground.exchange.transport_rules.append(row | fields)


def _takes(**action: Any) -> Callable[[FaultContext], None]:
    return lambda ground: rule(
        ground, "Nothing to Webex", RecipientDomainIs=[ground.forward_domain], **action
    )


def _stops_arrivals(**fields: Any) -> Callable[[FaultContext], None]:
    return lambda ground: rule(ground, "Not to the old helpdesk", SentTo=[ground.mailbox], **fields)


def _stops_answers(ground: FaultContext) -> None:
    fields = {"From": [ground.mailbox], "ExceptIfRecipientDomainIs": [ground.forward_domain]}
    rule(ground, "Answers by the portal", RejectMessageReasonText="Answer in the portal", **fields)


def connector(*domains: str) -> Json:
    """Return an outbound connector to a server of others, in Exchange's form."""
    return {
        "Name": "Archive",
        "Identity": "Archive",
        "Enabled": True,
        "UseMXRecord": False,
        "RecipientDomains": [*domains],
        "SmartHosts": ["relay.archive.example"],
        "IsTransportRuleScoped": False,
        "RouteAllMessagesViaOnPremises": False,
    }


def _connector(*domains: str) -> Callable[[FaultContext], None]:
    """Return a change that adds an outbound connector, whose server drops mail.

    The tasks so far are a minute older, so that they cannot be those of later mail.
    """

    def change(ground: FaultContext) -> None:
        ground.exchange.connectors.append(connector(*domains))
        tasks = ground.cloud.connect.tasks
        tasks[:] = [replace(task, at=task.at - timedelta(minutes=1)) for task in tasks]

    return change


connector_of_others = _connector("partner.example")
"""Change that adds an outbound connector for another domain, which takes no copies."""


def _copies(report: str) -> Callable[[FaultContext], None]:
    """Return a change with which the copies to Webex Connect fail with this report."""
    return lambda ground: put(
        ground.exchange,
        refuses_copies=report.replace("{target}", ground.connect.forwarding_address),
    )


def _tnef(ground: FaultContext) -> None:
    ground.exchange.remote_domains[0]["TNEFEnabled"] = True


FAULTS: Final = described(
    {
        "connector_takes_mail": _connector("*"),
        "tenant_block_list": _copies(
            "550 5.7.703 Your message can't be delivered because messages to {target} are "
            "blocked by your organization using Tenant Allow Block List."
        ),
        "connect_certificate_expired": _copies(
            "550 5.7.322 certificate-expired: Destination mail server's certificate is expired."
        ),
        "copies_break_dlp": _copies(
            "550 5.7.1 The message was blocked by the DLP policy 'Customer data'."
        ),
        "remote_domain_tnef": _tnef,
        "policy_off": _mode("Off"),
        "policy_automatic": _mode("Automatic"),
        "policy_rule_disabled": _rules(lambda row: row.update(State="Disabled")),
        "policy_without_rule": _without_rule,
        "policy_deleted": _without_policy,
        "policy_other_sender": _rules(lambda row: row.update(From=["agent@contoso.com"])),
        "policy_sender_excepted": _rules(
            lambda row: row.update(ExceptIfFrom=["support@contoso.com"])
        ),
        "policy_higher_rule": lambda ground: higher_rule(
            ground, "Off", SenderDomainIs=["contoso.com"]
        ),
        "policy_shared_rule": _shared_under_baseline,
        "policy_higher_rule_group": _joins_strict_group,
        "remote_domain_default": _remote("Default", lambda _ground: "*"),
        "remote_domain_webex": _remote("Webex", lambda ground: ground.forward_domain),
        "rule_rejects": _takes(
            RejectMessageReasonText="Not allowed", RejectMessageEnhancedStatusCode="5.7.1"
        ),
        "rule_rejects_outside": lambda ground: rule(
            ground,
            "Nothing outside",
            SentToScope="NotInOrganization",
            RejectMessageEnhancedStatusCode="5.7.1",
        ),
        "rule_deletes": _takes(DeleteMessage=True),
        "rule_redirects": _takes(RedirectMessageTo=["agent@contoso.com"]),
        "rule_quarantines": _takes(Quarantine=True),
        "rule_rejects_arrivals": _stops_arrivals(
            FromScope="NotInOrganization", RejectMessageReasonText="The helpdesk has moved"
        ),
        "rule_redirects_arrivals": _stops_arrivals(RedirectMessageTo=["agent@contoso.com"]),
        "rule_rejects_answers": _stops_answers,
        "rule_may_block": lambda ground: rule(
            ground,
            "Confidential",
            SentToScope="NotInOrganization",
            SubjectContainsWords=["confidential"],
            RejectMessageReasonText="No",
        ),
        "sender_restricted": lambda ground: put(ground.user, restricted=True),
        "tenant_sending_blocked": lambda ground: put(ground.exchange, sending_blocked=True),
        "dehydrated_again": lambda ground: put(ground.exchange, dehydrated=True),
    }
)
