"""Healthy variations of accounts: the person who signs in, the secret, the app and the cloud."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Final

from practice.faults.fault_context import FaultContext, Json, put
from practice.faults.model import Fault, Level
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


def right(
    name: str,
    what: str,
    apply: Callable[[FaultContext], None],
    source: str = "microsoft.md 2",
    set_up: Mapping[str, str] | None = None,
) -> Fault:
    """Return a healthy variation of the channel, which is a harmless change.

    ``set_up`` holds the answers with which the channel must be set up, if they matter.
    """
    return Fault(
        f"healthy_{name}", source, what, apply, level=Level.NOTHING, set_up=dict(set_up or {})
    )


def alone(name: str, what: str, apply: Callable[[FaultContext], None], source: str) -> Fault:
    """Return a healthy variation that is checked without a sign-in."""
    return replace(right(name, what, apply, source), alone=True)


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


ACCOUNTS: Final = (
    right(
        "automatic_reply",
        "the mailbox sends automatic replies",
        lambda ground: put(ground.box, automatic_reply=True),
        "microsoft.md 8 row 12",
    ),
    right(
        "keep_copy_off",
        "no copy stays in the mailbox, as it was asked for",
        lambda ground: put(ground.box, deliver_and_forward=False),
        "microsoft.md 2.2",
        {"keep_copy": "no"},
    ),
    right(
        "national_cloud",
        "the form has the addresses of a national cloud",
        lambda ground: ground.fill_in(
            **{name: value.format(tenant=ground.tenant.id) for name, value in NATIONAL.items()}
        ),
        "microsoft.md 4",
    ),
    right(
        "second_secret",
        "Webex Connect has a second secret, made by hand; the bot's is valid, too",
        lambda ground: _by_hand(ground, alone=False),
        "microsoft.md 1.2",
    ),
    right(
        "secret_by_hand",
        "somebody has replaced the bot's secret by one made by hand",
        lambda ground: _by_hand(ground, alone=True),
        "microsoft.md 1.2, 4 (rotation order)",
    ),
    right(
        "own_secret_removed",
        "somebody removed the bot's own secret, and the rows of the sign-in log have numbers of their own",
        _own_removed,
        "microsoft.md 1.2, 5 (sign-in log)",
    ),
    right(
        "own_token_invalid",
        "Entra does not know the bot's own refresh token any more, and Webex Connect renews its own",
        _own_token_dead,
        "microsoft.md 4, 5 (70000)",
    ),
    alone(
        "own_token_invalid_alone",
        "the same, and nobody signs in to the check",
        _own_token_dead,
        "microsoft.md 4, 5 (70000)",
    ),
    right(
        "app_without_name",
        "the app has no uniqueName, as one that was made in the portal and adopted",
        lambda ground: ground.set_app(uniqueName=None),
        "microsoft.md 1.1",
    ),
    right(
        "assigned",
        "the enterprise application is for assigned users, and the mailbox user is assigned",
        _assigned_user,
        "microsoft.md 1.3",
    ),
    right(
        "assigned_by_group",
        "the same by a group that the mailbox user is in",
        _assigned_group,
        "microsoft.md 1.3",
    ),
    right(
        "policy_only_by_domain",
        "the rule that allows is for the whole domain",
        _only_by_domain,
        "microsoft.md 2.3",
    ),
)
