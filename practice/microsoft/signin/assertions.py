"""Client assertions: a JWT in place of a client secret, signed with a certificate or federated.

Sources: Microsoft's pages "certificate credentials" (PS256 with ``x5t#S256``, or RS256 with ``x5t``; the
claims aud, exp, iss, jti, nbf and sub) and "workload identity federation" (issuer, subject and audience
must match exactly). The texts of the errors are those of public reports of them.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any, Final

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from practice.microsoft.signin.errors import Trouble
from practice.microsoft.world import World

Json = dict[str, Any]
JWT_BEARER: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
CLOCKS_DIFFER_S: Final = 300
CERTIFICATES: Final = "_certificates"
FEDERATED: Final = "_federatedIdentityCredentials"
THUMBPRINTS: Final = {
    "x5t#S256": (hashes.SHA256(), ("PS256", "RS256")),
    "x5t": (hashes.SHA1(), ("RS256",)),  # noqa: S303  Microsoft's older header
}
_UNCHECKED: Final[Any] = {"verify_signature": False}


@dataclass(frozen=True, slots=True)
class Assertion:
    """Client assertion that a client sent in place of a secret.

    It has the header and the claims of the JWT before any check.
    """

    text: str
    header: Json
    claims: Json

    @classmethod
    def of(cls, form: dict[str, str]) -> Assertion:
        """Return the assertion of a request.

        Raises:
            Trouble: AADSTS9002313 or 50027 when it is not a client assertion.
        """
        if form.get("client_assertion_type") != JWT_BEARER:
            raise Trouble(9002313, error="invalid_request")
        text = form["client_assertion"]
        try:
            claims = jwt.decode(text, options=_UNCHECKED)
            return cls(text, jwt.get_unverified_header(text), claims)
        except jwt.PyJWTError:
            raise Trouble(50027, ("JWT format error.",)) from None

    def claim(self, name: str) -> str:
        """Return a claim as text, or an empty text if the claim is missing."""
        return str(self.claims.get(name) or "")


def check_assertion(world: World, app: Json, tenant: str, form: dict[str, str]) -> None:
    """Check that the assertion is from this app, is valid now, and is meant for this endpoint.

    An assertion may be used more than once until it ends, because msal does that.

    Raises:
        Trouble: AADSTS50027, 700021, 700023, 700024, 700027, 700211, 700212 or 700213.
    """
    assertion = Assertion.of(form)
    if assertion.claim("iss") == app["appId"]:
        _check_certificate(world, app, tenant, assertion)
    else:
        _check_federated(world, app, assertion)


def _check_certificate(world: World, app: Json, tenant: str, assertion: Assertion) -> None:
    certificate, algorithms = _certificate_of(app, assertion)
    _check_signature(assertion, certificate.public_key(), algorithms, 700027)
    if certificate.not_valid_after_utc <= world.now():
        raise Trouble(700027, ("The key used is expired.",))
    if assertion.claim("sub") != app["appId"]:
        raise Trouble(700021)
    if not assertion.claim("jti"):
        raise Trouble(50027, ("The claim jti is missing.",))
    base = f"{world.base_url}/{tenant}"
    if assertion.claims.get("aud") not in {f"{base}/v2.0", f"{base}/oauth2/v2.0/token"}:
        raise Trouble(700023)
    _check_time(world, assertion)


def _certificate_of(app: Json, assertion: Assertion) -> tuple[x509.Certificate, tuple[str, ...]]:
    """Return the app's certificate that the assertion's header names.

    The second value has the algorithms that are allowed with that header.
    """
    named = [name for name in THUMBPRINTS if assertion.header.get(name)]
    if not named:
        raise Trouble(50027, ("No certificate thumbprint specified in token header.",))
    digest, algorithms = THUMBPRINTS[named[0]]
    wanted = _unpadded(str(assertion.header[named[0]]))
    for pem in app.get(CERTIFICATES, []):
        certificate = x509.load_pem_x509_certificate(pem.encode())
        if certificate.fingerprint(digest) == wanted:
            return certificate, algorithms
    raise Trouble(700027, ("The key was not found.",))


def _unpadded(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (ValueError, binascii.Error):
        return b""


def _check_federated(world: World, app: Json, assertion: Assertion) -> None:
    credential = _credential_of(app, assertion)
    keys = jwt.PyJWKSet.from_dict(credential["jwks"]).keys
    key = next((key for key in keys if key.key_id == assertion.header.get("kid")), None)
    if key is None:
        raise Trouble(50013, ("The key was not found.",))
    _check_signature(assertion, key, ("RS256",), 50013)
    _check_time(world, assertion)


def _credential_of(app: Json, assertion: Assertion) -> Json:
    """Return the app's federated credential for the issuer, the subject and the audience."""
    issuers = [item for item in app.get(FEDERATED, []) if item["issuer"] == assertion.claim("iss")]
    if not issuers:
        raise Trouble(700211, (assertion.claim("iss"),))
    subjects = [item for item in issuers if item["subject"] == assertion.claim("sub")]
    if not subjects:
        raise Trouble(700213, (assertion.claim("sub"),))
    asked = _audiences(assertion)
    if not any(asked & set(item["audiences"]) for item in subjects):
        raise Trouble(700212, (", ".join(map(str, asked)),))
    found: Json = subjects[0]
    return found


def _audiences(assertion: Assertion) -> set[Any]:
    """Return the claim ``aud``, which is one audience or a list of them (RFC 7519, 4.1.3)."""
    audience = assertion.claims.get("aud")
    return set(audience if isinstance(audience, list) else [audience])


def _check_signature(
    assertion: Assertion, key: Any, algorithms: tuple[str, ...], code: int
) -> None:
    options: Any = dict.fromkeys(("verify_aud", "verify_exp", "verify_nbf", "verify_iat"), False)
    try:
        jwt.decode(assertion.text, key, algorithms=list(algorithms), options=options)
    except jwt.PyJWTError:
        why = "The provided signature value did not match the expected signature value."
        raise Trouble(code, (why,)) from None


def _check_time(world: World, assertion: Assertion) -> None:
    """Check that the assertion is valid now; the clocks may differ a little.

    Raises:
        Trouble: The assertion has ended or is not valid yet.
    """
    at = world.now().timestamp()
    try:
        ends, begins = int(assertion.claims["exp"]), int(assertion.claims.get("nbf", 0))
    except (KeyError, TypeError, ValueError):
        raise Trouble(50027, ("The claim exp is missing.",)) from None
    if ends <= at - CLOCKS_DIFFER_S or begins > at + CLOCKS_DIFFER_S:
        raise Trouble(700024)
