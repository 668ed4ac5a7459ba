"""Tables of Entra's, Graph's and Exchange's error codes and their meaning.

They are read by :mod:`jobs.clouds.error_texts`, which has those of SMTP and Webex Connect. Sources:
facts/microsoft.md sections 1, 2.4, 3.5, 5 and 7. Every cause has a sentence and a remedy in
``adaptive_cards/texts/en/causes.toml``. A test checks that the three agree.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NamedTuple

from jobs.clouds.late_pattern import LatePattern


class ErrorKind(StrEnum):
    """Reaction that an error calls for; each kind is a class in :mod:`jobs.clouds.errors`."""

    TRANSIENT = "transient"
    NOT_REPLICATED = "settling"
    SIGN_IN_NEEDED = "sign_in_needed"
    FORBIDDEN = "not_allowed"
    NOT_FOUND = "not_found"
    ALREADY_EXISTS = "already_there"
    REJECTED = "rejected"
    MALFORMED = "unreadable"


class Meaning(NamedTuple):
    """Cause of an error, and the kind of reaction that the error calls for."""

    cause: str
    kind: ErrorKind


class Phrase(NamedTuple):
    """Words that identify a service's answer if its code is too general, and their meaning."""

    pattern: LatePattern
    meaning: Meaning


def _phrase(pattern: str, cause: str, kind: ErrorKind = ErrorKind.REJECTED) -> Phrase:
    return Phrase(LatePattern(pattern, re.IGNORECASE), Meaning(cause, kind))


_ENTRA_ROWS: tuple[tuple[str, ErrorKind, tuple[int, ...]], ...] = (
    ("account_of_other_tenant", ErrorKind.REJECTED, (16000, 50020, 90072)),
    ("exchange_service_missing", ErrorKind.REJECTED, (500011,)),
    ("redirect_uri_mismatch", ErrorKind.REJECTED, (50011,)),
    ("user_unknown", ErrorKind.REJECTED, (50034,)),
    ("account_at_risk", ErrorKind.REJECTED, (53011,)),
    ("account_locked", ErrorKind.REJECTED, (50053,)),
    ("password_expired", ErrorKind.SIGN_IN_NEEDED, (50055, 50144)),
    ("password_wrong", ErrorKind.SIGN_IN_NEEDED, (50056, 50126)),
    ("account_disabled", ErrorKind.REJECTED, (50057,)),
    ("sign_in_missing", ErrorKind.SIGN_IN_NEEDED, (50058,)),
    ("mfa_needed", ErrorKind.SIGN_IN_NEEDED, (50072, 50074, 50076, 50079)),
    ("sign_in_interrupted", ErrorKind.SIGN_IN_NEEDED, (50089, 50199)),
    ("user_not_assigned", ErrorKind.REJECTED, (50105,)),
    ("session_revoked", ErrorKind.SIGN_IN_NEEDED, (50132, 50133, 50173)),
    ("common_endpoint_used", ErrorKind.REJECTED, (50194,)),
    ("client_looping", ErrorKind.REJECTED, (50196,)),
    ("device_not_accepted", ErrorKind.REJECTED, (53000, 53001, 53002)),
    ("blocked_by_conditional_access", ErrorKind.REJECTED, (53003, 530032)),
    ("blocked_by_security_defaults", ErrorKind.REJECTED, (530035,)),
    ("mfa_registration_needed", ErrorKind.SIGN_IN_NEEDED, (53004, 53010)),
    ("code_already_used", ErrorKind.SIGN_IN_NEEDED, (54005,)),
    ("code_of_other_tenant", ErrorKind.REJECTED, (700005,)),
    ("consent_missing", ErrorKind.REJECTED, (65001,)),
    ("consent_declined", ErrorKind.REJECTED, (65004,)),
    ("app_misconfigured", ErrorKind.REJECTED, (65005, 650056)),
    ("permission_id_unknown", ErrorKind.REJECTED, (65006,)),
    ("service_principal_not_ready", ErrorKind.NOT_REPLICATED, (650051,)),
    ("service_not_subscribed", ErrorKind.REJECTED, (650052, 650054)),
    ("permission_not_declared", ErrorKind.REJECTED, (650057,)),
    ("grant_invalid", ErrorKind.SIGN_IN_NEEDED, (70000,)),
    ("app_disabled", ErrorKind.REJECTED, (70001, 7000112)),
    ("app_not_found", ErrorKind.REJECTED, (700011, 700016)),
    ("client_secret_wrong", ErrorKind.REJECTED, (70002, 7000215)),
    ("client_secret_missing", ErrorKind.REJECTED, (7000218,)),
    ("client_secret_expired", ErrorKind.REJECTED, (7000222,)),
    ("response_type_disabled", ErrorKind.REJECTED, (700054, 70005)),
    ("public_client_with_secret", ErrorKind.REJECTED, (700025,)),
    ("scope_wrong", ErrorKind.REJECTED, (70007, 70011, 28000, 28002, 700022, 700023, 70003)),
    ("refresh_token_expired", ErrorKind.SIGN_IN_NEEDED, (70008, 700082)),
    ("redirect_uri_is_spa", ErrorKind.SIGN_IN_NEEDED, (700084,)),
    ("device_code_failed", ErrorKind.REJECTED, (70016, 70018, 70019)),
    ("sign_in_frequency", ErrorKind.SIGN_IN_NEEDED, (70043,)),
    ("tenant_not_found", ErrorKind.REJECTED, (90002, 90019, 50059)),
    ("form_field_missing", ErrorKind.REJECTED, (90014, 900144, 9002313)),
    ("urls_swapped", ErrorKind.REJECTED, (900561,)),
    ("reply_address_missing", ErrorKind.REJECTED, (900971,)),
    ("code_flow_broken", ErrorKind.REJECTED, (90056, 501481)),
    ("directory_role_missing", ErrorKind.FORBIDDEN, (90093,)),
    ("admin_consent_required", ErrorKind.FORBIDDEN, (90094, 90095)),
    ("partner_consent_missing", ErrorKind.FORBIDDEN, (90099,)),
    ("entra_busy", ErrorKind.TRANSIENT, (90006, 90024, 90033, 90055, 90090, 50033, 50087, 90012)),
)

#: AADSTS number -> meaning (facts section 5).
ENTRA: dict[int, Meaning] = {
    code: Meaning(cause, kind) for cause, kind, codes in _ENTRA_ROWS for code in codes
}

#: OAuth's own ``error`` value, for an answer without an AADSTS number.
OAUTH: dict[str, Meaning] = {
    "access_denied": Meaning("consent_declined", ErrorKind.REJECTED),
    "consent_required": Meaning("consent_missing", ErrorKind.REJECTED),
    "interaction_required": Meaning("sign_in_missing", ErrorKind.SIGN_IN_NEEDED),
    "login_required": Meaning("sign_in_missing", ErrorKind.SIGN_IN_NEEDED),
    "invalid_grant": Meaning("grant_invalid", ErrorKind.SIGN_IN_NEEDED),
    "invalid_client": Meaning("client_secret_wrong", ErrorKind.REJECTED),
    "unauthorized_client": Meaning("app_not_found", ErrorKind.REJECTED),
    "invalid_scope": Meaning("scope_wrong", ErrorKind.REJECTED),
    "server_error": Meaning("entra_busy", ErrorKind.TRANSIENT),
    "temporarily_unavailable": Meaning("entra_busy", ErrorKind.TRANSIENT),
}

#: Words in answers of Microsoft Graph, most specific first (facts 1.2 to 1.5 and 7).
GRAPH_PHRASES: tuple[Phrase, ...] = (
    _phrase(
        r"Credential type not allowed|CredentialTypeNotAllowed|CredentialInvalidLifetime"
        r"|as per assigned policy",
        "secret_forbidden_by_policy",
        ErrorKind.FORBIDDEN,
    ),
    _phrase(
        r"NoBackingApplicationObject|does not reference a valid application object",
        "directory_settling",
        ErrorKind.NOT_REPLICATED,
    ),
    _phrase(r"Not a valid reference update", "directory_settling", ErrorKind.NOT_REPLICATED),
    _phrase(r"Permission being assigned already exists", "already_there", ErrorKind.ALREADY_EXISTS),
    _phrase(
        r"Another object with the same value for property",
        "already_there",
        ErrorKind.ALREADY_EXISTS,
    ),
    _phrase(
        r"Request_MultipleObjectsWithSameKeyValue|entry already exists|already present",
        "already_there",
        ErrorKind.ALREADY_EXISTS,
    ),
    _phrase(
        r"Request_ResourceNotFound|Directory_ObjectNotFound|No password credential found",
        "not_found",
        ErrorKind.NOT_FOUND,
    ),
    _phrase(r"Authorization_RequestDenied", "directory_role_missing", ErrorKind.FORBIDDEN),
    _phrase(r"InvalidAuthenticationToken", "access_token_refused", ErrorKind.SIGN_IN_NEEDED),
)

#: Words in answers of Exchange, most specific first (facts 2.4 and 3.5). Exchange also says under
#: other statuses than 429 that it was asked too much.
EXCHANGE_PHRASES: tuple[Phrase, ...] = (
    _phrase(r"maximum number of concurrent requests per tenant", "throttled", ErrorKind.TRANSIENT),
    _phrase(r"UnableToWriteToAadException", "service_unavailable", ErrorKind.TRANSIENT),
    _phrase(
        r"Organization is already enabled for customization",
        "already_there",
        ErrorKind.ALREADY_EXISTS,
    ),
    _phrase(
        r"isn.?t currently allowed in your organization"
        r"|first need to run the command:? *Enable-OrganizationCustomization",
        "customization_needed",
    ),
    _phrase(
        r"ADObjectAlreadyExistsException|MemberAlreadyExistsException|already exists",
        "already_there",
        ErrorKind.ALREADY_EXISTS,
    ),
    _phrase(
        r"ManagementObjectNotFoundException|couldn.?t be found on", "not_found", ErrorKind.NOT_FOUND
    ),
    _phrase(
        r"ParameterTransformationException|AmbiguousParameterSetException|Invalid cmdlet parameters",
        "exchange_parameter_wrong",
    ),
    _phrase(r"Expired or Invalid pagination request", "exchange_answer_cut"),
)

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
