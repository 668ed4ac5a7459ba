"""Admin consent in a browser, using the v2 endpoint (facts 1.6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from jobs.causes.cause import Cause
from jobs.clouds.errors import AlreadyExists, CloudReply, Rejected
from jobs.microsoft.msal_http import entra_error


@dataclass(frozen=True, slots=True)
class Granted:
    """Claim of the redirect: never proof, and ``tenant`` never an authorization.

    Read the grants.
    """

    tenant: str


def admin_consent_url(  # noqa: PLR0913, PLR0917  one for each part of the URL
    login_url: str,
    tenant: str,
    client_id: str,
    scopes: Sequence[str],
    redirect_uri: str,
    state: str,
) -> str:
    """Return the URL where an administrator grants the scopes.

    ``tenant`` is an id or ``organizations``, never ``common``.
    """
    query = {
        "client_id": client_id,
        "scope": " ".join(scopes),
        "redirect_uri": redirect_uri,
        "state": state,
    }
    return (
        f"{login_url.rstrip('/')}/{quote(tenant, safe='')}/v2.0/adminconsent"
        f"?{urlencode(query, quote_via=quote)}"
    )


def read_consent_answer(query: Mapping[str, str]) -> Granted:
    """Read the query of the consent redirect.

    A refusal also contains ``admin_consent=True``, so ``error`` decides. An error that says the
    grant exists already is not a refusal.

    Raises:
        CloudError: the administrator declined, or is not allowed to grant consent.
    """
    if "error" in query:
        error = entra_error(query)
        if isinstance(error, AlreadyExists):
            return Granted(query.get("tenant", ""))
        raise error
    if query.get("admin_consent", "").lower() != "true":
        raise Rejected(
            Cause.CONSENT_DECLINED, CloudReply("entra", message="no admin_consent in the answer")
        )
    return Granted(query.get("tenant", ""))
