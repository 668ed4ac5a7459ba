"""People of the practice cloud, and the names of the buttons and fields that they use."""

import re
from typing import Any

from practice.client import NotSeenError, actions
from practice.webex.cards import parts

SPACE = "Contact center"
MAILBOX, REQUESTER, ADMIN, AGENT = (
    "support@contoso.com",
    "requester@contoso.com",
    "admin@contoso.com",
    "agent@contoso.com",
)
TITLES = {
    REQUESTER: "The requester",
    ADMIN: "The administrator",
    AGENT: "The agent",
    MAILBOX: "The mailbox user",
}
SECRET = re.compile(r"(?<![\w~.-])\w{2,4}[QRq]~[\w~.-]{31,40}(?![\w~.-])")
CHANGING = ("graph.", "exchange.")

Json = dict[str, Any]


def person(address: str) -> str:
    """Return the name of a person of the demo, or the address of anybody else."""
    return TITLES.get(address, address)


def labels(card: Json) -> dict[str, str]:
    """Return the name of each field of a card, by the field's id."""
    return {
        str(part["id"]): str(part.get("label") or part.get("title") or part["id"])
        for part in parts(card)
        if str(part.get("type", "")).startswith("Input.")
    }


def way_to(message: Json, do: str) -> str:
    """Return the title of the button with this verb.

    If the button is in parts of the card that other buttons open, the titles of those buttons come
    first.

    Raises:
        NotSeenError: when the card has no such button.
    """
    known = list(actions(message))
    inside = [
        str(each["title"])
        for each in known
        if each.get("type") == "Action.ShowCard"
        and any(_does(part, do) for part in parts(each["card"]))
    ]
    found = [str(each["title"]) for each in known if _does(each, do)]
    if not found:
        raise NotSeenError(f"a button {do!r}", message)
    return ", then ".join([*inside, found[0]])


def _does(part: Json, do: str) -> bool:
    data = part.get("data")
    return isinstance(data, dict) and data.get("do") == do
