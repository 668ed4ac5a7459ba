"""Channel that people made by hand, as the article says, and the faults of such a channel.

The bot has set nothing up: it knows no channel, and the tenant has nothing of the bot's.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from practice.faults import application, consent, forwarding, policy, secret, smtp_auth, token
from practice.faults.fault_context import FaultContext, Json, put
from practice.faults.model import Fault, described
from practice.microsoft import ids, seed
from practice.microsoft.graph import shapes
from practice.microsoft.signin import consent as grants
from practice.microsoft.world import LONG_AGO, first, new_id, stamp

NAME: Final = "Webex Connect Support"
SECRET: Final = "hm8Q~made.by.hand.made.by.hand.made.by"
YEAR: Final = timedelta(days=365)


def make(ground: FaultContext, name: str = NAME, callback_url: str = "") -> Json:
    """Make the channel of the context's mailbox by hand and return its app registration.

    A person registers the app with Mail.Send and consents, forwards the mailbox, lets it forward and
    log in, and fills in Webex Connect's form.
    """
    connect = ground.connect
    app = _app(ground, name, callback_url or connect.callback_url)
    put(
        ground.box,
        smtp_auth_disabled=False,
        forwarding_smtp_address=f"smtp:{connect.forwarding_address}",
        deliver_and_forward=True,
    )
    put(ground.exchange, dehydrated=False)
    policy.applying(ground)["AutoForwardingMode"] = "On"
    ground.fill_in(
        asset_name=NAME,
        email_id=ground.mailbox,
        authentication_type="OAuth 2.0",
        smtp_server="smtp.office365.com",
        username=ground.user.upn,
        port="587",
        security="STARTTLS",
        client_id=app["appId"],
        client_secret=SECRET,
        scope="offline_access https://outlook.office.com/SMTP.Send",
        **ground.login_url(ground.tenant.id),
    )
    connect.register("Email service")
    return app


def _app(ground: FaultContext, name: str, callback_url: str) -> Json:
    """Register an app in the portal, which also makes its enterprise application."""
    world, tenant, key = ground.world, ground.tenant, new_id()
    app = shapes.new_application(tenant, stamp(LONG_AGO))
    password = {
        "keyId": key,
        "displayName": "webex",
        "hint": SECRET[:3],
        "startDateTime": stamp(LONG_AGO),
        "endDateTime": stamp(world.now() + YEAR),
    }
    app |= {
        "displayName": name,
        "signInAudience": "AzureADMyOrg",
        "web": app["web"] | {"redirectUris": [callback_url]},
        "requiredResourceAccess": [world.catalogue.declare(ids.EXCHANGE_APP, (), ("Mail.Send",))],
        "passwordCredentials": [password],
    }
    app["web"]["implicitGrantSettings"] = {
        "enableAccessTokenIssuance": True,
        "enableIdTokenIssuance": False,
    }
    tenant.applications.seed(app)
    world.secrets[key] = SECRET
    principal = tenant.principals.seed(
        seed.service_principal(app["appId"], name)
        | {"appOwnerOrganizationId": tenant.id, "replyUrls": [callback_url]}
    )
    _consent(ground, principal)
    return app


def _consent(ground: FaultContext, principal: Json) -> None:
    """Grant admin consent to Mail.Send.

    The user consents to SMTP.Send later, at Generate Token.
    """
    world, tenant = ground.world, ground.tenant
    role = world.catalogue.role_id(ids.EXCHANGE_APP, "Mail.Send")
    resource = grants.resource_of(tenant, ids.EXCHANGE_APP)
    tenant.assignments.seed(grants.assignment(world, principal, resource, role))


def _second_channel(ground: FaultContext) -> None:
    """Add the app of another mailbox, to which only that mailbox's user has consented."""
    _with_grant(ground, "Webex Connect Sales", "https://contoso.us.webexconnect.io/sales/callback")


def _with_grant(ground: FaultContext, name: str, callback_url: str) -> None:
    app = _app(ground, name, callback_url)
    client = first(ground.tenant.principals.written(), {"appId": app["appId"]}) or {}
    resource = grants.resource_of(ground.tenant, ids.EXCHANGE_APP)
    grant = {
        "clientId": client["id"],
        "consentType": "Principal",
        "principalId": ground.other().id,
        "resourceId": resource["id"],
        "scope": "SMTP.Send",
    }
    ground.tenant.grants.seed(grant | {"id": new_id()})


def _by_rule(ground: FaultContext) -> None:
    """Forward the mail with an inbox rule instead of the mailbox's own forwarding."""
    address = ground.connect.forwarding_address
    rule = {"Name": "To Webex", "Enabled": True, "RedirectTo": [f'"Webex" [SMTP:{address}]']}
    put(ground.box, forwarding_smtp_address=None, inbox_rules=[rule])


def _least(ground: FaultContext) -> None:
    """Remove the permission Mail.Send, which the mail flow does not use."""
    ground.set_app(requiredResourceAccess=[])
    for row in list(ground.tenant.assignments.written()):
        if row["principalId"] == ground.principal["id"]:
            ground.tenant.assignments.drop(row["id"])


def _redirect(ground: FaultContext) -> None:
    ground.set_app(
        web=ground.app["web"] | {"redirectUris": ["https://portal.contoso.com/callback"]}
    )
    ground.set_principal(replyUrls=["https://portal.contoso.com/callback"])
    ground.generate(ground.mailbox)


def _like(known: Fault) -> Fault:
    """Return the given fault for a channel that was made by hand."""
    return replace(known, name=f"hand_made_{known.name}", by_hand=True)


def _named(faults: tuple[Fault, ...], *names: str) -> list[Fault]:
    return [_like(fault) for fault in faults if fault.name in names]


FAULTS: Final = (
    *_named(forwarding.FAULTS, "forwarding_cleared", "forwarding_elsewhere"),
    *_named(policy.FAULTS, "policy_off"),
    *_named(smtp_auth.FAULTS, "smtp_auth_off_mailbox", "smtp_auth_off_tenant"),
    *_named(secret.FAULTS, "secrets_all_expired", "secrets_all_removed"),
    *_named(consent.FAULTS, "grant_removed"),
    *_named(application.FAULTS, "principal_disabled", "principal_deleted"),
    *_named(token.FAULTS, "tokens_invalid", "sessions_revoked"),
    *described(
        {
            "hand_made_redirect_changed": _redirect,
        }
    ),
)
HEALTHY: Final = described(
    {
        "healthy_hand_made": lambda _ground: None,
        "healthy_hand_made_least": _least,
        "healthy_hand_made_of_two": _second_channel,
        "healthy_hand_made_by_rule": _by_rule,
    }
)
