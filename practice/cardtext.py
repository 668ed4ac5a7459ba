"""Cards as readable text, and the values on a card by label.

The demo and people who copy values use them.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

Json = dict[str, Any]
ESCAPED = re.compile(r"\\([\\`*_{}\[\]()#+\-.!>~|<&$])")
LONGEST_LABEL = 80
LINK = re.compile(r"(?<!\\)\[([^\]]+)\]\((https://[^)\s]+)\)")
MARKS = re.compile(r"(\*\*|__)(.+?)\1")


def plain(markdown: str) -> str:
    """Return the text of a Markdown TextBlock as a person sees it."""
    return ESCAPED.sub(r"\1", MARKS.sub(r"\2", LINK.sub(r"\1 ↗", markdown)))


def lines(element: Json) -> Iterator[str]:
    """Yield the text of the element and of everything in it, line by line."""
    kind = str(element.get("type", "Column"))
    if kind in {"TextBlock", "RichTextBlock"}:
        yield from _own_text(element).split("\n")
    elif kind == "FactSet":
        yield from (f"{fact['title']}  {fact['value']}" for fact in element["facts"])
    elif kind == "ColumnSet":
        yield from _row(element.get("columns", []))
    elif kind.startswith("Input."):
        yield from _input(element)
    elif kind.startswith("Action."):
        yield from _action(element)
    elif kind == "Container" and element.get("style") not in {None, "default"}:
        yield from (f"▌ {line}" for line in _inner(element))
    else:
        yield from _inner(element)


def closed(card: Json) -> Iterator[str]:
    """Yield the text of a card as it first appears, line by line.

    The parts behind buttons are not open, and neither are the lists of choices.
    """
    yield from lines(_folded(card))


def _folded(element: Json) -> Json:
    if element.get("type") == "Action.ShowCard":
        return {**element, "card": {}}
    if element.get("type") == "Input.ChoiceSet":
        return {**element, "choices": [], "value": _chosen(element)}
    return {
        key: [_folded(each) if isinstance(each, dict) else each for each in value]
        if isinstance(value, list)
        else value
        for key, value in element.items()
    }


def _chosen(element: Json) -> str:
    """Return the title of the selected choice, or an empty string."""
    value = element.get("value")
    return next((each["title"] for each in element["choices"] if each["value"] == value), "")


def texts(card: Json) -> list[str]:
    """Return every text of the card in reading order."""
    return list(_texts(card))


def value(card: Json, label: str) -> str:
    """Return the text next to or below ``label``.

    If no text on the card is the label, a longer text that contains it is the label.

    Raises:
        KeyError: when the label is not on the card.
    """
    found = texts(card)
    said = [each.strip().lower() for each in found[:-1]]
    for matches in (
        lambda each: each == label.lower(),
        lambda each: label.lower() in each and len(each) <= LONGEST_LABEL,
    ):
        for index, each in enumerate(said):
            if matches(each):
                return found[index + 1].strip()
    raise KeyError(f"{label}: not on the card, which says {found}")


def _children(element: Json) -> Iterator[Json]:
    for key in ("body", "items", "columns", "actions"):
        yield from element.get(key) or []


def _inner(element: Json) -> Iterator[str]:
    actions = element.get("actions") or []
    yield from (
        line for child in _children(element) if child not in actions for line in lines(child)
    )
    yield from _in_a_row(actions)


def _in_a_row(actions: list[Json]) -> Iterator[str]:
    """Yield the buttons in one line.

    If a button opens a part of the card, each button is in lines of its own.
    """
    shown = [line for action in actions for line in lines(action)]
    if any(line.startswith(" ") for line in shown):
        yield from shown
    elif shown:
        yield "  ".join(shown)


def _own_text(element: Json) -> str:
    if element["type"] == "TextBlock":
        return plain(str(element["text"]))
    return "".join(
        part if isinstance(part, str) else str(part["text"]) for part in element["inlines"]
    )


def _row(columns: Iterable[Json]) -> Iterator[str]:
    """Yield the text of columns that are side by side, line by line."""
    cells = [list(lines({**column, "type": "Column"})) for column in columns]
    for number in range(max(map(len, cells), default=0)):
        yield "  ".join(
            cell[number] if number < len(cell) else " " * len(cell[0] if cell else "")
            for cell in cells
        ).rstrip()


def _input(element: Json) -> Iterator[str]:
    choices = {str(each["value"]): each["title"] for each in element.get("choices", [])}
    held = str(element.get("value", ""))
    offered = f"   ({' · '.join(choices.values())})" if choices else ""
    yield (
        f"{element.get('label') or element.get('title') or element['id']}: "
        f"[{choices.get(held, held)}]{offered}"
    )


def _action(element: Json) -> Iterator[str]:
    signs = {"Action.OpenUrl": " ↗", "Action.ShowCard": " ▾"}
    yield f"[{element.get('title', '')}{signs.get(str(element['type']), '')}]"
    if element["type"] == "Action.ShowCard":
        yield from (f"    {line}" for line in _inner(element["card"]))


def _texts(element: Json) -> Iterator[str]:
    kind = element.get("type", "Column")
    if kind in {"TextBlock", "RichTextBlock"}:
        yield _own_text(element)
    for fact in element.get("facts") or []:
        yield from (str(fact["title"]), str(fact["value"]))
    for child in _children(element):
        yield from _texts(child)
    if kind == "Action.ShowCard":
        yield from _texts(element["card"])
