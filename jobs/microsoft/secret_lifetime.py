"""What the tenant's app-management policy says about new client secrets of one app (facts/microsoft.md 1.2)."""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec

from jobs.clock import parse
from jobs.clouds.json_values import as_dict, lower_of, text_of

Json = dict[str, Any]
_LONG = re.compile(r"P(?:(\d+)Y)?(?:(\d+)M)?(.*)")
_CLOCKS_DIFFER = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class SecretRules:
    """Whether the app may get another secret at all, and how long one may live at most; None is as long as one likes."""

    forbidden: bool = False
    longest: timedelta | None = None


def rules_for(policy: Json, made: datetime) -> SecretRules:
    """The restrictions of the policy that are on, and reach an app that was made at that moment."""
    rules = list(_in_force(policy, made))
    limits = (_duration(text_of(rule, "maxLifetime")) for rule in rules if _kind(rule) == "passwordlifetime")
    return SecretRules(any(_kind(rule) == "passwordaddition" for rule in rules), min(filter(None, limits), default=None))


def expiry(start: datetime, months: int, limit: timedelta | None) -> datetime:
    """So many months after the start, on the same day of the month, cut to the limit less five minutes for clocks that differ."""
    year, month = divmod(start.month - 1 + months, 12)
    year, month = start.year + year, month + 1
    end = start.replace(year=year, month=month, day=min(start.day, calendar.monthrange(year, month)[1]), microsecond=0)
    return end if limit is None or limit > end - start else (start + limit - _CLOCKS_DIFFER).replace(microsecond=0)


def _in_force(policy: Json, made: datetime) -> Iterator[Json]:
    """A restriction may spare the apps that were made before a day. Only ``disabled`` is off: null is Graph's word for the usual."""
    if policy.get("isEnabled") is False:
        return
    rules = as_dict(policy.get("applicationRestrictions")).get("passwordCredentials") or ()
    yield from (rule for rule in rules if lower_of(rule, "state") != "disabled" and _reaches(rule, made))


def _reaches(rule: Json, made: datetime) -> bool:
    """Tell whether a restriction is for an app that was made at that moment."""
    since = parse(rule.get("restrictForAppsCreatedAfterDateTime"))
    return since is None or since <= made


def _kind(rule: Json) -> str:
    return lower_of(rule, "restrictionType")


def _duration(text: str) -> timedelta | None:
    """An ISO 8601 duration, with years of 365 and months of 30 days, which Edm.Duration does not know.

    None where it is none, or longer than there are days in a calendar.
    """
    found = _LONG.match(text)
    if found is None:
        return None
    years, months, rest = found.groups("0")
    try:
        short = msgspec.convert(f"P{rest}", timedelta) if rest else timedelta()
        return short + timedelta(days=365 * int(years) + 30 * int(months)) or None
    except (msgspec.ValidationError, OverflowError, ValueError):
        return None
