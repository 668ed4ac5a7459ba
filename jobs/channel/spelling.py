"""Spelling of addresses and hosts: characters that look like others, and scripts that are mixed.

The rules are those of UTS 39 (Unicode Security Mechanisms). Python knows no character's script, so
it is taken from the first word of the character's name, which is the script's for every letter that
a host's name may have.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

import idna

_STOPS = str.maketrans("\u3002\uff61\uff0e", "...")
"""Full stops of East Asia, which browsers read as dots (UTS 46, section 2.3)."""
_TOGETHER = (
    frozenset({"LATIN", "CJK", "HIRAGANA", "KATAKANA"}),
    frozenset({"LATIN", "CJK", "BOPOMOFO"}),
    frozenset({"LATIN", "CJK", "HANGUL"}),
)
"""Scripts that one label may mix ("highly restrictive" identifiers, UTS 39, section 5.2)."""
_NAMED = {"IDEOGRAPHIC": "CJK", "KATAKANA-HIRAGANA": "KATAKANA"}
"""First words of the names of letters that are not their script's name, with the script."""


def plain(text: str) -> str:
    """Return the text with what full-width letters, ligatures and the like represent (NFKC)."""
    return unicodedata.normalize("NFKC", text.translate(_STOPS))


def stand_ins(text: str) -> str:
    """Return the characters of the text that represent others, each once, without spaces."""
    whole = unicodedata.normalize("NFC", text)
    return "".join(
        dict.fromkeys(sign for sign in whole if not sign.isspace() and plain(sign) != sign)
    )


def mixed_label(text: str) -> str:
    """Return the first label of a host or an address that mixes scripts, or an empty string.

    A label is the text between two dots, or between a dot and ``@``. A label in Punycode counts as
    the letters that a program displays for it.
    """
    labels = map(_displayed, re.split(r"[.@]", text))
    return next((label for label in labels if _is_mixed(scripts_of(label))), "")


def strange_letters(label: str) -> str:
    """Return the letters outside the label's most frequent script, with their Unicode numbers."""
    scripts = [_script(sign) for sign in label if unicodedata.category(sign).startswith("L")]
    usual = max(scripts, key=scripts.count, default="")
    return named(sign for sign in label if _script(sign) not in {usual, ""})


def letters_beyond_ascii(text: str) -> str:
    """Return the non-ASCII characters with their Unicode numbers, or an empty string."""
    return named(sign for sign in text if not sign.isascii())


def named(signs: Iterable[str]) -> str:
    """Return each of the characters once, with its script or name and its number in Unicode."""
    return ", ".join(
        f"{sign} ({(_script(sign) or unicodedata.name(sign, '?')).title()} U+{ord(sign):04X})"
        for sign in dict.fromkeys(signs)
    )


def scripts_of(label: str) -> frozenset[str]:
    """Return the scripts of the letters in a label; digits and marks belong to every script."""
    return frozenset(filter(None, map(_script, label)))


def as_ascii(host: str) -> str:
    """Return the host with labels in Punycode (``xn--``), or as it is if that cannot be."""
    if host.isascii():
        return host
    try:
        return idna.encode(host, uts46=True).decode()
    except idna.IDNAError:
        return host


def as_displayed(host: str) -> str:
    """Return the host as a program may display it, with letters in place of Punycode."""
    return ".".join(map(_displayed, host.split(".")))


def _displayed(label: str) -> str:
    if not label.lower().startswith("xn--"):
        return label
    try:
        return idna.decode(label)
    except idna.IDNAError:
        return label


def _script(sign: str) -> str:
    """Return the script of a letter, or an empty string for anything else."""
    if not unicodedata.category(sign).startswith("L"):
        return ""
    word = unicodedata.name(sign, "?").partition(" ")[0]
    return _NAMED.get(word, word)


def _is_mixed(scripts: frozenset[str]) -> bool:
    return len(scripts) > 1 and not any(scripts <= allowed for allowed in _TOGETHER)
