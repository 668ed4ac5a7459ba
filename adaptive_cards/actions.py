"""Buttons of a card: at most five, including those inside a part that opens."""

from collections.abc import Iterable
from typing import Any

from adaptive_cards.elements import Element, plain, shorten
from adaptive_cards.texts import text

TITLE_MOST = 31
ACTIONS_MOST = 5
"""Most actions of a card, with those in parts that open (sketches, "What Webex forced")."""
ADDRESS_MOST = 254


def submit(title: str, do: str, *, main: bool = False, reads: bool = False, **data: str) -> Element:
    """Return a button; ``main`` is the card's green one, ``reads`` sends and needs its inputs."""
    read = {"associatedInputs": "auto"} if reads else {}
    return press(title, {"do": do, **data}, main=main) | read


def press(title: str, data: dict[str, str], *, main: bool = False) -> Element:
    """Return a button that can be pressed although a required field of the card is empty."""
    button = {"type": "Action.Submit", "title": plain(title), "associatedInputs": "none"}
    return {**button, **_style(main=main), "data": data}


def open_url(title: str, url: str, *, main: bool = False) -> Element:
    return {"type": "Action.OpenUrl", "title": title, "url": url, **_style(main=main)}


def _style(*, main: bool) -> Element:
    return {"style": "positive"} if main else {}


def show_card(title: str, body: list[Element], *actions: Element) -> Element:
    offered = {"actions": list(actions)} if actions else {}
    inner = {"type": "AdaptiveCard", "body": body, **offered}
    return {"type": "Action.ShowCard", "title": title, "card": inner}


def buttons(*actions: Element, spacing: str = "Medium") -> Element:
    return {"type": "ActionSet", "spacing": spacing, "actions": list(actions)}


def in_rows(actions: list[Element]) -> list[list[Element]]:
    """Return the buttons in rows: two in a row if their titles fit side by side, otherwise one."""
    rows: list[list[Element]] = []
    for action in actions:
        last = rows[-1] if rows else []
        if len(last) == 1 and len(last[0]["title"]) + len(action["title"]) <= TITLE_MOST:
            last.append(action)
        else:
            rows.append([action])
    return rows


def button_rows(actions: list[Element], spacing: str = "Medium") -> list[Element]:
    return [buttons(*row, spacing=spacing) for row in in_rows(actions)]


def cancel(header_run: str, *, of_run: bool = False, **data: str) -> Element:
    """Return the Cancel button, which every card of a run has while the run can be canceled."""
    return press(
        text("button.cancel_run" if of_run else "button.cancel"),
        {"do": "cancel", "run": header_run, **data},
    )


def fit_title(key: str, value: str) -> str:
    """Return a button title that contains a value, shortened so that it fits a row at 320 px."""
    return text(key, value=shorten(plain(value), TITLE_MOST - len(text(key, value=""))))


def text_input(
    name: str, label: str, *, style: str = "email", error: str = "", example: str = ""
) -> Element:
    """Return an Input.Text for one address or URL; without ``error`` it may stay empty."""
    told = {"errorMessage": error, "placeholder": example}
    more = {field: text(key) for field, key in told.items() if key}
    return input_text(name, label, ADDRESS_MOST, style=style, isRequired=bool(error), **more)


def input_text(name: str, label: str, most: int, **more: Any) -> Element:
    return {"type": "Input.Text", "id": name, "label": text(label), "maxLength": most, **more}


def choice(name: str, label: str, titles: Iterable[tuple[str, str]], **more: Any) -> Element:
    """Return an Input.ChoiceSet, compact unless ``more`` says otherwise; ``titles`` are (value, title)."""
    return {
        "type": "Input.ChoiceSet",
        "id": name,
        "label": label,
        "style": "compact",
        "isMultiSelect": False,
        "choices": [{"title": title, "value": value} for value, title in titles],
        **more,
    }


def watch_button(mailbox: str, *, watched: bool) -> list[Element]:
    # The list is empty for an address that is too long for a button.
    if len(mailbox) > ADDRESS_MOST:
        return []
    name, verb = ("watch.off_button", "watch_off") if watched else ("watch.add_button", "watch")
    return [submit(text(name), verb, channel=mailbox)]
