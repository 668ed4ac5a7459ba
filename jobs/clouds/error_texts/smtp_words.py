"""Words and codes of SMTP replies, non-delivery reports and message traces, and their meaning.

Sources: facts/microsoft.md 2.3 and 4.1, facts/update-2026-11.md 4 and 7, and Microsoft's page
"Email non-delivery reports and SMTP errors in Exchange Online" with the pages that it links. Words
come before numbers: 4.3.2 is any system error, 5.7.1 any refusal, and 5.2.2 is a sender's limit
only if the words say so.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from jobs.clouds.causes import ErrorKind, Meaning
from jobs.clouds.late_pattern import LatePattern


class SmtpWords(NamedTuple):
    """Words of a reply with their meaning.

    ``unmistakable`` words are Exchange's own. The others count only if Exchange speaks.
    """

    pattern: LatePattern
    meaning: Meaning
    unmistakable: bool


def _words(
    cause: str, pattern: str, kind: ErrorKind = ErrorKind.REJECTED, *, unmistakable: bool = True
) -> SmtpWords:
    return SmtpWords(LatePattern(pattern, re.IGNORECASE), Meaning(cause, kind), unmistakable)


def _shared(cause: str, pattern: str, kind: ErrorKind = ErrorKind.REJECTED) -> SmtpWords:
    return _words(cause, pattern, kind, unmistakable=False)


BY_A_RULE = "transport_rule_may_block"
"""Cause if a mail-flow rule rejected a mail. The mail's place on its way shows which mail it is."""
_AUTH_OFF = r"SMTP ?(?:Auth(?:entication)?|Client ?(?:Auth(?:entication)?)?) (?:is |was |has been )?disabled for "
_TOKEN = ErrorKind.SIGN_IN_NEEDED
_PASSES = ErrorKind.TRANSIENT

#: Words, most specific first. In one reply the first that is found counts.
SMTP_WORDS: tuple[SmtpWords, ...] = (
    _words("smtp_auth_off_for_tenant", rf"{_AUTH_OFF}(?:the |your )?(?:tenant|organi[sz]ation)"),
    _words(
        "smtp_auth_off_for_mailbox", rf"{_AUTH_OFF}(?:the |this |your )?(?:mailbox|user|account)"
    ),
    _words(
        "blocked_by_security_defaults",
        r"(?<!write your organization's )security defaults policy|"
        r"locked by your organi[sz]ation's security",
    ),
    _words(
        "smtp_password_login",
        r"user credentials were incorrect|BasicAuthBlocked|"
        r"(?:SMTP|5\.7\.139|5\.7\.30|Outlook|365).{0,80}basic auth(?:entication)? "
        r"(?:is |was |has been )?(?:disabled|blocked|not supported|not enabled)|"
        r"Basic authentication is not supported for Client Submission",
    ),
    _shared("smtp_password_login", r"basic auth(?:entication)? (?:is |was )?(?:disabled|blocked)"),
    _words(
        "blocked_by_conditional_access",
        r"5\.7\.139[^.]{0,60}(?:blocked|denied)[^.]{0,30}conditional access",
    ),
    _words("account_locked", r"5\.7\.139[^.]{0,60}account (?:(?:is|was|has been) )?locked"),
    _words(
        "account_disabled",
        r"5\.7\.139[^.]{0,60}(?:user|account|mailbox) (?:(?:is|was|has been) )?(?:disabled|blocked)",
    ),
    _words("password_expired", r"5\.7\.139[^.]{0,60}password (?:(?:is|has) )?expired"),
    _words("smtp_login_blocked", r"did not meet the criteria to be authenticated"),
    _words(
        "send_as_denied",
        r"SendAsDenied|client does not have permissions? to send as|"
        r"permission to send the message on behalf of the specified user",
    ),
    _shared(
        "send_as_denied",
        r"not allowed to send (?:e-?mails? )?(?:as|on behalf)|(?:have|has) (?:no )?permissions? to send as|"
        r"not have (?:the )?permissions? to send (?:as|on behalf|from|the message on behalf)|"
        r"not authori[sz]ed to send (?:as|on behalf)|Berechtigung[^.]{0,60}im Auftrag|"
        r"permission to send (?:from|as) this (?:mailbox|sender)",
    ),
    _words(
        "smtp_too_many_connections",
        r"sender thread limit|ClientSubmit[^.]{0,40}thread limit|"
        r"4\.3\.2.{0,60}(?:connection limit|concurrent connection)",
        _PASSES,
    ),
    _shared(
        "smtp_too_many_connections",
        r"concurrent connections? (?:per mailbox |limit )?exceed|concurrent connections? limit|"
        r"exceeded (?:the )?(?:maximum|limit|number) (?:of )?concurrent connections|"
        r"too many concurrent (?:SMTP )?connections",
        _PASSES,
    ),
    _words(
        "forwarding_blocked",
        r"organi[sz]ation (?:does not|doesn't) allow (?:automatic )?external forwarding|\bAS\(75(?:50|55)\)|"
        r"externe Weiterleitung[^.]{0,40}nicht",
    ),
    _words(
        "sender_restricted",
        r"bad outbound sender|OutboundSpamException|"
        r"5\.1\.8.{0,30}(?:ungültiger|fehlerhafter|schlechter) (?:ausgehender )?Absender|"
        r"ungültiger ausgehender Absender|"
        r"WASCL UserAction verdict|weren't recogni[sz]ed as a valid sender|nicht als gültiger Absender|"
        r"pas été reconnu comme (?:un )?expéditeur valide|no se (?:le )?reconoció como remitente válido|"
        r"non (?:sei stato|è stato) riconosciuto come mittente valido",
    ),
    _shared(
        "sender_restricted",
        r"sender has been banned|"
        r"(?<!5\.7\.511 )(?<!5\.7\.511  )Access denied, (?:spam abuse detected|banned sender)(?!\s*\[?\d)|"
        r"no longer allowed to send email",
    ),
    _words(
        "tenant_sending_blocked",
        r"tenant has exceeded threshold|traffic not accepted from this IP|"
        r"blocked from sending from unregistered|"
        r"unregistered (?:email )?domains?[^.]{0,40}(?:restricted|blocked)",
    ),
    _words(
        "sends_as_onmicrosoft",  # facts/update-2026-11.md 4, row 5
        r"onmicrosoft\.com[^.]{0,120}(?:limit|exceed)",
    ),
    _words(
        "sending_limit_reached",
        r"submission ?quota|SubmissionQuotaExceeded|(?:daily|24[- ]hours?) limit for message recipients|"
        r"tenant (?:has )?exceeded[^.]{0,40}(?:daily|limit)",
    ),
    _shared(
        "sending_limit_reached",
        r"daily (?:limit|quota)[^.]{0,40}recipient|RecipientRateLimit|"
        r"(?:mailbox|sender|you(?:'ve)?|organi[sz]ation)[^.]{0,60}(?:exceeded|reached)"
        r"[^.]{0,40}(?:daily|external recipient|recipient rate|sending limit)|"
        r"(?:sending|recipient) limit (?:was |has been )?(?:exceeded|reached)|"
        r"per hour message receive limit",
    ),
    _words(
        "mailbox_full",
        r"(?<!Submission)QuotaExceededException|MapiExceptionShutoffQuota|"
        r"recipient's mailbox is full and can't accept messages",
    ),
    _words("throttled", r"excessive message rate from sender", _PASSES),
    _words(
        "mailbox_internal_only",
        r"RESOLVER\.RST\.(?:AuthRequired|SenderNotAuthenticated)\w*|"
        r"only accepts messages from people in its organi[sz]ation|"
        r"not authenticated (?:by|for) (?:the )?(?:organi[sz]ation|group|mailbox|public folder)",
    ),
    _shared(
        "mailbox_internal_only",
        r"only accepts? (?:messages|mail|email) from (?:people |senders )?(?:in|inside) "
        r"(?:its|their|the|your) organi[sz]ation|reject (?:mail|messages) from senders outside|"
        r"nimmt nur Nachrichten von Personen in",
    ),
    _words(
        "mailbox_senders_listed",
        r"RESOLVER\.RST\.(?:NotAuthorized|RestrictedToRecipients)\w*|not in allowed-senders list",
    ),
    _words(
        "mail_loop",
        r"RESOLVER\.FWD\.Loop|routing loop detected|Transport ?rules? loop count exceeded|Transportregel-Schleifenanzahl",
    ),
    _shared("mail_loop", r"hop count exceeded|possible mail loop|mail routing loop"),
    _words(
        BY_A_RULE,
        r"TRANSPORT\.RULES\.Reject\w*|message (?:was |has been |is )?rejected by organi[sz]ation policy|"
        r"transport rule evaluation|"
        r"mail flow rule created by an admin|blocked by mail flow rule|"
        r"created an email rule restriction|von der Organisationsrichtlinie abgelehnt",
    ),
    _shared(
        "smtp_no_starttls",
        r"STARTTLS is required|must issue a STARTTLS|requires? (?:a )?STARTTLS",
    ),
    _words(
        "smtp_not_authenticated",
        r"client (?:was |is )?not authenticated to send|not authenticated to send anonymous mail|"
        r"5\.7\.1[ ;,:]{0,3}client was not authenticated|"
        r"5\.7\.57[ ;,:]{0,3}(?:SMTP; )?client",
    ),
    _words(
        "smtp_tls_failed", r"TLS 1\.[01][^.]{0,60}not supported[^.]{0,60}\b4\.7\.66|\b4\.7\.66\b"
    ),
    _words("smtp_no_oauth", r"5\.7\.4\b.{0,20}unrecogni[sz]ed authentication type"),
    _shared(
        "smtp_not_authenticated",
        r"5\.7\.3[^.]{0,40}user not authenticated|client was rejected\. authenticated users only",
    ),
    _words(
        "smtp_token_refused",
        r"5\.7\.3[ ;,:]{0,3}(?:STARTTLS; )?authentication unsuccessful",
        _TOKEN,
    ),
    _shared(
        "smtp_token_refused",
        r"authentication unsuccessful|"
        r"535[ -:]{1,3}(?:5\.7\.8 )?(?:error: )?authentication (?:failed|credentials invalid)",
        _TOKEN,
    ),
    _words(
        "smtp_busy",
        r"Server busy\. Please try again later from \[|4\.7\.[56]\d\d|451-4-7-[56]\d\d|"
        r"organi[sz]ation queue quota exceeded|"
        r"(?<![\w.])4\.\d\.\d STOREDRV",
        _PASSES,
    ),
    _shared(
        "smtp_busy",
        r"temporary (?:server error|authentication failure)|service not available|try again later|"
        r"server (?:is )?busy|insufficient system resources|recipient thread limit|"
        r"temporarily rate limited|throttled|closing transmission channel because",
        _PASSES,
    ),
    _shared(
        "mailbox_full",
        r"(?:mail|in)box (?:is )?full|over quota|Postfach (?:des Empfängers )?(?:ist )?voll",
    ),
    _words("smtp_refused", r"contains content identified as spam"),
    _words("smtp_refused", r"Tenant\w{0,20}Attribution"),
)

_DETAILED: tuple[tuple[str, ErrorKind, tuple[str, ...]], ...] = (
    ("smtp_not_authenticated", ErrorKind.REJECTED, ("5.7.57",)),
    ("send_as_denied", ErrorKind.REJECTED, ("5.7.60", "5.2.252")),
    ("forwarding_blocked", ErrorKind.REJECTED, ("5.7.520",)),
    ("sender_restricted", ErrorKind.REJECTED, ("5.7.501", "5.7.502", "5.7.503")),
    (
        "tenant_sending_blocked",
        ErrorKind.REJECTED,
        ("5.7.705", "5.7.708", "5.7.750", "5.7.700", "5.7.749"),
    ),
    ("sending_limit_reached", ErrorKind.REJECTED, ("5.1.90", "5.7.232", "5.7.233")),
    ("sends_as_onmicrosoft", ErrorKind.REJECTED, ("5.7.236",)),
    ("mailbox_internal_only", ErrorKind.REJECTED, ("5.7.133", "5.7.134", "5.7.135", "5.7.136")),
    ("mailbox_senders_listed", ErrorKind.REJECTED, ("5.7.124", "5.7.129")),
    ("mail_loop", ErrorKind.REJECTED, ("5.4.14", "5.7.128")),
    ("throttled", ErrorKind.REJECTED, ("5.2.121", "5.2.122", "5.2.251", "5.2.253", "5.2.254")),
)
"""Codes that only Exchange sends: codes with three-digit numbers, or codes of Exchange's own."""
_COMMON: tuple[tuple[str, ErrorKind, tuple[str, ...]], ...] = (
    ("smtp_password_login", ErrorKind.REJECTED, ("5.7.30",)),
    ("sender_restricted", ErrorKind.REJECTED, ("5.1.8",)),
    ("mailbox_full", ErrorKind.REJECTED, ("5.2.2",)),
    ("mailbox_internal_only", ErrorKind.REJECTED, ("5.7.12", "5.7.13")),
    ("mail_loop", ErrorKind.REJECTED, ("5.4.6",)),
    ("smtp_token_refused", _TOKEN, ("5.7.3", "5.7.8")),
    ("smtp_busy", _PASSES, ("4.3.2", "4.3.1")),
)
"""Codes that other servers send, too, or that look like version numbers.

They count only if Exchange is the speaker of the text.
"""


def _table(rows: tuple[tuple[str, ErrorKind, tuple[str, ...]], ...]) -> dict[str, Meaning]:
    return {code: Meaning(cause, kind) for cause, kind, codes in rows for code in codes}


DETAILED_CODES = _table(_DETAILED)
COMMON_CODES = _table(_COMMON)
LOGIN_BLOCKED = Meaning("smtp_login_blocked", ErrorKind.REJECTED)
"""Meaning of the code 5.7.139 if it comes without known words."""
BUSY = Meaning("smtp_busy", _PASSES)
BY_STATUS = {
    530: Meaning("smtp_not_authenticated", ErrorKind.REJECTED),
    535: Meaning("smtp_token_refused", _TOKEN),
}
"""Meaning of a status that comes without any known words or detailed code."""
ONLY_WITH_A_CODE = frozenset({"smtp_busy", "smtp_token_refused"})
"""Causes whose words are too common to count without a code, such as "try again later"."""
TEMPORARY = frozenset({"421", "432", "451", "452", "454"})
