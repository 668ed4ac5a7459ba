"""OAuth flow of an administrator who signs in with the bot's own app."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial

import httpx

from bot.services import Services
from bot.web.oauth_flow import (
    CALLBACK_READ_S,
    PRESS_READ_S,
    AuthorizationRequest,
    CallbackResult,
    Flow,
)
from jobs.access.admin_session import SESSION_S
from jobs.access.sign_in_tenant import require_own_tenant
from jobs.causes.cause import Cause
from jobs.checks.more_access import may_sign_in
from jobs.clock import now
from jobs.clouds.errors import CloudError, SignInNeeded
from jobs.clouds.http import sync_client
from jobs.microsoft.identity import Identity, SignedIn
from jobs.microsoft.roles import lacks_all
from jobs.microsoft.scopes import exchange_permission, exchange_scope, graph_scopes
from jobs.model import RunKind
from jobs.runs.run import Event, Kind, Run
from jobs.steps.sign_in_permissions import permissions_for
from jobs.storage.vault import Sealed

APART = "signin_apart"
"""Name of the flow that asks for Graph and Exchange one after the other."""
ONE_AT_A_TIME = frozenset({Cause.SCOPE_WRONG, Cause.SCOPE_MISSING})
"""Causes with which Entra may refuse a request for scopes of two resources at once.

The codes are AADSTS28000 and 70011.
"""
PERMISSIONS = "permissions"
"""Name of the requested Graph permissions, in the flow and in the event of the sign-in."""


class AdminSignIn:
    """Sign-in of an administrator with the bot's own app, for Graph.

    One page asks for the consent to Graph and to Exchange (msal's documentation of
    ``acquire_token_by_auth_code_flow``). The code gets a token for Graph, and the same refresh token
    one for Exchange (facts/microsoft.md 6.2). Graph is asked only for the permissions of the run's
    own steps (:mod:`jobs.steps.sign_in_permissions`). An Entra that refuses scopes of two resources
    is asked for one at a time.
    """

    question = "sign_in"
    arrived = "signed_in"
    then = "signin_exchange"
    both = True

    def is_complete(self, run: Run) -> bool:
        """Return whether a person is signed in.

        A check may still accept a later sign-in of a person with more roles.
        """
        return run.account is not None and not (run.kind is RunKind.CHECK and may_sign_in(run))

    def values(self, run: Run) -> dict[str, str]:
        return {"mailbox": run.channel.mailbox}

    def start(self, services: Services, run: Run, state: str) -> AuthorizationRequest:
        """Build a request for the permissions, as the administrator who was asked 1:1.

        Microsoft asks which account is meant if nobody was asked, or after a sign-in that did not
        help.
        """
        tried = "sign_in" in run.problems or run.signed_in is not None
        names, hint = permissions_for(run), "" if tried else run.answer("administrator")
        scopes = self.first(services, names)
        if self.both:
            scopes.append(exchange_permission(services.settings.exchange_url))
        with sync_client(services.settings, read_seconds=PRESS_READ_S) as http:
            flow = _bot(services, http).begin(
                scopes,
                services.settings.callback,
                state,
                hint,
                None if hint else "select_account",
            )
        return AuthorizationRequest(flow["auth_uri"], json.dumps({**flow, PERMISSIONS: names}))

    def handle_callback(
        self, services: Services, run: Run, flow: Flow, query: Mapping[str, str]
    ) -> CallbackResult:
        """Validate the sign-in, prove that it works for the other resource too, and encrypt it.

        A run stays in the tenant that its plan was approved for. An account whose tenant does not
        own the mailbox's domain is refused here, before it is recorded.
        """
        names = tuple(flow.msal[PERMISSIONS])
        with sync_client(services.settings, read_seconds=CALLBACK_READ_S) as http:
            try:
                signed_in = _bot(services, http).finish(
                    flow.msal, query, run.required_tenant, self.first(services, names)
                )
            except CloudError as error:
                if self.both and error.cause in ONE_AT_A_TIME:
                    return CallbackResult(then=APART)
                raise
            account = signed_in.account
            finish_tenant_check = self._tenant_check(services, run, signed_in)
            try:
                token, cache = _bot(services, http, account.tenant_id).token(
                    signed_in.cache, self.second(services, names)
                )
            except CloudError as error:
                if not self.then or not (
                    error.cause == Cause.CONSENT_MISSING or isinstance(error, SignInNeeded)
                ):
                    raise
                finish_tenant_check("")
                return CallbackResult(then=self.then)
        finish_tenant_check(token)
        session = (Sealed.ADMIN_SESSION.of(run.id), cache, SESSION_S)
        data = {PERMISSIONS: " ".join(names)}
        event = Event(Kind.SIGNED_IN, now(), by=account.upn, account=account, data=data)
        # An account to which Microsoft lists no useful role gets a page that says so. The account
        # may still do the work with a role group of Exchange, so it is not refused.
        arrival = (
            "signed_in_roleless" if run.kind is not RunKind.CHECK and lacks_all(account) else ""
        )
        return CallbackResult(event, account.upn, page=arrival, sealed=(session,))

    def first(self, services: Services, names: tuple[str, ...]) -> list[str]:
        return graph_scopes(services.settings.graph_url, names)

    def second(self, services: Services, names: tuple[str, ...]) -> list[str]:
        """Return the scopes of the resource whose token needs no prompt if consent exists."""
        return [exchange_scope(services.settings.exchange_url)]

    def _tenant_check(
        self, services: Services, run: Run, signed_in: SignedIn
    ) -> Callable[[str], None]:
        """Begin to read the tenant's domains, and return a function that judges them.

        The function takes the token for the second resource, and raises Rejected for an account of
        another tenant than the mailbox's. Graph is asked while Entra is asked for that token.
        """
        check = partial(require_own_tenant, services.settings, run.channel, signed_in.account)
        pool = ThreadPoolExecutor(1, "tenant")
        judged = pool.submit(copy_context().run, check, signed_in.access_token)
        pool.shutdown(wait=False)
        return lambda _: judged.result()


class SignInApart(AdminSignIn):
    """Sign-in that asks for Graph alone, after Entra refused scopes of two resources."""

    both = False


class SignInExchange(AdminSignIn):
    """Second part of the sign-in, in which the browser goes to Microsoft once more.

    It is needed if the tenant has no consent for Exchange yet, or if Exchange requires more than
    Graph does, for example a second factor.
    """

    then = ""
    both = False

    def first(self, services: Services, names: tuple[str, ...]) -> list[str]:
        return [exchange_scope(services.settings.exchange_url)]

    def second(self, services: Services, names: tuple[str, ...]) -> list[str]:
        """Return the scopes of Graph, which got consent in the first part."""
        return graph_scopes(services.settings.graph_url, names)

    def _tenant_check(
        self, services: Services, run: Run, signed_in: SignedIn
    ) -> Callable[[str], None]:
        return partial(require_own_tenant, services.settings, run.channel, signed_in.account)


def _bot(services: Services, http: httpx.Client, tenant: str = "organizations") -> Identity:
    return Identity.of_bot(services.settings, http, tenant, services.documents)
