"""OAuth flow of an administrator who signs in with the bot's own app."""

from __future__ import annotations

import json
from collections.abc import Mapping

import httpx

from bot.services import Services
from bot.web.oauth_flow import AuthorizationRequest, CallbackResult
from bot.web.oauth_state import Flow
from jobs.access.admin_session import SESSION_S
from jobs.checks import check
from jobs.clock import now
from jobs.clouds.errors import CloudError, SignInNeeded
from jobs.clouds.http import sync_client
from jobs.microsoft.identity import Identity
from jobs.microsoft.scopes import (
    GRAPH_READ_SCOPES,
    GRAPH_SETUP_SCOPES,
    exchange_scope,
    graph_scopes,
)
from jobs.model import RunKind
from jobs.runs.run import Event, Kind, Run
from jobs.storage.vault import Sealed


class AdminSignIn:
    """Sign-in of an administrator with the bot's own app, for Graph.

    The same refresh token then gets a token for Exchange (facts/microsoft.md 6.2).
    """

    question = "sign_in"
    arrived = "signed_in"
    then = "signin_exchange"

    def is_complete(self, run: Run) -> bool:
        """Return whether a person is signed in.

        A check may still accept a later sign-in of a person with more roles.
        """
        return run.account is not None and not (
            run.kind is RunKind.CHECK and check.may_sign_in(run)
        )

    def start(self, services: Services, run: Run, state: str) -> AuthorizationRequest:
        """Build a request for the first resource's permissions; one flow can ask for only one resource."""
        with sync_client(services.settings) as http:
            flow = _bot(services, http).begin(
                self.first(services, run), services.settings.callback, state
            )
        values = {"mailbox": run.channel.mailbox, "requester": run.requester.email}
        return AuthorizationRequest(flow["auth_uri"], values, json.dumps(flow))

    def handle_callback(
        self, services: Services, run: Run, flow: Flow, query: Mapping[str, str]
    ) -> CallbackResult:
        """Validate the sign-in, prove that it works for the other resource too, and encrypt it.

        A run stays in the tenant that its plan was approved for.
        """
        with sync_client(services.settings) as http:
            signed_in = _bot(services, http).finish(flow.msal, query, run.required_tenant)
            account = signed_in.account
            try:
                _, cache = _bot(services, http, account.tenant_id).token(
                    signed_in.cache, self.second(services, run)
                )
            except CloudError as error:
                if not self.then or not (
                    error.cause == "consent_missing" or isinstance(error, SignInNeeded)
                ):
                    raise
                return CallbackResult(then=self.then)
        services.vault.put(Sealed.ADMIN_SESSION.of(run.id), cache, SESSION_S)
        return CallbackResult(
            Event(Kind.SIGNED_IN, now(), by=account.upn, account=account), account.upn
        )

    def first(self, services: Services, run: Run) -> list[str]:
        """Return the scopes of the resource that is requested in the browser."""
        return _graph(services, run)

    def second(self, services: Services, run: Run) -> list[str]:
        """Return the scopes of the resource whose token needs no prompt if consent exists."""
        return [exchange_scope(services.settings.exchange_url)]


class SignInExchange(AdminSignIn):
    """Second part of the sign-in, in which the browser goes to Microsoft once more.

    It is needed if the tenant has no consent for Exchange yet, or if Exchange requires more than
    Graph does, for example a second factor.
    """

    then = ""

    def first(self, services: Services, run: Run) -> list[str]:
        """Return the scopes of Exchange."""
        return [exchange_scope(services.settings.exchange_url)]

    def second(self, services: Services, run: Run) -> list[str]:
        """Return the scopes of Graph, which got consent in the first part."""
        return _graph(services, run)


def _bot(services: Services, http: httpx.Client, tenant: str = "organizations") -> Identity:
    return Identity.of_bot(services.settings, http, tenant, services.documents)


def _graph(services: Services, run: Run) -> list[str]:
    """Return the Graph scopes; a check asks only for permissions to read."""
    return graph_scopes(
        services.settings.graph_url,
        GRAPH_READ_SCOPES if run.kind is RunKind.CHECK else GRAPH_SETUP_SCOPES,
    )
