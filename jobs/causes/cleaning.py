"""Text of an error in one line, however it was wrapped, quoted, escaped or marked up."""

from __future__ import annotations

import base64
import binascii
import quopri
import re
from html import unescape
from typing import NamedTuple
from urllib.parse import unquote, unquote_plus

LONGEST = 64 * 1024
"""Maximum number of characters of an error text that are read."""
_BLANK = re.compile(r"[^\S\n]|[\x00-\x08\x0e-\x1f\x7f]")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
_PLAIN = str.maketrans(
    "\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u00ab\u00bb\u2010\u2011\u2012\u2013\u2014\u00b4`",
    "''''\"\"\"\"\"-----''",
)
_QUOTED = re.compile(r"^[ \t]*(?:(?:>|&gt;)[ \t]?)+", re.MULTILINE)
_BOX = re.compile(r"^[ \t]*[|│┃║*#][ \t]+", re.MULTILINE)
_HYPHEN = re.compile(r"(?<=[A-Za-z])-\n[ \t]*(?=[A-Za-z])")
_SPACES = re.compile(r"\s+")
_SILENT = re.compile(
    r"<(style|script|head)\b|</(?P<end>style|script|head)\s*>|<!--|-->", re.IGNORECASE
)
_SILENT_MOST = 20_000
"""Longest invisible part of HTML that is removed, such as a comment, in characters."""
_TAG = re.compile(
    r"</?(?:(?P<inline>a|abbr|b|bdi|code|em|font|i|kbd|mark|s|samp|small|span|strong|sub|sup|tt|u|wbr)|"
    r"address|article|blockquote|body|br|center|dd|details|div|dl|dt|footer|form|h[1-6]|header|hr|html|"
    r"img|input|li|link|main|meta|o:p|ol|p|pre|section|summary|table|tbody|td|tfoot|th|thead|title|tr|ul|"
    r"!doctype)(?:\s[^<>]{0,2000})?/?>",
    re.IGNORECASE,
)
_NEW_LINE = re.compile(r"(?<!\\)(?:\\{1,9}[rn])+(?=\W|[A-Z]|$)")
_ESCAPED = re.compile(r"(?<!\\)\\{1,9}u([0-9a-fA-F]{4})")
_SLASHED = re.compile(r"(?<!\\)\\{1,9}(?=[\"'/])")
_PERCENT = re.compile(r"(?<![^\s\"'<>])[^\s\"'<>]*%[0-9a-fA-F]{2}[^\s\"'<>]*")
_PLUS = re.compile(r"(?<![\w.,:;'()/+-])[\w.,:;'()/-]+(?:\+[\w.,:;'()\[\]/-]+){3,}")
_ENCODED = re.compile(r"\+[^\s+]|%[0-9a-fA-F]{2}")
_HOST_BEGUN = re.compile(r"https?://(?!localhost$)[\w.-]*(?<!\.com)(?<!\.net)(?<!\.us)(?<!\.cn)$")
_HOST_ENDED = re.compile(r"[\w-]*\.[\w.-]*/")
_LONG = 40
"""Length of a word at the end of a line from which it may be the beginning of a split address."""
_MISREAD = re.compile(
    r"(?<=[a-z])1(?=[a-z])|(?<![\w.])[45]\.\d\.(?=[lIoO]*\d)[\dlIoO]{2,3}(?![\w.])"
)
"""Word with a digit in it, and code with a letter in it, as text recognition reads a picture."""
AS_DIGITS = str.maketrans("OoIl", "0011")
_SOFT = re.compile(r"=[ \t]*\r?\n")
_LAST_BLANK = re.compile(r"=20(?=\r?\n)")
_QUOTED_PRINTABLE = re.compile(r"=[0-9A-F]{2}")
_QUOTED_LETTER = re.compile(r"=3D|=[C-F][0-9A-F]=[89AB][0-9A-F]")
"""An equals sign or a letter in UTF-8. Anything else may be a value, such as ``code=50126``."""
_FEW = 3
_BASE64 = re.compile(r"(?:^[ \t>]*[A-Za-z0-9+/]{40,}={0,2}[ \t]*$\n?){2,}", re.MULTILINE)
_LABELED_BASE64 = re.compile(r"(?:^[ \t>]*[A-Za-z0-9+/]{20,}={0,2}[ \t]*$\n?)+", re.MULTILINE)
_READABLE = 0.9
_FIRST_LINE = re.compile(
    r"(?<![\w.-])(?P<status>[245]\d\d)-(?P<code>[245]\.\d{1,3}\.\d{1,3})?(?=[ A-Za-z])"
)
_REPLY_MOST = 600
"""Number of characters within which the next line of a mail server's reply is looked for."""


class CleanText(NamedTuple):
    """Text in one line, and its lines as the person sees them."""

    flat: str
    lines: tuple[str, ...]


def clean(text: str) -> CleanText:
    """Return the text without quotes, wrapping, escapes and markup; at most 64 kB are read."""
    plain = _QUOTED.sub("", text[:LONGEST].replace("\r\n", "\n").replace("\r", "\n"))
    lines = _marked_down(_with_base64(_without_quoted_printable(plain)))
    return CleanText(
        _once(_SPACES.sub(" ", _HYPHEN.sub("-", lines)).strip()),
        tuple(filter(None, (" ".join(line.split()) for line in lines.split("\n")))),
    )


def _without_quoted_printable(text: str) -> str:
    labeled = "quoted-printable" in text.lower()
    many = _SOFT.search(text) and len(_QUOTED_PRINTABLE.findall(text)) >= _FEW
    if many or (labeled and _QUOTED_LETTER.search(text)):
        return quopri.decodestring(text.encode("utf-8")).decode("utf-8", "replace")
    return _SOFT.sub("", _LAST_BLANK.sub(" ", text)) if labeled else text


def _with_base64(text: str) -> str:
    pattern = _LABELED_BASE64 if "base64" in text.lower() else _BASE64
    return pattern.sub(lambda block: f"{_decoded(block[0])}\n", text)


def _decoded(block: str) -> str:
    try:
        found = base64.b64decode("".join(block.replace(">", "").split())).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return block
    readable = sum(sign.isprintable() or sign in "\r\n\t" for sign in found)
    return found.replace("\r\n", "\n") if readable >= _READABLE * len(found) else block


def _marked_down(text: str) -> str:
    for _ in range(2):
        if "<" in text or "&" in text:
            shown = _TAG.sub(lambda tag: "" if tag["inline"] else "\n", _without_silent(text))
            text = unescape(shown)
    text = _INVISIBLE.sub("", _BLANK.sub(" ", text.translate(_PLAIN)))
    text = _MISREAD.sub(lambda each: "l" if each[0] == "1" else each[0].translate(AS_DIGITS), text)
    text = _SLASHED.sub("", _ESCAPED.sub(lambda each: chr(int(each[1], 16)), text))
    text = _with_whole_addresses(text)
    text = _PLUS.sub(lambda each: each[0].replace("+", " "), _PERCENT.sub(_unquoted, text))
    return _BOX.sub("", _QUOTED.sub("", _NEW_LINE.sub("\n", text)))


def _without_silent(text: str) -> str:
    """Return the text with a blank in place of each comment, style, script and head.

    The marks are read once from the last to the first, so that many beginnings without an end take
    no longer than as many other characters.
    """
    ends: dict[str, tuple[int, int]] = {}
    hidden: list[tuple[int, int]] = []
    shown: list[str] = []
    done = 0
    for mark in reversed(list(_SILENT.finditer(text))):
        kind = (mark[1] or mark["end"] or "").lower()
        if mark["end"] or mark[0] == "-->":
            ends[kind] = mark.span()
        elif kind in ends and ends[kind][0] - mark.end() <= _SILENT_MOST:
            hidden.append((mark.start(), ends[kind][1]))
    for first, last in reversed(hidden):
        if first >= done:
            shown.append(text[done:first])
            done = last
    return " ".join([*shown, text[done:]])


def _with_whole_addresses(text: str) -> str:
    lines: list[str] = []
    for line in text.split("\n"):
        last = lines[-1].rpartition(" ")[2] if lines else ""
        first = line.lstrip().partition(" ")[0]
        encoded = len(last) >= _LONG or len(_ENCODED.findall(last)) > 1
        if (_HOST_BEGUN.search(last) and _HOST_ENDED.match(first)) or (
            encoded and _ENCODED.search(first)
        ):
            lines[-1] += line.lstrip()
        else:
            lines.append(line)
    return "\n".join(lines)


def _unquoted(address: re.Match[str]) -> str:
    """Return a percent-encoded piece decoded; ``+`` is a blank in a query and stays in a path."""
    return unquote_plus(address[0]) if "+" in address[0] else unquote(address[0])


def _once(text: str) -> str:
    """Return the text with the codes of a reply of several lines only at its beginning.

    RFC 5321, 4.2.1: every line repeats the status, and all but the last have a hyphen after it.
    """
    at = 0
    while first := _FIRST_LINE.search(text, at):
        status, code = first["status"], first["code"] or ""
        head = f"{status} {code}"
        rest = _joined(text[first.end() :], status, code)
        text, at = f"{text[: first.start()]}{head}{rest}", first.start() + len(head)
    return text


def _joined(rest: str, status: str, code: str) -> str:
    """Return the rest of a reply after its first line, without the codes of its other lines."""
    again = re.compile(
        rf"\s(?:(?:S:|<-*|SERVER -> CLIENT:|Rx) ?)?{status}(?P<more>[ -])(?:{re.escape(code)}(?![\d.])\s?)?"
    )
    while found := again.search(rest, 0, _REPLY_MOST):
        rest = f"{rest[: found.start()]} {rest[found.end() :]}"
        if found["more"] == " ":
            break
    return rest
