"""Admin consent in a browser (facts 1.6, the v2 endpoint)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from jobs.clouds.errors import AlreadyExists, CloudReply, Rejected
from jobs.microsoft.msal_http import entra_error


@dataclass(frozen=True, slots=True)
class Granted:
    """Where the redirect says that something was granted. Never a proof, and ``tenant`` never an authorisation: read the grants."""

    tenant: str


def admin_consent_url(login_url: str, tenant: str, client_id: str, scopes: Sequence[str], redirect_uri: str, state: str) -> str:  # noqa: PLR0913, PLR0917  the five parameters of the endpoint, and where it is
    """Where an administrator grants the scopes; ``tenant`` is an id or ``organizations``, never ``common``."""
    query = {"client_id": client_id, "scope": " ".join(scopes), "redirect_uri": redirect_uri, "state": state}
    return f"{login_url.rstrip('/')}/{quote(tenant, safe='')}/v2.0/adminconsent?{urlencode(query, quote_via=quote)}"


def read_consent_answer(query: Mapping[str, str]) -> Granted:
    """What the redirect said. ``admin_consent=True`` stands in a refusal as well, so ``error`` decides; what is there already is none.

    Raises:
        CloudError: the administrator declined, or may not grant it.
    """
    if "error" in query:
        error = entra_error(query)
        if isinstance(error, AlreadyExists):
            return Granted(query.get("tenant", ""))
        raise error
    if query.get("admin_consent", "").lower() != "true":
        raise Rejected("consent_declined", CloudReply("entra", message="no admin_consent in the answer"))
    return Granted(query.get("tenant", ""))
