"""OAuth flows with Microsoft, by name.

They are an administrator's sign-in, admin consent for the email app or for the bot's own app, and
the mailbox user's rehearsal. Each starts after a press, and handles the query that the browser
brings back. Its ``question`` names the problem if it fails, and ``arrived`` the page if it succeeds.
Both methods raise CloudError.

A state is 256 random bits, is stored encrypted with everything the flow needs, is used only once,
and expires after ten minutes.
"""

import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import httpx
import msgspec

from bot.services import Services
from jobs.access import mailbox_login, tenants
from jobs.causes.cause import Cause
from jobs.channel.mailbox import login_id_of, login_of
from jobs.checks.check import may_sign_in
from jobs.clock import now, paced
from jobs.clouds import calls
from jobs.clouds.errors import CloudError, Forbidden, Rejected, SignInNeeded
from jobs.clouds.http import sync_client
from jobs.engine.findings import may_be_replication
from jobs.microsoft import identity, scopes
from jobs.model import RunKind
from jobs.runs.run import Event, Kind, Run
from jobs.steps import permissions_for
from jobs.storage import codec
from jobs.storage.vault import Sealed, VaultName

APART, EXCHANGE = "signin_apart", "signin_exchange"
"""Names of the flows that ask for Graph and Exchange one after the other."""
ONE_AT_A_TIME = frozenset({Cause.SCOPE_WRONG, Cause.SCOPE_MISSING})
"""Causes with which Entra may refuse scopes of two resources at once (AADSTS28000, 70011)."""
PERMISSIONS = "permissions"
"""Name of the requested Graph permissions, in the flow and in the event of the sign-in."""
PRESS_READ_S, CALLBACK_READ_S = 5.0, 10.0
"""Longest pause between two bytes, in seconds, after a press and in a callback."""
LIFE_S = 600
Query = Mapping[str, str]
Kept = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Flow:
    """Meaning of a state: the kind of flow, the run, and what the flow itself keeps.

    MSAL's flow contains the PKCE verifier and the nonce. ``browser`` is the fingerprint of the
    browser in which the flow began (:mod:`bot.web.pages`). An empty one fits no browser.
    """

    kind: str
    run: str
    kept: Kept = field(repr=False)
    browser: str = field(default="", repr=False)


def save(services: Services, state: str, flow: Flow) -> None:
    services.vault.put(Sealed.OAUTH_FLOW.of(state), codec.dump(flow).decode(), LIFE_S)


def read(services: Services, state: str, *, once: bool = False) -> Flow | None:
    """Return the flow, or None for an unknown or used state; with ``once`` the state is used up.

    A flow that another version of the bot has begun counts as unknown if this one cannot read it.
    """
    take = services.vault.take if once else services.vault.get
    sealed = take(Sealed.OAUTH_FLOW.of(state)) if state else None
    with suppress(msgspec.ValidationError):
        return codec.load(sealed, Flow) if sealed else None
    return None


@dataclass(frozen=True, slots=True)
class Result:
    """Result of a callback: the event and account that the page names, or the next flow's kind.

    ``page`` names the page to show, or is empty for the flow's own. ``sealed`` are the values that
    the vault keeps with the event, each with its name and lifetime in seconds.
    """

    event: Event | None = None
    account: str = ""
    then: str = ""
    page: str = ""
    sealed: tuple[tuple[VaultName, str, int], ...] = field(default=(), repr=False)


@dataclass(slots=True)
class AdminSignIn:
    """Sign-in of an administrator with the bot's own app, for Graph and Exchange.

    With ``both``, one page asks for the consent to both (msal's documentation of
    ``acquire_token_by_auth_code_flow``). The code gets a token for Graph, and the same refresh token
    one for Exchange (microsoft.md 6.2). An Entra that refuses scopes of two resources is asked for
    Graph alone. With ``exchange``, the browser is at Microsoft once more, for Exchange. That is
    needed if the tenant has no consent for Exchange yet, or if Exchange requires more than Graph
    does, for example a second factor. Graph is asked only for the permissions of the run's own
    steps (:mod:`jobs.steps`).
    """

    both: bool = False
    exchange: bool = False
    question: str = "sign_in"
    arrived: str = "signed_in"

    def is_complete(self, run: Run) -> bool:
        # A check may still accept a later sign-in of a person with more roles.
        return run.account is not None and not (run.kind is RunKind.CHECK and may_sign_in(run))

    def start(self, services: Services, run: Run, state: str) -> tuple[str, Kept]:
        """Build a request for the permissions, as the administrator who was asked 1:1.

        Microsoft asks which account is meant if nobody was asked, or the last sign-in did not help.
        """
        tried = "sign_in" in run.problems or run.signed_in is not None
        names, hint = permissions_for(run), "" if tried else run.answer("administrator")
        asked, _ = self._scopes(services, names)
        if self.both:
            # by its name: .default allows no scope of Graph next to it (AADSTS70011)
            exchange = scopes.exchange_scope(services.settings.exchange_url)
            asked.append(exchange.replace(".default", scopes.EXCHANGE_PERMISSION))
        with sync_client(services.settings, read_seconds=PRESS_READ_S) as http:
            prompt, back = None if hint else "select_account", services.settings.callback
            bot = identity.Identity.of_bot(services.settings, http)
            flow = bot.begin(asked, back, state, hint, prompt)
        return flow["auth_uri"], {**flow, PERMISSIONS: names}

    def finish(self, services: Services, run: Run, flow: Flow, query: Query) -> Result:
        """Validate the sign-in, prove that it works for the other resource too, and encrypt it.

        A run stays in the tenant that its plan was approved for. An account whose tenant does not
        own the mailbox's domain is refused here, before it is recorded.
        """
        names = tuple(flow.kept[PERMISSIONS])
        first, second = self._scopes(services, names)
        check_tenant = partial(tenants.require_own_tenant, services.settings, run.channel)
        with sync_client(services.settings, read_seconds=CALLBACK_READ_S) as http:
            try:
                bot = identity.Identity.of_bot(services.settings, http)
                signed_in = bot.finish(flow.kept, query, run.required_tenant, first)
            except CloudError as error:
                if self.both and error.cause in ONE_AT_A_TIME:
                    return Result(then=APART)
                raise
            account = signed_in.account
            bot = identity.Identity.of_bot(services.settings, http, account.tenant_id)
            with ThreadPoolExecutor(1, "token") as pool:  # Entra is asked while Graph is
                asked = pool.submit(copy_context().run, bot.token, signed_in.cache, second)
                if not self.exchange:
                    check_tenant(account, signed_in.access_token)
            try:
                token, cache = asked.result()
            except CloudError as error:
                lacks_consent = error.cause == Cause.CONSENT_MISSING
                if self.exchange or not (lacks_consent or isinstance(error, SignInNeeded)):
                    raise
                return Result(then=EXCHANGE)
        if self.exchange:
            check_tenant(account, token)
        session = (Sealed.ADMIN_SESSION.of(run.id), cache, tenants.SESSION_S)
        data = {PERMISSIONS: " ".join(names)}
        event = Event(Kind.SIGNED_IN, now(), by=account.upn, account=account, data=data)
        # An account to which Microsoft lists no useful role gets a page that says so. The account
        # may still do the work with a role group of Exchange, so it is not refused.
        roleless = run.kind is not RunKind.CHECK and scopes.lacks_all(account)
        arrival = "signed_in_roleless" if roleless else ""
        return Result(event, account.upn, page=arrival, sealed=(session,))

    def _scopes(self, services: Services, names: tuple[str, ...]) -> tuple[list[str], list[str]]:
        graph = scopes.graph_scopes(services.settings.graph_url, names)
        exchange = [scopes.exchange_scope(services.settings.exchange_url)]
        return (exchange, graph) if self.exchange else (graph, exchange)


TOKEN_S = 3600
SETTLE_S = (1, 2, 3, 5, 8)
Answer = TypeVar("Answer")
JUST_GRANTED = frozenset({Cause.APP_ROLES_MISSING, Cause.APP_NOT_FOUND, Cause.CONSENT_MISSING})


class Consent:
    """Admin consent for the email app."""

    question = "consent"
    arrived = "consented"

    def is_complete(self, run: Run) -> bool:
        return run.settled("admin_consent")

    def start(self, services: Services, run: Run, state: str) -> tuple[str, Kept]:
        # ``.default`` means everything that the app declares. It is the only way to get application
        # permissions (platforms/microsoft.md 1.6).
        tenant, app = run.tenant or "organizations", run.fact("client_id")
        scope = scopes.exchange_scope(services.settings.exchange_url)
        return identity.admin_consent_url(services.settings, tenant, app, scope, state), {}

    def finish(self, services: Services, run: Run, flow: Flow, query: Query) -> Result:
        """Record only that consent was reported; the step checks whether the grants exist."""
        _require_tenant(identity.read_consent_answer(query), run.tenant)
        data = {"question": self.question, "value": "granted"}
        return Result(Event(Kind.ANSWERED, now(), data=data))


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

    def start(self, services: Services, run: Run, state: str) -> tuple[str, Kept]:
        # The state is bound to the requester, the tenant and the channel.
        settings, bound = services.settings, _bound_to(run)
        app, scope = settings.microsoft_client_id, scopes.graph_default(settings.graph_url)
        return identity.admin_consent_url(settings, bound["tenant"], app, scope, state), bound

    def finish(self, services: Services, run: Run, flow: Flow, query: Query) -> Result:
        """Save the channel's tenant. Trust only its tokens, not the browser's query."""
        if flow.kept != _bound_to(run):
            raise Rejected(Cause.STATE_MISMATCH, "entra")
        try:
            granted = identity.read_consent_answer(query)
        except Forbidden as error:
            # A refusal gets its own cause, because Graph's application permissions require a higher
            # role than others (platforms/microsoft.md 1.5).
            raise error.told_as(Forbidden, Cause.APP_ACCESS_NOT_ALLOWED) from error
        _require_tenant(granted, run.channel.tenant_id)
        tenant, by = run.channel.tenant_id, run.requester.email
        prove = partial(tenants.prove, services.settings, tenant, by)
        access = _settled(prove, self.settles_s, lambda error: error.cause in JUST_GRANTED)
        tenants.keep_grant(services.redis, access)
        data = {"tenant": access.tenant, "roles": ", ".join(access.roles)}
        return Result(Event(Kind.READABLE, now(), by=by, data=data))


class RehearsalSignIn:
    """Sign-in of the mailbox user with the email app and the bot's own secret.

    This is what Generate Token in Webex Connect does. For a shared mailbox the delegate signs in,
    for whom SMTP AUTH, the grant and Send As were set.
    """

    question = "mailbox_sign_in"
    arrived = "rehearsed"

    def is_complete(self, run: Run) -> bool:
        return run.settled("rehearsal")

    def start(self, services: Services, run: Run, state: str) -> tuple[str, Kept]:
        """Build a request for the scope of the form only (checklist.toml O4).

        The request has an ID, because the log of sign-ins has the "identifier that's sent from the
        client when sign-in is initiated" (learn.microsoft.com/graph/api/resources/signin).
        """
        scope = scopes.smtp_scope(services.settings.exchange_url)
        with sync_client(services.settings, read_seconds=PRESS_READ_S) as http:
            entra, back = self._identity(services, run, http), services.settings.callback
            flow = entra.begin([scope], back, state, login_of(run), "login")
        request_id = str(uuid.uuid4())
        mailbox_login.note(services.redis, run.channel.mailbox, {(request_id, mailbox_login.BEGUN)})
        return f"{flow['auth_uri']}&client-request-id={request_id}", flow

    def finish(self, services: Services, run: Run, flow: Flow, query: Query) -> Result:
        """Accept only the user who signs in for the mailbox, and encrypt the token and the sign-in.

        The step that logs in uses them. Only that step keeps the sign-in.
        """
        try:
            # The calls are recorded, because Entra's log has them next to those of Webex Connect.
            with (
                sync_client(services.settings, read_seconds=CALLBACK_READ_S) as http,
                calls.collect() as made,
            ):
                entra = self._identity(services, run, http)
                finish = partial(entra.finish, flow.kept, query, run.tenant)
                try:
                    signed_in = _settled(finish, SETTLE_S, lambda e: may_be_replication(e, run))
                finally:
                    mailbox_login.note_sign_in(services.redis, run.channel.mailbox, made)
        except CloudError as error:
            # a refused secret is not that of Webex Connect here
            if error.cause != Cause.CLIENT_SECRET_WRONG:
                raise
            raise error.told_as(Rejected, Cause.OWN_SECRET_REFUSED) from error
        upn = signed_in.account.upn
        if signed_in.account.object_id.lower() != login_id_of(run).lower():
            raise Rejected(Cause.WRONG_MAILBOX_USER, "entra", code=upn)
        token = (Sealed.REHEARSAL_TOKEN.of(run.id), signed_in.access_token, TOKEN_S)
        session = (Sealed.REHEARSAL_SESSION.of(run.id), signed_in.cache, TOKEN_S)
        mailbox_login.note_success(services.redis, run.channel.mailbox)
        data = {"question": "mailbox_sign_in", "value": "yes"}
        event = Event(Kind.ANSWERED, now(), by=upn, data=data)
        return Result(event, upn, sealed=(token, session))

    def _identity(self, services: Services, run: Run, http: httpx.Client) -> identity.Identity:
        own = (Sealed.REHEARSAL_SECRET.of(run.id), Sealed.CHECK_SECRET.of(run.channel.mailbox))
        secret = next(filter(None, map(services.vault.get, own)), "")
        app, login_url = run.fact("client_id"), services.settings.login_url
        return identity.Identity(login_url, http, run.tenant, app, secret)


def _bound_to(run: Run) -> Kept:
    person, channel = run.requester.id, run.channel
    return {"person": person, "tenant": channel.tenant_id, "mailbox": channel.mailbox}


def _require_tenant(granted: str, tenant: str) -> None:
    if tenant and granted and granted.lower() != tenant.lower():
        raise Rejected(Cause.WRONG_TENANT, "entra", code=granted)


def _settled(
    ask: Callable[[], Answer], pauses: tuple[float, ...], is_early: Callable[[CloudError], bool]
) -> Answer:
    """Call ``ask`` again while Entra may not know yet the objects that were just made.

    Such an object is a secret, an app or a grant (microsoft.md 1.2, checklist.toml J7). If an
    earlier try has used up the code, the error of that try is raised.
    """
    earlier: CloudError | None = None
    for pause in pauses:
        try:
            return ask()
        except CloudError as error:
            if earlier and error.cause == Cause.CODE_ALREADY_USED:
                raise earlier from error
            if not is_early(error):
                raise
            earlier = error
        time.sleep(paced(pause))
    return ask()


FLOWS: dict[str, AdminSignIn | AppAccessConsent | Consent | RehearsalSignIn] = {
    "signin": AdminSignIn(both=True),
    APART: AdminSignIn(),
    EXCHANGE: AdminSignIn(exchange=True),
    "access": AppAccessConsent(),
    "consent": Consent(),
    "rehearsal": RehearsalSignIn(),
}
