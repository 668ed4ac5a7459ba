"""Webex Connect's codes in a text."""

from __future__ import annotations

import re

from jobs.clouds.error_texts.connect_codes import BY_WORDS, CODE, CONNECT, OWN_WORDS
from jobs.clouds.error_texts.reading import FoundCause, found
from jobs.clouds.error_texts.speaker import Signs, Speaker
from jobs.clouds.late_pattern import LatePattern

_NAMED = LatePattern(
    r"(?:code|status|error|reason|failure|fehler)\w*[\"']?[\s:=#(\[\"'-]{0,5}$", re.IGNORECASE
)
_BEFORE = 24


def codes_in(text: str, signs: Signs) -> list[FoundCause]:
    """Return the causes of Webex Connect's codes, and of its own descriptions without a code."""
    return [*_by_code(text, signs), *_by_words(text, signs)]


def _by_code(text: str, signs: Signs) -> list[FoundCause]:
    return [
        found(CONNECT[each[0]], each[0], each.start())
        for each in CODE.finditer(text)
        if each[0] in CONNECT and _counts(text, each.start(), signs)
    ]


def _counts(text: str, at: int, signs: Signs) -> bool:
    """Return whether the number at this place is a code of Webex Connect.

    If Webex Connect is known to speak, every such number counts. In another text, the number needs
    a word such as "code" before it as well as Webex Connect, or Webex Connect's own description
    next to it.
    """
    if signs.heard is Speaker.CONNECT:
        return True
    around = text[max(at - 60, 0) : at + 100]
    if _is_described(around):
        return True
    named = _NAMED.search(text[max(at - _BEFORE, 0) : at]) is not None
    known = named or OWN_WORDS.search(around) is not None
    return known and signs.has(Speaker.CONNECT) and not signs.strange(at)


def _is_described(around: str) -> bool:
    """Return whether Webex Connect's own description is next to a number."""
    return any(words in around.lower() for words in BY_WORDS)


def _by_words(text: str, signs: Signs) -> list[FoundCause]:
    if not signs.has(Speaker.CONNECT):
        return []
    return [
        found(CONNECT[code], code, match.start())
        for words, code in BY_WORDS.items()
        if (match := re.search(re.escape(words), text, re.IGNORECASE))
    ]
