"""Text of an error in one line, however it was wrapped, quoted, escaped or marked up."""

import base64
import quopri
import re
import tomllib
from html import unescape
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote_plus

LONGEST = 64 * 1024
"""Maximum number of characters of an error text that are read."""
_TABLE = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
_P = {name: re.compile(each) for name, each in _TABLE.items()}
"""Expressions of the table, by name."""
_PLAIN = str.maketrans(
    "\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u00ab\u00bb\u2010\u2011\u2012\u2013\u2014\u00b4`",
    "''''\"\"\"\"\"-----''",
)
_SILENT_MOST = 20_000
"""Longest invisible part of HTML that is removed, such as a comment, in characters."""
_LONG = 40
"""Length of a word at the end of a line from which it may be the beginning of a split address."""
AS_DIGITS = str.maketrans("OoIl", "0011")
_FEW = 3
_READABLE = 0.9
_REPLY_MOST = 600
"""Number of characters within which the next line of a mail server's reply is looked for."""


class CleanText(NamedTuple):
    """Text in one line, and its lines as the person sees them."""

    flat: str
    lines: tuple[str, ...]


def clean(text: str) -> CleanText:
    """Return the text without quotes, wrapping, escapes and markup; at most 64 kB are read."""
    read = text[:LONGEST].replace("\r\n", "\n").replace("\r", "\n")
    plain = _without_quoted_printable(_P["quoted"].sub("", read))
    pattern = _P["labeled_base64"] if "base64" in plain.lower() else _P["base64"]
    lines = _marked_down(pattern.sub(lambda block: f"{_decoded(block[0])}\n", plain))
    flat = _P["spaces"].sub(" ", _P["hyphen"].sub("-", lines)).strip()
    shown = (" ".join(line.split()) for line in lines.split("\n"))
    return CleanText(_once(flat), tuple(filter(None, shown)))


def _without_quoted_printable(text: str) -> str:
    labeled = "quoted-printable" in text.lower()
    many = _P["soft"].search(text) and len(_P["quoted_printable"].findall(text)) >= _FEW
    if many or (labeled and _P["quoted_letter"].search(text)):
        return quopri.decodestring(text.encode("utf-8")).decode("utf-8", "replace")
    return _P["soft"].sub("", _P["last_blank"].sub(" ", text)) if labeled else text


def _decoded(block: str) -> str:
    try:
        found = base64.b64decode("".join(block.replace(">", "").split())).decode("utf-8")
    except ValueError:  # no Base64, or no UTF-8
        return block
    readable = sum(sign.isprintable() or sign in "\r\n\t" for sign in found)
    return found.replace("\r\n", "\n") if readable >= _READABLE * len(found) else block


def _marked_down(text: str) -> str:
    for _ in range(2):
        if "<" in text or "&" in text:
            shown = _P["tag"].sub(lambda tag: "" if tag["inline"] else "\n", _without_silent(text))
            text = unescape(shown)
    text = _P["invisible"].sub("", _P["blank"].sub(" ", text.translate(_PLAIN)))
    text = _P["misread"].sub(lambda m: "l" if m[0] == "1" else m[0].translate(AS_DIGITS), text)
    text = _P["slashed"].sub("", _P["escaped"].sub(lambda each: chr(int(each[1], 16)), text))
    text = _with_whole_addresses(text)
    text = _P["percent"].sub(lambda m: unquote_plus(m[0]), text)
    text = _P["plus"].sub(lambda m: m[0].replace("+", " "), text)
    return _P["box"].sub("", _P["quoted"].sub("", _P["new_line"].sub("\n", text)))


def _without_silent(text: str) -> str:
    """Return the text with a blank in place of each comment, style, script and head.

    The marks are read once from the last to the first, so that many beginnings without an end take
    no longer than as many other characters.
    """
    ends: dict[str, tuple[int, int]] = {}
    hidden: list[tuple[int, int]] = []
    shown: list[str] = []
    done = 0
    for mark in reversed(list(_P["silent"].finditer(text))):
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
        encoded = len(last) >= _LONG or len(_P["encoded"].findall(last)) > 1
        if (_P["host_begun"].search(last) and _P["host_ended"].match(first)) or (
            encoded and _P["encoded"].search(first)
        ):
            lines[-1] += line.lstrip()
        else:
            lines.append(line)
    return "\n".join(lines)


def _once(text: str) -> str:
    """Return the text with the codes of a reply of several lines only at its beginning.

    RFC 5321, 4.2.1: every line repeats the status, and all but the last have a hyphen after it.
    """
    at = 0
    while first := _P["first_line"].search(text, at):
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
