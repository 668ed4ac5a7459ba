"""Microsoft sign-in as a confidential app of a tenant, and admin consent in a browser.

The app is the bot's own, or in the rehearsal the email app. Nothing here is asynchronous, because
msal is not. See :mod:`jobs.microsoft.tokens` for tokens inside the engine.

msal no longer validates ID tokens itself. Before any claim is used, the
signature (RS256, with the keys of the discovery document), audience, expiry, tenant, issuer and
nonce are checked.
"""

from __future__ import annotations

import hmac
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import InitVar, dataclass, field
from hashlib import sha256
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import httpx
import jwt
import msal

from jobs.causes.cause import Cause
from jobs.causes.patterns import patterns
from jobs.clouds import clock_skew, errors
from jobs.clouds.json_values import is_filled_text, text_of
from jobs.clouds.retry import RetryPolicy, may_repeat
from jobs.microsoft.client_credential import Credential, credential_of
from jobs.microsoft.msal_http import MsalHttp, entra_error
from jobs.model import Account
from jobs.settings import Settings

LEEWAY_SECONDS = 300
SHARED_TENANTS = frozenset({"organizations", "common", "consumers"})

#: Tenant part of the issuer in a multi-tenant document: a placeholder, or the name in the request.
_ANY_TENANT = re.compile(r"\{\w+\}|(?<=/)(?:organizations|common)(?=/|$)")

_CAUSES: tuple[tuple[type[jwt.PyJWTError], str], ...] = (
    (jwt.ExpiredSignatureError, Cause.ID_TOKEN_EXPIRED),
    (jwt.ImmatureSignatureError, Cause.ID_TOKEN_EXPIRED),
    (jwt.InvalidAudienceError, Cause.ID_TOKEN_AUDIENCE),
    (jwt.InvalidSignatureError, Cause.ID_TOKEN_SIGNATURE),
    (jwt.PyJWKSetError, Cause.ID_TOKEN_SIGNATURE),
    (jwt.PyJWTError, Cause.ID_TOKEN_INVALID),
)


def account_name(claims: Mapping[str, Any]) -> str:
    return text_of(claims, "preferred_username", "upn", "unique_name", "email")


def _check_claims(claims: Mapping[str, Any], issuer: str, nonce: str, tenant: str) -> None:
    own, sent = str(claims.get("tid", "")), str(claims.get("nonce", ""))
    if not own or not is_filled_text(claims.get("oid")):
        raise _refused(Cause.ID_TOKEN_INVALID, "no tid or no oid")
    if tenant.lower() not in {"", own.lower()}:
        said = errors.CloudReply("entra", code=account_name(claims))
        raise errors.Rejected(Cause.WRONG_TENANT, said)
    if str(claims["iss"]).rstrip("/") != _ANY_TENANT.sub(own, issuer).rstrip("/"):
        raise _refused(Cause.ID_TOKEN_ISSUER, f"issuer {claims['iss']}")
    if not hmac.compare_digest(sent.encode(), sha256(nonce.encode()).hexdigest().encode()):
        raise _refused(Cause.ID_TOKEN_NONCE, "the nonce is not the one of this sign-in")


def _refused(cause: str, message: str) -> errors.Rejected:
    return errors.Rejected(cause, errors.CloudReply("entra", message=message))


def admin_consent_url(  # noqa: PLR0913, PLR0917  one for each part of the URL
    login_url: str, tenant: str, client_id: str, scopes: Sequence[str], redirect: str, state: str
) -> str:
    """Return the URL where an administrator grants the scopes.

    ``tenant`` is an id or ``organizations``, never ``common``.
    """
    query = {"client_id": client_id, "scope": " ".join(scopes)}
    query |= {"redirect_uri": redirect, "state": state}
    page = f"{login_url}/{quote(tenant, safe='')}/v2.0/adminconsent"
    return f"{page}?{urlencode(query, quote_via=quote)}"


def read_consent_answer(query: Mapping[str, str]) -> str:
    """Return the tenant in the consent redirect: a claim, never proof, and no authorization.

    A refusal also contains ``admin_consent=True``, so ``error`` decides. An error that says the
    grant exists already is not a refusal.

    Raises:
        CloudError: the administrator declined, or is not allowed to grant consent.
    """
    if "error" in query:
        error = entra_error(query)
        if not isinstance(error, errors.AlreadyExists):
            raise error
    elif query.get("admin_consent", "").lower() != "true":
        raise _refused(Cause.CONSENT_DECLINED, "no admin_consent in the answer")
    return query.get("tenant", "")


T = TypeVar("T")
_PATIENCE = RetryPolicy(attempts=3, jitter_s=1.0)
#: Exceptions of msal for an answer that it cannot parse. They carry no further detail.
_MSAL_CONFUSED = (ValueError, KeyError, IndexError, TypeError, AttributeError)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Validated sign-in. Seal ``cache``, msal's token cache: it holds the refresh token."""

    account: Account
    cache: str = field(repr=False)
    access_token: str = field(repr=False)


class _SignInCache(msal.SerializableTokenCache):  # type: ignore[misc]  # msal has no types
    """Token cache of one sign-in, which can keep its token for the person's own tenant too.

    msal keeps it for the tenant in the endpoint's address, and would ask again after
    ``organizations``.
    """

    _received: Mapping[str, Any]

    def add(self, event: Mapping[str, Any], **options: Any) -> None:
        self._received = event
        super().add(event, **options)

    def file_under(self, shared: str, tenant: str) -> None:
        address = self._received["token_endpoint"].replace(f"/{shared}/", f"/{tenant}/")
        self.add({**self._received, "token_endpoint": address, "skip_account_creation": True})


@dataclass(eq=False, repr=False)
class Identity:
    """Confidential app in one tenant, or in ``organizations`` for the person's own tenant."""

    login_url: str
    http: InitVar[httpx.Client]
    tenant: str
    client_id: str
    credential: Credential
    is_bot: bool = False

    def __post_init__(self, http: httpx.Client) -> None:
        self._http = MsalHttp(http, self.login_url)

    @classmethod
    def of_bot(
        cls, settings: Settings, http: httpx.Client, tenant: str = "organizations"
    ) -> Identity:
        """Return the identity of the bot's own app.

        Raises:
            Rejected: ``bot_credential_refused``, if the bot's certificate cannot be read.
        """
        client_id, credential = settings.microsoft_client_id, credential_of(settings)
        return cls(settings.login_url, http, tenant, client_id, credential, is_bot=True)

    def begin(
        self,
        scopes: Sequence[str],
        redirect_uri: str,
        state: str,
        login_hint: str = "",
        prompt: str | None = "select_account",
    ) -> dict[str, Any]:
        """Start a sign-in (code flow, PKCE S256), and return it in a form for JSON.

        Send the person to ``flow["auth_uri"]`` and keep the rest sealed: it holds the PKCE verifier
        and the nonce. One page asks for the consent to ``scopes`` of several resources. Without a
        ``prompt`` Microsoft takes the account of ``login_hint`` unasked. The signing keys are read
        now, because the person waits at the return.
        """
        app = self._app()
        with suppress(errors.CloudError):
            self._http.document(text_of(self._http.document(self._discovery), "jwks_uri"))
        # msal prefers form_post; GET is used so that SameSite cookies arrive
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="response_mode=", category=UserWarning)
            flow: dict[str, Any] = app.initiate_auth_code_flow(
                list(scopes),
                redirect_uri=redirect_uri,
                state=state,
                login_hint=login_hint or None,
                prompt=prompt,
            )
        return {**flow, "auth_uri": self._http.outside(flow["auth_uri"])}

    def finish(
        self,
        flow: Mapping[str, Any],
        query: Mapping[str, str],
        tenant_id: str = "",
        scopes: Sequence[str] = (),
    ) -> SignedIn:
        """Finish a sign-in with the query that the browser brought back.

        ``scopes`` are those of the token's resource; needed if the sign-in asked for several.

        Raises:
            CloudError: ``state_mismatch``, the cause of an ``error`` in the query or of the
                token endpoint, ``wrong_tenant``, or one of the ``id_token_...`` causes.
        """
        if not hmac.compare_digest(
            str(query.get("state", "")).encode(), str(flow.get("state", "")).encode()
        ):
            raise errors.Rejected(Cause.STATE_MISMATCH, errors.CloudReply("entra"))
        if "error" in query:
            raise entra_error(query)
        cache = _SignInCache()
        ask = self._app(cache).acquire_token_by_auth_code_flow
        try:
            result: dict[str, Any] = ask(dict(flow), dict(query), list(scopes) or None)
        except RuntimeError:  # for a wrong nonce, with the whole ID token in its text
            raise _refused(Cause.ID_TOKEN_NONCE, "") from None
        except _MSAL_CONFUSED as error:
            raise _refused(Cause.ID_TOKEN_INVALID, type(error).__name__) from None
        token = self._received(result)
        named = "" if self.tenant in SHARED_TENANTS or "." in self.tenant else self.tenant
        nonce = str(flow.get("nonce", ""))
        claims = self._validated(str(result.get("id_token", "")), nonce, tenant_id or named)
        roles = claims.get("wids")
        account = Account(
            tenant_id=str(claims["tid"]),
            object_id=str(claims["oid"]),
            upn=account_name(claims),
            roles=tuple(str(role) for role in roles) if isinstance(roles, list) else (),
        )
        if self.tenant in SHARED_TENANTS:
            cache.file_under(self.tenant, account.tenant_id)
        return SignedIn(account, cache.serialize(), token)

    def discover(self) -> None:
        """Read the tenant's discovery document again, bypassing the cache."""
        self._http.document(self._discovery, fresh=True)

    def token(self, cache: str, scopes: Sequence[str], *, refresh: bool = False) -> tuple[str, str]:
        """Return a token for one resource without user interaction, and the new cache.

        With ``refresh`` no access token of the cache is used. Every attempt uses a new msal
        application, which remembers no failure (microsoft.md 6.3).

        Raises:
            SignInNeeded: the refresh token is no longer valid, or none exists.
        """
        kept = msal.SerializableTokenCache()
        kept.deserialize(cache)

        def ask() -> tuple[str, str]:
            app = self._app(kept)
            if accounts := app.get_accounts():
                silently = app.acquire_token_silent_with_error
                result = silently(list(scopes), account=accounts[0], force_refresh=refresh)
                if result is not None:
                    return self._received(result), kept.serialize()
            raise errors.SignInNeeded(Cause.SIGN_IN_MISSING, errors.CloudReply("entra"))

        return _retry_if_busy(ask)

    def app_token(self, scope: str) -> str:
        """Return an app-only token (client credentials); ``scope`` is a resource's ``.default``.

        Raises:
            CloudError: the tenant no longer knows the app, or has disabled it, or the bot's own
                secret is invalid.
        """
        return _retry_if_busy(lambda: self._received(self._app().acquire_token_for_client([scope])))

    def _received(self, result: Mapping[str, Any]) -> str:
        """Return the access token that msal received.

        Raises:
            CloudError: Entra returned an error instead. A refusal of the bot's own credential is
                ``bot_credential_refused``, because only the bot's operator can act on it.
        """
        if "access_token" in result:
            return str(result["access_token"])
        error = entra_error(result, httpx.codes.BAD_REQUEST)
        if self.is_bot and error.cause in patterns().groups["of_credential"]:
            said = errors.CloudReply("entra", error.status, error.code, error.message, error.ids)
            error = errors.Rejected(Cause.BOT_CREDENTIAL_REFUSED, said)
        raise error

    def _validated(self, token: str, nonce: str, tenant: str) -> dict[str, Any]:
        """Return the claims of an ID token that passes every check; an empty tenant means any.

        Raises:
            Rejected: a check failed. The cause says which (``id_token_signature``,
                ``wrong_tenant``). If the token's times do not hold and this machine's clock is off,
                it is ``clock_wrong``.
        """
        document = self._http.document(self._discovery)
        try:
            key_id = str(jwt.get_unverified_header(token).get("kid", ""))
            claims = jwt.decode(
                token,
                self._signing_key(str(document.get("jwks_uri", "")), key_id),
                algorithms=["RS256"],
                audience=self.client_id,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iss", "aud"], "strict_aud": True},
            )
        except jwt.PyJWTError as error:
            cause = next(cause for kind, cause in _CAUSES if isinstance(error, kind))
            skew = clock_skew.excuse() if cause == Cause.ID_TOKEN_EXPIRED else ""
            raise _refused(Cause.CLOCK_WRONG if skew else cause, skew or str(error)) from error
        _check_claims(claims, str(document.get("issuer", "")), nonce, tenant)
        return claims

    def _signing_key(self, uri: str, key_id: str) -> jwt.PyJWK:
        """Return the key of this id, for which the document is read again: keys roll over."""
        for fresh in (False, True):
            keys = jwt.PyJWKSet.from_dict(self._http.document(uri, fresh=fresh)).keys
            found = [key for key in keys if key.key_id == key_id]
            if not found and len(keys) == 1 and not (key_id and keys[0].key_id):
                found = keys  # the only key, and the token or the key has no id
            if found:
                return found[0]
        raise jwt.InvalidSignatureError(f"no signing key {key_id!r}")

    @property
    def _discovery(self) -> str:
        return f"{self.login_url}/{self.tenant}/v2.0/.well-known/openid-configuration"

    def _app(
        self, cache: msal.SerializableTokenCache | None = None
    ) -> msal.ConfidentialClientApplication:
        try:
            return msal.ConfidentialClientApplication(
                self.client_id,
                client_credential=self.credential,
                authority=f"https://{self.login_url.partition('://')[2]}/{self.tenant}",
                instance_discovery=False,
                token_cache=cache,
                http_client=self._http,
            )
        except _MSAL_CONFUSED as error:
            raise errors.unreadable("entra", "the discovery document lacks an endpoint") from error


def _retry_if_busy(ask: Callable[[], T]) -> T:
    try:
        return _PATIENCE.call(ask, lambda error: may_repeat(error, repeatable=True))
    except _MSAL_CONFUSED as error:
        raise errors.unreadable("entra", type(error).__name__) from None
