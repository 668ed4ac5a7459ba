"""Validation of ID tokens, which msal no longer does itself (platforms/microsoft.md 6.3).

Before any claim is used, the signature (RS256, with the keys of the discovery document), audience,
expiry, tenant, issuer and nonce are checked.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import jwt

from jobs.causes.cause import Cause
from jobs.clouds import clock_skew
from jobs.clouds.errors import CloudReply, Rejected
from jobs.clouds.json_values import is_filled_text, text_of
from jobs.microsoft.msal_http import MsalHttp

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


@dataclass(frozen=True, slots=True)
class Expected:
    """Values that the token must contain. An empty ``tenant`` accepts any tenant."""

    audience: str
    issuer: str
    nonce: str
    tenant: str = ""

    def takes(self, tenant: str) -> bool:
        return self.tenant.lower() in {"", tenant.lower()}


class SigningKeys:
    """Signing keys of one discovery document, read again for an unknown id: keys roll over."""

    def __init__(self, http: MsalHttp, uri: str) -> None:
        self._http = http
        self._uri = uri

    def find(self, key_id: str) -> jwt.PyJWK:
        for fresh in (False, True):
            keys = jwt.PyJWKSet.from_dict(self._http.document(self._uri, fresh=fresh)).keys
            if found := _of_id(keys, key_id) or _only_key(keys, key_id):
                return found
        raise jwt.InvalidSignatureError(f"no signing key {key_id!r}")


def _of_id(keys: list[jwt.PyJWK], key_id: str) -> jwt.PyJWK | None:
    return next((key for key in keys if key.key_id == key_id), None)


def _only_key(keys: list[jwt.PyJWK], key_id: str) -> jwt.PyJWK | None:
    """Return the only key if the token or the key has no key id, and otherwise None."""
    return keys[0] if len(keys) == 1 and not (key_id and keys[0].key_id) else None


def validate(token: str, keys: SigningKeys, expected: Expected) -> dict[str, Any]:
    """Return the claims of a token that passes every check.

    Raises:
        Rejected: a check failed. The cause says which (``id_token_signature``, ``wrong_tenant``).
            If the token's times do not hold and this machine's clock is off, it is ``clock_wrong``.
    """
    try:
        key = keys.find(str(jwt.get_unverified_header(token).get("kid", "")))
        claims = jwt.decode(
            token,
            key,
            algorithms=["RS256"],
            audience=expected.audience,
            leeway=LEEWAY_SECONDS,
            options={"require": ["exp", "iss", "aud"], "strict_aud": True},
        )
    except jwt.PyJWTError as error:
        cause = next(cause for kind, cause in _CAUSES if isinstance(error, kind))
        skew = clock_skew.excuse() if cause == Cause.ID_TOKEN_EXPIRED else ""
        raise _refused(Cause.CLOCK_WRONG if skew else cause, skew or str(error)) from error
    _check(claims, expected)
    return claims


def _check(claims: Mapping[str, Any], expected: Expected) -> None:
    tenant = str(claims.get("tid", ""))
    if not tenant or not is_filled_text(claims.get("oid")):
        raise _refused(Cause.ID_TOKEN_INVALID, "no tid or no oid")
    if not expected.takes(tenant):
        raise Rejected(Cause.WRONG_TENANT, CloudReply("entra", code=account_name(claims)))
    if str(claims["iss"]).rstrip("/") != _ANY_TENANT.sub(tenant, expected.issuer).rstrip("/"):
        raise _refused(Cause.ID_TOKEN_ISSUER, f"issuer {claims['iss']}")
    if not hmac.compare_digest(
        str(claims.get("nonce", "")).encode(), sha256(expected.nonce.encode()).hexdigest().encode()
    ):
        raise _refused(Cause.ID_TOKEN_NONCE, "the nonce is not the one of this sign-in")


def account_name(claims: Mapping[str, Any]) -> str:
    """Return the name with which the account signs in, or an empty string."""
    return text_of(claims, "preferred_username", "upn", "unique_name", "email")


def _refused(cause: str, message: str) -> Rejected:
    return Rejected(cause, CloudReply("entra", message=message))
