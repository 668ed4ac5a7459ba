"""Codes in a text: AADSTS numbers, SMTP statuses with enhanced codes, and Webex Connect's codes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from jobs.causes.patterns import patterns

_AADSTS = re.compile(r"AADSTS[\s:#_-]{0,3}0*([1-9][0-9OoIl]{3,7})(?![a-z])", re.IGNORECASE)
_AS_DIGITS = str.maketrans("OoIl", "0011")
"""Letters that text recognition in a screenshot may return in place of digits."""
_STATUS = r"(?<![\w.:/-])(?P<status>[45]\d\d)"
_CODE = r"#?(?P<code>[45]\.\d{1,3}\.\d{1,3})(?![\w]|\.\d)"
_AFTER_A_STATUS = (
    r"(?:\\d\\.\\d\\.x|SMTP|auth|client|must|service|server|temporar|too many|error|sorry|requested|"
    r"mailbox|relay|the |not |access|message)"
)
_REPLIES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"{_STATUS}[\"']?(?:\W{{1,3}}|\W{{0,3}}b?['\"(])(?:smtp;\s?)?{_CODE}",
        rf"(?<![\w.])(?<!v)(?P<status>){_CODE}(?!-\d)",
        rf"{_STATUS}(?P<code>)(?=$|[ -]+{_AFTER_A_STATUS})",
    )
)
_VERSION = re.compile(
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
_END = re.compile(
    r"\b(?:Trace ID|Correlation ID|Timestamp|Request ID|trace_id|correlation_id)\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class EntraToken:
    """AADSTS number with its sentence, which ends at the next number or at the ids for support.

    Without ``named`` a field such as errorCode is written before the number.
    """

    number: int
    at: int
    sentence: str
    named: bool

    @property
    def code(self) -> str:
        return f"AADSTS{self.number}"

    @property
    def explained(self) -> bool:
        return any(sign.isalpha() for sign in self.sentence[:_BEGINNING])


@dataclass(frozen=True, slots=True)
class SmtpToken:
    """SMTP reply in a text; its status is empty if only the enhanced code is there."""

    status: str
    code: str
    at: int
    words: str

    @property
    def shown(self) -> str:
        return " ".join(filter(None, (self.status, self.code)))


def entra_tokens(text: str) -> list[EntraToken]:
    """Return the AADSTS numbers of a text, also those that only an error code field names."""
    found = [
        (each.start(), each.end(), int(each[1].translate(_AS_DIGITS)), True)
        for each in _AADSTS.finditer(text)
    ]
    named = {number for _, _, number, _ in found}
    found += [
        (each.start(), each.end(), int(each[1]), False)
        for each in patterns().named["entra_field"].finditer(text)
        if int(each[1]) in patterns().numbers.keys() - named
    ]
    places = sorted(found)
    return [
        EntraToken(number, at, _END.split(text[end : min(after, end + _SENTENCE_MOST)])[0], known)
        for (at, end, number, known), (after, *_) in pairwise([*places, (len(text), 0, 0, False)])
    ]


def smtp_tokens(text: str) -> list[SmtpToken]:
    """Return the SMTP replies of a text, in order, each with the words up to the next."""
    found: dict[int, tuple[int, str, str]] = {}
    for pattern in _REPLIES:
        for each in pattern.finditer(text):
            at = each.start("code") if each["code"] else each.start()
            known = any(at + more in found for more in range(_STATUS_MOST))
            if not known and not _is_version(text, each):
                found[at] = (each.end(), each["status"], each["code"])
    ordered = sorted(found.items())[:_REPLIES_MOST]
    tokens = [
        SmtpToken(status, code, at, text[end : min(after, end + _SENTENCE_MOST)])
        for (at, (end, status, code)), (after, _) in pairwise([*ordered, (len(text), (0, "", ""))])
    ]
    return _own(tokens, text)


def _is_version(text: str, each: re.Match[str]) -> bool:
    """Return whether the number is a version of a program and not a code."""
    before = text[max(each.start() - 20, 0) : each.start()]
    return not each["status"] and _VERSION.search(before) is not None


def _own(tokens: list[SmtpToken], text: str) -> list[SmtpToken]:
    """Return the replies without those of another server that Exchange only quotes.

    An example is ``450 4.4.317 Cannot connect to remote server [Message=451 4.4.0 ...]``.
    """
    named = patterns().named
    return tokens[:1] + [
        each
        for before, each in pairwise(tokens)
        if not named["other_server"].match(before.code)
        or not named["quoted_reply"].search(text[max(each.at - _BEGINNING, 0) : each.at])
    ]
