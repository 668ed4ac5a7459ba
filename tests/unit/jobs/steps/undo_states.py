"""States of the clouds before and after the steps' changes, for the tests of the undo."""

from __future__ import annotations

import json
from typing import Any

from jobs.microsoft.graph import EXCHANGE_APP_ID
from jobs.microsoft.outbound_spam import policy_name
from jobs.model import Change, Scope, Text
from jobs.runs.run import RecordedChange
from jobs.steps.forwarding import POLICY, RULE
from tests.unit.jobs.conftest import Cloud

MAILBOX = "support@contoso.com"
NAME = policy_name(MAILBOX)
OURS = ["https://uk.webexconnect.io/callback", "https://bot.test/microsoft/callback"]
SMTP, MAIL = {"id": "smtp-id", "type": "Scope"}, {"id": "mail-id", "type": "Role"}
SECRET = {"displayName": "Webex Connect R1", "keyId": "k1"}
MADE: dict[str, Any] = {
    "id": "obj-1",
    "appId": "client-1",
    "signInAudience": "AzureADMyOrg",
    "web": {
        "redirectUris": OURS,
        "implicitGrantSettings": {
            "enableAccessTokenIssuance": True,
            "enableIdTokenIssuance": False,
        },
    },
    "requiredResourceAccess": [{"resourceAppId": EXCHANGE_APP_ID, "resourceAccess": [SMTP, MAIL]}],
    "passwordCredentials": [
        SECRET,
        {"displayName": "Webex email bot, rehearsal and check", "keyId": "k2"},
    ],
}
FACTS = {
    "object_id": "obj-1",
    "client_id": "client-1",
    "sp_id": "sp-1",
    "exchange_sp_id": "exchange-sp",
    "graph_sp_id": "graph-sp",
    "user_id": "user-1",
    "exchange_smtp_send": "smtp-id",
    "mail_send": "mail-id",
}
APP, PRINCIPAL = "GET /applications/obj-1", "GET /servicePrincipals(appId='client-1')"
GRANTS = "GET /oauth2PermissionGrants"
POLICY_ROW = {"Name": NAME, "AutoForwardingMode": "On"}
RULE_ROW = {"Name": NAME, "From": [MAILBOX], "State": "Enabled", POLICY: NAME}
GRANT = {"id": "g1", "resourceId": "exchange-sp", "principalId": "user-1", "scope": "SMTP.Send"}
SIGN_IN = {
    "id": "g2",
    "resourceId": "graph-sp",
    "principalId": "user-1",
    "scope": "offline_access openid profile",
}


def said(row: dict[str, Any], *names: str) -> str:
    """Return the named properties of a policy or a rule, in the form that the step records."""
    return json.dumps({name: row.get(name) for name in names})


def policy_said(mode: str) -> str:
    """Return the recorded form of the channel's policy with that mode and without limits."""
    carried = (
        "RecipientLimitExternalPerHour",
        "RecipientLimitInternalPerHour",
        "RecipientLimitPerDay",
        "ActionWhenThresholdReached",
    )
    more = (
        "NotifyOutboundSpam",
        "NotifyOutboundSpamRecipients",
        "BccSuspiciousOutboundMail",
        "BccSuspiciousOutboundAdditionalRecipients",
    )
    return said({"AutoForwardingMode": mode}, "AutoForwardingMode", *carried, *more)


def app_values(**more: str) -> dict[str, str]:
    """Return the values that the step of row E1 records of the app."""
    return {
        "object_id": "obj-1",
        "uris": json.dumps(OURS),
        "audience": "AzureADMyOrg",
        "declared": "yes",
    } | more


NO_APP = {"object_id": "", "uris": "[]", "audience": "", "declared": ""}
RULE_SAID = said(RULE_ROW, "From", "State", POLICY)
Row = tuple[str, dict[str, str], dict[str, str], dict[str, Any]]
TABLE: list[Row] = [
    (
        "smtp_auth",
        {"disabled": ""},
        {"disabled": "false"},
        {"Get-CASMailbox": [{"SmtpClientAuthenticationDisabled": False}]},
    ),
    (
        "smtp_auth",
        {"disabled": "true"},
        {"disabled": "false"},
        {"Get-CASMailbox": [{"SmtpClientAuthenticationDisabled": False}]},
    ),
    (
        "forwarding",
        {"smtp": "old@x.io", "internal": "Sales", "keeps": "false"},
        {"smtp": "x1@mail.webexconnect.io", "internal": "", "keeps": "true"},
        {
            "Get-Mailbox": [
                {
                    "ForwardingSmtpAddress": "smtp:x1@mail.webexconnect.io",
                    "DeliverToMailboxAndForward": True,
                }
            ]
        },
    ),
    (
        "outbound_policy",
        {"policy": "", "rule": ""},
        {"policy": policy_said("On"), "rule": RULE_SAID},
        {f"Get-{POLICY}": [POLICY_ROW], f"Get-{RULE}": [RULE_ROW]},
    ),
    (
        "outbound_policy",
        {"policy": policy_said("Off"), "rule": RULE_SAID},
        {"policy": policy_said("On"), "rule": RULE_SAID},
        {f"Get-{POLICY}": [POLICY_ROW], f"Get-{RULE}": [RULE_ROW]},
    ),
    (
        "smtp_grant",
        {"exchange": "", "graph": ""},
        {"exchange": "SMTP.Send", "graph": "offline_access openid profile"},
        {GRANTS: [GRANT, SIGN_IN]},
    ),
    (
        "smtp_grant",
        {"exchange": "IMAP.AccessAsUser.All", "graph": "offline_access openid profile"},
        {"exchange": "IMAP.AccessAsUser.All SMTP.Send", "graph": "offline_access openid profile"},
        {GRANTS: [GRANT | {"scope": "SMTP.Send IMAP.AccessAsUser.All"}, SIGN_IN]},
    ),
    ("application", NO_APP, app_values(), {APP: MADE}),
    (
        "application",
        app_values(uris='["https://old/callback"]', audience="AzureADMultipleOrgs", declared=""),
        app_values(),
        {APP: MADE},
    ),
    ("service_principal", {"sp_id": ""}, {"sp_id": "sp-1"}, {APP: MADE, PRINCIPAL: {"id": "sp-1"}}),
    (
        "service_principal",
        {"sp_id": "sp-1", "accountEnabled": "false", "appRoleAssignmentRequired": "true"},
        {"sp_id": "sp-1", "accountEnabled": "true", "appRoleAssignmentRequired": "true"},
        {
            APP: MADE,
            PRINCIPAL: {"id": "sp-1", "accountEnabled": True, "appRoleAssignmentRequired": True},
        },
    ),
    ("implicit_grant", {"access_tokens": "off"}, {"access_tokens": "on"}, {APP: MADE}),
    ("mail_send", {"declared": ""}, {"declared": "yes"}, {APP: MADE}),
    ("client_secret", {"key_id": ""}, {"key_id": "k1"}, {APP: MADE}),
    ("check_secret", {"made": ""}, {"made": "yes"}, {APP: MADE}),
]
"""Step, old state, state after the runs, and the scripted cloud in that state."""
IDS = [f"{row[0]}-{number}" for number, row in enumerate(TABLE)]


def past(name: str, was: dict[str, str], left: dict[str, str]) -> RecordedChange:
    """Return the recorded change of a run."""
    change = Change(
        name, "E1", Text(f"step.{name}"), Text("seen.none"), Text("seen.on"), Scope.APP, "x"
    )
    return RecordedChange(name, change, Text("seen.off"), was, left, ("R1",))


def scripted(cloud: Cloud, script: dict[str, Any]) -> None:
    """Script the cloud's answers."""
    for what, answer in script.items():
        cloud.on(what, answer)
