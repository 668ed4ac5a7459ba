"""Words of Microsoft Graph, Exchange cmdlets and the network, and their meaning in a pasted text.

The phrases of :mod:`jobs.clouds.causes` judge an answer whose service is known. Here only the text
shows the service, so words that everybody uses count next to a sign of Microsoft's services.
"""

from __future__ import annotations

import re

from jobs.clouds.causes import EXCHANGE_PHRASES, GRAPH_PHRASES, ErrorKind, Meaning, Phrase
from jobs.clouds.error_texts.reading import FoundCause, found
from jobs.clouds.error_texts.speaker import Signs, Speaker
from jobs.clouds.late_pattern import LatePattern


def _says(cause: str, pattern: str, kind: ErrorKind = ErrorKind.REJECTED) -> Phrase:
    return Phrase(LatePattern(pattern, re.IGNORECASE), Meaning(cause, kind))


_F, _S, _T = ErrorKind.FORBIDDEN, ErrorKind.SIGN_IN_NEEDED, ErrorKind.TRANSIENT

#: Words of Graph and Exchange that the judges of answers need not know, most specific first.
_MORE: tuple[Phrase, ...] = (
    _says("send_as_denied", r"ErrorSendAsDenied"),
    _says("mailbox_full", r"ErrorQuotaExceeded"),
    _says("sender_restricted", r"ErrorMessageSubmissionBlocked"),
    _says("sending_limit_reached", r"ErrorExceededMessageLimit"),
    _says(
        "not_found",
        r"ErrorItemNotFound|ErrorFolderNotFound|specified object was not found in the store",
        ErrorKind.NOT_FOUND,
    ),
    _says(
        "licence_missing",
        r"MailboxNotEnabledForRESTAPI|mailbox is either inactive, soft-deleted|"
        r"REST API is not yet supported for this mailbox|license information for the user|"
        r"exceeds the maximum allowed for user .{0,80} with licen[cs]e|"
        r"valid (?:Office ?365|Microsoft ?365|Exchange Online) licen[cs]e|"
        r"ErrorMissingEmailAddress|account that does not have a mailbox",
    ),
    _says(
        "mailbox_not_found",
        r"ErrorInvalidUser\b|specified mailbox .{0,80}doesn't exist|ErrorNonExistentMailbox|"
        r"Resource could not be discovered|no mailbox (?:with such|(?:is )?associated)",
    ),
    _says(
        "exchange_role_missing",
        r"Insufficient access rights to perform the operation|present in the role definition for the current user|AuthZ-CmdletAccessDenied|current user's write scope(?!.{0,400}(?:synchroni[sz]ed|exceeds the maximum))|sufficient permissions\. This operation can only be performed|Connect-ExchangeOnline.{0,40}UnAuthorized|(?-i:\bUnAuthorized\b)|not allowed to call (?:Get|Set|New|Remove|Add|Enable)-|Connecting to remote server outlook.{0,120}Access is denied|isn't (?:assigned to any management roles|within (?:a valid|your current) (?:server )?write scope)|role assigned to application .{0,80}isn't supported|'?(?:Get|Set|New|Remove|Add|Enable)-(?:CAS|EXO)?(?:Mailbox|Transport|Hosted|Organization|Recipient|ServicePrincipal|Management|Role|AddressList|Message|Inbox|Remote|Accepted|Inbound|Outbound|Quarantine|Safe|Atp|AntiPhish|Dkim|Malware|Distribution|UnifiedGroup|ApplicationAccess|AuthenticationPolicy)\w*'? is not recogni[sz]ed",
        _F,
    ),
    _says(
        "not_found",
        r"operation couldn't be performed because object|couldn't find object",
        ErrorKind.NOT_FOUND,
    ),
    _says("exchange_service_missing", r"OrganizationFromTenantGuidNotFound|tenant for tenant guid"),
    _says("scope_wrong", r"NoPermissionsInAccessToken|token contains no permissions"),
    _says(
        "throttled",
        r"create a runspace because you have exceeded|OverBudgetException|micro delay|ErrorExceededConnectionCount|exceeded the available concurrent connections|ApplicationThrottled|MailboxConcurrency|maximum number of concurrent requests per tenant|ErrorServerBusy|\bTooManyRequests\b|429 Too Many Requests",
        _T,
    ),
    _says(
        "directory_role_missing",
        r"Insufficient privileges to complete the operation|caller does not have (?:the )?(?:required )?permission",
        _F,
    ),
    _says(
        "access_token_refused",
        r"Lifetime validation failed|CompactToken|TokenExpiredError|\(token_expired\)|Access token (?:has expired|validation fail|is empty)|JWT is not well formed|token is expired",
        _S,
    ),
    _says(
        "not_allowed",
        r"ErrorAccessDenied|AppOnly AccessPolicy|Access to OData is disabled|Access is denied\. Check credentials and try again|"
        r"403 (?:Client Error: )?Forbidden for url: https://graph|impersonation permissions?|"
        r"ErrorImpersonat\w+",
        _F,
    ),
    _says(
        "exchange_parameter_wrong",
        r"parameter cannot be found that matches parameter name|Cannot process argument transformation",
    ),
    _says(
        "service_unavailable",
        r"\b(?:Error)?ServiceUnavailable\b|ServiceNotAvailable|MailboxInfoStale|ErrorMailboxStoreUnavailable|"
        r"ErrorInternalServerTransientError|ErrorADUnavailable|"
        r"\b50[234]:? (?:Server Error: )?(?:Service Unavailable|Bad Gateway|Gateway Time-?out)",
        _T,
    ),
)
_OWN = LatePattern(
    r"Request_ResourceNotFound|Directory_ObjectNotFound|Authorization_RequestDenied|"
    r"NoBackingApplicationObject|CredentialTypeNotAllowed|CredentialInvalidLifetime|"
    r"as per assigned policy|Permission being assigned|Not a valid reference update|"
    r"Request_MultipleObjectsWithSameKeyValue|InvalidAuthenticationToken|"
    r"isn.?t currently allowed in your organization|Enable-OrganizationCustomization|"
    r"ADObjectAlreadyExistsException|MemberAlreadyExistsException|already enabled for customization|"
    r"operation couldn't be performed because object|couldn't find object|create a runspace|"
    r"write scope|with licen[cs]e|"
    r"in the role definition for the current user|AuthZ-CmdletAccessDenied|"
    r"ManagementObjectNotFoundException|ParameterTransformationException|AmbiguousParameterSetException|"
    r"Expired or Invalid pagination|Error(?:SendAsDenied|QuotaExceeded|AccessDenied|InvalidUser|MissingEmailAddress|ItemNotFound|"
    r"FolderNotFound|MessageSubmissionBlocked|ExceededMessageLimit|MailboxStoreUnavailable|"
    r"InternalServerTransientError|ADUnavailable|ServiceUnavailable)\b|AppOnly AccessPolicy|Access to OData is disabled|MailboxInfoStale|tenant for tenant guid|"
    r"OrganizationFromTenantGuidNotFound|"
    r"MailboxNotEnabledForRESTAPI|ApplicationThrottled|MailboxConcurrency|ErrorExceededConnectionCount|"
    r"Check credentials and try again|exceeded the available concurrent connections",
    re.IGNORECASE,
)
"""Words that only Microsoft's services use."""
CLOUD_WORDS: tuple[Phrase, ...] = (*_MORE, *GRAPH_PHRASES, *EXCHANGE_PHRASES)


def is_own(words: str) -> bool:
    """Return whether only Microsoft's services say these words."""
    return _OWN.search(words) is not None


_AWAY = (
    r"getaddrinfo|ENOTFOUND|ECONNREFUSED|ETIMEDOUT|ECONNRESET|EHOSTUNREACH|EAI_AGAIN|"
    r"connection (?:attempt )?(?:timed out|refused|reset)|connect(?:ion)? timeout|no route to host|"
    r"network is unreachable|could not (?:connect|resolve)|couldn't connect|cannot connect|"
    r"failed to connect|unable to connect|name or service not known|name resolution|"
    r"did not properly respond after a period|\btimed-out \(\d+ sec"
)
_CERTIFICATE = (
    r"certificate verify failed|unable to verify the first certificate|self[- ]signed certificate|"
    r"UNABLE_TO_GET_ISSUER_CERT|PKIX path building failed|remote certificate is invalid|"
    r"CertificateValidationException|CertPathValidator|certificate (?:has expired|is not trusted)|unable to get local issuer"
)
_TLS = (
    r"wrong version number|handshake (?:fail|error|_failure)|unsupported protocol|no protocols available|"
    r"ssl3_get_record|1408F10B|0A00010B|unexpected packet format|alert protocol version|SSLHandshakeException|SSL or TLS error|"
    r"no common (?:encryption )?algorithm|tlsv1 alert|does not look like a TLS handshake|"
    r"establish an SSL or TLS connection|SSL/TLS connection failed|failed to receive handshake|"
    r"handshake failed"
)
_SMTP_HOST = LatePattern(
    r"smtp[\w.-]*\.office365\b|smtp-mail\.outlook\.com|outlook\.office365\.com:(?:587|25)",
    re.IGNORECASE,
)
#: Faults of the connection to the mail server: they count next to its name.
NETWORK: tuple[Phrase, ...] = (
    _says("smtp_certificate_invalid", _CERTIFICATE),
    _says("smtp_tls_failed", _TLS),
    _says(
        "smtp_no_starttls",
        r"must issue a STARTTLS command first|SMTP AUTH extension not supported|STARTTLS (?:is )?not (?:supported|offered|available)",
    ),
    _says("smtp_unreachable", _AWAY, _T),
)
_NEAR = 200
_OURS = (Speaker.GRAPH, Speaker.EXCHANGE, Speaker.ENTRA)


_MAILBOX_LOGIN = LatePattern(r"\bAUTHENTICATE failed|\bLOGIN failed\b|Logon failure: unknown user")
_MICROSOFT = LatePattern(r"\b(?:Microsoft|Azure|Outlook|Hotmail)\b", re.IGNORECASE)
_OF_MAILBOX_LOGIN = tuple(
    Meaning(cause, ErrorKind.REJECTED)
    for cause in ("scope_wrong", "wrong_mailbox_user", "smtp_password_login")
)


def causes_of_mailbox_login(text: str, signs: Signs) -> list[FoundCause]:
    """Return the causes that a refused login by IMAP or POP may have.

    SMTP refuses the same token.
    """
    match = _MAILBOX_LOGIN.search(text)
    if not match or not (signs.accepts(match.start(), *_OURS) or _is_of_microsoft(text, signs)):
        return []
    return [found(each, match[0], match.start(), certain=False) for each in _OF_MAILBOX_LOGIN]


def _is_of_microsoft(text: str, signs: Signs) -> bool:
    """Return whether the text names Microsoft in a person's own words, and no other service."""
    return not signs.has(Speaker.STRANGER) and _MICROSOFT.search(text) is not None


def causes_of_clouds(text: str, signs: Signs) -> list[FoundCause]:
    """Return the causes that words of Graph and of Exchange cmdlets name.

    For each cause, only the first match counts.
    """
    causes = []
    for phrase in CLOUD_WORDS:
        match = phrase.pattern.search(text)
        if match and (is_own(match[0]) or signs.accepts(match.start(), *_OURS)):
            causes.append(found(phrase.meaning, match[0].strip(), match.start()))
    return causes[:1]


def causes_of_network(text: str, signs: Signs) -> list[FoundCause]:
    """Return the faults of the connection to Exchange's mail server that a text names."""
    hosts = [each.start() for each in _SMTP_HOST.finditer(text)]
    return [
        found(phrase.meaning, match[0], match.start())
        for phrase in NETWORK
        for match in phrase.pattern.finditer(text)
        if signs.accepts(match.start(), *_OURS)
        and (phrase.meaning.kind is not _T or _is_near(match, hosts))
    ][:1]


def _is_near(match: re.Match[str], places: list[int]) -> bool:
    return any(abs(place - match.start()) < _NEAR for place in places)
