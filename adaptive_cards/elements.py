"""The elements of Adaptive Cards 1.3 that Webex shows well, and the one rule which text goes into which of them.

A TextBlock is Markdown and holds the catalogue's words only. What came from outside stands in a TextRun or a Fact.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from adaptive_cards import escape
from adaptive_cards.texts import render, text
from jobs.model import Text

Element = dict[str, Any]
Look = str | bool
BOLD: dict[str, Look] = {"weight": "Bolder"}
SUBTLE: dict[str, Look] = {"isSubtle": True}
SMALL: dict[str, Look] = {"size": "Small", "isSubtle": True}
TITLE: dict[str, Look] = {"size": "Medium", "weight": "Bolder"}
MONO: dict[str, Look] = {"fontType": "Monospace"}
_OF_THE_BLOCK = ("spacing", "horizontalAlignment")


def own(key: str, **look: Look) -> Element:
    """A TextBlock with one of our own texts, without any value in it."""
    return _text_block(text(key), look)


def sign(glyph: str, **look: Look) -> Element:
    """A TextBlock with a glyph, a row's id or a number: short and ours."""
    return _text_block(escape.markdown(glyph), look)


def literal(value: str, **look: Look) -> Element:
    """A value that no line can hold, whole and in monospace: a TextBlock, since only that breaks long words everywhere."""
    return _text_block(escape.markdown(escape.plain(value)), {**MONO, **look})


def run(value: str, **look: Look) -> Element:
    """A TextRun: no Markdown, so nobody can plant a link."""
    return {"type": "TextRun", "text": escape.tame(escape.plain(value)), **look}


def rich(*runs: Element, **look: Look) -> Element:
    """A line of TextRuns."""
    return {"type": "RichTextBlock", **look, "inlines": list(runs)}


def said(words: Text, **look: Look) -> Element:
    """A text by its key: a TextBlock if it is all ours, a TextRun as soon as a value stands in it."""
    if not words.values:
        return own(words.key, **look)
    block = {name: look[name] for name in _OF_THE_BLOCK if name in look}
    return rich(run(render(words), **{name: value for name, value in look.items() if name not in block}), **block)


def value_line(value: str) -> Element:
    """A value to copy, in monospace and never shortened."""
    return rich(run(value, **MONO)) if escape.tame(value) == value else literal(value)


def column(width: str, *items: Element, spacing: str = "") -> Element:
    """A Column; widths are ``20px``, ``auto`` or ``stretch``, for Cisco's widget takes no others."""
    return {"type": "Column", "width": width, **_spacing(spacing), "items": list(items)}


def columns(*cells: Element, spacing: str = "") -> Element:
    """A ColumnSet."""
    return {"type": "ColumnSet", **_spacing(spacing), "columns": list(cells)}


def container(style: str, *items: Element, spacing: str = "Medium") -> Element:
    """A Container; an empty style leaves it untinted."""
    return {"type": "Container", **({"style": style} if style else {}), "spacing": spacing, "items": list(items)}


def facts(pairs: Iterable[tuple[str, str]], spacing: str = "Medium") -> Element:
    """A FactSet of labels and values; the values may come from outside."""
    rows = [{"title": title, "value": escape.fact(value)} for title, value in pairs]
    return {"type": "FactSet", **_spacing(spacing), "facts": rows}


def read(element: Element) -> str:
    """The text of a TextBlock or of a line of TextRuns, as a notification shows it."""
    return "".join(piece["text"] for piece in element.get("inlines", [element]))


def _text_block(words: str, look: dict[str, Look]) -> Element:
    return {"type": "TextBlock", "text": words, **look, "wrap": True}


def _spacing(spacing: str) -> dict[str, str]:
    return {"spacing": spacing} if spacing else {}
