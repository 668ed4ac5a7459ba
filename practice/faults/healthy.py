"""Healthy variations: a diagnosis that calls one of them broken is a false alarm."""

from datetime import timedelta
from typing import Final

from practice.faults.access import conditional, controls
from practice.faults.accounts import ACCOUNTS
from practice.faults.fault_context import FaultContext, put
from practice.faults.model import described
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
    *described(
        {
            "healthy_untouched": lambda _ground: None,
        }
    ),
    *ACCOUNTS,
    *VARIATIONS,
    *described(
        {
            "healthy_upn_differs": lambda ground: put(ground.user, upn="s.upport@contoso.com"),
            "healthy_alias": lambda ground: put(
                ground.user, aliases=["help@contoso.com", "care@contoso.com"]
            ),
            "healthy_policy_by_domain": lambda ground: higher_rule(
                ground, "On", SenderDomainIs=["contoso.com"]
            ),
            "healthy_policy_by_group": lambda ground: higher_rule(
                ground, "Off", FromMemberOf=["sales@contoso.com"]
            ),
            "healthy_policy_excepts": lambda ground: higher_rule(
                ground, "Off", SenderDomainIs=["contoso.com"], ExceptIfFrom=[ground.mailbox]
            ),
            "healthy_policy_default_on": _default_on,
            "healthy_org_smtp_auth_on": _inherits,
            "healthy_grant_for_all": _for_everybody,
            "healthy_grant_merged": _merged,
            "healthy_more_secrets": _more_secrets,
            "healthy_more_redirects": _more_redirects,
            "healthy_consent_policy_none": lambda ground: put(ground.policies, consent=[]),
            "healthy_conditional_access": _other_policies,
            "healthy_conditional_access_by_place": _by_place,
            "healthy_conditional_access_by_place_alone": _by_place,
            "healthy_transport_rules": _other_rules,
            "healthy_remote_domains": _remote_domains,
            "healthy_remote_domain_exact": _exact_remote,
            "healthy_authentication_policy": no_basic,
            "healthy_baseline_exempted": _exempted,
            "healthy_connector_of_others": connector_of_others,
            "healthy_mailbox_synced": lambda ground: put(ground.box, synced=True),
            "healthy_trace_app_missing": _without_trace,
            "healthy_address_in_capitals": _upper,
            "healthy_urls_in_capitals": _urls_in_capitals,
            "healthy_urls_by_domain": _by_domain,
        }
    ),
)
