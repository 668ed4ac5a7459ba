"""Page of Microsoft or Cisco that explains a cause.

Only pages that the facts name as a source are listed. A cause without such a page has none, because
a guessed address would lead a person nowhere.
"""

from __future__ import annotations

from jobs.clouds.cause_codes import causes

ENTRA_CODE_PAGE = "https://login.microsoftonline.com/error?code="
"""Beginning of the address of Microsoft's page about an AADSTS number (facts/microsoft.md 5).

The number comes last.
"""

NUMBERS = {
    "account_at_risk": 53011,
    "account_disabled": 50057,
    "account_locked": 50053,
    "account_of_other_tenant": 50020,
    "admin_consent_required": 90094,
    "app_disabled": 7000112,
    "app_misconfigured": 650056,
    "app_not_found": 700016,
    "blocked_by_conditional_access": 53003,
    "blocked_by_security_defaults": 530035,
    "client_looping": 50196,
    "client_secret_expired": 7000222,
    "client_secret_missing": 7000218,
    "client_secret_wrong": 7000215,
    "code_already_used": 54005,
    "code_flow_broken": 501481,
    "code_of_other_tenant": 700005,
    "common_endpoint_used": 50194,
    "consent_declined": 65004,
    "consent_missing": 65001,
    "device_code_failed": 70019,
    "device_not_accepted": 53000,
    "exchange_service_missing": 500011,
    "form_field_missing": 900144,
    "grant_invalid": 70000,
    "mfa_needed": 50076,
    "mfa_registration_needed": 53004,
    "partner_consent_missing": 90099,
    "password_expired": 50055,
    "password_wrong": 50126,
    "permission_not_declared": 650057,
    "public_client_with_secret": 700025,
    "redirect_uri_is_spa": 700084,
    "redirect_uri_mismatch": 50011,
    "refresh_token_expired": 700082,
    "reply_address_missing": 900971,
    "response_type_disabled": 700054,
    "scope_wrong": 70011,
    "service_not_subscribed": 650052,
    "session_revoked": 50173,
    "sign_in_frequency": 70043,
    "sign_in_interrupted": 50199,
    "tenant_not_found": 90002,
    "urls_swapped": 900561,
    "user_not_assigned": 50105,
    "user_unknown": 50034,
}
"""The AADSTS number whose page explains a cause best, by the cause."""

PAGES = {
    "https://aka.ms/smtp_auth_disabled": causes(
        "smtp_auth_off_for_mailbox", "smtp_auth_off_for_tenant", "smtp_auth_settling"
    ),
    "https://learn.microsoft.com/exchange/clients-and-mobile-in-exchange-online/"
    "authenticated-client-smtp-submission": causes("smtp_login_blocked"),
    "https://aka.ms/concurrent_sending": causes("smtp_too_many_connections"),
    "https://learn.microsoft.com/exchange/client-developer/legacy-protocols/"
    "how-to-authenticate-an-imap-pop-smtp-application-by-using-oauth": causes(
        "form_username_shared",
        "scope_missing",
        "smtp_no_oauth",
        "smtp_no_starttls",
        "smtp_not_authenticated",
        "smtp_password_login",
        "smtp_token_refused",
        "wrong_mailbox_user",
    ),
    "https://learn.microsoft.com/defender-office-365/"
    "outbound-spam-policies-external-email-forwarding": causes(
        "forwarding_blocked",
        "forwarding_settling",
        "remote_domain_blocks_forwarding",
        "transport_rule_blocks",
    ),
    "https://learn.microsoft.com/powershell/module/exchange/"
    "enable-organizationcustomization": causes("customization_needed"),
    "https://learn.microsoft.com/entra/identity/enterprise-apps/grant-admin-consent": causes(
        "app_access_not_allowed",
        "app_access_withdrawn",
        "app_roles_missing",
        "exchange_consent_missing",
    ),
    "https://learn.microsoft.com/graph/api/messagetracingroot-list-messagetraces": causes(
        "trace_limit"
    ),
    "https://learn.microsoft.com/graph/throttling-limits": causes("throttled"),
    "https://help.webexconnect.io/docs/wxcc-email-asset-creation": causes(
        "connect_login_failed", "connect_not_registered", "connect_not_saved"
    ),
    "https://help.webexconnect.io/docs/transaction-logs-and-debugging": causes(
        "connect_send_failed", "connect_smtp_failed"
    ),
    "https://help.webexconnect.io/docs/service-key-and-jwt-authentication-tokens": causes(
        "webex_key_refused"
    ),
    "https://help.webexconnect.io/docs/wxcc-create-task": causes("no_task"),
    "https://help.webex.com/en-us/article/n954r0k/"
    "Set-up-digital-channels-in-Webex-Contact-Center": causes(
        "asset_of_other_workload", "entry_point_inactive", "entry_point_missing"
    ),
}
"""Addresses of pages, each with the causes that it explains.

No AADSTS number names these causes.
"""

_PAGE_OF = {cause: page for page, named in PAGES.items() for cause in named} | {
    cause: f"{ENTRA_CODE_PAGE}{NUMBERS[cause]}" for cause in causes(*NUMBERS)
}


def page_of(cause: str) -> str:
    """Return the address of the page that explains a cause, or an empty string if none is known."""
    return _PAGE_OF.get(cause, "")
