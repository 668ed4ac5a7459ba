"""Discovery of a channel that was not set up with this bot, against a scripted Microsoft."""

import tomllib

import pytest

from jobs.channel import discovery
from jobs.clouds.errors import SignInNeeded
from jobs.microsoft.graph import EXCHANGE_APP_ID
from jobs.model import Channel, Profile
from jobs.runs.run import AppCandidate, Brief
from practice.environment import ROOT
from tests.unit.jobs.steps.looks_of_apps import EXCHANGE, resource

MAILBOX = "support@contoso.com"
ADDRESS = "ab12@mail-us.imiconnect.io"
CALLBACK = "https://contoso.us.webexconnect.io/callback"
ROLE = {"id": "role-1", "value": "Mail.Send", "isEnabled": True}
DECLARED = resource(EXCHANGE_APP_ID, role_1="Role")
GRANT = {"clientId": "sp-1", "resourceId": "sp-exo", "scope": "SMTP.Send", "principalId": "user-1"}
BOX = {
    "RecipientTypeDetails": "UserMailbox",
    "ForwardingSmtpAddress": f"smtp:{ADDRESS}",
    "DeliverToMailboxAndForward": True,
}
RULE = {"SentTo": [MAILBOX], "RedirectMessageTo": [ADDRESS]}
CONTACT = {"Name": "Webex", "ExternalEmailAddress": f"SMTP:{ADDRESS}"}


def app(number: int = 1, callback: str = CALLBACK, **more):
    """Return an app registration as people make one by hand."""
    known = {"id": f"object-{number}", "appId": f"client-{number}", "displayName": f"Mail {number}"}
    return known | {"web": {"redirectUris": [callback]}} | more


def principal(number: int = 1, *urls: str):
    return {"id": f"sp-{number}", "appId": f"client-{number}", "replyUrls": list(urls)}


@pytest.fixture
def ctx(given, cloud):
    """A check of a mailbox that forwards, whose user has consented to one app."""
    cloud.on("Get-Mailbox", [BOX]).on("GET /oauth2PermissionGrants", [GRANT])
    cloud.on(f"GET /users/{MAILBOX}", {"id": "user-1", "userPrincipalName": MAILBOX})
    cloud.on(EXCHANGE, {"id": "sp-exo", "appRoles": [ROLE]})
    cloud.on("GET /servicePrincipals/sp-1", principal())
    cloud.on("GET /applications(appId='client-1')", app())
    brief = Brief(by_hand=True, discover=True)
    return given(channel=Channel(MAILBOX), kind="check", brief=brief)


async def test_the_users_grant_settles_it(ctx, cloud):
    """One app with a Call Back URL and the user's consent is certain, so nothing else is read."""
    found = await discovery.Discovery(ctx).search()
    (only,) = found.apps
    assert only == AppCandidate("client-1", "Mail 1", CALLBACK, Profile.LEAST)
    assert (found.certain, found.unread) == (True, False)
    assert (found.forwarding_address, found.upn) == (ADDRESS, MAILBOX)
    asked = {what for what, _ in cloud.asked}
    assert not asked & {"GET /auditLogs/signIns", "GET /applications", "Get-InboxRule"}
    assert cloud.writes == []


async def test_mail_send_is_the_articles_profile(ctx, cloud):
    """An app that declares Mail.Send has the article's profile."""
    cloud.on("GET /applications(appId='client-1')", app(requiredResourceAccess=[DECLARED]))
    assert (await discovery.Discovery(ctx).search()).apps[0].profile is Profile.ARTICLE


async def test_the_sign_in_log_tells_two_apps_apart(ctx, cloud):
    """Without a grant of the user, the app in the log of the user's sign-ins is chosen."""
    cloud.on("GET /oauth2PermissionGrants", []).on("GET /beta/auditLogs/signIns", [])
    cloud.on("GET /auditLogs/signIns", [{"appId": "outlook"}, {"appId": "client-2"}])
    cloud.on("GET /applications(appId='client-2')", app(2))
    cloud.on("GET /applications", [app(1), app(2)])
    found = await discovery.Discovery(ctx).search()
    assert ([each.client_id for each in found.apps], found.certain) == (["client-2"], True)


async def test_without_a_log_two_apps_are_a_choice(ctx, cloud):
    """If only redirect URIs connect several apps with Webex, all of these apps are offered."""
    cloud.on("GET /oauth2PermissionGrants", []).on("GET /applications", [app(1), app(2)])
    cloud.refuse("GET /auditLogs/signIns", 403)
    found = await discovery.Discovery(ctx).search()
    assert [each.client_id for each in found.apps] == ["client-1", "client-2"]
    assert (found.certain, found.unread) == (False, False)


@pytest.mark.parametrize(("name", "certain"), [("Webex Connect", True), ("Newsletter", False)])
async def test_an_app_without_a_callback(ctx, cloud, name, certain):
    """The user's app that redirects elsewhere is certain only if its name says Webex.

    Otherwise a person is asked about it.
    """
    elsewhere = app(callback="https://portal.contoso.com/callback", displayName=name)
    cloud.on("GET /applications(appId='client-1')", elsewhere)
    cloud.on("GET /applications", [])
    found = await discovery.Discovery(ctx).search()
    assert ([each.name for each in found.apps], found.certain) == ([name], certain)


async def test_a_grant_for_all_is_read_only_with_a_callback(ctx, cloud):
    """If apps have a grant for everybody, only those that redirect to Webex Connect are read."""
    all_of_them = [
        GRANT | {"clientId": f"sp-{number}", "principalId": None, "consentType": "AllPrincipals"}
        for number in (1, 2)
    ]
    cloud.on("GET /oauth2PermissionGrants", [], all_of_them).on("GET /auditLogs/signIns", [])
    cloud.on("GET /servicePrincipals/sp-1", principal(1, CALLBACK))
    cloud.on("GET /servicePrincipals/sp-2", principal(2, "https://mail.example/callback"))
    found = await discovery.Discovery(ctx).search()
    assert ([each.client_id for each in found.apps], found.certain) == (["client-1"], True)
    assert "GET /applications(appId='client-2')" not in {what for what, _ in cloud.asked}


@pytest.mark.parametrize(
    ("what", "answer", "is_found"),
    [
        ("Get-Recipient", CONTACT, True),
        ("Get-InboxRule", {"Enabled": True, "RedirectTo": [f'"W" [SMTP:{ADDRESS}]']}, True),
        ("Get-InboxRule", {"Enabled": False, "RedirectTo": [ADDRESS]}, False),
        ("Get-TransportRule", RULE, True),
        ("Get-TransportRule", RULE | {"SentTo": f"Box <smtp:{MAILBOX.title()}>; a@b.com"}, True),
        ("Get-TransportRule", RULE | {"SentTo": ["other@contoso.com"]}, False),
        ("Get-TransportRule", RULE | {"SentTo": [f"it-{MAILBOX}"]}, False),
        ("Get-TransportRule", RULE | {"State": "Disabled"}, False),
        ("Get-TransportRule", RULE | {"Mode": "Audit"}, False),
        ("Get-TransportRule", RULE | {"ExpiryDate": "2026-01-01T00:00:00"}, False),
    ],
)
async def test_other_ways_to_webex_connect(ctx, cloud, what, answer, is_found):
    """The Forwarding Address is also found in a mail contact, an inbox rule or a mail-flow rule.

    A rule that is off, or that is for another mailbox, is not the channel's forwarding.
    """
    internal = "Webex" if what == "Get-Recipient" else None
    cloud.on("Get-Mailbox", [BOX | {"ForwardingSmtpAddress": None, "ForwardingAddress": internal}])
    cloud.on(what, [answer])
    assert (await discovery.Discovery(ctx).search()).forwarding_address == (
        ADDRESS if is_found else ""
    )


async def test_an_earlier_copy_shows_the_address(ctx, cloud):
    """If the forwarding is gone, the trace of an earlier mail still has the copy's recipient."""
    cloud.on("Get-Mailbox", [BOX | {"ForwardingSmtpAddress": None}])
    mail = [{"MessageId": "<1>", "RecipientAddress": MAILBOX}]
    cloud.on("Get-MessageTraceV2", [], mail, [*mail, {"RecipientAddress": ADDRESS.upper()}])
    assert (await discovery.Discovery(ctx).search()).forwarding_address == ADDRESS


async def test_a_mail_without_an_id_shows_no_copy(ctx, cloud):
    """Without a Message-ID the trace would show the mail of all, and another channel's copies."""
    cloud.on("Get-Mailbox", [BOX | {"ForwardingSmtpAddress": None}])
    mail = [{"MessageId": None, "RecipientAddress": MAILBOX}]
    cloud.on("Get-MessageTraceV2", mail, [{"RecipientAddress": ADDRESS}], mail)
    assert (await discovery.Discovery(ctx).search()).forwarding_address == ""


async def test_a_shared_mailbox_has_delegates(ctx, cloud):
    """The app and the delegate are found by the grants of those who may send as the mailbox."""
    cloud.on("Get-Mailbox", [BOX | {"RecipientTypeDetails": "SharedMailbox"}])
    trustees = ("NT AUTHORITY\\SELF", "kim@contoso.com")
    cloud.on("Get-RecipientPermission", [{"Trustee": each} for each in trustees])
    kim = {"id": "user-2", "userPrincipalName": "kim@contoso.com"}
    cloud.on("GET /users/kim@contoso.com", kim).on("GET /users/user-2", kim)
    cloud.on("GET /oauth2PermissionGrants", [], [GRANT | {"principalId": "user-2"}])
    found = await discovery.Discovery(ctx).search()
    assert (found.shared, found.delegate) == (True, "kim@contoso.com")
    assert [each.client_id for each in found.apps] == ["client-1"]


@pytest.mark.parametrize(
    "what", tomllib.loads((ROOT / "tests/faults/calls.toml").read_text())["discovery"]
)
async def test_a_refused_source_is_not_the_end(ctx, cloud, what):
    """If Microsoft refuses a call that only a search makes, the other calls still give results."""
    cloud.on("Get-Mailbox", [BOX | {"RecipientTypeDetails": "SharedMailbox"}])
    cloud.refuse(what.replace("*", "sp-1"), 403)
    assert (await discovery.Discovery(ctx).search()).forwarding_address == ADDRESS


@pytest.mark.parametrize("status", [403, 404, pytest.param(503, marks=pytest.mark.slow)])
async def test_a_mailbox_that_cannot_be_read_is_unread(ctx, cloud, status):
    """A mailbox that the bot cannot read, or that does not exist, counts as unread.

    Nobody is asked for its values, because a person with the role could see them.
    """
    cloud.refuse("Get-Mailbox", status)
    assert (await discovery.Discovery(ctx).search()).unread is True


async def test_the_end_of_a_sign_in_is_no_finding(ctx, cloud):
    """If the sign-in is over, the search ends with an error, so that a person signs in again."""
    cloud.refuse("GET /users/support@contoso.com", 401)
    with pytest.raises(SignInNeeded):
        await discovery.Discovery(ctx).search()
