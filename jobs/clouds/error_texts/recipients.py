"""Meaning of unknown and unreachable recipients: Webex Connect's address or the mailbox.

Sources: facts/connect.md 1.5, and Microsoft's page "Email non-delivery reports and SMTP errors in
Exchange Online". Exchange writes the reason twice: as a sentence for the sender, in the language of
the organization, and as the reply of the server that refused.
"""

from __future__ import annotations

import re

from jobs.clouds.causes import ErrorKind, Meaning
from jobs.clouds.error_texts.reading import FoundCause, found
from jobs.clouds.error_texts.speaker import Signs, Speaker
from jobs.clouds.error_texts.tokens import SmtpToken
from jobs.clouds.late_pattern import LatePattern

UNKNOWN_RECIPIENT = LatePattern(
    r"\b5\.1\.10?\b|\b5\.4\.1\b|Recip(?:ient)?NotFound|user unknown", re.IGNORECASE
)
"""Pattern with which a mail server says that it does not know an address."""
EXPIRED = LatePattern(
    r"(?<![\w.])(?:4\.4\.(?:[127]|31\d)|5\.4\.3(?:00|1\d))(?!\w|\.\d)|message expired",
    re.IGNORECASE,
)
"""Pattern of failed connections, and of mail that expired in the queue.

Source: Microsoft's page on non-delivery reports, 4.4.7, 4.4.316, 5.4.300.
"""
_UNKNOWN = LatePattern(
    r"Recip(?:ient)?NotFound|recipient not found|mailbox unavailable|user unknown|"
    r"unknown recipient|recipient (?:address )?unknown|bad destination mailbox address|"
    r"recipient address rejected: access denied|banned recipient|Empfänger nicht gefunden|"
    r"LegacyExchangeDN address|invalid recipient address",
    re.IGNORECASE,
)
_UNKNOWN_CODES = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.1.11"})
"""Codes about the recipient's address that Microsoft explains on the page 5.1.1 to 5.1.20."""
_UNKNOWN_SENTENCE = LatePattern(
    r"delivered\.? .{0,120}wasn't found at |Unknown To address|"
    r"email address you entered couldn't be found|email address wasn't recogni[sz]ed|"
    r"recipient(?:'s)? (?:email )?address is(?: not|n't) recogni[sz]ed|outdated address information|"
    r"mailbox is hosted by (?:Office|Microsoft) ?365 and the email address is incorrect|"
    r"eingegebene E-Mail-Adresse (?:konnte|wurde) nicht gefunden|"
    r"zugestellt werden\.? .{0,120}wurde (?:bei|unter|in|auf) .{1,80} nicht gefunden|"
    r"encontrado la dirección de correo electrónico que ha escrito|"
    r"entregar .{0,120}no se (?:ha encontrado|encontró|pudo encontrar) |"
    r"adresse (?:de messagerie|électronique|e-mail) que vous avez (?:entrée|saisie)[^.]{0,30}introuvable|"
    r"pu être remis\.? .{0,120}(?:introuvable|pas été trouvée?) |"
    r"recapitare .{0,120}non (?:è stato )?trovat[oa] ",
    re.IGNORECASE,
)
"""Sentences of Exchange for the sender of a mail whose recipient does not exist."""
_OTHER_SERVER = LatePattern(r"[45]\.[0-7]\.3\d\d$|4\.4\.8$|5\.7\.507$|5\.7\.514$")
"""Codes with which Exchange reports another server's answer or a fault of its certificate."""
_NEVER_DELIVERED = LatePattern(
    r"message is treated as poison|ROUTING\.NoNextHop|SMTPSEND\.DNS\.\w+|Message dropped\.|"
    r"tried to deliver this message, without success, and has stopped trying|"
    r"suspects your message is spam|"
    r"repeated attempts to (?:contact|deliver|connect)|wiederholter Versuche|"
    r"(?:reported|gemeldet)[^.]{0,40}recipient's domain does not exist|"
    r"recipient's (?:email )?domain does(?:n't| not) exist",
    re.IGNORECASE,
)
_QUOTED_REPLY = LatePattern(r"(?:\[Message=|->)\s*(?:[45]\d\d[ -])?$", re.IGNORECASE)
"""Beginning of another server's reply that Exchange quotes within its own reply."""
_HEAD = 20
_GONE = Meaning("connect_address_gone", ErrorKind.REJECTED)
_UNANSWERED = Meaning("connect_not_reached", ErrorKind.REJECTED)
_LOST = Meaning("mail_not_delivered", ErrorKind.REJECTED)
_NO_MAILBOX = Meaning("mailbox_not_found", ErrorKind.NOT_FOUND)
_TO_CONNECT = ((_UNKNOWN_SENTENCE, _GONE), (_NEVER_DELIVERED, _UNANSWERED))
"""Meaning of Exchange's sentences in a report of a mail that was forwarded to Webex Connect."""
_TO_THE_MAILBOX = ((_UNKNOWN_SENTENCE, _NO_MAILBOX), (_NEVER_DELIVERED, _LOST))
_CONNECT_ADDRESS = LatePattern(r"@[\w.-]*(?:imi|webex)connect\.\w+", re.IGNORECASE)
_OURS = (Speaker.EXCHANGE, Speaker.CONNECT, Speaker.ENTRA, Speaker.GRAPH)


def own_replies(tokens: list[SmtpToken], text: str) -> list[SmtpToken]:
    """Return the replies without those of another server that Exchange only quotes.

    An example is ``450 4.4.317 Cannot connect to remote server [Message=451 4.4.0 ...]``.
    """
    return [
        each
        for before, each in zip([None, *tokens], tokens, strict=False)
        if before is None or not _quotes(before, each, text)
    ]


def _quotes(before: SmtpToken, token: SmtpToken, text: str) -> bool:
    """Return whether a reply of Exchange quotes the next reply in the text."""
    quoting = _OTHER_SERVER.match(before.code) is not None
    return quoting and _QUOTED_REPLY.search(text[max(token.at - _HEAD, 0) : token.at]) is not None


def causes_of_recipients(tokens: list[SmtpToken], text: str, signs: Signs) -> list[FoundCause]:
    """Return the causes about the recipient that the replies and sentences of a report name."""
    forwarded = _CONNECT_ADDRESS.search(text) is not None
    told = [
        found(meaning, each.shown, each.at)
        for each in tokens
        if (meaning := _of_reply(each, signs, forwarded=forwarded))
    ]
    return told or _of_sentences(text, signs, forwarded=forwarded)


def _of_sentences(text: str, signs: Signs, *, forwarded: bool) -> list[FoundCause]:
    return [
        found(meaning, match[0].strip(), match.start())
        for pattern, meaning in (_TO_CONNECT if forwarded else _TO_THE_MAILBOX)
        if (match := pattern.search(text)) and signs.accepts(match.start(), *_OURS)
    ][:1]


def _of_reply(token: SmtpToken, signs: Signs, *, forwarded: bool) -> Meaning | None:
    said = f"{token.shown} {token.words}"
    if forwarded:
        return _of_forwarding(said)
    ours = signs.accepts(token.at, *_OURS)
    if ours and (_UNKNOWN.search(said) or _is_unknown(token)):
        return _NO_MAILBOX
    return _LOST if _is_lost(token, said, ours=ours) else None


def _is_lost(token: SmtpToken, said: str, *, ours: bool) -> bool:
    """Return whether the reply gives up a mail. A mail that Exchange sends again is not lost."""
    if token.status and _OTHER_SERVER.match(token.code):
        return True
    if token.status.startswith("4"):
        return False
    return ours and bool(EXPIRED.search(said) or _NEVER_DELIVERED.search(said))


def _of_forwarding(said: str) -> Meaning | None:
    if UNKNOWN_RECIPIENT.search(said) or _UNKNOWN.search(said):
        return _GONE
    return _UNANSWERED if EXPIRED.search(said) else None


def _is_unknown(token: SmtpToken) -> bool:
    """Return whether the reply refuses a mail for good with a code for an unknown recipient."""
    return token.code in _UNKNOWN_CODES and not token.status.startswith("4")
