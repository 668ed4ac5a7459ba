"""Signing keys, tokens, authorization codes and refresh tokens of the practice sign-in."""

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

Json = dict[str, Any]
ACCESS: Final = timedelta(seconds=3599)
CODE_BEGINS: Final = "1.A"
CODE: Final = timedelta(minutes=10)
REFRESH: Final = timedelta(days=90)
SPA_REFRESH: Final = timedelta(hours=24)


class BadTokenError(Exception):
    """Error because this cloud did not sign an access token, or because the token has expired."""


@dataclass(slots=True)
class Code:
    """Issued authorization code, with its request, its consent, and whether it was redeemed."""

    client_id: str
    tenant_id: str
    user_id: str
    redirect_uri: str
    scope: str
    challenge: str
    method: str
    nonce: str
    at: datetime
    used: bool = False


@dataclass(frozen=True, slots=True)
class Refresh:
    """Record of a refresh token, with the redirect URI of its first code.

    A dead token is treated as if it had never been issued.
    """

    client_id: str
    tenant_id: str
    user_id: str
    scope: str
    at: datetime
    redirect_uri: str
    dead: bool = False


@dataclass(slots=True)
class Vault:
    """Store of issued codes and refresh tokens that can still be redeemed."""

    codes: dict[str, Code] = field(default_factory=dict)
    refresh: dict[str, Refresh] = field(default_factory=dict)

    def code(self, record: Code) -> str:
        """Issue an authorization code."""
        text = CODE_BEGINS + secrets.token_urlsafe(48)
        self.codes[text] = record
        return text

    def token(self, record: Refresh) -> str:
        """Issue a refresh token."""
        text = "1.B" + secrets.token_urlsafe(64)
        self.refresh[text] = record
        return text


class Keys:
    """RSA key of this start, which signs and checks RS256 tokens."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.kid = secrets.token_urlsafe(16)
        self._signed = lru_cache(1000)(self._verified)

    def jwks(self) -> Json:
        """Return the public key as a JSON Web Key Set."""
        key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key()))
        return {"keys": [key | {"use": "sig", "kid": self.kid, "x5t": self.kid, "alg": "RS256"}]}

    def sign(self, claims: Json, at: datetime, life: timedelta = ACCESS) -> str:
        """Return a token with these claims, valid from ``at`` for ``life``."""
        start = int(at.timestamp())
        times = {"iat": start, "nbf": start, "exp": int((at + life).timestamp())}
        return jwt.encode(times | claims, self._key, algorithm="RS256", headers={"kid": self.kid})

    def read(self, token: str, at: datetime) -> Json:
        """Return the claims of an access token of this cloud; the caller must check the audience.

        Raises:
            BadTokenError: when the token was not signed here or has expired.
        """
        try:
            claims = self._signed(token)
        except jwt.PyJWTError as error:
            raise BadTokenError("not signed here") from error
        if claims.get("exp", 0) <= at.timestamp():
            raise BadTokenError("expired")
        return claims

    def _verified(self, token: str) -> Json:
        unchecked = ("verify_aud", "verify_exp", "verify_nbf", "verify_iat")
        options: Any = dict.fromkeys(unchecked, False)
        key = self._key.public_key()
        claims: Json = jwt.decode(token, key, algorithms=["RS256"], options=options)
        return claims


def challenge_of(verifier: str, method: str) -> str:
    """Return the PKCE challenge of a verifier."""
    if method != "S256":
        return verifier
    return b64(hashlib.sha256(verifier.encode()).digest())


def b64(data: bytes) -> str:
    """Return the bytes in base64 for URLs, without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def client_info(user_id: str, tenant_id: str) -> str:
    """Return the value ``client_info``, from which MSAL makes an account's ID."""
    return b64(json.dumps({"uid": user_id, "utid": tenant_id}).encode())


def pairwise(user_id: str, client_id: str) -> str:
    """Return a token's subject claim, which differs for every app."""
    return b64(hashlib.sha256(f"{user_id}|{client_id}".encode()).digest())
