"""Microsoft sign-in as a confidential app of a tenant, and admin consent in a browser.

The app is the bot's own, or in the rehearsal the email app. Nothing here is asynchronous, because
msal is not. See :mod:`jobs.microsoft.tokens` for tokens inside the engine.

msal gets our HTTP client, because its own would garble errors, and replay 429 and 5xx from memory
(microsoft.md 6.3). It insists on https: if ``MICROSOFT_LOGIN_URL`` is http on a loopback host, the
URL is corrected here. Discovery documents and signing keys are cached for an hour in this process,
and not in Redis: a client secret is sent to the address in a document, which a writer to Redis must
not change.

msal no longer validates ID tokens itself. Before any claim is used, the signature (RS256, with the
keys of the discovery document), audience, expiry, tenant, issuer and nonce are checked.
"""

import hmac
import json
import re
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import InitVar, dataclass, field, replace
from hashlib import sha256
from html import unescape
from typing import Any, Self, TypeVar
from urllib.parse import quote, urlencode, urlsplit
from uuid import uuid4

import httpx
import jwt
import msal
import structlog

from jobs.causes.cause import Cause, ErrorKind, Meaning
from jobs.causes.patterns import patterns
from jobs.causes.reader import most_telling
from jobs.clouds import calls, clock_skew, errors
from jobs.clouds.http import RetryPolicy, may_repeat, no_answer, parse_retry_after
from jobs.clouds.json_values import Json, as_dict, is_filled_text, parsed, text_of
from jobs.microsoft.app_manifest import merged
from jobs.microsoft.client_credential import Credential, credential_of
from jobs.model import Account
from jobs.settings import Settings, is_loopback

LIFE_S = 3600
DOCUMENTS: dict[str, tuple[float, Json]] = {}
"""Discovery documents and signing keys by URL, each with the time at which it was read."""
log = structlog.get_logger(__name__)
_UNDESCRIBED = Meaning(Cause.REQUEST_REJECTED, ErrorKind.REJECTED)
_CANCELLED = Meaning(Cause.CONSENT_CANCELLED, ErrorKind.REJECTED)
"""Meaning of ``access_denied`` without AADSTS65004: a person may have left (microsoft.md 1.6)."""
_AADSTS = re.compile(r"AADSTS(\d{1,9})", re.IGNORECASE)
_NUMBER = re.compile(r"\d{1,9}")
_ERROR_URI = re.compile(r"https://login\.[a-z.-]+/error\?code=\d+")
_IN_DESCRIPTION = re.compile(  # bounded, because a browser can bring any text
    r"(Trace ID|Correlation ID|Timestamp): {0,9}([0-9a-zA-Z:. -]{1,64}?)"
    r"(?=\s{0,9}(?:Trace ID|Correlation ID|Timestamp|$|[\r\n]))"
)


def entra_error(answer: Mapping[str, Any], status: int = 0) -> errors.CloudError:
    """Return the error in a token endpoint's body or a redirect's query.

    The AADSTS number with its sentence decides, then the OAuth error code (section 5), which
    decides only the kind for an unknown number: that is shown in full with Microsoft's page.
    """
    description = text_of(answer, "error_description")
    numbers = [int(each) for each in _numbers(answer, description)]
    known = most_telling(numbers, description)
    number = known[0] if known else next(iter(numbers), None)
    code = text_of(answer, "error") if number is None else f"AADSTS{number}"
    words, meaning = text_of(answer, "error_description", "error"), _by_word(answer)
    if known:
        meaning = known[1]
    else:
        if numbers and meaning.kind is not ErrorKind.TRANSIENT:
            meaning = _UNDESCRIBED._replace(kind=meaning.kind)
        # the address must have exactly Microsoft's form: anybody can forge a query
        page = _ERROR_URI.fullmatch(text_of(answer, "error_uri"))
        words = " ".join(filter(None, (words, page[0] if page else "")))
    return errors.error_for(meaning, "entra", status, code, words, _ids(answer, description))


def _by_word(answer: Mapping[str, Any]) -> Meaning:
    told = f"{text_of(answer, 'error_subcode')} {text_of(answer, 'error_description')}"
    if answer.get("error") == "access_denied" and re.search(r"\bcancel", told, re.IGNORECASE):
        return _CANCELLED
    words = patterns().codes["oauth"]
    known = map(words.get, (text_of(answer, "suberror"), text_of(answer, "error")))
    return next(filter(None, known), _UNDESCRIBED)


def _numbers(answer: Mapping[str, Any], description: str) -> list[str]:
    return (
        _NUMBER.findall(text_of(answer, "error_codes"))
        or _AADSTS.findall(description)
        or re.findall(r"[?&]code=(\d{1,9})", text_of(answer, "error_uri"))
    )


def _ids(answer: Mapping[str, Any], description: str) -> errors.RequestIds:
    words = {name: value.strip() for name, value in _IN_DESCRIPTION.findall(description)}
    return errors.RequestIds(
        correlation_id=str(answer.get("correlation_id") or words.get("Correlation ID", "")),
        trace_id=str(answer.get("trace_id") or words.get("Trace ID", "")),
        timestamp=str(answer.get("timestamp") or words.get("Timestamp", "")),
    )


class MsalHttp:
    """``http_client`` for msal: our httpx client, with errors raised as CloudError."""

    def __init__(self, http: httpx.Client, login_url: str) -> None:
        address = urlsplit(login_url)
        self._plain = address.scheme == "http"
        if self._plain and not is_loopback(address.hostname or ""):
            raise ValueError(
                "MICROSOFT_LOGIN_URL must begin with https:// (http:// is for a loopback host only)"
            )
        self._http = http

    def outside(self, url: str) -> str:
        """Return the public form of a URL: http again if the login URL is http."""
        parts = urlsplit(url)
        ours = self._plain and parts.scheme == "https" and is_loopback(str(parts.hostname))
        return "http" + url.removeprefix("https") if ours else url

    def document(self, url: str, *, fresh: bool = False) -> Json:
        """Return a JSON document as it is served, from the cache unless ``fresh``."""
        read_at, kept = DOCUMENTS.get(url, (0.0, None))
        if kept is not None and not fresh and time.monotonic() - read_at < LIFE_S:
            return kept
        status, found = self._exchange("GET", url)
        if status != httpx.codes.OK:
            raise entra_error(found, status)
        DOCUMENTS[url] = time.monotonic(), found
        return found

    def get(self, url: str, **_: object) -> httpx.Response:
        """Return a discovery document; its endpoints look like https for an http login URL, too."""
        text = json.dumps(self.document(url))
        text = text.replace('"http://', '"https://') if self._plain else text
        return httpx.Response(httpx.codes.OK, text=text)

    def post(
        self, url: str, data: Mapping[str, Any] | None = None, headers: Any = None, **_: object
    ) -> httpx.Response:
        """Send a token request. httpx would send msal's bytes in Python's notation for bytes."""
        given = _without_nulls(data or {}).items()
        form = {name: each.decode() if isinstance(each, bytes) else each for name, each in given}
        status, answer = self._exchange("POST", url, data=form, headers=headers)
        if status == httpx.codes.OK and not _is_token(answer):
            raise errors.unreadable("entra", "a token answer without a token", status)
        told, asked = _without_nulls(answer), str(form.get("scope", "")).split()
        if "scope" in told:
            missing = [scope for scope in asked if scope.endswith("/.default")]
            told["scope"] = " ".join(merged(str(told["scope"]).split(), missing))
        return httpx.Response(status, json=told)

    def _exchange(self, method: str, url: str, **options: Any) -> tuple[int, Json]:
        headers = {"client-request-id": str(uuid4()), **(options.pop("headers", None) or {})}
        status, ids = 0, errors.RequestIds(client_request_id=headers["client-request-id"])
        with calls.request_to("entra"):
            try:
                with calls.measured("entra") as noted:
                    address = self.outside(url)
                    response = self._http.request(method, address, headers=headers, **options)
                    noted.answered(response.status_code, response.headers)
                status = response.status_code
                ids = replace(ids, request_id=response.headers.get("x-ms-request-id", ""))
            except httpx.RequestError as error:
                raise no_answer("entra", error, errors.RequestIds()) from error
            finally:  # a request whose answer is lost may have signed in, too
                log.debug("call", service="entra", id=ids.client_request_id, status=status)
                if method == "POST":
                    calls.note("entra", f"POST {urlsplit(url).path}", status, ids)
            meaning = errors.by_status(status)
            if response.is_error and meaning.kind is ErrorKind.TRANSIENT:
                raise _busy(meaning, response, ids)
        return status, _body(response)


def _busy(meaning: Meaning, response: httpx.Response, ids: errors.RequestIds) -> errors.Transient:
    # JSON, or an HTML page of which only Microsoft's own code and ids are taken
    body = as_dict(parsed(response.text)) or {"error_description": _of_page(response.text)}
    told = entra_error(body, response.status_code)
    cause = told.cause if isinstance(told, errors.Transient) else meaning.cause
    busy = told.told_as(errors.Transient, cause)
    busy.ids = replace(told.ids, request_id=ids.request_id, client_request_id=ids.client_request_id)
    busy.retry_after = parse_retry_after(response.headers.get("retry-after"))
    return busy


def _of_page(page: str) -> str:
    text = unescape(re.sub(r"<[^>]+>", " ", page))
    found = _AADSTS.search(text)
    return " ".join(text[found.start() :].split()) if found else ""


def _is_token(answer: Mapping[str, Any]) -> bool:
    """Return whether msal can parse the answer: an error, or a token with the right types.

    Entra's older answers write numbers as strings.
    """
    texts = (answer.get(name) or "" for name in ("refresh_token", "id_token", "scope"))
    numbers = (str(answer[name]) for name in ("expires_in", "refresh_in") if name in answer)
    right = all(isinstance(text, str) for text in texts) and all(map(_NUMBER.fullmatch, numbers))
    return "error" in answer or (right and is_filled_text(answer.get("access_token")))


def _without_nulls(values: Mapping[str, Any]) -> Json:
    return {name: value for name, value in values.items() if value is not None}


def _body(response: httpx.Response) -> Json:
    """Return the body, which must be a JSON object; from an HTML error page, Microsoft's code."""
    body = parsed(response.text)
    if isinstance(body, dict):
        return body
    if response.is_error and (words := _of_page(response.text)):
        return {"error": "", "error_description": words}
    raise errors.unreadable("entra", "not a JSON object", response.status_code)


LEEWAY_SECONDS = 300
SHARED_TENANTS = frozenset({"organizations", "common", "consumers"})

#: Tenant part of the issuer in a multi-tenant document: a placeholder, or the name in the request.
_ANY_TENANT = re.compile(r"\{\w+\}|(?<=/)(?:organizations|common)(?=/|$)")

_CAUSES: tuple[tuple[tuple[type[jwt.PyJWTError], ...], str], ...] = (
    ((jwt.ExpiredSignatureError, jwt.ImmatureSignatureError), Cause.ID_TOKEN_EXPIRED),
    ((jwt.InvalidSignatureError, jwt.PyJWKSetError), Cause.ID_TOKEN_SIGNATURE),
    ((jwt.PyJWTError,), Cause.ID_TOKEN_INVALID),
)


def account_name(claims: Mapping[str, Any]) -> str:
    return text_of(claims, "preferred_username", "upn", "unique_name", "email")


def _refused(cause: str, message: str) -> errors.Rejected:
    return errors.Rejected(cause, "entra", message=message)


def admin_consent_url(settings: Settings, tenant: str, app: str, scope: str, state: str) -> str:
    """Return the URL where an administrator grants the scope.

    ``tenant`` is an id or ``organizations``, never ``common``.
    """
    query = {"client_id": app, "scope": scope, "redirect_uri": settings.callback, "state": state}
    page = f"{settings.login_url}/{quote(tenant, safe='')}/v2.0/adminconsent"
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

    msal keeps it for the tenant in the endpoint's address, so ``organizations`` would not find it.
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
    def of_bot(cls, settings: Settings, http: httpx.Client, tenant: str = "organizations") -> Self:
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
    ) -> Json:
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
            flow: Json = app.initiate_auth_code_flow(
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
        given, own = str(query.get("state", "")), str(flow.get("state", ""))
        if not hmac.compare_digest(given.encode(), own.encode()):
            raise errors.Rejected(Cause.STATE_MISMATCH, "entra")
        if "error" in query:
            raise entra_error(query)
        cache = _SignInCache()
        redeem, asked = self._app(cache).acquire_token_by_auth_code_flow, list(scopes) or None
        try:
            result: Json = _PATIENCE.call(redeem, may_repeat, dict(flow), dict(query), asked)
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
        access, soon = kept.CredentialType.ACCESS_TOKEN, time.time() + LEEWAY_SECONDS
        usable = (each for each in kept.search(access, target=list(scopes)) if not refresh)
        if found := next((each for each in usable if int(each["expires_on"]) > soon), None):
            return str(found["secret"]), cache  # an msal application would read a document first

        def ask() -> tuple[str, str]:
            app = self._app(kept)
            if accounts := app.get_accounts():
                silently = app.acquire_token_silent_with_error
                result = silently(list(scopes), account=accounts[0], force_refresh=refresh)
                if result is not None:
                    return self._received(result), kept.serialize()
            raise errors.SignInNeeded(Cause.SIGN_IN_MISSING, "entra")

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
            raise error.told_as(errors.Rejected, Cause.BOT_CREDENTIAL_REFUSED)
        raise error

    def _validated(self, token: str, nonce: str, tenant: str) -> Json:
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
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iss", "aud"], "verify_aud": False},
            )
        except jwt.PyJWTError as error:
            cause = next(cause for kinds, cause in _CAUSES if isinstance(error, kinds))
            skew = clock_skew.excuse() if cause == Cause.ID_TOKEN_EXPIRED else ""
            raise _refused(Cause.CLOCK_WRONG if skew else cause, skew or str(error)) from error
        own, sent = str(claims.get("tid", "")), str(claims.get("nonce", ""))
        if str(claims["aud"]).lower() != self.client_id.lower():  # which may be in capitals
            raise _refused(Cause.ID_TOKEN_AUDIENCE, f"audience {claims['aud']}")
        if not all(map(is_filled_text, (own, claims.get("oid")))):
            raise _refused(Cause.ID_TOKEN_INVALID, "no tid or no oid")
        if tenant.lower() not in {"", own.lower()}:
            raise errors.Rejected(Cause.WRONG_TENANT, "entra", code=account_name(claims))
        issuer = _ANY_TENANT.sub(own, str(document.get("issuer", "")))
        if str(claims["iss"]).rstrip("/") != issuer.rstrip("/"):
            raise _refused(Cause.ID_TOKEN_ISSUER, f"issuer {claims['iss']}")
        if not hmac.compare_digest(sent.encode(), sha256(nonce.encode()).hexdigest().encode()):
            raise _refused(Cause.ID_TOKEN_NONCE, "the nonce is not the one of this sign-in")
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
        return _PATIENCE.call(ask, may_repeat)
    except _MSAL_CONFUSED as error:
        raise errors.unreadable("entra", type(error).__name__) from None
