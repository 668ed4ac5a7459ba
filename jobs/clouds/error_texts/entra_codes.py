"""AADSTS numbers that Microsoft publishes, in addition to those of the facts, and their causes.

Source: Microsoft's page "Microsoft Entra authentication and authorization error codes". The numbers
of facts/microsoft.md 5 are in :data:`jobs.clouds.causes.ENTRA`.
"""

from __future__ import annotations

from jobs.clouds.causes import ENTRA, ErrorKind, Meaning

_R, _S, _F, _T = (
    ErrorKind.REJECTED,
    ErrorKind.SIGN_IN_NEEDED,
    ErrorKind.FORBIDDEN,
    ErrorKind.TRANSIENT,
)
_ROWS: tuple[tuple[str, ErrorKind, tuple[int, ...]], ...] = (
    ("account_at_risk", _R, (530034, 50142)),
    ("account_disabled", _R, (500571, 500341, 50135)),
    ("account_of_other_tenant", _R, (50177, 500200, 51004, 50107, 500208, 90004)),
    ("admin_consent_required", _F, (900941, 90041)),
    ("app_disabled", _R, (7000110, 7000111)),
    ("app_misconfigured", _R, (9002331, 9002346, 700030, 90027, 65002)),
    ("app_not_found", _R, (700015, 7000229, 70015)),
    ("blocked_by_conditional_access", _R, (530031, 53011, 530033, 50187, 500021, 53009)),
    ("client_secret_missing", _R, (7000216, 7000217)),
    ("client_secret_wrong", _R, (50012, 7000219, 700027)),
    ("code_flow_broken", _R, (50148, 501491, 165000)),
    ("device_code_failed", _R, (70020,)),
    ("common_endpoint_used", _R, (50086, 9001023, 90010, 9002332, 90130)),
    (
        "device_not_accepted",
        _R,
        (50097, 50129, 50131, 530001, 530002, 530003, 530004, 50155, 700003, 9001011),
    ),
    ("entra_busy", _T, (90007, 90020, 90025, 50000, 90016)),
    ("form_field_missing", _R, (90013, 900142, 900143, 50001, 900384, 90023)),
    ("grant_invalid", _S, (70046, 50078, 700009, 9002341)),
    ("mfa_needed", _S, (50158, 500121, 50088)),
    ("mfa_registration_needed", _S, (50203, 53008)),
    ("password_expired", _S, (50125, 50143)),
    ("password_wrong", _S, (50064, 50181)),
    ("redirect_uri_is_spa", _S, (9002325, 9002327)),
    ("redirect_uri_mismatch", _R, (500112, 900971, 50017, 500117, 70026)),
    ("reply_address_missing", _R, (500113,)),
    ("scope_wrong", _R, (650053, 28003, 70012, 901002, 90009)),
    ("session_revoked", _S, (50085, 70044)),
    ("tenant_not_found", _R, (900021, 900023, 90051, 500014, 5000224)),
    ("id_token_expired", _S, (500133,)),
    ("sign_in_interrupted", _S, (50140,)),
    ("timed_out", _T, (80002, 80014)),
    ("user_not_assigned", _R, (501051, 50106)),
    ("user_unknown", _R, (51001, 50180, 50128, 90071)),
)
PUBLISHED: dict[int, Meaning] = {
    code: Meaning(cause, kind)
    for cause, kind, codes in _ROWS
    for code in codes
    if code not in ENTRA
}
"""AADSTS number -> meaning, for numbers that are not in the facts."""
VAGUE = frozenset({70000, 70002, 50000, 50001, 90014, 9002313, 65005, 50196})
"""Numbers that only say that something is wrong: another number in the same text says what."""
PROMPTS = frozenset({16000, 50058, 50089, 50140, 50199, 50097, 50144})
"""Numbers of interrupted or silent sign-ins, which a log has beside every other failure."""
OF_OTHER_PROTOCOLS = range(75000, 77000)
"""Numbers of SAML sign-ins, which this channel does not use; their sentences are not read."""
