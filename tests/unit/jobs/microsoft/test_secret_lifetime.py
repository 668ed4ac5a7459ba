"""The tenant's app-management policy, and the end of a secret that follows from it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jobs.microsoft.app_manifest import SecretRules, expiry, rules_for

MADE = datetime(2026, 6, 1, tzinfo=UTC)
LIFETIME, ADDITION = (
    {"restrictionType": "passwordLifetime"},
    {"restrictionType": "passwordAddition"},
)
NINETY = LIFETIME | {"maxLifetime": "P90D"}


def policy(*rules: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a policy as Graph shows it."""
    return {
        "isEnabled": True,
        "applicationRestrictions": {"passwordCredentials": list(rules)},
    } | more


def days(number: float) -> SecretRules:
    """Return rules with that longest lifetime in days, and secrets allowed."""
    return SecretRules(longest=timedelta(days=number))


@pytest.mark.parametrize(
    ("found", "rules"),
    [
        ({}, SecretRules()),
        (policy(), SecretRules()),
        ({"applicationRestrictions": None}, SecretRules()),
        (policy(ADDITION), SecretRules(forbidden=True)),
        (policy({"restrictionType": "PASSWORDADDITION"}), SecretRules(forbidden=True)),
        (policy({"restrictionType": "customPasswordAddition"}), SecretRules()),
        (policy({"restrictionType": None}), SecretRules()),
        (policy(ADDITION | {"state": None}), SecretRules(forbidden=True)),
        (policy(ADDITION | {"state": "Disabled"}), SecretRules()),
        (policy(ADDITION, isEnabled=False), SecretRules()),
        (policy(ADDITION, isEnabled=None), SecretRules(forbidden=True)),
        (policy(NINETY, LIFETIME | {"maxLifetime": "P30D"}), days(30)),
        (policy(NINETY | {"state": "disabled"}), SecretRules()),
        (policy({"restrictionType": "PasswordLifetime", "maxLifetime": "P1Y"}), days(365)),
        (policy(LIFETIME | {"maxLifetime": "P6M5DT24H"}), days(186)),
        (policy(LIFETIME | {"maxLifetime": "forever"}), SecretRules()),
        (policy(LIFETIME | {"maxLifetime": None}), SecretRules()),
        (policy(LIFETIME | {"maxLifetime": f"P{'9' * 30}Y"}), SecretRules()),
        (policy(LIFETIME | {"maxLifetime": f"P{'9' * 5000}Y"}), SecretRules()),
        (policy(LIFETIME | {"maxLifetime": f"P{'9' * 30}D"}), SecretRules()),
    ],
)
def test_what_is_in_force(found: dict[str, Any], rules: SecretRules):
    """The shortest limit of a policy applies, and a null state does not turn a rule off.

    A rule that is off or unreadable has no effect.
    """
    assert rules_for(found, MADE) == rules


@pytest.mark.parametrize(
    ("since", "reaches"),
    [
        ("2026-05-31T23:59:59Z", True),
        ("2026-06-01T00:00:00Z", True),
        ("2026-06-01T00:00:01Z", False),
        ("0001-01-01T00:00:00Z", True),
        ("9999-12-31T23:59:59-14:00", True),
        (None, True),
        ("", True),
    ],
)
def test_a_restriction_may_spare_older_apps(since: str | None, reaches: bool):
    """A restriction counts only for apps that were created from its date on.

    A restriction without a readable date counts for all apps.
    """
    rules = [rule | {"restrictForAppsCreatedAfterDateTime": since} for rule in (ADDITION, NINETY)]
    assert rules_for(policy(*rules), MADE) == (
        SecretRules(forbidden=True, longest=timedelta(days=90)) if reaches else SecretRules()
    )


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        (datetime(2027, 8, 31, tzinfo=UTC), 6, datetime(2028, 2, 29, tzinfo=UTC)),
        (datetime(2026, 12, 15, tzinfo=UTC), 12, datetime(2027, 12, 15, tzinfo=UTC)),
        (datetime(2024, 2, 29, tzinfo=UTC), 24, datetime(2026, 2, 28, tzinfo=UTC)),
    ],
)
def test_months_end_on_the_same_day_or_the_last(start: datetime, months: int, end: datetime):
    """A lifetime in months ends on the same day of the month, or on its last day."""
    assert expiry(start, months, None) == end


@pytest.mark.parametrize(
    ("limit", "end"),
    [
        (timedelta(days=30), datetime(2026, 6, 30, 23, 55, tzinfo=UTC)),
        (timedelta(days=365 * 9000), datetime(2027, 6, 1, tzinfo=UTC)),
        (timedelta.max, datetime(2027, 6, 1, tzinfo=UTC)),
    ],
)
def test_a_limit_cuts_it(limit: timedelta, end: datetime):
    """A policy's limit shortens the lifetime of a secret to the limit less five minutes.

    A limit beyond the calendar's last year shortens nothing.
    """
    assert expiry(MADE, 12, limit) == end
