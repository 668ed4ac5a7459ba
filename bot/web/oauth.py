"""The journeys to Microsoft: an administrator's sign-in, admin consent for the email app or for the bot's own, the mailbox user's rehearsal."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import httpx

from bot.services import Desk
from bot.web.oauth_state import Flow
from jobs.access import app_access
from jobs.access.admin_session import SESSION_S
from jobs.access.app_access import AppAccess
from jobs.access.mailbox_login import went_well
from jobs.checks import check
from jobs.clock import now
from jobs.clouds.errors import CloudError, NotAllowed, Rejected, Said, SignInNeeded
from jobs.clouds.http import sync_client
from jobs.engine.failures import settles
from jobs.microsoft.consent import Granted, admin_consent_url, read_consent_answer
from jobs.microsoft.identity import Identity, SignedIn
from jobs.microsoft.scopes import GRAPH_READ_SCOPES, GRAPH_SETUP_SCOPES, exchange_scope, graph_default, graph_scopes, smtp_scope
from jobs.runs.run import Event, Kind, Run

TOKEN_S = 3600
SETTLE_S = (1, 2, 3, 5, 8)
JUST_GRANTED = frozenset({"app_roles_missing", "app_not_found", "consent_missing"})


@dataclass(frozen=True, slots=True)
class Departure:
    """Where the person goes, what the page says, and what has to be kept until they are back."""

    url: str
    values: dict[str, str]
    flow: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Arrival:
    """What came of it: the event, and the account that the page names; or the journey that has to follow at once."""

    event: Event | None = None
    account: str = ""
    onward: str = ""


class Journey(Protocol):
    """``question`` names the problem where it fails, ``arrived`` the page where it does not."""

    question: str
    arrived: str

    def done(self, run: Run) -> bool:
        """Whether nobody has to travel any more."""
        ...

    def depart(self, desk: Desk, run: Run, state: str) -> Departure:
        """Begin. Raises CloudError where Microsoft cannot be reached."""
        ...

    def arrive(self, desk: Desk, run: Run, flow: Flow, query: Mapping[str, str]) -> Arrival:
        """End with what the browser brought back. Raises CloudError for everything that does not count."""
        ...


class SignIn:
    """An administrator, by the bot's own app, for Graph. Exchange's token follows by the same refresh token (facts/microsoft.md 6.2)."""

    question = "sign_in"
    arrived = "signed_in"
    onward = "signin_exchange"

    def done(self, run: Run) -> bool:
        """Somebody is signed in; to a check somebody with more roles may sign in after them."""
        return run.account is not None and not (run.kind == "check" and check.may_sign_in(run))

    def depart(self, desk: Desk, run: Run, state: str) -> Departure:
        """Ask for the first resource's permissions; one journey can ask for one resource only."""
        with sync_client(desk.settings) as http:
            flow = Identity.of_bot(desk.settings, http).begin(self.first(desk, run), desk.settings.callback, state)
        values = {"mailbox": run.channel.mailbox, "requester": run.requester.email}
        return Departure(flow["auth_uri"], values, json.dumps(flow))

    def arrive(self, desk: Desk, run: Run, flow: Flow, query: Mapping[str, str]) -> Arrival:
        """Validate, prove that the sign-in is good for the other resource too, and seal it. A run stays in the tenant that its plan was approved for."""
        with sync_client(desk.settings) as http:
            signed_in = Identity.of_bot(desk.settings, http).finish(flow.msal, query, run.bound_to)
            account = signed_in.account
            try:
                _, cache = Identity.of_bot(desk.settings, http, account.tenant_id).token(signed_in.cache, self.second(desk, run))
            except CloudError as error:
                if not self.onward or not (error.cause == "consent_missing" or isinstance(error, SignInNeeded)):
                    raise
                return Arrival(onward=self.onward)
        desk.vault.put(f"session:{run.id}", cache, SESSION_S)
        return Arrival(Event(Kind.SIGNED_IN, now(), by=account.upn, account=account), account.upn)

    def first(self, desk: Desk, run: Run) -> list[str]:
        """The resource that is asked for in the browser."""
        return _graph(desk, run)

    def second(self, desk: Desk, run: Run) -> list[str]:
        """The resource whose token is had without asking, if consent to it exists."""
        return [exchange_scope(desk.settings.exchange_url)]


class SignInExchange(SignIn):
    """The second half, where nobody in the tenant has consented to Exchange yet, or Exchange asks for more than Graph, a second factor say.

    The browser goes to Microsoft once more.
    """

    onward = ""

    def first(self, desk: Desk, run: Run) -> list[str]:
        """Exchange."""
        return [exchange_scope(desk.settings.exchange_url)]

    def second(self, desk: Desk, run: Run) -> list[str]:
        """Graph, to which the first half got consent."""
        return _graph(desk, run)


class Consent:
    """Admin consent for the email app, on Microsoft's own page."""

    question = "consent"
    arrived = "consented"

    def done(self, run: Run) -> bool:
        """The grants were read back."""
        return run.settled("admin_consent")

    def depart(self, desk: Desk, run: Run, state: str) -> Departure:
        """``.default`` is all that the app declares, and the only way to application permissions (facts/microsoft.md 1.6)."""
        scopes = [exchange_scope(desk.settings.exchange_url)]
        url = admin_consent_url(
            desk.settings.login_url, run.tenant or "organizations", run.fact("client_id"), scopes, desk.settings.callback, state
        )
        return Departure(url, {"app": run.fact("app_name")})

    def arrive(self, desk: Desk, run: Run, flow: Flow, query: Mapping[str, str]) -> Arrival:
        """A word only: the step reads whether the grants are there."""
        granted = read_consent_answer(query)
        if run.tenant and granted.tenant and granted.tenant.lower() != run.tenant.lower():
            raise Rejected("wrong_tenant", Said("entra", code=granted.tenant))
        return Arrival(Event(Kind.ANSWERED, now(), data={"question": "consent", "value": "granted"}))


@dataclass(slots=True)
class LetRead:
    """Admin consent for the bot's own app: application permissions to read, for ``/check`` without a sign-in (facts/microsoft.md 1.6, 6.2 b).

    ``settles_s`` are the pauses between tries, in seconds, while Entra may not have spread yet what was granted (facts 7).
    """

    settles_s: tuple[float, ...] = (0.5, 1, 2, 3)
    question: str = "app_access"
    arrived: str = "readable"

    def done(self, run: Run) -> bool:
        """The tokens were seen to carry the permissions."""
        return bool(run.answer("app_access"))

    def depart(self, desk: Desk, run: Run, state: str) -> Departure:
        """To the channel's own tenant, for all that the bot's app declares; the state is bound to who asked, tenant and channel."""
        settings = desk.settings
        scopes = [graph_default(settings.graph_url)]
        url = admin_consent_url(settings.login_url, run.channel.tenant_id, settings.microsoft_client_id, scopes, settings.callback, state)
        return Departure(url, {"mailbox": run.channel.mailbox, "requester": run.requester.email}, _bound(run))

    def arrive(self, desk: Desk, run: Run, flow: Flow, query: Mapping[str, str]) -> Arrival:
        """Believe the tokens of the channel's tenant, and nothing that came with the browser; then remember the tenant."""
        if flow.flow != _bound(run):
            raise Rejected("state_mismatch", Said("entra"))
        granted = _granted(query)
        if granted.tenant and granted.tenant.lower() != run.channel.tenant_id.lower():
            raise Rejected("wrong_tenant", Said("entra", code=granted.tenant))
        access = self._proven(lambda: app_access.prove(desk.settings, run.channel.tenant_id, run.requester.email))
        app_access.remember(desk.redis, access)
        data = {"tenant": access.tenant, "roles": ", ".join(access.roles)}
        return Arrival(Event(Kind.READABLE, now(), by=run.requester.email, data=data))

    def _proven(self, prove: Callable[[], AppAccess]) -> AppAccess:
        for pause in self.settles_s:
            try:
                return prove()
            except CloudError as error:
                if error.cause not in JUST_GRANTED:
                    raise
            time.sleep(pause)
        return prove()


class Rehearsal:
    """The mailbox user, by the email app with the bot's own secret: what Webex Connect's Generate Token does.

    For a shared mailbox another user of the tenant signs in; whether that one may log in for it is for the mail server to say.
    """

    question = "mailbox_sign_in"
    arrived = "rehearsed"

    def done(self, run: Run) -> bool:
        """The login was rehearsed or skipped."""
        return run.settled("rehearsal")

    def depart(self, desk: Desk, run: Run, state: str) -> Departure:
        """The scope of the form, and nothing else (CHECKLIST O4)."""
        scope = smtp_scope(desk.settings.exchange_url)
        with sync_client(desk.settings) as http:
            hint = "" if run.fact("shared") else run.fact("upn")
            flow = self._identity(desk, run, http).begin([scope], desk.settings.callback, state, hint, "login")
        return Departure(flow["auth_uri"], {"upn": run.fact("upn"), "mailbox": run.channel.mailbox}, json.dumps(flow))

    def arrive(self, desk: Desk, run: Run, flow: Flow, query: Mapping[str, str]) -> Arrival:
        """Only who signs in for the mailbox counts; token and sign-in are sealed for the step that logs in, which alone keeps the sign-in."""
        with sync_client(desk.settings) as http:
            signed_in = _once_known(run, lambda: self._identity(desk, run, http).finish(flow.msal, query, run.tenant))
        if not run.fact("shared") and signed_in.account.object_id.lower() != run.fact("user_id").lower():
            raise Rejected("wrong_mailbox_user", Said("entra", code=signed_in.account.upn))
        desk.vault.put(f"rehearsal:{run.id}", signed_in.access_token, TOKEN_S)
        desk.vault.put(f"rehearsal-session:{run.id}", signed_in.cache, TOKEN_S)
        went_well(desk.redis, run.channel.mailbox)
        event = Event(Kind.ANSWERED, now(), by=signed_in.account.upn, data={"question": "mailbox_sign_in", "value": "yes"})
        return Arrival(event, signed_in.account.upn)

    def _identity(self, desk: Desk, run: Run, http: httpx.Client) -> Identity:
        own = (f"rehearsal-secret:{run.id}", f"check-secret:{run.channel.mailbox}")
        secret = next(filter(None, map(desk.vault.get, own)), "")
        return Identity(desk.settings.login_url, http, run.tenant, run.fact("client_id"), secret)


def _graph(desk: Desk, run: Run) -> list[str]:
    """A check asks for permissions to read, and for nothing else."""
    return graph_scopes(desk.settings.graph_url, GRAPH_READ_SCOPES if run.kind == "check" else GRAPH_SETUP_SCOPES)


def _bound(run: Run) -> str:
    return json.dumps({"person": run.requester.id, "tenant": run.channel.tenant_id, "mailbox": run.channel.mailbox})


def _granted(query: Mapping[str, str]) -> Granted:
    """What the browser brought back; Graph's application permissions take a higher role than others (facts/microsoft.md 1.5)."""
    try:
        return read_consent_answer(query)
    except NotAllowed as error:
        raise NotAllowed("app_access_not_allowed", Said("entra", error.status, error.code, error.message, error.ids)) from error


def _once_known(run: Run, finish: Callable[[], SignedIn]) -> SignedIn:
    """Try again while Entra may not know yet what the run wrote a moment ago: a secret, an app, a grant (facts/microsoft.md 1.2, CHECKLIST J7).

    Where the first try has used the code up, what it was refused for is the error.
    """
    first: CloudError | None = None
    for pause in SETTLE_S:
        try:
            return finish()
        except CloudError as error:
            if first and error.cause == "code_already_used":
                raise first from error
            if not settles(error, run):
                raise
            first = error
        time.sleep(pause)
    return finish()


JOURNEYS: dict[str, Journey] = {
    "signin": SignIn(),
    "signin_exchange": SignInExchange(),
    "access": LetRead(),
    "consent": Consent(),
    "rehearsal": Rehearsal(),
}
