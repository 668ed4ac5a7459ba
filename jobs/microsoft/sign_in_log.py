"""Rows of Entra's sign-in log, and those about the current token (microsoft.md 5)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from jobs.causes.cause import Cause, ErrorKind, Meaning
from jobs.causes.patterns import patterns
from jobs.causes.reader import meaning_of_number
from jobs.clock import parse
from jobs.clouds.json_values import Json, as_dict, dicts_in, lower_of, lower_set, text_of
from jobs.microsoft.graph import EXCHANGE_APP_ID

RENEWED = timedelta(hours=2)
"""Time for which a renewal, about hourly, proves the token, even if a person's attempt failed."""
EXCHANGE = "exchange online"
"""Part of the name of the resource of Webex Connect's tokens (platforms/microsoft.md 1.4)."""
_UNDESCRIBED = Meaning(Cause.SIGN_IN_FAILED, ErrorKind.REJECTED)
_ABANDONED = frozenset({16000, 50058, 50072, 50074, 50076, 50079, 50089, 50140, 50199, 65004})
"""Codes of a prompt: the sign-in continues in another row, or was abandoned."""


@dataclass(frozen=True, slots=True)
class SignInRow:
    at: datetime
    code: int  # the AADSTS number, 0 for success
    reason: str
    interactive: bool
    user_id: str
    user: str
    correlation_id: str
    id: str
    policies: tuple[str, ...] = ()  # those of Conditional Access that the sign-in failed
    key_id: str = ""  # the app's secret that was used, if beta tells it

    @property
    def good(self) -> bool:
        return self.code == 0

    @property
    def meaning(self) -> Meaning:
        """Return the meaning of the number and its reason; an unknown one is only a failure."""
        return meaning_of_number(self.code, f": {self.reason}") or _UNDESCRIBED

    @property
    def personal(self) -> bool:
        """Return whether a person's own attempt failed, for no reason that affects a renewal."""
        of_form = self.meaning.cause in patterns().groups["of_form"]
        return self.interactive and not self.good and not of_form

    @property
    def conclusive(self) -> bool:
        """Return whether the row shows something: no busy service and no abandoned prompt."""
        abandoned = self.interactive and self.code in _ABANDONED
        return self.meaning.kind is not ErrorKind.TRANSIENT and not abandoned

    @property
    def renewal(self) -> bool:
        return self.good and not self.interactive


def read(rows: Iterable[Json]) -> list[SignInRow]:
    """Return the rows with a time and a code, newest first, without tokens for other resources.

    Within one second, the log's unit, a failure counts as the later, and so does an interactive
    sign-in, because a person reacts to the state before.
    """
    found: dict[object, SignInRow] = {}
    for sign_in in filter(None, map(_read, rows)):
        found.setdefault(sign_in.id or sign_in, sign_in)
    return sorted(
        found.values(), key=lambda each: (each.at, not each.good, each.interactive), reverse=True
    )


def telling(rows: Iterable[SignInRow], users: frozenset[str], now: datetime) -> list[SignInRow]:
    """Return the rows, newest first, that say whether the current token of these users works.

    A success is always theirs. A person's own failure is dropped while the token is being renewed.
    """
    theirs = (row for row in rows if row.good or not users or row.user_id in {"", *users})
    kept = [row for row in theirs if row.conclusive]
    renewed = any(row.renewal and now - row.at < RENEWED for row in kept)
    return [row for row in kept if not (row.personal and renewed)]


def _read(row: Json) -> SignInRow | None:
    at, status = parse(row.get("createdDateTime")), as_dict(row.get("status"))
    code = str(status.get("errorCode"))
    number, name = lower_of(row, "resourceId"), lower_of(row, "resourceDisplayName")
    for_another = number != EXCHANGE_APP_ID if number else bool(name) and EXCHANGE not in name
    if at is None or code == "None" or (code == "0" and for_another):
        return None
    applied = dicts_in(row.get("appliedConditionalAccessPolicies"))  # if the reader may read them
    failed = (each for each in applied if lower_of(each, "result") == "failure")
    kinds = lower_set(row.get("signInEventTypes"))
    return SignInRow(
        at=at,
        code=int(code) if code.isdecimal() else -1,
        reason=text_of(status, "failureReason"),
        interactive=row.get("isInteractive") is not False and "noninteractiveuser" not in kinds,
        user_id=lower_of(row, "userId"),
        user=text_of(row, "userPrincipalName", "userId"),
        correlation_id=text_of(row, "correlationId"),
        id=text_of(row, "id"),
        policies=tuple(text_of(each, "displayName", "id") for each in failed),
        key_id=lower_of(row, "servicePrincipalCredentialKeyId"),
    )
