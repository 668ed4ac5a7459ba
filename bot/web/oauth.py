"""OAuth flows with Microsoft, by name.

They are an administrator's sign-in (:mod:`bot.web.oauth_sign_in`), admin consent for the email app
or for the bot's own app, and the mailbox user's rehearsal.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass

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
from bot.web.oauth_sign_in import AdminSignIn, SignInApart, SignInExchange
from jobs.access import app_access
from jobs.access.app_access import AppAccess
from jobs.access.mailbox_login import record_beginning, record_sign_in, record_success
from jobs.causes.cause import Cause
from jobs.channel.mailbox import login_of
from jobs.clock import now
from jobs.clouds import call_log
from jobs.clouds.errors import CloudError, CloudReply, Forbidden, Rejected
from jobs.clouds.http import sync_client
from jobs.engine.failures import may_be_replication
from jobs.microsoft.consent import Granted, admin_consent_url, read_consent_answer
from jobs.microsoft.identity import Identity, SignedIn
from jobs.microsoft.scopes import exchange_scope, graph_default, smtp_scope
from jobs.model import Account
from jobs.runs.run import Event, Kind, Run
from jobs.storage.vault import Sealed

TOKEN_S = 3600
SETTLE_S = (1, 2, 3, 5, 8)
SOMEBODY = "key:connect.login_of_user"
JUST_GRANTED = frozenset({Cause.APP_ROLES_MISSING, Cause.APP_NOT_FOUND, Cause.CONSENT_MISSING})


class Consent:
    """Admin consent for the email app, on Microsoft's own page."""

    question = "consent"
    arrived = "consented"

    def is_complete(self, run: Run) -> bool:
        """Return whether the grants were read back."""
        return run.settled("admin_consent")

    def values(self, run: Run) -> dict[str, str]:
        return {"app": run.fact("app_name")}

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
        return AuthorizationRequest(url)

    def handle_callback(
        self, services: Services, run: Run, flow: Flow, query: Mapping[str, str]
    ) -> CallbackResult:
        """Record only that consent was reported; the step checks whether the grants exist."""
        granted = read_consent_answer(query)
        if run.tenant and granted.tenant and granted.tenant.lower() != run.tenant.lower():
            raise Rejected(Cause.WRONG_TENANT, CloudReply("entra", code=granted.tenant))
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
        if granted.tenant and granted.tenant.lower() != run.channel.tenant_id.lower():
            raise Rejected(Cause.WRONG_TENANT, CloudReply("entra", code=granted.tenant))
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

    This is what Generate Token in Webex Connect does. For a shared mailbox the delegate signs in,
    for whom SMTP AUTH, the grant and Send As were set.
    """

    question = "mailbox_sign_in"
    arrived = "rehearsed"

    def is_complete(self, run: Run) -> bool:
        return run.settled("rehearsal")

    def values(self, run: Run) -> dict[str, str]:
        return {
            "upn": run.fact("upn"),
            "login": login_of(run) or SOMEBODY,
            "mailbox": run.channel.mailbox,
        }

    def start(self, services: Services, run: Run, state: str) -> AuthorizationRequest:
        """Build a request for the scope of the form only (CHECKLIST O4).

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
            raise _of_own_secret(error) from error
        if not _is_expected(run, signed_in.account):
            raise Rejected(
                Cause.WRONG_MAILBOX_USER, CloudReply("entra", code=signed_in.account.upn)
            )
        sealed = (
            (Sealed.REHEARSAL_TOKEN.of(run.id), signed_in.access_token, TOKEN_S),
            (Sealed.REHEARSAL_SESSION.of(run.id), signed_in.cache, TOKEN_S),
        )
        record_success(services.redis, run.channel.mailbox)
        event = Event(
            Kind.ANSWERED,
            now(),
            by=signed_in.account.upn,
            data={"question": "mailbox_sign_in", "value": "yes"},
        )
        return CallbackResult(event, signed_in.account.upn, sealed=sealed)

    def _signed_in(
        self, services: Services, run: Run, flow: Flow, query: Mapping[str, str]
    ) -> SignedIn:
        """Redeem the code of the rehearsal's sign-in, and record the calls.

        Entra's log has these sign-ins next to those of Webex Connect.
        """
        with (
            sync_client(services.settings, read_seconds=CALLBACK_READ_S) as http,
            call_log.record_calls() as made,
        ):
            try:
                return _retry_until_known(
                    run,
                    lambda: self._identity(services, run, http).finish(
                        flow.msal, query, run.tenant
                    ),
                )
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


def _of_own_secret(error: CloudError) -> CloudError:
    """Return the error of a sign-in with the bot's own secret.

    A refused secret gets a cause of its own, because the secret is not that of Webex Connect here.
    """
    if error.cause != Cause.CLIENT_SECRET_WRONG:
        return error
    said = CloudReply(error.service, error.status, error.code, error.message, error.ids)
    return Rejected(Cause.OWN_SECRET_REFUSED, said)


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
            Cause.APP_ACCESS_NOT_ALLOWED,
            CloudReply("entra", error.status, error.code, error.message, error.ids),
        ) from error


def _retry_until_known(run: Run, finish: Callable[[], SignedIn]) -> SignedIn:
    """Call ``finish`` again while Entra may not know yet the objects that the run has just made.

    Such an object is a secret, an app or a grant (facts/microsoft.md 1.2, CHECKLIST J7). If the
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
        time.sleep(pause)
    return finish()


FLOWS: dict[str, OAuthFlow] = {
    "signin": AdminSignIn(),
    "signin_apart": SignInApart(),
    "signin_exchange": SignInExchange(),
    "access": AppAccessConsent(),
    "consent": Consent(),
    "rehearsal": RehearsalSignIn(),
}
