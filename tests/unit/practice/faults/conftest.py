"""Fixtures of a whole practice cloud with one channel.

Before every test the cloud is restored to the state after the channel's setup.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import httpx
import pytest

from practice.cloud import PracticeCloud
from practice.faults import FaultContext
from practice.mail.connect import AWAY, NOBODY
from practice.microsoft import ids
from practice.microsoft.seed import service_principal
from practice.microsoft.world import first, new_id, stamp
from practice.settings import PracticeSettings
from tests.fixtures.waiting import LIMIT_S

Json = dict[str, Any]
MAILBOX = "support@contoso.com"
CUSTOMER = "kim@customer.example"


class Channel:
    """Practice cloud with one set-up channel, its control routes, and a mail's way through it."""

    def __init__(self, cloud: PracticeCloud, http: httpx.Client) -> None:
        self.cloud, self.http = cloud, http
        self.ground = FaultContext(cloud.microsoft, cloud.faults, cloud.outside.state)

    def post(self, path: str, **body: Any) -> httpx.Response:
        """Send a POST request to a control route of the practice cloud."""
        return self.http.post(f"/practice/{path}", json=body)

    def mails(self) -> list[Json]:
        """Return every mail with the place where it is."""
        return list(self.http.get("/practice/mail").json()["items"])

    def tasks(self) -> list[Json]:
        """Return the tasks of the practice contact center."""
        return list(self.http.get("/practice/agent/tasks").json()["items"])

    def stops(self, subject: str) -> str:
        """Return the station that stops a customer's mail, or an empty string.

        The method sends a real mail and the agent's real answer.
        """
        mail = {"from": CUSTOMER, "to": MAILBOX, "subject": subject, "body": "Hello"}
        if self.post("mail/customer", **mail).status_code != 200:
            return "mailbox"
        places = {mail["place"] for mail in self.mails() if mail["subject"] == subject}
        if "refused" in places:
            return "mailbox"
        if not any(task["subject"] == subject for task in self.tasks()):
            return "connect" if self._reached_connect(subject, places) else "forward"
        answer = self.post("agent/answer", subject=subject, body="We are here")
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return "agent"
        code = answer.json()["code"]
        answered = any(
            mail["subject"] == f"Re: {subject}" and mail["place"] == "internet"
            for mail in self.mails()
        )
        return "" if code == "7501" and answered else "answer"

    def _reached_connect(self, subject: str, places: set[str]) -> bool:
        """Return whether the copy of the mail came to Webex Connect, or left for it."""
        left = "internet" in places and self._to_webex(subject)
        return "connect" in places or left or self._refused(subject)

    def _to_webex(self, subject: str) -> bool:
        """Return whether a copy left for Webex Connect's forwarding address of the setup."""
        sent = [
            mail["recipient"]
            for mail in self.mails()
            if mail["subject"] == subject and mail["place"] == "internet"
        ]
        return self.forwarding_address in sent

    def _refused(self, subject: str) -> bool:
        """Return whether Webex Connect's mail server returned the copy or did not answer."""
        return any(
            mail["subject"] == subject and mail["note"] in {NOBODY, AWAY} for mail in self.mails()
        )

    forwarding_address = ""


def _allow(ground: FaultContext) -> None:
    """Make the changes in Exchange that the article asks an administrator for."""
    default = ground.exchange.outbound_policies[0]
    nobody = {
        f"{prefix}{key}": []
        for prefix in ("", "ExceptIf")
        for key in ("From", "FromMemberOf", "SenderDomainIs")
    }
    rule = {
        "Name": "Webex",
        "Identity": "Webex",
        "HostedOutboundSpamFilterPolicy": "Webex",
        "State": "Enabled",
        "Priority": 0,
    }
    own = {"Name": "Webex", "Identity": "Webex", "IsDefault": False, "AutoForwardingMode": "On"}
    ground.exchange.outbound_policies.append(default | own)
    ground.exchange.outbound_rules.append(nobody | rule | {"From": [MAILBOX]})
    ground.exchange.dehydrated = False
    ground.box.smtp_auth_disabled = False
    ground.box.forwarding_smtp_address = f"smtp:{ground.connect.forwarding_address}"
    ground.box.deliver_and_forward = True


def _register(ground: FaultContext) -> Json:
    """Register the email app with a secret and a grant, and return its id and secret.

    The form of Webex Connect needs both of them.
    """
    tenant, world, key, secret = (
        ground.tenant,
        ground.world,
        new_id(),
        "abcQ~secret-of-the-email-app-in-practice",
    )
    password = {
        "keyId": key,
        "displayName": "Webex",
        "hint": secret[:3],
        "startDateTime": stamp(world.now()),
    }
    declared = [world.catalogue.declare(ids.EXCHANGE_APP, ("SMTP.Send",))]
    web = {"redirectUris": [ground.connect.callback_url, "http://127.0.0.1/bot"]}
    app = {
        "id": new_id(),
        "appId": new_id(),
        "displayName": "Mail",
        "signInAudience": "AzureADMyOrg",
        "web": web,
    }
    tenant.applications.seed(
        app
        | {
            "requiredResourceAccess": declared,
            "passwordCredentials": [password | {"endDateTime": "2099-01-01T00:00:00Z"}],
        }
    )
    principal = tenant.principals.seed(service_principal(app["appId"], "Mail"))
    exchange = first(tenant.principals.written(), {"appId": ids.EXCHANGE_APP}) or {}
    grant = {
        "clientId": principal["id"],
        "resourceId": exchange["id"],
        "consentType": "Principal",
        "principalId": ground.user.id,
    }
    tenant.grants.seed(grant | {"id": new_id(), "scope": "SMTP.Send"})
    world.secrets[key] = secret
    return {"client_id": app["appId"], "client_secret": secret}


def _connect(channel: Channel, credentials: Json) -> None:
    form = {
        "email_id": MAILBOX,
        "username": MAILBOX,
        "smtp_server": "smtp.office365.com",
        "port": "587",
        "security": "STARTTLS",
    }
    form |= {
        "scope": "offline_access https://outlook.office.com/SMTP.Send",
        **channel.ground.login_url(channel.ground.tenant.id),
    }
    for path, body in (
        ("connect/app", form | credentials),
        ("connect/generate_token", {"as": MAILBOX}),
        ("connect/save", {}),
        ("connect/register", {"service": "Email service"}),
    ):
        answer = channel.post(path, **body)
        assert answer.status_code == 200, answer.text


@pytest.fixture(scope="package")
def set_up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Channel]:
    """Yield one practice cloud with one channel that is set up, for all tests of this folder."""
    cloud = PracticeCloud(
        0,
        tmp_path_factory.mktemp("cloud"),
        PracticeSettings(
            replication_s=0, exchange_replication_s=0, customization_s=0, trace_delay_s=0
        ),
    )
    cloud.start()
    verify = ssl.create_default_context(cafile=str(cloud.tls.ca_path))
    with httpx.Client(base_url=cloud.url, verify=verify, trust_env=False, timeout=LIMIT_S) as http:
        channel = Channel(cloud, http)
        channel.forwarding_address = channel.ground.connect.forwarding_address
        _allow(channel.ground)
        _connect(channel, _register(channel.ground))
        channel.post("snapshot")
        yield channel
    cloud.stop()


@pytest.fixture
def channel(set_up: Channel) -> Channel:
    """Return the channel, restored to the snapshot that was taken after its setup."""
    assert set_up.post("restore").status_code == 200
    return set_up
