"""Fixtures of a whole practice Microsoft in this process.

Its pages are called over WSGI, and its SMTP servers listen on real ports.
"""

from __future__ import annotations

import base64
import hashlib
import smtplib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from practice import tls
from practice.microsoft import Cloud
from tests.fixtures.practice_cloud import BASE, CALLBACK, practice_cloud, undecoded
from tests.fixtures.waiting import LIMIT_S

Json = dict[str, Any]
VERIFIER = "v" * 50
CHALLENGE = (
    base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
)
SETUP = (
    "openid profile offline_access Application.ReadWrite.All DelegatedPermissionGrant.ReadWrite.All "
    "AppRoleAssignment.ReadWrite.All Policy.Read.All User.Read.All "
    "Directory.Read.All ExchangeMessageTrace.Read.All "
    "https://outlook.office365.com/Exchange.Manage"
)
GRAPH = "https://graph.microsoft.com/.default"
EXCHANGE = "https://outlook.office365.com/.default"
SMTP = "offline_access https://outlook.office.com/SMTP.Send"


class Clock:
    """Clock of the practice Microsoft; ``ahead`` moves it."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        """Return the present time of the practice Microsoft."""
        return datetime.now(UTC) + self.ahead


class Services:
    """Practice Microsoft with the tests' actions: sign in, call Graph, run cmdlets, use SMTP."""

    base, callback, setup, graph_scope, exchange_scope, smtp_scope = (
        BASE,
        CALLBACK,
        SETUP,
        GRAPH,
        EXCHANGE,
        SMTP,
    )

    def __init__(self, cloud: Cloud, http: httpx.Client, clock: Clock) -> None:
        self.clock, self.cloud, self.http, self.settings = clock, cloud, http, cloud.world.settings
        self.tokens: dict[tuple[str, str], str] = {}

    def wait(self, **time: float) -> None:
        """Let time pass, so that tokens grow old."""
        self.clock.ahead += timedelta(**time)

    def tenant(self, domain: str = "contoso.com") -> Json:
        """Return the state of a tenant of the practice Microsoft."""
        return self.http.get(f"/practice/tenants/{domain}").json()

    def change(self, domain: str = "contoso.com", **values: Any) -> httpx.Response:
        """Change the state of a tenant of the practice Microsoft."""
        return self.http.patch(f"/practice/tenants/{domain}", json=values)

    def query(self, scope: str, **more: str) -> Json:
        """Return the query of an authorize request of the bot."""
        usual = {
            "client_id": self.settings.bot_client_id,
            "redirect_uri": CALLBACK,
            "response_type": "code",
            "scope": scope,
            "state": "s1",
            "nonce": "n1",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
            "client_info": "1",
        }
        return usual | more

    def authorize(
        self, account: str, query: Json, tenant: str = "organizations", action: str = "accept"
    ) -> httpx.Response:
        """Press Accept or Decline on the sign-in page."""
        return self.http.post(
            f"/{tenant}/oauth2/v2.0/authorize",
            params=query,
            data={"account": account, "action": action},
        )

    @staticmethod
    def values(answer: httpx.Response) -> Json:
        """Return the values in the query of a redirect."""
        return {
            name: found[0]
            for name, found in parse_qs(urlsplit(answer.headers["location"]).query).items()
        }

    def redeem(self, tenant: str = "organizations", **form: str) -> httpx.Response:
        """Ask the token endpoint as the bot, and return its answer."""
        own = {
            "client_id": self.settings.bot_client_id,
            "client_secret": self.settings.bot_client_secret,
        }
        return self.http.post(f"/{tenant}/oauth2/v2.0/token", data=own | form)

    def code(self, account: str, scope: str) -> str:
        """Sign in as an account, and return the authorization code."""
        return str(self.values(self.authorize(account, self.query(scope)))["code"])

    def sign_in(self, account: str, scope: str, token_scope: str | None = None) -> Json:
        """Sign in as an account, and return the token endpoint's answer with its tokens."""
        form = {
            "grant_type": "authorization_code",
            "code": self.code(account, scope),
            "redirect_uri": CALLBACK,
            "code_verifier": VERIFIER,
        }
        return self.redeem(**form, scope=token_scope or scope).json()

    def token(self, account: str, scope: str) -> str:
        """Return an access token for a resource.

        Before that, the account consents to all permissions of the setup.
        """
        key = (account, scope)
        if key not in self.tokens:
            first = self.sign_in(account, SETUP, GRAPH)
            form = {
                "grant_type": "refresh_token",
                "refresh_token": first["refresh_token"],
                "scope": scope,
            }
            self.tokens[key] = str(self.redeem(**form).json()["access_token"])
        return self.tokens[key]

    def graph(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        account: str = "admin@contoso.com",
        **headers: str,
    ) -> httpx.Response:
        """Call Graph with a token of an account."""
        sent = {"Authorization": f"Bearer {self.token(account, GRAPH)}"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        return self.http.request(method, f"/graph/v1.0{path}", json=body, headers=sent)

    def cmdlet(
        self, name: str, account: str = "admin@contoso.com", **parameters: Any
    ) -> httpx.Response:
        """Run a cmdlet of Exchange in the account's own tenant."""
        return self.invoke(
            self.token(account, EXCHANGE), name, account.partition("@")[2], **parameters
        )

    def invoke(
        self, token: str, name: str, domain: str = "contoso.com", **parameters: Any
    ) -> httpx.Response:
        """Run a cmdlet of Exchange in a tenant with the token that is given."""
        url = f"/adminapi/beta/{self.tenant(domain)['id']}/InvokeCommand"
        body = {"CmdletInput": {"CmdletName": name, "Parameters": parameters}}
        headers = {"Authorization": f"Bearer {token}"}
        return undecoded(self.http, "POST", url, json=body, headers=headers)

    def resource(self, app_id: str = "00000002-0000-0ff1-ce00-000000000000") -> Json:
        """Return the service principal of a resource; Exchange is the default."""
        return self.graph("GET", f"/servicePrincipals(appId='{app_id}')").json()

    def smtp_token(self, account: str) -> str:
        """Return an access token of the account for SMTP."""
        return str(self.sign_in(account, SMTP)["access_token"])

    def smtp_login(self, user: str, token: str, *, late: bool = False) -> tuple[int, str]:
        """Log in to the submission server with XOAUTH2, and return the code and the reply."""
        with self.submission() as client:
            response = base64.b64encode(
                f"user={user}\x01auth=Bearer {token}\x01\x01".encode()
            ).decode()
            code, reply = client.docmd("AUTH", "XOAUTH2" if late else f"XOAUTH2 {response}")
            if late:
                assert code == 334
                code, reply = client.docmd(response)
            return code, reply.decode()

    def submission(self) -> smtplib.SMTP:
        """Return a connection to the submission server, after STARTTLS."""
        client = smtplib.SMTP("localhost", self.settings.smtp_port, timeout=LIMIT_S)
        client.starttls(context=self.cloud.connect.context)
        client.ehlo()
        return client


@pytest.fixture
def services(certificates: tls.Tls) -> Iterator[Services]:
    """Yield a started practice Microsoft without delays."""
    clock = Clock()
    with practice_cloud(certificates, clock) as (cloud, http):
        yield Services(cloud, http, clock)
