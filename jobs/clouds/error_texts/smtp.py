"""Causes that SMTP replies, non-delivery reports and message traces name."""

from __future__ import annotations

import re
from itertools import zip_longest

from jobs.clouds.causes import ErrorKind, Meaning
from jobs.clouds.error_texts.reading import FoundCause, found
from jobs.clouds.error_texts.recipients import causes_of_recipients, own_replies
from jobs.clouds.error_texts.smtp_words import (
    BUSY,
    BY_A_RULE,
    BY_STATUS,
    COMMON_CODES,
    DETAILED_CODES,
    LOGIN_BLOCKED,
    ONLY_WITH_A_CODE,
    SMTP_WORDS,
    TEMPORARY,
    SmtpWords,
)
from jobs.clouds.error_texts.speaker import Signs, Speaker
from jobs.clouds.error_texts.tokens import SmtpToken
from jobs.clouds.late_pattern import LatePattern

_OURS = (Speaker.EXCHANGE, Speaker.CONNECT, Speaker.ENTRA, Speaker.GRAPH)
_NOT_TOLD_APART = "5.7.139"
_UNTOLD = "smtp_token_refused"
"""Cause that the words of every refused login have.

Code 5.7.139 has the same words for other causes.
"""
_TOKEN = ("535", "5.7.3")
"""Status and code of a refused login that only Exchange sends. Other servers send 5.7.8.

With the status 550 the same code refuses a mail, for example for its classification.
"""
_PASSING = frozenset({"", "4.2", "4.3", "4.4", "4.7"})
"""Beginnings of codes with which a temporary status means that the server is busy."""
_SAYS_NO_MORE = frozenset({"", "5.7.0"})
"""Codes that say nothing more than the status, so that the status decides the cause."""
_WITHOUT_A_CODE = tuple(
    each for each in SMTP_WORDS if each.unmistakable or each.meaning.cause not in ONLY_WITH_A_CODE
)
"""Words that name a cause even if no reply with a code names one."""
_ANY_REFUSAL = frozenset({"5.7.1", "5.7.54"})
_RESTRICTED = LatePattern(
    r"delivery to this address is restricted|due to a permission or security issue|"
    r"isn't set up to receive messages from|sender isn't a group member|accept external mail|(?:don't|do not) have permissions? to send to this|"
    r"Zustellung an diese Adresse (?:ist )?eingeschränkt",
    re.IGNORECASE,
)
"""Exchange's sentences for a recipient that does not take mail from everybody."""
_OF_SPAM = LatePattern(
    r"block|spam|\bSPF\b|DKIM|DMARC|banned|reputation|blacklist|listed|content", re.IGNORECASE
)
_RELAY = (Meaning("smtp_not_authenticated", ErrorKind.REJECTED),)
_NOT_FOR_ALL = tuple(
    Meaning(cause, ErrorKind.REJECTED)
    for cause in ("mailbox_internal_only", "mailbox_senders_listed", BY_A_RULE)
)
_OF_MAIL = LatePattern(
    r"denied|blocked|exceed|recipient|sender|message|mailbox|tenant|authenticat|limit|reject|loop|"
    r"verweigert|gedrosselt|Absender|Empfänger|Nachricht|Postfach|Mandant",
    re.IGNORECASE,
)
"""Words which show that a code without a status is a code of mail and not a version number."""
_SHORT = 120
_REPEATED = 12
"""Number of characters between a code and its repetition that are too few to say anything."""


def meaning_of(status: str, words: str, signs: Signs, at: int, code: str = "") -> Meaning | None:
    """Return the meaning of one reply, or None if it says nothing that is known.

    Words come before numbers. A permanent reply (5xx) never passes by itself, regardless of its
    words.
    """
    meaning = _by_words_or_number(status, words, signs, at, code)
    passes = meaning is not None and meaning.kind is ErrorKind.TRANSIENT
    return None if passes and (status or code).startswith("5") else meaning


def _by_words_or_number(
    status: str, words: str, signs: Signs, at: int, code: str
) -> Meaning | None:
    said = f"{status} {code} {words}"
    by_words = _by_words(said, signs, at)
    open_code = _NOT_TOLD_APART in said and (by_words is None or by_words.cause == _UNTOLD)
    if open_code:
        return LOGIN_BLOCKED
    return by_words or _by_number(status, code, words, signs, at)


def _by_words(said: str, signs: Signs, at: int) -> Meaning | None:
    return next((each.meaning for each in SMTP_WORDS if _says(each, said, signs, at)), None)


def _says(each: SmtpWords, said: str, signs: Signs, at: int) -> bool:
    own = each.unmistakable and not _is_foreign(each, signs, at)
    return each.pattern.search(said) is not None and (own or signs.accepts(at, *_OURS))


def _is_foreign(each: SmtpWords, signs: Signs, at: int) -> bool:
    """Return whether a stranger to this channel, who uses the same words, speaks at this place."""
    return signs.strange(at) and (each.meaning.cause == _UNTOLD or not signs.ours)


def _by_number(status: str, code: str, words: str, signs: Signs, at: int) -> Meaning | None:
    if code in DETAILED_CODES and _is_of_mail(status, words, signs, at):
        return DETAILED_CODES[code]
    if code == _TOKEN[1] and status.startswith("55"):
        return None
    if (status, code) == _TOKEN and not signs.strange(at):
        return COMMON_CODES[code]
    return _by_common_number(status, code) if signs.accepts(at, *_OURS) else None


def _is_of_mail(status: str, words: str, signs: Signs, at: int) -> bool:
    """Return whether a code is a mail server's, and not the version number of a program."""
    plain = _OF_MAIL.search(words[:_SHORT]) is not None and not signs.strange(at)
    return bool(status) or plain or signs.accepts(at, *_OURS)


def _by_common_number(status: str, code: str) -> Meaning | None:
    """Return the meaning of a code that many mail servers use."""
    busy = BUSY if status in TEMPORARY and code[:3] in _PASSING else None
    return COMMON_CODES.get(code) or _by_status(status, code) or busy


def _by_status(status: str, code: str) -> Meaning | None:
    """Return the meaning of a status whose code says nothing more."""
    return BY_STATUS.get(int(status)) if status and code in _SAYS_NO_MORE else None


def causes_of_replies(tokens: list[SmtpToken], text: str, signs: Signs) -> list[FoundCause]:
    """Return the causes of the replies in a text, and of known words without a code."""
    tokens = own_replies(tokens, text)
    causes = [
        found(meaning, each.shown, each.at, certain=not _is_open(each, meaning))
        for each in _with_words(tokens, signs)
        if (meaning := meaning_of(each.status, each.words, signs, each.at, each.code))
    ]
    said = [*causes, *causes_of_recipients(tokens, text, signs), *_of_words(text, causes, signs)]
    return said or [*_of_refusals(tokens, signs), *_of_restrictions(text, signs)]


def _with_words(tokens: list[SmtpToken], signs: Signs) -> list[SmtpToken]:
    """Return the replies without a code that is only repeated: ``#5.7.520 smtp;550 5.7.520 ...``.

    A report names the code once more in its heading. If the same code has known words elsewhere,
    the heading says nothing.
    """
    worded = {each.code for each in tokens if each.code and _has_known_words(each, signs)}
    return [
        each
        for each, after in zip_longest(tokens, tokens[1:])
        if (each.code not in worded or _has_known_words(each, signs))
        and not _is_repeated(each, after)
    ]


def _has_known_words(token: SmtpToken, signs: Signs) -> bool:
    return _by_words(f"{token.shown} {token.words}", signs, token.at) is not None


def _is_repeated(token: SmtpToken, after: SmtpToken | None) -> bool:
    """Return whether the same code follows, with nothing said between the two codes."""
    return after is not None and token.code == after.code and len(token.words) <= _REPEATED


def _of_refusals(tokens: list[SmtpToken], signs: Signs) -> list[FoundCause]:
    """Return the causes that Exchange's 5.7.1 may have.

    Any refusal may have this code. A refusal that speaks of spam is left out.
    """
    return [
        found(meaning, each.shown, each.at, certain=False)
        for each in tokens
        if _is_any_refusal(each, signs)
        for meaning in (_RELAY if "relay" in each.words.lower() else _NOT_FOR_ALL)
    ]


def _is_any_refusal(token: SmtpToken, signs: Signs) -> bool:
    of_exchange = token.code in _ANY_REFUSAL and signs.accepts(token.at, Speaker.EXCHANGE)
    return of_exchange and _OF_SPAM.search(token.words) is None


def _of_restrictions(text: str, signs: Signs) -> list[FoundCause]:
    match = _RESTRICTED.search(text)
    if not match or not signs.accepts(match.start(), Speaker.EXCHANGE):
        return []
    return [found(each, match[0], match.start(), certain=False) for each in _NOT_FOR_ALL]


def _is_open(token: SmtpToken, meaning: Meaning) -> bool:
    """Return whether only the number says the meaning, and the number has several senses."""
    return (
        token.code == _NOT_TOLD_APART and meaning == LOGIN_BLOCKED and "criteria" not in token.words
    )


def _of_words(text: str, causes: list[FoundCause], signs: Signs) -> list[FoundCause]:
    """Return the causes of words without a code, as in a log or in a person's account.

    If a reply has named a cause, only unmistakable words name another one.
    """
    return [
        found(each.meaning, match[0].strip(), match.start())
        for each in (_words_beside(causes) if causes else _WITHOUT_A_CODE)
        if (match := each.pattern.search(text)) and _says(each, text, signs, match.start())
    ]


def _words_beside(causes: list[FoundCause]) -> list[SmtpWords]:
    """Return the unmistakable words that name a cause other than these."""
    known = {BY_A_RULE, *(each.cause for each in causes)}
    return [each for each in SMTP_WORDS if each.unmistakable and each.meaning.cause not in known]
