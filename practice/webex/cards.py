"""Checks of a card against Webex's rules, and the data that a press sends.

Source: platforms/webex.md 3.
"""

import json
from collections.abc import Iterator
from typing import Any

from practice.webex import card_schema

VERSIONS = ("1.0", "1.1", "1.2", "1.3")
MOST_ACTIONS, MOST_IMAGES, MOST_BYTES = 5, 10, 80_000
ELEMENTS: dict[str, tuple[str, ...]] = {
    "TextBlock": ("text",),
    "RichTextBlock": ("inlines",),
    "TextRun": ("text",),
    "Image": ("url",),
    "ImageSet": ("images",),
    "Container": ("items",),
    "ColumnSet": (),
    "Column": (),
    "FactSet": ("facts",),
    "ActionSet": ("actions",),
    "Input.Text": ("id",),
    "Input.Number": ("id",),
    "Input.Date": ("id",),
    "Input.Time": ("id",),
    "Input.Toggle": ("id", "title"),
    "Input.ChoiceSet": ("id",),
    "Action.Submit": (),
    "Action.OpenUrl": ("url",),
    "Action.ShowCard": ("card",),
    "Action.ToggleVisibility": ("targetElements",),
    "AdaptiveCard": (),
}
NESTED = (
    "body",
    "items",
    "columns",
    "inlines",
    "images",
    "actions",
    "card",
    "selectAction",
    "inlineAction",
)

Json = dict[str, Any]


def parts(element: Json) -> Iterator[Json]:
    """Yield the element and everything in it, in reading order."""
    yield element
    for key in NESTED:
        inner = element.get(key)
        for child in inner if isinstance(inner, list) else [inner]:
            if isinstance(child, dict):
                yield from parts(_typed(child, key))


def _typed(child: Json, key: str) -> Json:
    return child if "type" in child or key != "columns" else {**child, "type": "Column"}


def has_image(card: Json) -> bool:
    """Return whether the card has images, for which Webex refuses an edit."""
    return any(part.get("type") == "Image" or "backgroundImage" in part for part in parts(card))


def faults(card: Json) -> list[str]:
    """Return the errors of the card as texts; the result is empty if there are none."""
    found = list(_structure(card))
    return found or [text for text in [card_schema.worst(card)] if text]


def _structure(card: Json) -> Iterator[str]:
    if card.get("type") != "AdaptiveCard":
        yield "the content's type must be AdaptiveCard"
    if card.get("version") not in VERSIONS:
        yield f"version {card.get('version')!r} is not supported; the newest is {VERSIONS[-1]}"
    if len(json.dumps(card, separators=(",", ":")).encode()) > MOST_BYTES:
        yield f"the card is larger than {MOST_BYTES} bytes"
    yield from filter(None, map(_element_fault, parts(card)))
    yield from _too_many(card)


def _too_many(card: Json) -> Iterator[str]:
    """Yield an error text if the card has more actions or more images than Webex accepts."""
    kinds = [str(part.get("type")) for part in parts(card)]
    if sum(kind.startswith("Action.") for kind in kinds) > MOST_ACTIONS:
        yield f"a card may have {MOST_ACTIONS} actions at most"
    if kinds.count("Image") > MOST_IMAGES:
        yield f"a card may have {MOST_IMAGES} images at most"


def _element_fault(part: Json) -> str:
    kind = str(part.get("type"))
    if kind not in ELEMENTS:
        return f"element type {kind} is not supported"
    missing = [key for key in ELEMENTS[kind] if not part.get(key)]
    return f"{kind} needs {', '.join(missing)}" if missing else ""


def buttons(
    card: Json, inherited: tuple[Json, ...] = ()
) -> Iterator[tuple[Json, tuple[Json, ...]]]:
    """Yield every action with the inputs that a press of it collects.

    These are the inputs of the action's own card and of the cards around that card.
    """
    own = list(_own_parts(card))
    inputs = (*inherited, *(part for part in own if str(part.get("type")).startswith("Input.")))
    for part in own:
        if str(part.get("type")).startswith("Action."):
            yield part, () if part.get("associatedInputs") == "none" else inputs
        if part.get("type") == "Action.ShowCard":
            yield from buttons(part["card"], inputs)


def _own_parts(card: Json) -> Iterator[Json]:
    """Yield everything in the card except the content of ShowCards."""
    for key in NESTED:
        inner = card.get(key)
        for child in inner if isinstance(inner, list) else [inner]:
            if isinstance(child, dict):
                yield _typed(child, key)
                if child.get("type") != "Action.ShowCard":
                    yield from _own_parts(child)
