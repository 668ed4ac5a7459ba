"""Rows of Entra's sign-in log (facts/microsoft.md 5), and which of them say something about the token that is in use."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from jobs.clock import parse
from jobs.clouds.causes import ENTRA, ErrorKind
from jobs.microsoft.graph import EXCHANGE_APP_ID

RENEWED = timedelta(hours=2)
"""Webex Connect renews its token about every hour: one that was renewed so lately works, whatever a person's own attempt came to."""
EXCHANGE = "exchange online"
"""What the name of the resource holds for which Webex Connect gets its tokens (facts/microsoft.md 1.4)."""
_ABANDONED = frozenset({16000, 50058, 50072, 50074, 50076, 50079, 50089, 50140, 50199, 65004})
"""What stands in the log where a person was asked something on the way: the sign-in goes on in another row, or was given up."""
_OF_THE_FORM = frozenset(
    {
        "app_not_found",
        "client_secret_expired",
        "client_secret_missing",
        "client_secret_wrong",
        "common_endpoint_used",
        "form_field_missing",
        "public_client_with_secret",
        "scope_wrong",
        "tenant_not_found",
    }
)
"""What a person's attempt fails for by the fields of Webex Connect's form: the next renewal is made with the same ones."""


@dataclass(frozen=True, slots=True)
class SignInRow:
    """One row; ``code`` is the AADSTS number, 0 where it went well, ``policies`` are those of Conditional Access that it failed for."""

    at: datetime
    code: int
    reason: str
    interactive: bool
    user_id: str
    user: str
    correlation_id: str
    id: str
    policies: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        """Whether a token was given."""
        return self.code == 0

    @property
    def passing(self) -> bool:
        """Whether it failed as a busy service fails: the next one tells."""
        meaning = ENTRA.get(self.code)
        return meaning is not None and meaning.kind is ErrorKind.TRANSIENT

    @property
    def personal(self) -> bool:
        """Whether it is a person's own attempt that failed, for a reason that a renewal does not meet."""
        meaning = ENTRA.get(self.code)
        return self.interactive and not self.good and (meaning is None or meaning.cause not in _OF_THE_FORM)

    @property
    def abandoned(self) -> bool:
        """Whether a person did not get, or not yet, to the end."""
        return self.interactive and self.code in _ABANDONED


def read(rows: Iterable[dict[str, Any]]) -> list[SignInRow]:
    """The rows, newest first, each once; one without a time is no use, and a token for something else than Exchange is not Webex Connect's.

    The log tells seconds: within one a failure counts as the later, and so does what a person did, who acts on what was there before.
    """
    found: dict[object, SignInRow] = {}
    for row in rows:
        sign_in = _read(row)
        if sign_in is not None and not (sign_in.good and _for_another(row)):
            found.setdefault(sign_in.id or sign_in, sign_in)
    return sorted(found.values(), key=lambda each: (each.at, not each.good, each.interactive), reverse=True)


def telling(rows: Iterable[SignInRow], users: frozenset[str], now: datetime) -> list[SignInRow]:
    """Of rows, newest first, those that say whether the token in use works.

    Failures of other people are theirs; a person's own failure says nothing while the token is known to be renewed.
    """
    kept = [row for row in rows if not row.passing and not row.abandoned and (row.good or not users or row.user_id in {"", *users})]
    renewed = any(row.good and not row.interactive and now - row.at < RENEWED for row in kept)
    return [row for row in kept if not (row.personal and renewed)]


def _for_another(row: dict[str, Any]) -> bool:
    """Whether the row names a resource, and that is not Exchange: somebody used the app for something else."""
    number, name = str(row.get("resourceId") or "").lower(), str(row.get("resourceDisplayName") or "").lower()
    return number != EXCHANGE_APP_ID if number else bool(name) and EXCHANGE not in name


def _read(row: dict[str, Any]) -> SignInRow | None:
    status = row.get("status") if isinstance(row.get("status"), dict) else {}
    code = str((status or {}).get("errorCode") or 0)
    at = parse(row.get("createdDateTime"))
    if at is None:
        return None
    kinds = [str(kind).lower() for kind in row.get("signInEventTypes") or []]
    return SignInRow(
        at=at,
        code=int(code) if code.isdecimal() else -1,
        reason=str((status or {}).get("failureReason") or ""),
        interactive=row.get("isInteractive") is not False and "noninteractiveuser" not in kinds,
        user_id=str(row.get("userId") or "").lower(),
        user=str(row.get("userPrincipalName") or row.get("userId") or ""),
        correlation_id=str(row.get("correlationId") or ""),
        id=str(row.get("id") or ""),
        policies=_refusing(row.get("appliedConditionalAccessPolicies")),
    )


def _refusing(applied: object) -> tuple[str, ...]:
    """The names of the policies that were not met; who may not read policies gets no list."""
    rows = [each for each in applied if isinstance(each, dict)] if isinstance(applied, list) else []
    failed = (each for each in rows if str(each.get("result")).lower() == "failure")
    return tuple(str(each.get("displayName") or each.get("id") or "") for each in failed)
