"""A finished card: what is drawn, and the text that stands for it in a notification or a client without cards."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from adaptive_cards.components import Band
from adaptive_cards.elements import Element, read
from adaptive_cards.escape import clip, mended, no_template, shorten, tame

SCHEMA = "http://adaptivecards.io/schemas/adaptive-card.json"
VERSION = "1.3"
MOST_BYTES = 15_000
TEXT_MOST = 1000
_STEPS = (600, 300, 160, 100, 60, 40, 24, 12)


@dataclass(frozen=True, slots=True)
class Card:
    """``content`` is the attachment's content, ``text`` its fallback of at most 1,000 characters."""

    content: dict[str, Any]
    text: str


def finished(kicker: Element, band: Band, body: Sequence[Element], actions: Sequence[Element] = (), *, told: int = 1) -> Card:
    """The four parts put together, no template left in it, and below 15 kB as sent. ``told`` lines of the band go into the fallback.

    Beside an input, a button that does not read it says so: else a client lets nobody press Cancel while a required field is empty.
    """
    content: Element = {"$schema": SCHEMA, "type": "AdaptiveCard", "version": VERSION, "body": [kicker, band.element, *body]}
    if actions:
        content["actions"] = list(actions)
    if _has_input(content):
        content = _unbound(content)
    return Card(fit(_mapped(content, _inert)), _fallback(band, told))


def size(content: Element) -> int:
    """Bytes as sent, in ASCII: a glyph counts six."""
    return len(json.dumps(content, separators=(",", ":")))


def fit(content: Element) -> Element:
    """The card with its longest texts shortened in the middle, step by step, until it is small enough."""
    for most in _STEPS:
        if size(content) <= MOST_BYTES:
            break
        content = _mapped(content, partial(_shorter, most))
    return content


def _has_input(node: Any) -> bool:
    if isinstance(node, dict):
        return str(node.get("type")).startswith("Input.") or any(map(_has_input, node.values()))
    return isinstance(node, list) and any(map(_has_input, node))


def _unbound(node: Any) -> Any:
    """The card whose buttons are bound to no input, but for those that say that they read them."""
    if isinstance(node, list):
        return [_unbound(item) for item in node]
    if not isinstance(node, dict):
        return node
    inner = {name: _unbound(value) for name, value in node.items()}
    return {"associatedInputs": "none", **inner} if node.get("type") == "Action.Submit" else inner


def _fallback(band: Band, told: int) -> str:
    sentences = [line if line.endswith((".", "?", ":")) else f"{line}." for line in map(read, (band.title, *band.lines[:told])) if line]
    return clip(" ".join(sentences), TEXT_MOST)


def _inert(_holder: Element, name: str, value: str) -> str:
    return value.replace("${", "%24%7B") if name == "url" else no_template(value)


def _shorter(most: int, holder: Element, name: str, value: str) -> str:
    shown = name == "text" or (name == "value" and "type" not in holder)
    if not shown:
        return value
    return mended(shorten(value, most)) if holder.get("type") == "TextBlock" else tame(shorten(value, most))


def _mapped(node: Any, change: Callable[[Element, str, str], str]) -> Any:
    if isinstance(node, list):
        return [_mapped(item, change) for item in node]
    if not isinstance(node, dict):
        return node
    return {name: change(node, name, value) if isinstance(value, str) else _mapped(value, change) for name, value in node.items()}
