"""Meaning of Entra's, Graph's and Exchange's error codes and words.

They are read by :mod:`jobs.clouds.error_texts`, which has those of SMTP and Webex Connect. Sources:
facts/microsoft.md sections 1, 2.4, 3.5, 5 and 7. Every cause has a sentence and a remedy in
``adaptive_cards/texts/en/causes.toml``. A test checks that the three agree.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NamedTuple

from jobs.causes.cause import CAUSES
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


#: AADSTS number -> meaning.
ENTRA = {
    number: Meaning(cause, ErrorKind(entry.kind))
    for cause, entry in CAUSES.items()
    for number in entry.entra
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
