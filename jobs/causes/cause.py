"""Causes that a finding or a cloud's error can name, and what the table says of each.

The table is ``causes.toml``. It cannot be loaded with a misspelled name, or without one of the
causes. The names of steps and probes in it are checked when those are collected
(:mod:`jobs.engine.registry`).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from importlib.resources import files
from typing import Literal

import msgspec

from jobs.causes.meaning import ErrorKind
from jobs.model import Turn

ENTRA_CODE_PAGE = "https://login.microsoftonline.com/error?code="
"""Beginning of the address of Microsoft's page about an AADSTS number, which comes last."""


class Cause(StrEnum):
    """Cause of a failure. Its sentence is ``cause.`` with the value, and its remedy ``remedy.``."""

    ACCESS_TOKEN_REFUSED = "access_token_refused"
    ACCOUNT_AT_RISK = "account_at_risk"
    ACCOUNT_DISABLED = "account_disabled"
    ACCOUNT_LOCKED = "account_locked"
    ACCOUNT_OF_OTHER_TENANT = "account_of_other_tenant"
    ADMIN_CONSENT_REQUIRED = "admin_consent_required"
    ALREADY_THERE = "already_there"
    ANSWER_UNREADABLE = "answer_unreadable"
    APP_ACCESS_NOT_ALLOWED = "app_access_not_allowed"
    APP_ACCESS_WITHDRAWN = "app_access_withdrawn"
    APP_DEACTIVATED = "app_deactivated"
    APP_DELETED_MEANWHILE = "app_deleted_meanwhile"
    APP_DISABLED = "app_disabled"
    APP_DISABLED_BY_MICROSOFT = "app_disabled_by_microsoft"
    APP_MISCONFIGURED = "app_misconfigured"
    APP_NOT_FOUND = "app_not_found"
    APP_ROLES_MISSING = "app_roles_missing"
    ASSET_OF_OTHER_WORKLOAD = "asset_of_other_workload"
    AUTODISCOVER_MISSING = "autodiscover_missing"
    BLOCKED_BY_CONDITIONAL_ACCESS = "blocked_by_conditional_access"
    BLOCKED_BY_SECURITY_DEFAULTS = "blocked_by_security_defaults"
    BOT_CREDENTIAL_REFUSED = "bot_credential_refused"
    CERTIFICATE_INVALID = "certificate_invalid"
    CHANGE_NEVER_SHOWN = "change_never_shown"
    CLIENT_ASSERTION_REFUSED = "client_assertion_refused"
    CLIENT_LOOPING = "client_looping"
    CLIENT_SECRET_EXPIRED = "client_secret_expired"
    CLIENT_SECRET_EXPIRES_SOON = "client_secret_expires_soon"
    CLIENT_SECRET_GONE = "client_secret_gone"
    CLIENT_SECRET_MISSING = "client_secret_missing"
    CLIENT_SECRET_WRONG = "client_secret_wrong"
    CLOCK_WRONG = "clock_wrong"
    CODE_ALREADY_USED = "code_already_used"
    CODE_FLOW_BROKEN = "code_flow_broken"
    CODE_OF_OTHER_TENANT = "code_of_other_tenant"
    COMMON_ENDPOINT_USED = "common_endpoint_used"
    CONNECT_ADDRESS_GONE = "connect_address_gone"
    CONNECT_ADDRESS_NOT_ALLOWED = "connect_address_not_allowed"
    CONNECT_CHANGED = "connect_changed"
    CONNECT_CONTENT_REFUSED = "connect_content_refused"
    CONNECT_FLOW_NOT_LIVE = "connect_flow_not_live"
    CONNECT_LOGIN_FAILED = "connect_login_failed"
    CONNECT_NOT_REACHED = "connect_not_reached"
    CONNECT_NOT_REGISTERED = "connect_not_registered"
    CONNECT_NOT_SAVED = "connect_not_saved"
    CONNECT_RECIPIENT_REFUSED = "connect_recipient_refused"
    CONNECT_SEND_FAILED = "connect_send_failed"
    CONNECT_SENDER_UNKNOWN = "connect_sender_unknown"
    CONNECT_SERVICE_INACTIVE = "connect_service_inactive"
    CONNECT_SMTP_FAILED = "connect_smtp_failed"
    CONNECTION_LOST = "connection_lost"
    CONSENT_CANCELLED = "consent_cancelled"
    CONSENT_DECLINED = "consent_declined"
    CONSENT_MISSING = "consent_missing"
    CONSENT_REQUESTED = "consent_requested"
    COPY_DIFFERS = "copy_differs"
    CUSTOMIZATION_NEEDED = "customization_needed"
    DELEGATE_NOT_FOUND = "delegate_not_found"
    DELEGATE_UNKNOWN = "delegate_unknown"
    DEVICE_CODE_FAILED = "device_code_failed"
    DEVICE_NOT_ACCEPTED = "device_not_accepted"
    DIRECTORY_ROLE_MISSING = "directory_role_missing"
    DIRECTORY_SETTLING = "directory_settling"
    DLP_BLOCKS = "dlp_blocks"
    DOMAIN_NOT_AUTHENTICATED = "domain_not_authenticated"
    DOMAIN_NOT_REGISTERED = "domain_not_registered"
    ENTRA_BUSY = "entra_busy"
    ENTRA_INCIDENT = "entra_incident"
    ENTRY_POINT_INACTIVE = "entry_point_inactive"
    ENTRY_POINT_MISSING = "entry_point_missing"
    EXCHANGE_ANSWER_CUT = "exchange_answer_cut"
    EXCHANGE_CONSENT_MISSING = "exchange_consent_missing"
    EXCHANGE_INCIDENT = "exchange_incident"
    EXCHANGE_PARAMETER_WRONG = "exchange_parameter_wrong"
    EXCHANGE_ROLE_MISSING = "exchange_role_missing"
    EXCHANGE_SERVICE_MISSING = "exchange_service_missing"
    FORM_FIELD_MISSING = "form_field_missing"
    FORM_USERNAME_SHARED = "form_username_shared"
    FORWARDING_ADDRESS_WINS = "forwarding_address_wins"
    FORWARDING_BLOCKED = "forwarding_blocked"
    FORWARDING_SETTLING = "forwarding_settling"
    GRANT_INVALID = "grant_invalid"
    HOST_NAME_UNKNOWN = "host_name_unknown"
    HOST_NOT_ALLOWED = "host_not_allowed"
    ID_TOKEN_AUDIENCE = "id_token_audience"
    ID_TOKEN_EXPIRED = "id_token_expired"
    ID_TOKEN_INVALID = "id_token_invalid"
    ID_TOKEN_ISSUER = "id_token_issuer"
    ID_TOKEN_NONCE = "id_token_nonce"
    ID_TOKEN_SIGNATURE = "id_token_signature"
    LICENCE_MISSING = "licence_missing"
    MAIL_EXCHANGER_ELSEWHERE = "mail_exchanger_elsewhere"
    MAIL_EXCHANGER_MISSING = "mail_exchanger_missing"
    MAIL_LOOP = "mail_loop"
    MAIL_NOT_DELIVERED = "mail_not_delivered"
    MAIL_WRONG_REGION = "mail_wrong_region"
    MAILBOX_FULL = "mailbox_full"
    MAILBOX_INTERNAL_ONLY = "mailbox_internal_only"
    MAILBOX_NOT_FOUND = "mailbox_not_found"
    MAILBOX_SENDERS_LISTED = "mailbox_senders_listed"
    MAILBOX_SYNCED = "mailbox_synced"
    MFA_NEEDED = "mfa_needed"
    MFA_REGISTRATION_NEEDED = "mfa_registration_needed"
    MORE_PERMISSIONS_NEEDED = "more_permissions_needed"
    NAME_AMBIGUOUS = "name_ambiguous"
    NO_TASK = "no_task"
    NOT_ALLOWED = "not_allowed"
    NOT_FORWARDED = "not_forwarded"
    NOT_FOUND = "not_found"
    OTHER_SERVER_CERTIFICATE = "other_server_certificate"
    OWN_SECRET_REFUSED = "own_secret_refused"
    PARTNER_CONSENT_MISSING = "partner_consent_missing"
    PASSWORD_EXPIRED = "password_expired"
    PASSWORD_WRONG = "password_wrong"
    PERMISSION_ID_UNKNOWN = "permission_id_unknown"
    PERMISSION_NOT_DECLARED = "permission_not_declared"
    PROBE_LOGIN_REFUSED = "probe_login_refused"
    PUBLIC_CLIENT_WITH_SECRET = "public_client_with_secret"
    REDIRECT_URI_IS_SPA = "redirect_uri_is_spa"
    REDIRECT_URI_MISMATCH = "redirect_uri_mismatch"
    REFRESH_TOKEN_EXPIRED = "refresh_token_expired"
    REFRESH_TOKEN_MISSING = "refresh_token_missing"
    REMOTE_DOMAIN_BLOCKS_FORWARDING = "remote_domain_blocks_forwarding"
    REPLY_ADDRESS_MISSING = "reply_address_missing"
    REQUEST_REJECTED = "request_rejected"
    RESPONSE_TYPE_DISABLED = "response_type_disabled"
    SCOPE_MISSING = "scope_missing"
    SCOPE_WRONG = "scope_wrong"
    SECRET_DELETED_MEANWHILE = "secret_deleted_meanwhile"
    SECRET_FORBIDDEN_BY_POLICY = "secret_forbidden_by_policy"
    SEND_AS_DENIED = "send_as_denied"
    SEND_AS_MISSING = "send_as_missing"
    SENDER_RESTRICTED = "sender_restricted"
    SENDING_LIMIT_REACHED = "sending_limit_reached"
    SENDS_AS_ONMICROSOFT = "sends_as_onmicrosoft"
    SERVICE_NOT_SUBSCRIBED = "service_not_subscribed"
    SERVICE_PRINCIPAL_MISSING = "service_principal_missing"
    SERVICE_PRINCIPAL_NOT_READY = "service_principal_not_ready"
    SERVICE_UNAVAILABLE = "service_unavailable"
    SESSION_REVOKED = "session_revoked"
    SIGN_IN_FAILED = "sign_in_failed"
    SIGN_IN_FREQUENCY = "sign_in_frequency"
    SIGN_IN_INTERRUPTED = "sign_in_interrupted"
    SIGN_IN_MISSING = "sign_in_missing"
    SMTP_AUTH_OFF_FOR_MAILBOX = "smtp_auth_off_for_mailbox"
    SMTP_AUTH_OFF_FOR_TENANT = "smtp_auth_off_for_tenant"
    SMTP_AUTH_SETTLING = "smtp_auth_settling"
    SMTP_BUSY = "smtp_busy"
    SMTP_CERTIFICATE_INVALID = "smtp_certificate_invalid"
    SMTP_LOGIN_BLOCKED = "smtp_login_blocked"
    SMTP_NO_OAUTH = "smtp_no_oauth"
    SMTP_NO_STARTTLS = "smtp_no_starttls"
    SMTP_NOT_AUTHENTICATED = "smtp_not_authenticated"
    SMTP_PASSWORD_LOGIN = "smtp_password_login"
    SMTP_REFUSED = "smtp_refused"
    SMTP_SERVER_WRONG = "smtp_server_wrong"
    SMTP_TLS_FAILED = "smtp_tls_failed"
    SMTP_TOKEN_REFUSED = "smtp_token_refused"
    SMTP_TOO_MANY_CONNECTIONS = "smtp_too_many_connections"
    SMTP_UNREACHABLE = "smtp_unreachable"
    STATE_MISMATCH = "state_mismatch"
    TENANT_BLOCK_LIST = "tenant_block_list"
    TENANT_NOT_FOUND = "tenant_not_found"
    TENANT_SENDING_BLOCKED = "tenant_sending_blocked"
    TEST_MAIL_FROM_ITSELF = "test_mail_from_itself"
    TEST_MAIL_LATE = "test_mail_late"
    THROTTLED = "throttled"
    TIMED_OUT = "timed_out"
    TOKEN_MISSING = "token_missing"
    TRACE_LIMIT = "trace_limit"
    TRANSPORT_RULE_BLOCKS = "transport_rule_blocks"
    TRANSPORT_RULE_BLOCKS_ANSWERS = "transport_rule_blocks_answers"
    TRANSPORT_RULE_BLOCKS_ARRIVALS = "transport_rule_blocks_arrivals"
    TRANSPORT_RULE_MAY_BLOCK = "transport_rule_may_block"
    UNEXPECTED = "unexpected"
    URLS_SWAPPED = "urls_swapped"
    USER_NOT_ASSIGNED = "user_not_assigned"
    USER_UNKNOWN = "user_unknown"
    WATCH_MAIL_MISSING = "watch_mail_missing"
    WEBEX_BUSY = "webex_busy"
    WEBEX_INCIDENT = "webex_incident"
    WEBEX_KEY_REFUSED = "webex_key_refused"
    WEBEX_REFUSED = "webex_refused"
    WEBEX_UNAVAILABLE = "webex_unavailable"
    WHAT_STOPS_MAIL_NOT_READ = "what_stops_mail_not_read"
    WRONG_MAILBOX_USER = "wrong_mailbox_user"
    WRONG_TENANT = "wrong_tenant"

    __repr__ = str.__repr__  # a cause that was saved and read is a plain text, and looks the same


class CauseEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the table says of one cause. The head of the table explains the fields."""

    acts: Turn
    shown_by: tuple[str, ...] = ()
    fixed_by: tuple[str, ...] = ()
    fixed_if_wrong: bool = False
    new_token: bool = False
    entra: tuple[int, ...] = ()
    smtp: tuple[str, ...] = ()
    smtp_shared: tuple[str, ...] = ()
    connect: tuple[str, ...] = ()
    oauth: tuple[str, ...] = ()
    kind: ErrorKind = ErrorKind.REJECTED
    page: int | str = ""
    shared: Literal["", "tenant", "everybody"] = ""
    settles: bool = False


class _Table(msgspec.Struct, forbid_unknown_fields=True):
    pages: dict[str, str]
    causes: dict[Cause, CauseEntry]


def load(text: str | bytes) -> Mapping[str, CauseEntry]:
    """Return the entries of a table, with the whole addresses of their pages.

    Raises:
        msgspec.ValidationError: a name or a value is none of those that exist.
        KeyError: a cause has no entry, or a page no address.
    """
    table = msgspec.toml.decode(text, type=_Table)
    addresses = {"": "", **table.pages}
    return {
        cause: msgspec.structs.replace(
            entry,
            page=f"{ENTRA_CODE_PAGE}{entry.page}"
            if isinstance(entry.page, int)
            else addresses[entry.page],
        )
        for cause in Cause
        for entry in (table.causes[cause],)
    }


CAUSES = load((files(__package__) / "causes.toml").read_bytes())
NEW_TOKEN = frozenset(cause for cause, entry in CAUSES.items() if entry.new_token)
"""Causes that a new token ends: the mailbox user clicks Generate Token in Webex Connect.

Sources: microsoft.md 4, and 8 rows 4 and 10. A token of a single-page application expires on
its own, even after its callback was moved to the platform Web.
"""


_NOT_LISTED = CauseEntry(acts=Turn.ADMINISTRATOR)


def known(cause: str) -> CauseEntry:
    """Return what the table says of a cause; of any other code, that an administrator acts."""
    return CAUSES.get(cause, _NOT_LISTED)


def page_of(cause: str) -> str:
    """Return the address of the page that explains a cause, or an empty string if none is known."""
    return str(known(cause).page)
