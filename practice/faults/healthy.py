"""Healthy variations: a diagnosis that calls one of them broken is a false alarm."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from practice.faults.access import conditional, controls
from practice.faults.accounts import ACCOUNTS, alone, right as _right
from practice.faults.fault_context import FaultContext, put
from practice.faults.policy import applying, connector_of_others, higher_rule, rule
from practice.faults.shared_mailbox import VARIATIONS
from practice.faults.smtp_auth import no_basic
from practice.microsoft import ids
from practice.microsoft.world import LONG_AGO, first, new_id, stamp


def _inherits(ground: FaultContext) -> None:
    put(ground.exchange, smtp_auth_disabled=False)
    put(ground.box, smtp_auth_disabled=None)


def _for_everybody(ground: FaultContext) -> None:
    ground.set_grants(lambda grant: grant | {"consentType": "AllPrincipals", "principalId": None})


def _more_secrets(ground: FaultContext) -> None:
    old = {"keyId": new_id(), "displayName": "old", "hint": "abc", "startDateTime": stamp(LONG_AGO)}
    later = old | {
        "keyId": new_id(),
        "displayName": "other",
        "endDateTime": stamp(ground.world.now() + timedelta(days=400)),
    }
    ground.set_app(
        passwordCredentials=[
            *ground.app["passwordCredentials"],
            old | {"endDateTime": stamp(LONG_AGO)},
            later,
        ]
    )


def _more_redirects(ground: FaultContext) -> None:
    web = ground.app["web"]
    ground.set_app(
        web=web | {"redirectUris": [*web["redirectUris"], "https://portal.contoso.com/callback"]}
    )


def _other_policies(ground: FaultContext) -> None:
    users = {"includeUsers": [ground.other().id], "excludeUsers": []}
    for name, state, change in (
        ("Block agents", "enabled", {"users": users}),
        (
            "Block all but support",
            "enabled",
            {"users": {"includeUsers": [ground.other().id], "excludeUsers": [ground.user.id]}},
        ),
        (
            "No device code",
            "enabled",
            {"authenticationFlows": {"transferMethods": "deviceCodeFlow,authenticationTransfer"}},
        ),
        ("Report only", "enabledForReportingButNotEnforced", {}),
        ("Off", "disabled", {}),
    ):
        policy = conditional(ground, name, state, grantControls=controls("block"))
        ground.policies.conditional_access.append(
            policy | {"conditions": policy["conditions"] | change}
        )


def _by_place(ground: FaultContext) -> None:
    """Allow logins only from Webex Connect's addresses.

    The bot's own login is refused, although the channel is healthy.
    """
    policy = conditional(
        ground,
        "Webex Connect's addresses only",
        grantControls=controls("block"),
        createdDateTime=stamp(LONG_AGO),
    )
    places = {"includeLocations": ["All"], "excludeLocations": [ids.WEBEX]}
    ground.policies.conditional_access.append(
        policy | {"conditions": policy["conditions"] | {"locations": places}}
    )


def _default_on(ground: FaultContext) -> None:
    """Allow forwarding in the Default policy, without a separate rule."""
    put(ground.exchange, outbound_rules=[])
    applying(ground)["AutoForwardingMode"] = "On"


def _merged(ground: FaultContext) -> None:
    ground.set_grants(lambda grant: grant | {"scope": f"{grant['scope']} email"})


def _without_trace(ground: FaultContext) -> None:
    found = first(ground.tenant.principals.written(), {"appId": ids.TRACE_APP})
    ground.tenant.principals.drop(found["id"] if found else "")


def _upper(ground: FaultContext) -> None:
    forward = (ground.box.forwarding_smtp_address or "").partition(":")[2]
    put(ground.box, forwarding_smtp_address=f"SMTP:{forward.upper()}")


def _urls_in_capitals(ground: FaultContext) -> None:
    urls = {
        name: url.replace("/authorize", "/Authorize")
        for name, url in ground.login_url(ground.tenant.id).items()
    }
    ground.fill_in(**urls)


def _by_domain(ground: FaultContext) -> None:
    ground.fill_in(**ground.login_url("contoso.onmicrosoft.com"))


def _remote_domains(ground: FaultContext) -> None:
    row = {
        "Identity": "Partner",
        "Name": "Partner",
        "DomainName": "*.partner.example",
        "AutoForwardEnabled": False,
        "IsInternal": False,
    }
    ground.exchange.remote_domains.append(row)


def _exact_remote(ground: FaultContext) -> None:
    """Forbid forwarding to all remote domains except Webex Connect's.

    Webex Connect's domain has an entry of its own.
    """
    for row in ground.exchange.remote_domains:
        row["AutoForwardEnabled"] = False
    own = {
        "Identity": "Webex",
        "Name": "Webex",
        "DomainName": ground.forward_domain,
        "AutoForwardEnabled": True,
        "IsInternal": False,
    }
    ground.exchange.remote_domains.append(own)


def _exempted(ground: FaultContext) -> None:
    """Forbid everything that a baseline forbids, except for this mailbox and its forwarding."""
    _exact_remote(ground)
    no_basic(ground)
    put(ground.exchange, smtp_auth_disabled=True)
    for policy in ground.exchange.outbound_policies:
        if policy.get("IsDefault"):
            policy["AutoForwardingMode"] = "Off"


def _other_rules(ground: FaultContext) -> None:
    rule(ground, "No partner", RecipientDomainIs=["partner.example"], RejectMessageReasonText="No")
    rule(
        ground,
        "Off",
        State="Disabled",
        RecipientDomainIs=[ground.forward_domain],
        DeleteMessage=True,
    )
    rule(
        ground, "Audit", Mode="Audit", RecipientDomainIs=[ground.forward_domain], DeleteMessage=True
    )
    rule(
        ground,
        "Disclaimer",
        SentToScope="NotInOrganization",
        ApplyHtmlDisclaimerText="<p>Contoso</p>",
    )
    rule(ground, "No auto-forward", MessageTypeMatches="AutoForward", RejectMessageReasonText="No")
    excepted = {
        "SentToScope": "NotInOrganization",
        "ExceptIfRecipientDomainIs": [ground.forward_domain, "customer.example"],
    }
    rule(ground, "Nobody but Webex and customers", RejectMessageReasonText="No", **excepted)


HEALTHY: Final = (
    _right("untouched", "nothing was changed at all", lambda _ground: None),
    *ACCOUNTS,
    *VARIATIONS,
    _right(
        "upn_differs",
        "the user name is not the address",
        lambda ground: put(ground.user, upn="s.upport@contoso.com"),
        "microsoft.md 2.1",
    ),
    _right(
        "alias",
        "the mailbox has more addresses",
        lambda ground: put(ground.user, aliases=["help@contoso.com", "care@contoso.com"]),
    ),
    _right(
        "policy_by_domain",
        "a rule above ours covers the whole domain, and its policy says On",
        lambda ground: higher_rule(ground, "On", SenderDomainIs=["contoso.com"]),
        "microsoft.md 2.3",
    ),
    _right(
        "policy_by_group",
        "a strict rule above ours covers a group that the mailbox is not in",
        lambda ground: higher_rule(ground, "Off", FromMemberOf=["sales@contoso.com"]),
        "microsoft.md 2.3",
    ),
    _right(
        "policy_excepts",
        "a strict rule above ours excepts the mailbox",
        lambda ground: higher_rule(
            ground, "Off", SenderDomainIs=["contoso.com"], ExceptIfFrom=[ground.mailbox]
        ),
        "microsoft.md 2.3",
    ),
    _right(
        "policy_default_on",
        "the Default policy says On, and there is no rule",
        _default_on,
        "microsoft.md 2.3",
    ),
    _right(
        "org_smtp_auth_on",
        "SMTP AUTH is on for the organization, and the mailbox inherits",
        _inherits,
        "microsoft.md 2.1",
    ),
    _right("grant_for_all", "the grants are tenant-wide", _for_everybody, "microsoft.md 1.5"),
    _right("grant_merged", "the grants hold more scopes", _merged, "microsoft.md 1.5"),
    _right(
        "more_secrets",
        "the app has more secrets, one of them expired",
        _more_secrets,
        "microsoft.md 1.2",
    ),
    _right(
        "more_redirects", "the app has another redirect URI", _more_redirects, "microsoft.md 1.1"
    ),
    _right(
        "consent_policy_none",
        "users may not consent, but consent was given",
        lambda ground: put(ground.policies, consent=[]),
        "microsoft.md 1.7",
    ),
    _right(
        "conditional_access",
        "Conditional Access policies for others or the device code, in report-only mode, or off",
        _other_policies,
        "microsoft.md 2.1",
    ),
    _right(
        "conditional_access_by_place",
        "a Conditional Access policy blocks every place but Webex Connect's, the bot's own among them",
        _by_place,
        "microsoft.md 2.1",
    ),
    alone(
        "conditional_access_by_place_alone",
        "the same, and nobody signs in to the check",
        _by_place,
        "microsoft.md 2.1",
    ),
    _right(
        "transport_rules",
        "mail-flow rules that do not stop the copy",
        _other_rules,
        "microsoft.md 2.3",
    ),
    _right(
        "remote_domains",
        "a remote domain forbids forwarding to somebody else",
        _remote_domains,
        "microsoft.md 2.3",
    ),
    _right(
        "remote_domain_exact",
        "only the entry for Webex Connect allows forwarding",
        _exact_remote,
        "microsoft.md 2.3",
    ),
    _right(
        "authentication_policy",
        "an authentication policy forbids passwords for SMTP",
        no_basic,
        "microsoft.md 2.1",
    ),
    _right(
        "baseline_exempted",
        "a security baseline forbids SMTP AUTH and forwarding, and this channel is exempted",
        _exempted,
        "microsoft.md 2.1, 2.3",
    ),
    _right(
        "connector_of_others",
        "an outbound connector for the domain of a partner",
        connector_of_others,
        "learn.microsoft.com/powershell/module/exchange/get-outboundconnector",
    ),
    _right(
        "mailbox_synced",
        "the mailbox is synchronized from on-premises, and mail takes no detour",
        lambda ground: put(ground.box, synced=True),
        "learn.microsoft.com/exchange/exchange-hybrid",
    ),
    _right(
        "trace_app_missing",
        "the service principal of the message trace is gone",
        _without_trace,
        "microsoft.md 2.5",
    ),
    _right(
        "address_in_capitals",
        "the forwarding address is written in capitals",
        _upper,
        "microsoft.md 2.2",
    ),
    _right(
        "urls_in_capitals",
        "the form says /Authorize, as the article does",
        _urls_in_capitals,
        "microsoft.md 4",
    ),
    _right(
        "urls_by_domain",
        "the addresses in the form name the tenant by its domain",
        _by_domain,
        "microsoft.md 4",
    ),
)
