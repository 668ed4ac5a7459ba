"""OAuth flows with Microsoft, by name.

They are an administrator's sign-in, admin consent for the email app
or for the bot's own app, and the mailbox user's rehearsal.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial

import httpx

from bot.services import Services
from bot.web.oauth_flow import (
    CALLBACK_READ_S,
    PRESS_READ_S,
    AuthorizationRequest,
    CallbackResult,
    Flow,
    OAuthFlow,
)
from jobs.access import app_access
from jobs.access.admin_session import SESSION_S, require_own_tenant
from jobs.access.app_access import AppAccess
from jobs.access.mailbox_login import record_beginning, record_sign_in, record_success
from jobs.causes.cause import Cause
from jobs.channel.mailbox import login_of
from jobs.checks.more_access import may_sign_in
from jobs.clock import now, paced
from jobs.clouds import calls
from jobs.clouds.errors import CloudError, CloudReply, Forbidden, Rejected, SignInNeeded
from jobs.clouds.http import sync_client
from jobs.engine.inspector import may_be_replication
from jobs.microsoft.identity import (
    Identity,
    SignedIn,
    admin_consent_url,
    read_consent_answer,
)
from jobs.microsoft.scopes import (
    exchange_permission,
    exchange_scope,
    graph_default,
    graph_scopes,
    lacks_all,
    smtp_scope,
)
from jobs.model import Account, RunKind
from jobs.runs.run import Event, Kind, Run
from jobs.steps import permissions_for
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
    one for Exchange (microsoft.md 6.2). Graph is asked only for the permissions of the run's
    own steps (:mod:`jobs.steps`). An Entra that refuses scopes of two resources
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
            prompt = None if hint else "select_account"
            flow = _bot(services, http).begin(
                scopes, services.settings.callback, state, hint, prompt
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
        roleless = run.kind is not RunKind.CHECK and lacks_all(account)
        arrival = "signed_in_roleless" if roleless else ""
        return CallbackResult(event, account.upn, page=arrival, sealed=(session,))

    def first(self, services: Services, names: tuple[str, ...]) -> list[str]:
        return graph_scopes(services.settings.graph_url, names)

    def second(self, services: Services, names: tuple[str, ...]) -> list[str]:
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
        return graph_scopes(services.settings.graph_url, names)

    def _tenant_check(
        self, services: Services, run: Run, signed_in: SignedIn
    ) -> Callable[[str], None]:
        return partial(require_own_tenant, services.settings, run.channel, signed_in.account)


def _bot(services: Services, http: httpx.Client, tenant: str = "organizations") -> Identity:
    return Identity.of_bot(services.settings, http, tenant, services.documents)


TOKEN_S = 3600
SETTLE_S = (1, 2, 3, 5, 8)
SOMEBODY = "key:connect.login_of_user"
JUST_GRANTED = frozenset({Cause.APP_ROLES_MISSING, Cause.APP_NOT_FOUND, Cause.CONSENT_MISSING})


class Consent:
    """Admin consent for the email app, on Microsoft's own page."""

    question = "consent"
    arrived = "consented"

    def is_complete(self, run: Run) -> bool:
        return run.settled("admin_consent")

    def values(self, run: Run) -> dict[str, str]:
        return {"app": run.fact("app_name")}

    def start(self, services: Services, run: Run, state: str) -> AuthorizationRequest:
        """Build the authorization request for ``.default``.

        ``.default`` means everything that the app declares. It is the only way to get application
        permissions (platforms/microsoft.md 1.6).
        """
        scopes = [exchange_scope(services.settings.exchange_url)]
        return AuthorizationRequest(
            admin_consent_url(
                services.settings.login_url,
                run.tenant or "organizations",
                run.fact("client_id"),
                scopes,
                services.settings.callback,
                state,
            )
        )

    def handle_callback(
        self, services: Services, run: Run, flow: Flow, query: Mapping[str, str]
    ) -> CallbackResult:
        """Record only that consent was reported; the step checks whether the grants exist."""
        granted = read_consent_answer(query)
        if run.tenant and granted and granted.lower() != run.tenant.lower():
            raise Rejected(Cause.WRONG_TENANT, CloudReply("entra", code=granted))
        data = {"question": "consent", "value": "granted"}
        return CallbackResult(Event(Kind.ANSWERED, now(), data=data))


@dataclass(slots=True)
class AppAccessConsent:
    """Admin consent for the bot's own app: application permissions to read.

    With them ``/check`` works without a sign-in (microsoft.md 1.6, 6.2). ``settles_s`` are
    the pauses between tries, in seconds, during Entra's replication delay (microsoft.md 7).
    """

    settles_s: tuple[float, ...] = (0.5, 1, 2, 3)
    question: str = "app_access"
    arrived: str = "readable"

    def is_complete(self, run: Run) -> bool:
        return bool(run.answer("app_access"))

    def values(self, run: Run) -> dict[str, str]:
        return {"mailbox": run.channel.mailbox}

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
        return AuthorizationRequest(url, _required_tenant(run))

    def handle_callback(
        self, services: Services, run: Run, flow: Flow, query: Mapping[str, str]
    ) -> CallbackResult:
        """Save the channel's tenant. Trust only its tokens, not the browser's query."""
        if flow.flow != _required_tenant(run):
            raise Rejected(Cause.STATE_MISMATCH, CloudReply("entra"))
        granted = _granted(query)
        if granted and granted.lower() != run.channel.tenant_id.lower():
            raise Rejected(Cause.WRONG_TENANT, CloudReply("entra", code=granted))
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
            time.sleep(paced(pause))
        return prove()


class RehearsalSignIn:
    """Sign-in of the mailbox user with the email app and the bot's own secret.

    This is what Generate Token in Webex Connect does. For a shared mailbox the delegate signs in,
    for whom SMTP AUTH, the grant and Send As were set.
    """

    question = "mailbox_sign_in"
    arrived = "rehearsed"

    def is_complete(self, run: Run) -> bool:
        return run.settled("rehearsal")

    def values(self, run: Run) -> dict[str, str]:
        login = login_of(run) or SOMEBODY
        return {"upn": run.fact("upn"), "login": login, "mailbox": run.channel.mailbox}

    def start(self, services: Services, run: Run, state: str) -> AuthorizationRequest:
        """Build a request for the scope of the form only (checklist.toml O4).

        The request has an ID, because the log of sign-ins has the "identifier that's sent from the
        client when sign-in is initiated" (learn.microsoft.com/graph/api/resources/signin).
        """
        scope = smtp_scope(services.settings.exchange_url)
        with sync_client(services.settings, read_seconds=PRESS_READ_S) as http:
            flow = self._identity(services, run, http).begin(
                [scope], services.settings.callback, state, login_of(run), "login"
            )
        request_id = str(uuid.uuid4())
        record_beginning(services.redis, run.channel.mailbox, request_id)
        url = f"{flow['auth_uri']}&client-request-id={request_id}"
        return AuthorizationRequest(url, json.dumps(flow))

    def handle_callback(
        self, services: Services, run: Run, flow: Flow, query: Mapping[str, str]
    ) -> CallbackResult:
        """Accept only the user who signs in for the mailbox, and encrypt the token and the sign-in.

        The step that logs in uses them. Only that step keeps the sign-in.
        """
        try:
            signed_in = self._signed_in(services, run, flow, query)
        except CloudError as error:
            # a refused secret is not that of Webex Connect here
            if error.cause != Cause.CLIENT_SECRET_WRONG:
                raise
            said = CloudReply(error.service, error.status, error.code, error.message, error.ids)
            raise Rejected(Cause.OWN_SECRET_REFUSED, said) from error
        upn = signed_in.account.upn
        if not _is_expected(run, signed_in.account):
            raise Rejected(Cause.WRONG_MAILBOX_USER, CloudReply("entra", code=upn))
        sealed = (
            (Sealed.REHEARSAL_TOKEN.of(run.id), signed_in.access_token, TOKEN_S),
            (Sealed.REHEARSAL_SESSION.of(run.id), signed_in.cache, TOKEN_S),
        )
        record_success(services.redis, run.channel.mailbox)
        data = {"question": "mailbox_sign_in", "value": "yes"}
        event = Event(Kind.ANSWERED, now(), by=upn, data=data)
        return CallbackResult(event, upn, sealed=sealed)

    def _signed_in(
        self, services: Services, run: Run, flow: Flow, query: Mapping[str, str]
    ) -> SignedIn:
        """Redeem the code of the rehearsal's sign-in, and record the calls.

        Entra's log has these sign-ins next to those of Webex Connect.
        """
        with (
            sync_client(services.settings, read_seconds=CALLBACK_READ_S) as http,
            calls.record_calls() as made,
        ):
            finish = partial(
                self._identity(services, run, http).finish, flow.msal, query, run.tenant
            )
            try:
                return _retry_until_known(run, finish)
            finally:
                record_sign_in(services.redis, run.channel.mailbox, made)

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


def _is_expected(run: Run, account: Account) -> bool:
    expected = run.fact("delegate_id" if run.fact("shared") else "user_id")
    return account.object_id.lower() == expected.lower()


def _required_tenant(run: Run) -> str:
    person, channel = run.requester.id, run.channel
    bound = {"person": person, "tenant": channel.tenant_id, "mailbox": channel.mailbox}
    return json.dumps(bound)


def _granted(query: Mapping[str, str]) -> str:
    # A refusal gets its own cause, because Graph's application permissions require a higher role
    # than others (platforms/microsoft.md 1.5).
    try:
        return read_consent_answer(query)
    except Forbidden as error:
        said = CloudReply("entra", error.status, error.code, error.message, error.ids)
        raise Forbidden(Cause.APP_ACCESS_NOT_ALLOWED, said) from error


def _retry_until_known(run: Run, finish: Callable[[], SignedIn]) -> SignedIn:
    """Call ``finish`` again while Entra may not know yet the objects that the run has just made.

    Such an object is a secret, an app or a grant (microsoft.md 1.2, checklist.toml J7). If the
    first try has used up the code, the error of the first try is raised.
    """
    first: CloudError | None = None
    for pause in SETTLE_S:
        try:
            return finish()
        except CloudError as error:
            if first and error.cause == Cause.CODE_ALREADY_USED:
                raise first from error
            if not may_be_replication(error, run):
                raise
            first = error
        time.sleep(paced(pause))
    return finish()


FLOWS: dict[str, OAuthFlow] = {
    "signin": AdminSignIn(),
    "signin_apart": SignInApart(),
    "signin_exchange": SignInExchange(),
    "access": AppAccessConsent(),
    "consent": Consent(),
    "rehearsal": RehearsalSignIn(),
}
