"""The doctor looks whether the tenants that let the bot read by itself still do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot import doctor
from bot.services import Services
from jobs.access import app_access
from jobs.access.app_access import AppAccess
from jobs.clock import now
from jobs.microsoft.scopes import EXCHANGE_APP_ROLES, EXCHANGE_SCOPE, GRAPH_APP_ROLES, GRAPH_SCOPE

TENANT = "11111111-2222-3333-4444-555555555555"


@pytest.fixture
def services(services: Services, provider: Any) -> Services:
    """A desk whose Microsoft is the small provider on loopback, where all roles are granted."""
    provider.app_roles.update(
        {GRAPH_SCOPE: list(GRAPH_APP_ROLES), EXCHANGE_SCOPE: list(EXCHANGE_APP_ROLES)}
    )
    work = replace(
        services.settings,
        login_url=provider.base,
        microsoft_client_id="client-1",
        microsoft_client_secret="s3cr~t.Value",
    )
    return replace(services, settings=work)


def examined(services: Services) -> list[str]:
    """The doctor's lines about it."""
    lines: list[str] = []
    doctor.examine(
        (
            each
            for each in doctor.checks(services.bot, services.settings)
            if each.name == "read access"
        ),
        lines.append,
    )
    return lines


def test_nothing_is_said_where_nobody_has_granted_it(services: Services):
    """The report stays as long as it was."""
    assert examined(services) == []


def test_granted_and_lost(services: Services, provider: Any):
    """The doctor counts granted read access, and names tenants that have withdrawn it.

    It names the missing permission and what to do. It forgets no grant.
    """
    app_access.save(services.redis, AppAccess(TENANT, now(), "anna@example.test", GRAPH_APP_ROLES))
    assert examined(services) == ["ok     read access: 1 tenants let the bot read by itself"]
    provider.app_roles[GRAPH_SCOPE].remove("Policy.Read.All")
    (line,) = examined(services)
    assert line.startswith(
        f"WRONG  read access: not any more by {TENANT} (lacks Policy.Read.All): an "
        f"administrator grants it again"
    )
    assert app_access.grant_for(services.redis, TENANT) is not None


def test_more_than_is_needed_is_named(services: Services, provider: Any):
    """An unneeded permission is named with its tenant and how to withdraw it, but is no error.

    Reading the sign-in log counts as needed.
    """
    app_access.save(services.redis, AppAccess(TENANT, now(), "anna@example.test", GRAPH_APP_ROLES))
    provider.app_roles[GRAPH_SCOPE] += ["AuditLog.Read.All", "Mail.Read"]
    (line,) = examined(services)
    assert line == (
        f"ok     read access: 1 tenants let the bot read by itself; more than it needs is "
        f"granted in {TENANT} (Mail.Read):"
        " take that back from the bot's enterprise application there"
    )
