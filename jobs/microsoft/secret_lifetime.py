"""Rules of the tenant's app-management policy for new client secrets of one app.

Source: platforms/microsoft.md 1.2.
"""

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
    """Rules for new secrets of an app; ``longest`` is their longest lifetime, None is unlimited."""

    forbidden: bool = False
    longest: timedelta | None = None


def rules_for(policy: Json, made: datetime) -> SecretRules:
    """Return the policy's restrictions that are enabled and apply to an app created at ``made``."""
    rules = list(_in_force(policy, made))
    limits = (
        _duration(text_of(rule, "maxLifetime"))
        for rule in rules
        if _kind(rule) == "passwordlifetime"
    )
    return SecretRules(
        any(_kind(rule) == "passwordaddition" for rule in rules),
        min(filter(None, limits), default=None),
    )


def expiry(start: datetime, months: int, limit: timedelta | None) -> datetime:
    """Return the moment ``months`` after the start, on the same day of the month.

    It is cut to the limit less five minutes, because clocks differ.
    """
    year, month = divmod(start.month - 1 + months, 12)
    year, month = start.year + year, month + 1
    end = start.replace(
        year=year,
        month=month,
        day=min(start.day, calendar.monthrange(year, month)[1]),
        microsecond=0,
    )
    return (
        end
        if limit is None or limit > end - start
        else (start + limit - _CLOCKS_DIFFER).replace(microsecond=0)
    )


def _in_force(policy: Json, made: datetime) -> Iterator[Json]:
    """Yield the restrictions that apply to an app created at ``made``.

    A restriction may exempt apps created before a date. Only ``disabled`` is off; null is Graph's
    word for the default.
    """
    if policy.get("isEnabled") is False:
        return
    rules = as_dict(policy.get("applicationRestrictions")).get("passwordCredentials") or ()
    yield from (
        rule for rule in rules if lower_of(rule, "state") != "disabled" and _reaches(rule, made)
    )


def _reaches(rule: Json, made: datetime) -> bool:
    since = parse(rule.get("restrictForAppsCreatedAfterDateTime"))
    return since is None or since <= made


def _kind(rule: Json) -> str:
    return lower_of(rule, "restrictionType")


def _duration(text: str) -> timedelta | None:
    """Return an ISO 8601 duration, or None; years have 365 days and months 30."""
    found = _LONG.match(text)
    if found is None:
        return None
    years, months, rest = found.groups("0")
    try:
        short = msgspec.convert(f"P{rest}", timedelta) if rest else timedelta()
        return short + timedelta(days=365 * int(years) + 30 * int(months)) or None
    except (msgspec.ValidationError, OverflowError, ValueError):
        return None
