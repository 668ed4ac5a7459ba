"""OAuth flows with Microsoft.

They are an administrator's sign-in, admin consent for the email app or for the bot's own app, and
the mailbox user's rehearsal.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import httpx

from bot.services import Services
from bot.web.oauth_state import Flow
from jobs.access import app_access
from jobs.access.admin_session import SESSION_S
from jobs.access.app_access import AppAccess
from jobs.access.mailbox_login import record_success
from jobs.checks import check
from jobs.clock import now
from jobs.clouds.errors import CloudError, CloudReply, Forbidden, Rejected, SignInNeeded
from jobs.clouds.http import sync_client
from jobs.engine.failures import may_be_replication
from jobs.microsoft.consent import Granted, admin_consent_url, read_consent_answer
from jobs.microsoft.identity import Identity, SignedIn
from jobs.microsoft.scopes import (
    GRAPH_READ_SCOPES,
    GRAPH_SETUP_SCOPES,
    exchange_scope,
    graph_default,
    graph_scopes,
    smtp_scope,
)
from jobs.model import RunKind
from jobs.runs.run import Event, Kind, Run
from jobs.storage.vault import Sealed

TOKEN_S = 3600
SETTLE_S = (1, 2, 3, 5, 8)
JUST_GRANTED = frozenset({"app_roles_missing", "app_not_found", "consent_missing"})


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """Authorization request: the URL, the values that the page shows, and the flow's data.

    The data is kept until the callback.
    """

    url: str
    values: dict[str, str]
    flow: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class CallbackResult:
    """Result of a callback: the event and the account that the page names, or the flow that follows.

    ``then`` is the kind of the next flow, or an empty string.
    """

    event: Event | None = None
    account: str = ""
    then: str = ""


class OAuthFlow(Protocol):
    """Interface of an OAuth flow.

    ``question`` names the problem if the flow fails. ``arrived`` names the page if it succeeds.
    """

    question: str
    arrived: str

    def is_complete(self, run: Run) -> bool:
        """Return whether the flow is no longer needed."""
        ...

    def start(self, services: Services, run: Run, state: str) -> AuthorizationRequest:
        """Build the authorization request.

        Raises:
            CloudError: Microsoft cannot be reached.
        """
        ...

    def handle_callback(
        self, services: Services, run: Run, flow: Flow, query: Mapping[str, str]
    ) -> CallbackResult:
        """Finish the flow with the query that the browser brought back.

        Raises:
            CloudError: The answer is not valid.
        """
        ...


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


class Consent:
    """Admin consent for the email app, on Microsoft's own page."""

    question = "consent"
    arrived = "consented"

    def is_complete(self, run: Run) -> bool:
        """Return whether the grants were read back."""
        return run.settled("admin_consent")

    def start(self, services: Services, run: Run, state: str) -> AuthorizationRequest:
        """Build the authorization request for ``.default``.

        ``.default`` means everything that the app declares. It is the only way to get application
        permissions (facts/microsoft.md 1.6).
        """
        scopes = [exchange_scope(services.settings.exchange_url)]
        url = admin_consent_url(
            services.settings.login_url,
            run.tenant or "organizations",
            run.fact("client_id"),
            scopes,
            services.settings.callback,
            state,
        )
        return AuthorizationRequest(url, {"app": run.fact("app_name")})

    def handle_callback(
        self, services: Services, run: Run, flow: Flow, query: Mapping[str, str]
    ) -> CallbackResult:
        """Record only that consent was reported; the step checks whether the grants exist."""
        granted = read_consent_answer(query)
        if run.tenant and granted.tenant and granted.tenant.lower() != run.tenant.lower():
            raise Rejected("wrong_tenant", CloudReply("entra", code=granted.tenant))
        return CallbackResult(
            Event(Kind.ANSWERED, now(), data={"question": "consent", "value": "granted"})
        )


@dataclass(slots=True)
class AppAccessConsent:
    """Admin consent for the bot's own app: application permissions to read.

    With them ``/check`` works without a sign-in (facts/microsoft.md 1.6, 6.2 b). ``settles_s`` are
    the pauses between tries, in seconds, during Entra's replication delay (facts 7).
    """

    settles_s: tuple[float, ...] = (0.5, 1, 2, 3)
    question: str = "app_access"
    arrived: str = "readable"

    def is_complete(self, run: Run) -> bool:
        """Return whether tokens with the permissions were seen."""
        return bool(run.answer("app_access"))

    def start(self, services: Services, run: Run, state: str) -> AuthorizationRequest:
        """Build the request in the channel's tenant, for everything that the bot's app declares.

        The state is bound to the requester, the tenant and the channel.
        """
        settings = services.settings
        scopes = [graph_default(settings.graph_url)]
        url = admin_consent_url(
            settings.login_url,
            run.channel.tenant_id,
            settings.microsoft_client_id,
            scopes,
            settings.callback,
            state,
        )
        return AuthorizationRequest(
            url,
            {"mailbox": run.channel.mailbox, "requester": run.requester.email},
            _required_tenant(run),
        )

    def handle_callback(
        self, services: Services, run: Run, flow: Flow, query: Mapping[str, str]
    ) -> CallbackResult:
        """Trust only the tokens of the channel's tenant, not the browser's query, and save the tenant."""
        if flow.flow != _required_tenant(run):
            raise Rejected("state_mismatch", CloudReply("entra"))
        granted = _granted(query)
        if granted.tenant and granted.tenant.lower() != run.channel.tenant_id.lower():
            raise Rejected("wrong_tenant", CloudReply("entra", code=granted.tenant))
        access = self._proven(
            lambda: app_access.prove(
                services.settings, run.channel.tenant_id, run.requester.email, services.documents
            )
        )
        app_access.save(services.redis, access)
        data = {"tenant": access.tenant, "roles": ", ".join(access.roles)}
        return CallbackResult(Event(Kind.READABLE, now(), by=run.requester.email, data=data))

    def _proven(self, prove: Callable[[], AppAccess]) -> AppAccess:
        for pause in self.settles_s:
            try:
                return prove()
            except CloudError as error:
                if error.cause not in JUST_GRANTED:
                    raise
            time.sleep(pause)
        return prove()


class RehearsalSignIn:
    """Sign-in of the mailbox user with the email app and the bot's own secret.

    This is what Generate Token in Webex Connect does. For a shared mailbox another user of the
    tenant signs in. The mail server decides whether that user may log in for it.
    """

    question = "mailbox_sign_in"
    arrived = "rehearsed"

    def is_complete(self, run: Run) -> bool:
        """Return whether the login was rehearsed or skipped."""
        return run.settled("rehearsal")

    def start(self, services: Services, run: Run, state: str) -> AuthorizationRequest:
        """Build a request for the scope of the form only (CHECKLIST O4)."""
        scope = smtp_scope(services.settings.exchange_url)
        with sync_client(services.settings) as http:
            hint = "" if run.fact("shared") else run.fact("upn")
            flow = self._identity(services, run, http).begin(
                [scope], services.settings.callback, state, hint, "login"
            )
        return AuthorizationRequest(
            flow["auth_uri"],
            {"upn": run.fact("upn"), "mailbox": run.channel.mailbox},
            json.dumps(flow),
        )

    def handle_callback(
        self, services: Services, run: Run, flow: Flow, query: Mapping[str, str]
    ) -> CallbackResult:
        """Accept only the user of the mailbox, and encrypt the token and the sign-in.

        The step that logs in uses them. Only that step keeps the sign-in.
        """
        with sync_client(services.settings) as http:
            signed_in = _retry_until_known(
                run,
                lambda: self._identity(services, run, http).finish(flow.msal, query, run.tenant),
            )
        if (
            not run.fact("shared")
            and signed_in.account.object_id.lower() != run.fact("user_id").lower()
        ):
            raise Rejected("wrong_mailbox_user", CloudReply("entra", code=signed_in.account.upn))
        services.vault.put(Sealed.REHEARSAL_TOKEN.of(run.id), signed_in.access_token, TOKEN_S)
        services.vault.put(Sealed.REHEARSAL_SESSION.of(run.id), signed_in.cache, TOKEN_S)
        record_success(services.redis, run.channel.mailbox)
        event = Event(
            Kind.ANSWERED,
            now(),
            by=signed_in.account.upn,
            data={"question": "mailbox_sign_in", "value": "yes"},
        )
        return CallbackResult(event, signed_in.account.upn)

    def _identity(self, services: Services, run: Run, http: httpx.Client) -> Identity:
        own = (Sealed.REHEARSAL_SECRET.of(run.id), Sealed.CHECK_SECRET.of(run.channel.mailbox))
        secret = next(filter(None, map(services.vault.get, own)), "")
        return Identity(
            services.settings.login_url,
            http,
            run.tenant,
            run.fact("client_id"),
            secret,
            documents=services.documents,
        )


def _bot(services: Services, http: httpx.Client, tenant: str = "organizations") -> Identity:
    return Identity.of_bot(services.settings, http, tenant, services.documents)


def _graph(services: Services, run: Run) -> list[str]:
    """Return the Graph scopes; a check asks only for permissions to read."""
    return graph_scopes(
        services.settings.graph_url,
        GRAPH_READ_SCOPES if run.kind is RunKind.CHECK else GRAPH_SETUP_SCOPES,
    )


def _required_tenant(run: Run) -> str:
    return json.dumps(
        {
            "person": run.requester.id,
            "tenant": run.channel.tenant_id,
            "mailbox": run.channel.mailbox,
        }
    )


def _granted(query: Mapping[str, str]) -> Granted:
    """Return the browser's consent answer.

    A refusal gets its own cause, because Graph's application permissions require a higher role than
    others (facts/microsoft.md 1.5).
    """
    try:
        return read_consent_answer(query)
    except Forbidden as error:
        raise Forbidden(
            "app_access_not_allowed",
            CloudReply("entra", error.status, error.code, error.message, error.ids),
        ) from error


def _retry_until_known(run: Run, finish: Callable[[], SignedIn]) -> SignedIn:
    """Call ``finish`` again while Entra may not know yet what the run has just written.

    This can be a secret, an app or a grant (facts/microsoft.md 1.2, CHECKLIST J7). If the first try
    has used up the code, the error of the first try is raised.
    """
    first: CloudError | None = None
    for pause in SETTLE_S:
        try:
            return finish()
        except CloudError as error:
            if first and error.cause == "code_already_used":
                raise first from error
            if not may_be_replication(error, run):
                raise
            first = error
        time.sleep(pause)
    return finish()


FLOWS: dict[str, OAuthFlow] = {
    "signin": AdminSignIn(),
    "signin_exchange": SignInExchange(),
    "access": AppAccessConsent(),
    "consent": Consent(),
    "rehearsal": RehearsalSignIn(),
}
