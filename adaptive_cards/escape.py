"""Escaping of text from outside: its control characters, Markdown, templates and length."""

import re

ELLIPSIS = "\u2026"
WORD_JOINER = "\u2060"
RUN_MOST = 40
FACT_MOST = 32
TEXT_MOST = 2000
_MAIL_HEAD = 8
_LINE_END = re.compile(r"[\r\n\t\v\f\u0085\u2028\u2029]+")
_CONTROL = r"\x00-\x1f\x7f-\x9f\ud800-\udfff"
"""Characters of Unicode's categories Cc (control) and Cs (surrogate)."""
_UNSHOWN = re.compile(rf"[{_CONTROL}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Pattern of control characters, lone surrogates and direction marks."""
_UNBREAKABLE = re.compile(r"[^\s-]+-?")
_MARKDOWN = re.compile(
    r"[\\`*\[\]<>~]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|&(?=#?\w+;)|^(?:[#+-]|\d+(?=[.)]))",
    re.MULTILINE,
)
_IN_LONG_NAME = re.compile(r"(?<=[a-z])(?=[A-Z][a-z]{13})")
_NUMBERED = re.compile(r"^(\d+)([.)]\s)")
_CUT = re.compile(rf"{ELLIPSIS}([`*\[\]<>~])")


def plain(text: str, most: int = TEXT_MOST) -> str:
    """Return the text as one line, clipped, and without control characters and direction marks."""
    return clip(_UNSHOWN.sub("", _LINE_END.sub(" ", text)), most)


def clip(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + ELLIPSIS


def shorten(text: str, most: int) -> str:
    """Return a long value without its middle; an email address keeps its domain if that fits."""
    if len(text) <= most:
        return text
    local, at, domain = text.rpartition("@")
    is_address = at and " " not in text and len(domain) + _MAIL_HEAD + len("@") < most
    tail = at + domain if is_address else text[-(most // 2 - 1) :]
    head = min(len(local), _MAIL_HEAD) if is_address else most - len(tail) - 1
    return text[:head] + ELLIPSIS + tail


def tame(text: str, most: int = RUN_MOST) -> str:
    """Return the text with each unbreakable piece shortened: a long word would widen the card."""
    return _UNBREAKABLE.sub(lambda piece: shorten(piece[0], most), text)


def markdown(text: str) -> str:
    """Return a value for a TextBlock, with a backslash before every Markdown character.

    An underscore inside a word, of which addresses and scopes have many, is not markup.
    """
    return _MARKDOWN.sub(lambda sign: f"{sign[0]}\\" if sign[0].isdigit() else f"\\{sign[0]}", text)


def repair_cut(text: str) -> str:
    """Return a shortened TextBlock text with the backslash that the cut may have taken away."""
    return _CUT.sub(f"{ELLIPSIS}\\\\\\1", text)


def fact(text: str) -> str:
    """Return a value for a FactSet, which is Markdown in some clients and plain text in others.

    Links, and a date such as ``27. Nov.`` that Markdown would take for an item of a list and show
    without its day, are disabled with an invisible character. Another may break a long name.
    """
    told = _NUMBERED.sub(rf"\1{WORD_JOINER}\2", tame(plain(text), FACT_MOST + len("1234-")))
    return _IN_LONG_NAME.sub("\u200b", told).replace("](", f"]{WORD_JOINER}(")


def no_template(text: str) -> str:
    """Return a text whose ``${`` is split: no client expands it (sketches, "What Webex forced")."""
    return text.replace("${", f"${WORD_JOINER}{{")
