"""Causes that break many channels at once, so that one card shows all of these channels."""

from __future__ import annotations

from jobs.clouds.cause_codes import causes
from jobs.watch.model import WatchedChannel

OF_THE_TENANT = causes(
    "app_access_withdrawn",
    "app_roles_missing",
    "blocked_by_conditional_access",
    "blocked_by_security_defaults",
    "exchange_role_missing",
    "forwarding_blocked",
    "smtp_auth_off_for_tenant",
    "tenant_not_found",
)
"""Causes that lie in a policy or a grant of the whole tenant."""
OF_EVERYBODY = causes(
    "bot_credential_refused",
    "certificate_invalid",
    "clock_wrong",
    "connection_lost",
    "entra_busy",
    "entra_incident",
    "exchange_incident",
    "host_name_unknown",
    "service_unavailable",
    "smtp_busy",
    "smtp_certificate_invalid",
    "smtp_tls_failed",
    "smtp_unreachable",
    "throttled",
    "timed_out",
    "webex_busy",
    "webex_incident",
    "webex_key_refused",
    "webex_refused",
) | {"clouds_silent"}
"""Causes that lie with Microsoft, with Webex, or with the bot itself and its own network."""


def shared_name(watched: WatchedChannel, cause: str) -> str:
    """Return a name that is equal for all channels that share this cause.

    It is empty for a cause that concerns only this channel.
    """
    if cause in OF_EVERYBODY:
        return f"everybody/{cause}"
    return f"tenant/{watched.group}/{cause}" if cause in OF_THE_TENANT else ""
