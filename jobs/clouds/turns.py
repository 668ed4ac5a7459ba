"""Person who must act on a cause that no plan of the bot repairs.

The person depends on the cause alone, regardless of the finding or the text that names it.
"""

from __future__ import annotations

from jobs.clouds.cause_codes import causes
from jobs.model import Turn

GENERATE = causes(
    "connect_login_failed",
    "grant_invalid",
    "mfa_needed",
    "password_expired",
    "redirect_uri_is_spa",
    "refresh_token_expired",
    "session_revoked",
    "smtp_token_refused",
    "wrong_mailbox_user",
)
"""Causes that a new token resolves: the mailbox user clicks Generate Token in Webex Connect.

Sources: facts/microsoft.md 4, and 9 rows 4 and 10. A token of a single-page application expires on
its own, even after its callback was moved to the platform Web.
"""
TURNS = {
    Turn.MAILBOX_USER: GENERATE
    | causes(
        "client_looping",
        "code_already_used",
        "code_flow_broken",
        "mfa_registration_needed",
        "own_secret_refused",
        "password_wrong",
        "sign_in_interrupted",
        "sign_in_missing",
        "token_missing",
    ),
    Turn.CONTACT_CENTER: causes(
        "app_not_found",
        "asset_of_other_workload",
        "client_secret_missing",
        "client_secret_wrong",
        "code_of_other_tenant",
        "common_endpoint_used",
        "connect_address_not_allowed",
        "connect_changed",
        "connect_content_refused",
        "connect_flow_not_live",
        "connect_not_reached",
        "connect_not_registered",
        "connect_not_saved",
        "connect_recipient_refused",
        "connect_send_failed",
        "connect_sender_unknown",
        "connect_service_inactive",
        "connect_smtp_failed",
        "entry_point_inactive",
        "entry_point_missing",
        "form_field_missing",
        "form_username_shared",
        "no_task",
        "refresh_token_missing",
        "response_type_disabled",
        "scope_missing",
        "scope_wrong",
        "send_as_denied",
        "smtp_no_oauth",
        "smtp_no_starttls",
        "smtp_not_authenticated",
        "smtp_password_login",
        "smtp_server_wrong",
        "tenant_not_found",
        "urls_swapped",
        "user_unknown",
    ),
    Turn.OPERATOR: causes(
        "bot_credential_refused",
        "certificate_invalid",
        "clock_wrong",
        "connection_lost",
        "host_name_unknown",
        "host_not_allowed",
        "probe_login_refused",
        "smtp_certificate_invalid",
        "smtp_tls_failed",
        "smtp_unreachable",
        "webex_key_refused",
        "webex_refused",
    ),
    Turn.REQUESTER: causes("connect_address_gone", "delegate_not_found", "delegate_unknown"),
    Turn.TIME: causes(
        "already_there",
        "directory_settling",
        "entra_busy",
        "entra_incident",
        "exchange_incident",
        "forwarding_settling",
        "service_principal_not_ready",
        "service_unavailable",
        "smtp_auth_settling",
        "smtp_busy",
        "smtp_too_many_connections",
        "throttled",
        "timed_out",
        "trace_limit",
        "webex_busy",
        "webex_incident",
    ),
}
_WHOSE = {cause: turn for turn, causes in TURNS.items() for cause in causes}


def who_acts(cause: str) -> Turn:
    """Return the person who must act on a cause that the bot cannot fix itself.

    The person is an administrator unless the cause says otherwise.
    """
    return _WHOSE.get(cause, Turn.ADMINISTRATOR)
