"""Causes that a finding or a cloud's error can name.

Each code has a sentence ``cause.CODE`` and a remedy in the catalog of texts; a test keeps the codes
and the catalog consistent. A step or probe declares the cause that it alone names with
:func:`own_cause`. Tables of codes are made with :func:`causes`, so that a misspelled code
fails when its module is imported. With an enumeration mypy would find it, but its messages about
155 names are hard to read.
"""

from __future__ import annotations

from collections.abc import Iterable

_LISTED = frozenset(
    {
        "access_token_refused",
        "account_at_risk",
        "account_disabled",
        "account_locked",
        "account_of_other_tenant",
        "admin_consent_required",
        "already_there",
        "answer_unreadable",
        "app_access_not_allowed",
        "app_access_withdrawn",
        "app_deactivated",
        "app_deleted_meanwhile",
        "app_disabled",
        "app_disabled_by_microsoft",
        "app_misconfigured",
        "app_not_found",
        "app_roles_missing",
        "asset_of_other_workload",
        "autodiscover_missing",
        "blocked_by_conditional_access",
        "blocked_by_security_defaults",
        "change_never_shown",
        "client_looping",
        "bot_credential_refused",
        "certificate_invalid",
        "client_assertion_refused",
        "client_secret_expired",
        "client_secret_expires_soon",
        "client_secret_gone",
        "client_secret_missing",
        "client_secret_wrong",
        "code_already_used",
        "code_flow_broken",
        "code_of_other_tenant",
        "common_endpoint_used",
        "connect_address_gone",
        "connect_address_not_allowed",
        "connect_changed",
        "connect_content_refused",
        "connect_flow_not_live",
        "connect_login_failed",
        "connect_not_reached",
        "connect_not_registered",
        "connect_not_saved",
        "connect_recipient_refused",
        "connect_send_failed",
        "connect_sender_unknown",
        "connect_service_inactive",
        "connect_smtp_failed",
        "connection_lost",
        "clock_wrong",
        "consent_cancelled",
        "consent_declined",
        "consent_missing",
        "consent_requested",
        "copy_differs",
        "customization_needed",
        "delegate_not_found",
        "delegate_unknown",
        "device_code_failed",
        "device_not_accepted",
        "directory_role_missing",
        "directory_settling",
        "dlp_blocks",
        "domain_not_authenticated",
        "domain_not_registered",
        "entra_busy",
        "entra_incident",
        "entry_point_inactive",
        "entry_point_missing",
        "exchange_answer_cut",
        "exchange_consent_missing",
        "exchange_incident",
        "exchange_parameter_wrong",
        "exchange_role_missing",
        "exchange_service_missing",
        "form_field_missing",
        "form_username_shared",
        "forwarding_address_wins",
        "forwarding_blocked",
        "forwarding_settling",
        "grant_invalid",
        "host_not_allowed",
        "host_name_unknown",
        "id_token_audience",
        "id_token_expired",
        "id_token_invalid",
        "id_token_issuer",
        "id_token_nonce",
        "id_token_signature",
        "licence_missing",
        "mail_exchanger_elsewhere",
        "mail_exchanger_missing",
        "mail_loop",
        "mail_not_delivered",
        "mail_wrong_region",
        "mailbox_full",
        "mailbox_internal_only",
        "mailbox_not_found",
        "mailbox_senders_listed",
        "mailbox_synced",
        "mfa_needed",
        "mfa_registration_needed",
        "more_permissions_needed",
        "name_ambiguous",
        "no_task",
        "not_allowed",
        "not_forwarded",
        "not_found",
        "other_server_certificate",
        "own_secret_refused",
        "partner_consent_missing",
        "password_expired",
        "password_wrong",
        "permission_id_unknown",
        "permission_not_declared",
        "probe_login_refused",
        "public_client_with_secret",
        "redirect_uri_is_spa",
        "redirect_uri_mismatch",
        "refresh_token_expired",
        "refresh_token_missing",
        "remote_domain_blocks_forwarding",
        "reply_address_missing",
        "request_rejected",
        "response_type_disabled",
        "scope_missing",
        "scope_wrong",
        "secret_deleted_meanwhile",
        "secret_forbidden_by_policy",
        "send_as_denied",
        "send_as_missing",
        "sender_restricted",
        "sends_as_onmicrosoft",
        "sending_limit_reached",
        "service_not_subscribed",
        "service_principal_missing",
        "service_principal_not_ready",
        "service_unavailable",
        "session_revoked",
        "sign_in_failed",
        "sign_in_frequency",
        "sign_in_interrupted",
        "sign_in_missing",
        "smtp_auth_off_for_mailbox",
        "smtp_auth_off_for_tenant",
        "smtp_auth_settling",
        "smtp_busy",
        "smtp_certificate_invalid",
        "smtp_login_blocked",
        "smtp_no_oauth",
        "smtp_no_starttls",
        "smtp_not_authenticated",
        "smtp_password_login",
        "smtp_refused",
        "smtp_server_wrong",
        "smtp_tls_failed",
        "smtp_token_refused",
        "smtp_too_many_connections",
        "smtp_unreachable",
        "state_mismatch",
        "tenant_block_list",
        "tenant_not_found",
        "tenant_sending_blocked",
        "test_mail_from_itself",
        "test_mail_late",
        "throttled",
        "timed_out",
        "token_missing",
        "trace_limit",
        "transport_rule_blocks",
        "transport_rule_blocks_answers",
        "transport_rule_blocks_arrivals",
        "transport_rule_may_block",
        "unexpected",
        "urls_swapped",
        "user_not_assigned",
        "user_unknown",
        "webex_busy",
        "webex_incident",
        "webex_key_refused",
        "webex_refused",
        "webex_unavailable",
        "what_stops_mail_not_read",
        "wrong_mailbox_user",
        "wrong_tenant",
    }
)
CAUSE_CODES = set(_LISTED)


class UnknownNameError(ValueError):
    """Error because a table of the code names a cause or a step that does not exist."""


def own_cause(code: str) -> str:
    """Add a cause that only the calling module names, and return it.

    Raises:
        ValueError: the code is already a cause of another module, or of the list.
    """
    if code in CAUSE_CODES:
        message = f"declared twice: {code}"
        raise ValueError(message)
    CAUSE_CODES.add(code)
    return code


def causes(*codes: str) -> frozenset[str]:
    """Return the codes as a set.

    Raises:
        UnknownNameError: one of them is not a cause.
    """
    require_causes("causes", codes)
    return frozenset(codes)


def require_causes(place: str, codes: Iterable[str]) -> None:
    """Check that every code is a cause. ``place`` is the name of the table in the error.

    Raises:
        UnknownNameError: one of them is not a cause.
    """
    if unknown := sorted({*codes} - CAUSE_CODES):
        message = f"{place}: unknown causes {', '.join(unknown)}"
        raise UnknownNameError(message)
