"""Finished card: its contents, and the text for a notification or a client without cards."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from adaptive_cards.components import Band
from adaptive_cards.elements import BOLD, SMALL, Element, Elements, is_link, read, rich, run, said
from adaptive_cards.escape import clip, no_template, repair_cut, shorten, tame
from adaptive_cards.glyphs import OK
from adaptive_cards.texts import render, text
from jobs.model import Text

SCHEMA = "http://adaptivecards.io/schemas/adaptive-card.json"
VERSION = "1.3"
MOST_BYTES = 15_000
TEXT_MOST = 1000
_STEPS = (600, 300, 160, 100, 60, 40, 24, 12)


@dataclass(frozen=True, slots=True)
class Card:
    """Finished card, and its text of at most 1,000 characters for clients without cards."""

    content: dict[str, Any]
    text: str


def finished(
    kicker: Element, band: Band, body: Elements, actions: Elements = (), *, told: int = 1
) -> Card:
    """Return a card of these four parts, in which no text is a template, below 15 kB as sent.

    ``told`` is the number of lines of the band that go into the fallback text.
    """
    content: Element = {
        "$schema": SCHEMA,
        "type": "AdaptiveCard",
        "version": VERSION,
        "body": [kicker, band.element, *body],
    }
    if actions:
        content["actions"] = list(actions)
    sentences = [
        line if line.endswith((".", "?", ":")) else f"{line}."
        for line in map(read, (*band.asked, band.title, *band.lines[:told]))
        if line
    ]
    return Card(fit(_mapped(content, _inert)), clip(" ".join(sentences), TEXT_MOST))


def with_lines(card: Card, before: Sequence[Text], also: Sequence[tuple[Text, Text]] = ()) -> Card:
    """Return the card with the lines ``before`` at its end, about earlier requests.

    ``also`` are the turns of other people with their tasks, below the band. If the card has too
    little room, the earliest lines are left out.
    """
    kicker, band, *body = card.content["body"]
    asks = [(text("living.also", turn=render(turn)), render(words)) for turn, words in also]
    asked = [rich(run(turn, **BOLD), run(words), spacing="Small") for turn, words in asks]
    for first in range(len(before) + 1):
        lines = (run(f"{OK.glyph}  {render(words)}", **SMALL) for words in before[first:])
        answered = [
            rich(line, spacing="None" if place else "Medium") for place, line in enumerate(lines)
        ]
        content = card.content | {"body": [kicker, band, *asked, *body, *answered]}
        if size(content) <= MOST_BYTES:
            break
    return Card(fit(_mapped(content, _inert)), card.text)


def held(card: Card, words: Text, keep: Sequence[str]) -> Card:
    """Return the card while another has the turn: ``words`` replace its turn and its buttons.

    Only buttons with a verb in ``keep`` and parts that open stay.
    """
    kicker, band, *body = card.content["body"]
    (row,) = band["items"]
    *glyph, told = row["columns"]
    title, *lines = told["items"]
    begin = [[*line.get("inlines", ()), {}][0].get("weight") for line in lines]
    # A turn, which alone begins in bold, is over.
    lines = [line for line, weight in zip(lines, begin, strict=True) if weight != BOLD["weight"]]
    shown = [title, *lines, said(words, spacing="Small")]
    row = {**row, "columns": [*glyph, {**told, "items": shown}]}
    content = card.content | {"body": [kicker, {**band, "items": [row]}, *body]}
    fallback = clip(f"{read(title)}. {render(words)}", TEXT_MOST)
    return Card(fit(_unpressable(content, keep)), fallback)


def _unpressable(node: Any, keep: Sequence[str]) -> Any:
    if isinstance(node, list):
        # Fields are the end of a part, below a title, and nothing sends them any more.
        kinds = [str(item.get("type")) if isinstance(item, dict) else "" for item in node]
        fields = [place for place, kind in enumerate(kinds) if kind.startswith("Input.")]
        left = node[: max(fields[0] - 1, 0)] if fields else node
        return [_unpressable(item, keep) for item in left if not _is_empty(item, keep)]
    if not isinstance(node, dict):
        return node
    return {name: _unpressable(value, keep) for name, value in node.items()}


def _is_empty(node: Element, keep: Sequence[str]) -> bool:
    """Return whether nothing is left of an element without the buttons that send or open."""
    if node.get("type") == "ActionSet":
        return all(_is_empty(action, keep) for action in node["actions"])
    pressed = node.get("type") in {"Action.Submit", "Action.OpenUrl"}
    return pressed and node.get("data", {}).get("do") not in keep


def size(content: Element) -> int:
    """Return the size as sent, in bytes of ASCII; a glyph counts as six."""
    return len(json.dumps(content, separators=(",", ":")))


def fit(content: Element) -> Element:
    """Return the card with its longest texts shortened in the middle until the card fits."""
    for most in _STEPS:
        if size(content) <= MOST_BYTES:
            break
        content = _mapped(content, partial(_shorter, most))
    return content


def _inert(_holder: Element, name: str, value: str) -> str:
    return value.replace("${", "%24%7B") if name == "url" else no_template(value)


def _shorter(most: int, holder: Element, name: str, value: str) -> str:
    # People see the text of an element, and the value of a fact.
    is_shown = name == "text" or (name == "value" and "type" not in holder)
    if not is_shown or is_link(holder):
        return value
    short = shorten(value, most)
    return repair_cut(short) if holder.get("type") == "TextBlock" else tame(short)


def _mapped(node: Any, change: Callable[[Element, str, str], str]) -> Any:
    if isinstance(node, list):
        return [_mapped(item, change) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        name: change(node, name, value) if isinstance(value, str) else _mapped(value, change)
        for name, value in node.items()
    }
