"""Codes in a text: AADSTS numbers, SMTP statuses with enhanced codes, and Webex Connect's codes."""

from __future__ import annotations

import re
from dataclasses import dataclass

from jobs.clouds.error_texts.entra_codes import NUMBERS
from jobs.clouds.error_texts.entra_languages import ERROR_CODE
from jobs.clouds.error_texts.speaker import Signs, Speaker
from jobs.clouds.late_pattern import LatePattern

_AADSTS = LatePattern(r"AADSTS[\s:#_-]{0,3}0*([1-9][0-9OoIl]{3,7})(?![a-z])", re.IGNORECASE)
_AS_DIGITS = str.maketrans("OoIl", "0011")
"""Letters that text recognition in a screenshot may return in place of digits."""
_ENTRA_NUMBER = LatePattern(
    rf"(?:error[ _]?codes?|errorCode|errorNo|ResultType|sign-in error code|Fehlercode|failure code|[?&]code=|{ERROR_CODE})"
    r"[\"']?(?: ?(?:is|が|は|\uff1a))?[\s:=\[(]{0,4}[\"']?(\d{5,8})(?!\w)",
    re.IGNORECASE,
)
_STATUS = r"(?<![\w.:/-])(?P<status>[45]\d\d)"
_ENHANCED = r"#?(?P<code>[45]\.\d{1,3}\.\d{1,3})(?![\w]|\.\d)"
_REPLY = LatePattern(
    rf"{_STATUS}[\"']?(?:\W{{1,3}}|\W{{0,3}}b?['\"(])(?:smtp;\s?)?{_ENHANCED}", re.IGNORECASE
)
_ALONE = LatePattern(
    r"(?<![\w.])(?<!v)(?P<status>)#?(?P<code>[45]\.\d{1,3}\.\d{1,3})(?![\w]|\.\d|-\d)"
)
_BARE = LatePattern(
    rf"{_STATUS}(?P<code>)(?=$|[ -]+(?:\\d\\.\\d\\.x|SMTP|auth|client|must|service|server|temporar|too many|error|"
    r"sorry|requested|mailbox|relay|the |not |access|message))",
    re.IGNORECASE,
)
_VERSION = LatePattern(
    r"(?:version|release|mysql|mariadb|php|wordpress|laravel|kernel|linux|server|thunderbird|"
    r"nodemailer|phpmailer|mailkit|roundcube|postfix|node|python|java|django|\bv|\bversion:)"
    r"[\s:=@/v-]{0,3}$",
    re.IGNORECASE,
)
_STATUS_MOST, _REPLIES_MOST = 12, 500
_SENTENCE_MOST = 420
"""Maximum number of characters after an error number that belong to its sentence."""
_BEGINNING = 20
"""Number of characters after an error number within which its sentence begins."""
_END = LatePattern(
    r"\b(?:Trace ID|Correlation ID|Timestamp|Request ID|trace_id|correlation_id)\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class EntraToken:
    """AADSTS number with its sentence, which ends at the next number or at the ids for support."""

    number: int
    code: str
    at: int
    sentence: str

    @property
    def explained(self) -> bool:
        """Return whether words follow the number."""
        return any(sign.isalpha() for sign in self.sentence[:_BEGINNING])


@dataclass(frozen=True, slots=True)
class SmtpToken:
    """SMTP reply in a text: its status, its enhanced code, and its words.

    The status is empty if only the enhanced code is there.
    """

    status: str
    code: str
    at: int
    words: str

    @property
    def shown(self) -> str:
        """Return the status and the enhanced code as a person searches for them."""
        return " ".join(filter(None, (self.status, self.code)))


def entra_tokens(text: str, signs: Signs) -> list[EntraToken]:
    """Return the AADSTS numbers of a text, also those that only an error code field names."""
    places = [
        (each.start(), each.end(), int(each[1].translate(_AS_DIGITS)))
        for each in _AADSTS.finditer(text)
    ]
    named = {number for _, _, number in places}
    places += [
        (each.start(), each.end(), int(each[1]))
        for each in _ENTRA_NUMBER.finditer(text)
        if int(each[1]) not in named and _is_entra(int(each[1]), each.start(), signs)
    ]
    return _with_sentences(text, sorted(places))


def _is_entra(number: int, at: int, signs: Signs) -> bool:
    return number in NUMBERS and signs.accepts(at, Speaker.ENTRA, Speaker.GRAPH, Speaker.EXCHANGE)


def _with_sentences(text: str, places: list[tuple[int, int, int]]) -> list[EntraToken]:
    tokens: list[EntraToken] = []
    for index, (at, end, number) in enumerate(places):
        after = places[index + 1][0] if index + 1 < len(places) else len(text)
        sentence = _before_the_ids(text[end : min(after, end + _SENTENCE_MOST)])
        tokens.append(EntraToken(number, f"AADSTS{number}", at, sentence))
    return tokens


def _before_the_ids(sentence: str) -> str:
    """Return the sentence without the ids for support that follow it."""
    ends = _END.search(sentence)
    return sentence[: ends.start()] if ends else sentence


def smtp_tokens(text: str) -> list[SmtpToken]:
    """Return the SMTP replies of a text, in order, each with the words up to the next."""
    ordered = sorted(_replies(text).items())[:_REPLIES_MOST]
    return [
        SmtpToken(status, code, at, text[end : min(_next(ordered, index), end + _SENTENCE_MOST)])
        for index, (at, (end, status, code)) in enumerate(ordered)
    ]


def _replies(text: str) -> dict[int, tuple[int, str, str]]:
    """Return the end, the status and the code of each SMTP reply in a text, by its place."""
    found: dict[int, tuple[int, str, str]] = {}
    for pattern in (_REPLY, _ALONE, _BARE):
        for each in pattern.finditer(text):
            at = each.start("code") if each["code"] else each.start()
            if not _taken(found, at) and not _is_version(text, each):
                found[at] = (each.end(), each["status"], each["code"])
    return found


def _taken(found: dict[int, tuple[int, str, str]], at: int) -> bool:
    """Return whether a known reply has its code here, or begins here with its status."""
    return any(at + more in found for more in range(_STATUS_MOST))


def _next(ordered: list[tuple[int, tuple[int, str, str]]], index: int) -> int:
    return ordered[index + 1][0] if index + 1 < len(ordered) else 1 << 30


def _is_version(text: str, each: re.Match[str]) -> bool:
    """Return whether the number is a version of a program and not a code."""
    return (
        not each["status"]
        and _VERSION.search(text[max(each.start() - 20, 0) : each.start()]) is not None
    )
