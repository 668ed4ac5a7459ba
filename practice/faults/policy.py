"""Faults that keep the forwarded copy of a mail in the organization.

They are in outbound policies, remote domains and mail-flow rules. Source: microsoft.md 2.3, 8
row 2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from practice.faults.fault_context import FaultContext, Json, put
from practice.faults.model import NDR, TRACED, Fault, Level
from practice.mail import gates

BLOCKED: Final = ("forwarding_blocked",)


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


def _rule_fault(
    name: str, what: str, apply: Callable[[FaultContext], None], cause: str, stops: str
) -> Fault:
    return Fault(name, "microsoft.md 2.3", what, apply, (cause,), stops, TRACED)


def _fault(
    name: str, what: str, apply: Callable[[FaultContext], None], expects: tuple[str, ...], on: str
) -> Fault:
    return Fault(
        name,
        "microsoft.md 8 row 2, 2.3; connect.md 4.3 (nothing inbound)",
        what,
        apply,
        expects,
        "forward",
        on,
    )


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


FAULTS: Final = (
    Fault(
        "connector_takes_mail",
        "learn.microsoft.com/powershell/module/exchange/get-outboundconnector",
        "an outbound connector sends everything to another mail server, which drops the copies",
        _connector("*"),
        ("connector_takes_mail",),
        "connect",
        "connector",
        Level.NOTED,
    ),
    Fault(
        "tenant_block_list",
        f"{NDR}, 5.7.703",
        "the Tenant Allow/Block List of the organization has Webex Connect's address",
        _copies(
            "550 5.7.703 Your message can't be delivered because messages to {target} are "
            "blocked by your organization using Tenant Allow Block List."
        ),
        ("tenant_block_list",),
        "forward",
        TRACED,
    ),
    Fault(
        "connect_certificate_expired",
        f"{NDR}, 5.7.322",
        "the certificate of Webex Connect's mail server has expired",
        _copies(
            "550 5.7.322 certificate-expired: Destination mail server's certificate is expired."
        ),
        ("other_server_certificate",),
        "forward",
        TRACED,
    ),
    Fault(
        "copies_break_dlp",
        "learn.microsoft.com/purview/dlp-policy-reference",
        "a policy for the loss of data blocks the copies",
        _copies("550 5.7.1 The message was blocked by the DLP policy 'Customer data'."),
        ("dlp_blocks",),
        "forward",
        TRACED,
    ),
    Fault(
        "remote_domain_tnef",
        "learn.microsoft.com/powershell/module/exchange/set-remotedomain (TNEFEnabled)",
        "the remote domain for all others sends mail as TNEF",
        _tnef,
        ("tnef_on",),
        "",
        "format",
        Level.NOTED,
    ),
    _fault("policy_off", "the policy of the mailbox says Off", _mode("Off"), BLOCKED, "policy"),
    _fault(
        "policy_automatic",
        "the policy of the mailbox says Automatic, which is the same as Off",
        _mode("Automatic"),
        BLOCKED,
        "policy",
    ),
    _fault(
        "policy_rule_disabled",
        "the rule of the policy is switched off",
        _rules(lambda row: row.update(State="Disabled")),
        BLOCKED,
        "policy",
    ),
    _fault(
        "policy_without_rule",
        "the policy has lost its rule and applies to nobody",
        _without_rule,
        BLOCKED,
        "policy",
    ),
    _fault(
        "policy_deleted",
        "the policy is deleted, its rule is left behind",
        _without_policy,
        BLOCKED,
        "policy",
    ),
    _fault(
        "policy_other_sender",
        "the rule names another sender",
        _rules(lambda row: row.update(From=["agent@contoso.com"])),
        BLOCKED,
        "policy",
    ),
    _fault(
        "policy_sender_excepted",
        "the rule excepts the mailbox",
        _rules(lambda row: row.update(ExceptIfFrom=["support@contoso.com"])),
        BLOCKED,
        "policy",
    ),
    _fault(
        "policy_higher_rule",
        "a rule above ours covers the whole domain, and its policy says Off",
        lambda ground: higher_rule(ground, "Off", SenderDomainIs=["contoso.com"]),
        BLOCKED,
        "policy",
    ),
    _fault(
        "policy_shared_rule",
        "somebody has put another sender into our rule, and a rule above it covers the whole domain",
        _shared_under_baseline,
        BLOCKED,
        "policy",
    ),
    _fault(
        "policy_higher_rule_group",
        "a rule above ours covers a group that the mailbox has joined",
        _joins_strict_group,
        BLOCKED,
        "policy",
    ),
    _fault(
        "remote_domain_default",
        "the remote domain * forbids automatic forwarding",
        _remote("Default", lambda _ground: "*"),
        ("remote_domain_blocks_forwarding",),
        "remote_domain",
    ),
    _fault(
        "remote_domain_webex",
        "a remote domain for Webex Connect forbids automatic forwarding",
        _remote("Webex", lambda ground: ground.forward_domain),
        ("remote_domain_blocks_forwarding",),
        "remote_domain",
    ),
    _fault(
        "rule_rejects",
        "a mail-flow rule rejects mail to Webex Connect",
        _takes(RejectMessageReasonText="Not allowed", RejectMessageEnhancedStatusCode="5.7.1"),
        ("transport_rule_blocks",),
        "rules",
    ),
    _fault(
        "rule_rejects_outside",
        "a mail-flow rule rejects what leaves the organization, and the trace does not name it",
        lambda ground: rule(
            ground,
            "Nothing outside",
            SentToScope="NotInOrganization",
            RejectMessageEnhancedStatusCode="5.7.1",
        ),
        ("transport_rule_may_block", "transport_rule_blocks"),
        "refused",
    ),
    _fault(
        "rule_deletes",
        "a mail-flow rule deletes mail to Webex Connect",
        _takes(DeleteMessage=True),
        ("transport_rule_blocks",),
        "rules",
    ),
    _fault(
        "rule_redirects",
        "a mail-flow rule redirects mail to Webex Connect",
        _takes(RedirectMessageTo=["agent@contoso.com"]),
        ("transport_rule_blocks",),
        "rules",
    ),
    _fault(
        "rule_quarantines",
        "a mail-flow rule quarantines mail to Webex Connect",
        _takes(Quarantine=True),
        ("transport_rule_blocks",),
        "rules",
    ),
    _rule_fault(
        "rule_rejects_arrivals",
        "a mail-flow rule rejects what comes from outside to the mailbox, and the trace names it",
        _stops_arrivals(
            FromScope="NotInOrganization", RejectMessageReasonText="The helpdesk has moved"
        ),
        "transport_rule_blocks_arrivals",
        "mailbox",
    ),
    _rule_fault(
        "rule_redirects_arrivals",
        "a mail-flow rule redirects mail to the mailbox to a colleague",
        _stops_arrivals(RedirectMessageTo=["agent@contoso.com"]),
        "transport_rule_blocks_arrivals",
        "mailbox",
    ),
    _rule_fault(
        "rule_rejects_answers",
        "a mail-flow rule rejects what the mailbox sends outside, but for mail to Webex Connect",
        _stops_answers,
        "transport_rule_blocks_answers",
        "answer",
    ),
    Fault(
        "rule_may_block",
        "microsoft.md 2.3 (report as possible)",
        "a mail-flow rule rejects mail to the outside with a certain word in its subject",
        lambda ground: rule(
            ground,
            "Confidential",
            SentToScope="NotInOrganization",
            SubjectContainsWords=["confidential"],
            RejectMessageReasonText="No",
        ),
        ("transport_rule_may_block",),
        "",
        "rules",
        Level.NOTED,
    ),
    Fault(
        "sender_restricted",
        "microsoft.md 2.3 (Restricted entities)",
        "Exchange holds the mailbox for a sender of spam",
        lambda ground: put(ground.user, restricted=True),
        ("sender_restricted",),
        "forward",
        "restricted",
    ),
    Fault(
        "tenant_sending_blocked",
        f"{NDR}, 5.7.705",
        "Microsoft lets the whole organization send nothing outside",
        lambda ground: put(ground.exchange, sending_blocked=True),
        ("tenant_sending_blocked",),
        "forward",
        TRACED,
    ),
    Fault(
        "dehydrated_again",
        "microsoft.md 8 row 13, 2.4; connect.md 4.3 (policy will not save)",
        "the organization says that it is not customized; the policy that was made stays in force",
        lambda ground: put(ground.exchange, dehydrated=True),
        ("customization_needed",),
        "",
        "organization",
        Level.NOTED,
    ),
)
