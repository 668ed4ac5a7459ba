"""Healthy variations of accounts: the person who signs in, the secret, the app and the cloud."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from practice.faults.fault_context import FaultContext, Json, put
from practice.faults.model import described
from practice.faults.policy import applying
from practice.microsoft.world import LONG_AGO, new_id, stamp

NATIONAL: Final = {
    "authorization_url": "https://login.microsoftonline.us/{tenant}/oauth2/v2.0/authorize",
    "access_token_url": "https://login.microsoftonline.us/{tenant}/oauth2/v2.0/token",
    "refresh_token_url": "https://login.microsoftonline.us/{tenant}/oauth2/v2.0/token",
    "scope": "offline_access https://outlook.office365.us/SMTP.Send",
    "smtp_server": "smtp.office365.us",
    "port": "587",
}


def _by_hand(ground: FaultContext, *, alone: bool) -> None:
    """Put a secret that was made in the portal into Webex Connect.

    The bot's own secret remains, or is removed with ``alone``.
    """
    key, secret = new_id(), "handQ~secret-that-somebody-made-by-hand"
    end = stamp(ground.world.now() + timedelta(days=200))
    made = {
        "keyId": key,
        "displayName": "by hand",
        "hint": secret[:3],
        "startDateTime": stamp(LONG_AGO),
        "endDateTime": end,
    }
    used = ground.connect.fields["client_secret"]
    kept = [
        item
        for item in ground.app["passwordCredentials"]
        if not (alone and ground.world.secrets.get(item["keyId"]) == used)
    ]
    ground.world.secrets[key] = secret
    ground.set_app(passwordCredentials=[*kept, made])
    ground.fill_in(client_secret=secret)


def _own_removed(ground: FaultContext) -> None:
    """Remove the bot's own secret, so that its login fails.

    The failure is in the sign-in log, whose rows have their own request numbers.
    """
    put(ground.tenant, log_numbers_itself=True)
    used = ground.connect.fields["client_secret"]
    ground.set_app(
        passwordCredentials=[
            item
            for item in ground.app["passwordCredentials"]
            if ground.world.secrets[item["keyId"]] == used
        ]
    )


def _own_token_dead(ground: FaultContext) -> None:
    """Invalidate every refresh token of the app except the one in Webex Connect.

    Webex Connect renews its token with each mail.
    """
    tokens, own = ground.cloud.vault.refresh, ground.connect.refresh_token
    mine = {
        text: record
        for text, record in tokens.items()
        if record.client_id == ground.app["appId"] and text != own
    }
    tokens.update({text: replace(record, dead=True) for text, record in mine.items()})


def _assigned(ground: FaultContext, principal: Json) -> None:
    ground.set_principal(appRoleAssignmentRequired=True)
    seen = {
        "resourceId": ground.principal["id"],
        "resourceDisplayName": ground.app["displayName"],
        "createdDateTime": stamp(LONG_AGO),
    }
    nothing = {"id": new_id(), "appRoleId": "00000000-0000-0000-0000-000000000000"}
    ground.tenant.assignments.seed(nothing | seen | principal)


def _assigned_user(ground: FaultContext) -> None:
    _assigned(
        ground,
        {
            "principalId": ground.user.id,
            "principalType": "User",
            "principalDisplayName": ground.user.name,
        },
    )


def _assigned_group(ground: FaultContext) -> None:
    group: Json = {
        "id": new_id(),
        "displayName": "Mail senders",
        "mail": "senders@contoso.com",
        "members": [ground.mailbox],
    }
    ground.tenant.groups.append(group)
    _assigned(
        ground,
        {
            "principalId": group["id"],
            "principalType": "Group",
            "principalDisplayName": group["displayName"],
        },
    )


def _only_by_domain(ground: FaultContext) -> None:
    """Allow forwarding with a rule for the mailbox's domain instead of a rule for the mailbox."""
    name = applying(ground)["Name"]
    for rule in ground.exchange.outbound_rules:
        if rule["HostedOutboundSpamFilterPolicy"] == name:
            rule.update(From=[], SenderDomainIs=["contoso.com"])


ACCOUNTS: Final = described(
    {
        "healthy_automatic_reply": lambda ground: put(ground.box, automatic_reply=True),
        "healthy_keep_copy_off": lambda ground: put(ground.box, deliver_and_forward=False),
        "healthy_national_cloud": lambda ground: ground.fill_in(
            **{name: value.format(tenant=ground.tenant.id) for name, value in NATIONAL.items()}
        ),
        "healthy_second_secret": lambda ground: _by_hand(ground, alone=False),
        "healthy_secret_by_hand": lambda ground: _by_hand(ground, alone=True),
        "healthy_own_secret_removed": _own_removed,
        "healthy_own_token_invalid": _own_token_dead,
        "healthy_own_token_invalid_alone": _own_token_dead,
        "healthy_app_without_name": lambda ground: ground.set_app(uniqueName=None),
        "healthy_assigned": _assigned_user,
        "healthy_assigned_by_group": _assigned_group,
        "healthy_policy_only_by_domain": _only_by_domain,
    }
)
