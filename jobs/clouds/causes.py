"""Causes that a write of the bot itself can have for some minutes."""

from __future__ import annotations

#: Causes that our own write can have for some minutes: retried only in that window (CHECKLIST J7).
REPLICATION_CAUSES: frozenset[str] = frozenset(
    {
        "app_not_found",
        "client_secret_wrong",
        "consent_missing",
        "directory_role_missing",
        "directory_settling",
        "exchange_consent_missing",
        "exchange_role_missing",
        "not_allowed",
        "not_found",
        "service_principal_not_ready",
    }
)
