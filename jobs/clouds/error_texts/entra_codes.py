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
    ("account_at_risk", _R, (530034, 50135, 50142)),
    ("account_disabled", _R, (500571,)),
    (
        "account_of_other_tenant",
        _R,
        (16003, 50014, 50143, 90084, 500200, 500201, 500207, 500208, 500212, 500213, 1000104),
    ),
    ("admin_consent_required", _F, (900941,)),
    ("app_disabled", _R, (1000031,)),
    ("app_misconfigured", _R, (9002331, 9002346, 90027, 65002)),
    ("app_not_found", _R, (90112, 700038, 7000229)),
    ("blocked_by_conditional_access", _R, (50002, 50131, 500021, 500022, 530031, 530033, 530084)),
    ("client_secret_missing", _R, (7000216, 7000217)),
    ("client_assertion_refused", _R, (700021, 700024, 70021, 700211, 700212, 700213, 7002138)),
    ("client_secret_wrong", _R, (50012, 7000219, 700027)),
    ("code_flow_broken", _R, (50147, 50148, 501491, 90007, 165000)),
    ("code_of_other_tenant", _R, (7000012,)),
    ("common_endpoint_used", _R, (90010, 90124, 90130, 9001023, 9002332)),
    ("device_code_failed", _R, (70020, 7000014, 90119, 90120)),
    (
        "device_not_accepted",
        _R,
        (
            *(50005, 50097, 50127, 50129, 50155, 50187, 53008, 53009, 530001, 530002, 530003),
            *(530004, 530021, 700003, 9001011, 130007, 135011),
        ),
    ),
    ("entra_busy", _T, (50000, 70012, 90025, 90091)),
    (
        "form_field_missing",
        _R,
        (
            50001,
            90004,
            90005,
            90013,
            90023,
            90100,
            90102,
            90117,
            90121,
            900142,
            900143,
            9000410,
            9000411,
        ),
    ),
    ("grant_invalid", _S, (50139,)),
    ("id_token_expired", _S, (500133,)),
    ("mfa_needed", _S, (50078, 50088, 50158, 50177, 500121)),
    ("mfa_registration_needed", _S, (50203,)),
    ("password_expired", _S, (50125,)),
    ("password_wrong", _S, (50052, 50054, 50064)),
    ("redirect_uri_is_spa", _S, (9002325, 9002327)),
    ("redirect_uri_mismatch", _R, (70004, 500112, 500117, 700009)),
    ("refresh_token_expired", _S, (700081,)),
    ("reply_address_missing", _R, (500113,)),
    ("response_type_disabled", _R, (700051,)),
    ("scope_wrong", _R, (28003, 90008, 90009, 650053, 901002, 1002012)),
    ("service_not_subscribed", _R, (500014,)),
    ("session_revoked", _S, (50085,)),
    ("sign_in_frequency", _S, (70044, 70046)),
    ("sign_in_interrupted", _S, (16001, 50136, 50140, 50168, 9002341)),
    ("sign_in_missing", _S, (16002, 160021, 51006, 700020)),
    (
        "tenant_not_found",
        _R,
        (50128, 90038, 90043, 90051, 900021, 900023, 900382, 900432, 5000224, 5000225),
    ),
    ("timed_out", _T, (80002, 80014)),
    ("user_not_assigned", _R, (501051,)),
    ("user_unknown", _R, (50197, 51004, 90101, 90125, 90126, 500341)),
)
PUBLISHED: dict[int, Meaning] = {
    code: Meaning(cause, kind)
    for cause, kind, codes in _ROWS
    for code in codes
    if code not in ENTRA
}
"""Meanings of the AADSTS numbers that Microsoft has published and the facts do not contain."""
VAGUE = frozenset({50000, 50001, 50196, 65005, 70000, 70002, 90014, 9002313})
"""AADSTS numbers that only say that something is wrong.

Another number in the same text names the problem.
"""
PROMPTS = frozenset({16000, 50058, 50089, 50097, 50140, 50199})
"""AADSTS numbers of interrupted or silent sign-ins. A log has them next to every other failure."""
OF_OTHER_PROTOCOLS = range(75000, 77000)
"""AADSTS numbers of SAML sign-ins.

Their sentences are not read, because the email channel does not use SAML.
"""
NUMBERS: dict[int, Meaning] = PUBLISHED | ENTRA
"""Every AADSTS number with a meaning."""
