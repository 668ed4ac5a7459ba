"""Removal of secrets from everything that leaves the bot; mailbox addresses and IDs stay.

Secrets are found by their shape, by the name next to them, and because the bot knows them. Encoded
text (Base64, percent-encoding, or both) is decoded and searched, and removed as a whole.
"""

import base64
import re
import tomllib
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote, unquote_plus

GONE = "[removed]"
SHORTEST_KNOWN = 8
WRAPPED = 3
"""Number of nested encodings that are decoded to find secrets."""
OPAQUE = 40
"""Length from which a word of mixed letters and digits counts as a token, even without a name."""

_TOLD = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
_NAMES = "|".join(_TOLD["names"])
_PATTERNS = tuple(
    re.compile(
        pattern.replace("{names}", _NAMES)
        .replace("{value}", _TOLD["value"])
        .replace("{plain_words}", _TOLD["plain_words"]),
        re.ASCII,
    )
    for pattern in _TOLD["patterns"]
)
_ANY_PATTERN = re.compile(r"[=:~\s]|eyJ|dXNlcj", re.ASCII)
"""Pattern of what every pattern above needs: without it the others are not tried, which is slow."""
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{12,}={0,2}")
# A pattern in a long word is anchored to its start, or the time would be quadratic in its length.
_BASE64_LINES = re.compile(
    r"(?<![A-Za-z0-9+/_-])(?:[A-Za-z0-9+/_-]{16,}[ \t]*\r?\n[ \t>]*)+[A-Za-z0-9+/_-]{2,}={0,2}"
)
_PERCENT = re.compile(r"""(?<![^\s"'<>])[^\s"'<>]*%[0-9A-Fa-f]{2}[^\s"'<>]*""")
_LONG_WORD = re.compile(
    rf"(?<![A-Za-z0-9_~+/=-])[A-Za-z0-9_~+/=-]{{{OPAQUE},}}(?![A-Za-z0-9_~+/=-])(?!@)"
)
_IDS = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}|Y2lzY29zcGFyazov[\w-]+")
_KEYS = re.compile(rf"(?i)(?:{_NAMES}|secret|authorization|(?:set-)?cookie|token|tokens)", re.ASCII)
_URL_SAFE = str.maketrans("-_", "+/")


def without_secrets(text: str) -> str:
    """Return the text without words that look like a secret or follow its name, none decoded."""
    if _ANY_PATTERN.search(text) is None:
        return text
    for pattern in _PATTERNS:
        text = pattern.sub(rf"\1{GONE}" if pattern.groups else GONE, text)
    return text


def names_a_secret(name: str) -> bool:
    """Return whether a field of this name holds a secret, regardless of its value."""
    return _KEYS.fullmatch(name) is not None


class Redactor:
    """Removal of secrets, also of ``known`` ones of at least 8 characters in any form."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        long = {secret for secret in known if len(secret) >= SHORTEST_KNOWN}
        self._known = sorted(long, key=len, reverse=True)

    def text(self, text: str) -> str:
        return self._clean(text, WRAPPED, opaque=True)

    def data(self, value: Any) -> Any:
        """Return JSON data without secrets, including those known only by their field's name."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            texts = (name for name, each in value.items() if each and isinstance(each, str))
            hidden = {name: GONE for name in texts if names_a_secret(str(name))}
            return {self.text(str(n)): self.data(each) for n, each in {**value, **hidden}.items()}
        return [self.data(inner) for inner in value] if isinstance(value, list | tuple) else value

    def _clean(self, text: str, wrapped: int, *, opaque: bool) -> str:
        for secret in self._known:
            text = text.replace(secret, GONE)
        text = without_secrets(text)
        if wrapped:
            opened = partial(self._opened, wrapped - 1)
            text = _BASE64_LINES.sub(opened, text)
            text = _PERCENT.sub(partial(self._unquoted, wrapped - 1), text)
            text = _BASE64.sub(opened, text)
        return _LONG_WORD.sub(_without_tokens, text) if opaque else text

    def _unquoted(self, wrapped: int, found: re.Match[str]) -> str:
        """Return a percent-encoded word, decoded and redacted if it contains a secret."""
        for decoded in (unquote(found[0]), unquote_plus(found[0])):
            if (clean := self._clean(decoded, wrapped, opaque=True)) != decoded:
                return clean
        return found[0]

    def _opened(self, wrapped: int, found: re.Match[str]) -> str:
        """Return ``GONE`` for Base64 of a secret, tried in all four phases, else the text."""
        word = "".join(found[0].split()).replace(">", "")
        for phase in range(4):
            decoded = _decoded(word[phase:])
            if self._clean(decoded, wrapped, opaque=decoded.isascii()) != decoded:
                return GONE
        return found[0]


def _decoded(word: str) -> str:
    """Return Base64 text of either alphabet, decoded; UTF-16 loses its zeros."""
    body = word.rstrip("=").translate(_URL_SAFE)
    body = body[: len(body) - (len(body) % 4 == 1)]
    raw = base64.b64decode(body + "=" * (-len(body) % 4))
    return raw.decode("utf-8", "replace").replace("\x00", "")


def _without_tokens(found: re.Match[str]) -> str:
    """Return ``GONE`` for a long word of mixed letters and digits, which no person writes."""
    rest = _IDS.sub("", found[0])
    mixed = all(re.search(kind, rest) for kind in ("[A-Z]", "[a-z]", "[0-9]"))
    return GONE if mixed and len(rest) >= OPAQUE else found[0]
