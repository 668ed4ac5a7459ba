"""Elements of Adaptive Cards 1.3 that Webex displays well, and rules for the text in them.

A TextBlock is Markdown and contains only texts from the catalog. Text from outside goes into a
TextRun or a Fact.
"""

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlsplit

from adaptive_cards import escape
from adaptive_cards.texts import render, text
from jobs.model import Text

Element = dict[str, Any]
Elements = Sequence[Element]
Look = str | bool
BOLD: dict[str, Look] = {"weight": "Bolder"}
SUBTLE: dict[str, Look] = {"isSubtle": True}
SMALL: dict[str, Look] = {"size": "Small", "isSubtle": True}
TITLE: dict[str, Look] = {"size": "Medium", "weight": "Bolder"}
MONO: dict[str, Look] = {"fontType": "Monospace"}
NOTHING = "\N{EN DASH}"
"""Character in place of an empty value. Webex refuses a card with an element that has no text."""
_OF_THE_BLOCK = ("spacing", "horizontalAlignment")


def own(key: str, **look: Look) -> Element:
    return _text_block(text(key), look)


def sign(glyph: str, **look: Look) -> Element:
    """Return a TextBlock with a short text of the bot's own, such as a glyph or a row's id."""
    return _text_block(escape.markdown(glyph), look)


def literal(value: str, **look: Look) -> Element:
    """Return a long value, complete, in a TextBlock: only that breaks words in every client."""
    return _text_block(escape.markdown(escape.plain(value)), {**MONO, **look})


def run(value: str, **look: Look) -> Element:
    """Return a TextRun, which has no Markdown, so that a value cannot inject a link."""
    return {"type": "TextRun", "text": escape.tame(escape.plain(value)) or NOTHING, **look}


def rich(*runs: Element, **look: Look) -> Element:
    return {"type": "RichTextBlock", **look, "inlines": list(runs)}


def said(words: Text, **look: Look) -> Element:
    """Return an element for a text: a TextBlock if the text has no values, otherwise a TextRun."""
    if not words.values:
        return own(words.key, **look)
    block = {name: look[name] for name in _OF_THE_BLOCK if name in look}
    return rich(
        run(render(words), **{name: value for name, value in look.items() if name not in block}),
        **block,
    )


def link(key: str, page: str, **look: Look) -> Element:
    """Return a line that opens a page and names its site; the line does not count as an action.

    The address is never from outside, because a TextBlock is Markdown.
    """
    title = escape.markdown(text(key, site=urlsplit(page).netloc))
    return _text_block(f"[{title}]({page})", look)


def is_link(element: Element) -> bool:
    """Return whether the element is a line of :func:`link`.

    In the text of any other element, brackets are escaped.
    """
    return element.get("type") == "TextBlock" and element["text"].startswith("[")


def value_line(value: str) -> Element:
    return rich(run(value, **MONO)) if escape.tame(value) == value else literal(value)


def column(width: str, *items: Element, spacing: str = "") -> Element:
    """Return a Column with a width of ``20px``, ``auto`` or ``stretch``.

    Cisco's widget supports only these kinds of width.
    """
    return {"type": "Column", "width": width, **_spacing(spacing), "items": list(items)}


def columns(*cells: Element, spacing: str = "") -> Element:
    return {"type": "ColumnSet", **_spacing(spacing), "columns": list(cells)}


def container(style: str, *items: Element, spacing: str = "Medium") -> Element:
    tint = {"style": style} if style else {}
    return {"type": "Container", **tint, "spacing": spacing, "items": list(items)}


def facts(pairs: Iterable[tuple[str, str]], spacing: str = "Medium") -> Element:
    rows = [{"title": title, "value": escape.fact(value) or NOTHING} for title, value in pairs]
    return {"type": "FactSet", **_spacing(spacing), "facts": rows}


def read(element: Element) -> str:
    """Return the text of a TextBlock or of a line of TextRuns, as a notification shows it."""
    return "".join(piece["text"] for piece in element.get("inlines", [element]))


def _text_block(words: str, look: dict[str, Look]) -> Element:
    return {"type": "TextBlock", "text": words or NOTHING, **look, "wrap": True}


def _spacing(spacing: str) -> dict[str, str]:
    return {"spacing": spacing} if spacing else {}
