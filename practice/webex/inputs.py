"""Inputs of a pressed button, as a Webex client sends them.

They are checked and combined with the button's data.
"""

import re
from typing import Any

from practice.webex import cards
from practice.webex.errors import WebexError

Json = dict[str, Any]


def find(card: Json, title: str, data: Json | None) -> tuple[Json, tuple[Json, ...]]:
    """Return the submit button with this title, or whose data contains all of ``data``.

    The button comes with the inputs that it collects.

    Raises:
        WebexError: with status 404 when the card has no such button.
    """
    buttons = list(cards.buttons(card))
    for action, around in buttons:
        if action.get("type") == "Action.Submit" and _is_meant(action, title, data):
            return action, around
    titles = ", ".join(str(action.get("title")) for action, _ in buttons) or "none"
    raise WebexError(404, f"no submit button {title or data!r} on this card; its buttons: {titles}")


def _is_meant(action: Json, title: str, data: Json | None) -> bool:
    if data is None:
        return bool(action.get("title") == title)
    held = action.get("data") or {}
    return isinstance(held, dict) and data.items() <= held.items()


def gather(action: Json, around: tuple[Json, ...], typed: Json, *, force: bool) -> Json:
    """Return the inputs and the action's data; ``data`` wins (platforms/webex.md 3).

    Raises:
        WebexError: with status 422, unless ``force`` is set, for anything that a client would not
            send: unknown inputs, and values that break the input's own rules.
    """
    known = {str(each["id"]): each for each in around}
    values = {
        key: value
        for key, each in known.items()
        if (value := _value(each, typed.get(key))) is not None
    }
    if force:
        values |= typed
    else:
        _refuse(known, typed, values)
    data = action.get("data")
    return values | (data if isinstance(data, dict) else {})


def _value(element: Json, typed: Any) -> str | None:
    """Return the value that this input sends; an empty choice or number sends no value."""
    if typed is not None:
        return ",".join(map(str, typed)) if isinstance(typed, list) else str(typed)
    kind, given = element["type"], element.get("value")
    if kind == "Input.Toggle":
        return str(given if given is not None else element.get("valueOff", "false"))
    if given is None:
        return "" if kind in {"Input.Text", "Input.Date", "Input.Time"} else None
    return str(given)


def _refuse(known: dict[str, Json], typed: Json, values: Json) -> None:
    faults = [
        f"there is no input {key!r} here; there are: {', '.join(known) or 'none'}"
        for key in typed
        if key not in known
    ]
    faults += filter(None, (_fault(element, values.get(key)) for key, element in known.items()))
    if faults:
        raise WebexError(422, "a Webex client would not send this: " + "; ".join(faults))


def _fault(element: Json, value: str | None) -> str:
    name = element["id"]
    if not value:
        return f"{name} is required" if element.get("isRequired") else ""
    if element["type"] == "Input.ChoiceSet":
        return _choice_fault(element, value)
    if element["type"] == "Input.Text":
        return _text_fault(element, value)
    return ""


def _choice_fault(element: Json, value: str) -> str:
    offered = [str(choice["value"]) for choice in element.get("choices", [])]
    chosen = value.split(",") if element.get("isMultiSelect") else [value]
    return (
        ""
        if set(chosen) <= set(offered)
        else f"{element['id']}: {value!r} is none of {', '.join(offered)}"
    )


def _text_fault(element: Json, value: str) -> str:
    longest, pattern = element.get("maxLength"), element.get("regex")
    if longest and len(value) > longest:
        return f"{element['id']} takes {longest} characters at most"
    if pattern and not re.search(pattern, value):
        return f"{element['id']}: {value!r} does not match {pattern}"
    return ""
