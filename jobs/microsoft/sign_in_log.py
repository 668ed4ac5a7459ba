"""Rows of Entra's sign-in log (facts/microsoft.md 5), and which of them say something about the token that is in use."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from jobs.clock import parse
from jobs.clouds.causes import ENTRA, ErrorKind, Meaning
from jobs.clouds.json_values import as_dict, dicts_in, lower_of, text_of
from jobs.microsoft.graph import EXCHANGE_APP_ID

RENEWED = timedelta(hours=2)
"""Webex Connect renews its token about every hour: one that was renewed so lately works, whatever a person's own attempt came to."""
EXCHANGE = "exchange online"
"""What the name of the resource holds for which Webex Connect gets its tokens (facts/microsoft.md 1.4)."""
_UNDESCRIBED = Meaning("request_rejected", ErrorKind.REJECTED)
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
    def meaning(self) -> Meaning:
        """Return what the number means; a number that nobody described is a plain refusal."""
        return ENTRA.get(self.code, _UNDESCRIBED)

    @property
    def passing(self) -> bool:
        """Whether it failed as a busy service fails: the next one tells."""
        return self.meaning.kind is ErrorKind.TRANSIENT

    @property
    def personal(self) -> bool:
        """Whether it is a person's own attempt that failed, for a reason that a renewal does not meet."""
        return self.interactive and not self.good and self.meaning.cause not in _OF_THE_FORM

    @property
    def abandoned(self) -> bool:
        """Whether a person did not get, or not yet, to the end."""
        return self.interactive and self.code in _ABANDONED

    @property
    def conclusive(self) -> bool:
        """Tell whether the attempt came to an end that says something."""
        return not self.passing and not self.abandoned

    @property
    def renewal(self) -> bool:
        """Tell whether a token was given without a person."""
        return self.good and not self.interactive

    def concerns(self, users: frozenset[str]) -> bool:
        """Tell whether it says something about these users' token: a success always does, and everything does where no user is known."""
        return self.good or not users or self.user_id in {"", *users}


def read(rows: Iterable[dict[str, Any]]) -> list[SignInRow]:
    """The rows, newest first, each once; one without a time is no use, and a token for something else than Exchange is not Webex Connect's.

    The log tells seconds: within one a failure counts as the later, and so does what a person did, who acts on what was there before.
    """
    found: dict[object, SignInRow] = {}
    for sign_in in filter(None, map(_read_own, rows)):
        found.setdefault(sign_in.id or sign_in, sign_in)
    return sorted(found.values(), key=lambda each: (each.at, not each.good, each.interactive), reverse=True)


def telling(rows: Iterable[SignInRow], users: frozenset[str], now: datetime) -> list[SignInRow]:
    """Of rows, newest first, those that say whether the token in use works.

    Failures of other people are theirs; a person's own failure says nothing while the token is known to be renewed.
    """
    kept = [row for row in rows if row.conclusive and row.concerns(users)]
    renewed = any(row.renewal and now - row.at < RENEWED for row in kept)
    return [row for row in kept if not (row.personal and renewed)]


def _for_another(row: dict[str, Any]) -> bool:
    """Whether the row names a resource, and that is not Exchange: somebody used the app for something else."""
    number, name = lower_of(row, "resourceId"), lower_of(row, "resourceDisplayName")
    return number != EXCHANGE_APP_ID if number else bool(name) and EXCHANGE not in name


def _read_own(row: dict[str, Any]) -> SignInRow | None:
    """Return the row, or None where it has no time, or a token was given for something else than Exchange."""
    sign_in = _read(row)
    foreign = sign_in is not None and sign_in.good and _for_another(row)
    return None if foreign else sign_in


def _read(row: dict[str, Any]) -> SignInRow | None:
    at = parse(row.get("createdDateTime"))
    if at is None:
        return None
    status = as_dict(row.get("status"))
    return SignInRow(
        at=at,
        code=_code(status),
        reason=text_of(status, "failureReason"),
        interactive=_is_interactive(row),
        user_id=lower_of(row, "userId"),
        user=text_of(row, "userPrincipalName", "userId"),
        correlation_id=text_of(row, "correlationId"),
        id=text_of(row, "id"),
        policies=_refusing(row.get("appliedConditionalAccessPolicies")),
    )


def _code(status: dict[str, Any]) -> int:
    """Return the AADSTS number; -1 for one that cannot be read."""
    code = text_of(status, "errorCode") or "0"
    return int(code) if code.isdecimal() else -1


def _is_interactive(row: dict[str, Any]) -> bool:
    """Tell whether a person signed in; a row that does not say so counts as a person's."""
    kinds = {str(kind).lower() for kind in row.get("signInEventTypes") or []}
    return row.get("isInteractive") is not False and "noninteractiveuser" not in kinds


def _refusing(applied: object) -> tuple[str, ...]:
    """The names of the policies that were not met; who may not read policies gets no list."""
    failed = (each for each in dicts_in(applied) if lower_of(each, "result") == "failure")
    return tuple(text_of(each, "displayName", "id") for each in failed)
