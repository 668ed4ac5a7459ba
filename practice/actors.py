"""Actions of people in the demo.

Each action is printed, and each expected message is waited for.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from practice.client import NotSeenError, People, actions, has
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
FIRST_ERROR = 400
CHANGING = ("graph.", "exchange.")

Json = dict[str, Any]


class Actors:
    """People of the demo and their actions.

    ``tell`` prints each action.
    """

    def __init__(self, people: People, tell: Callable[[str], None]) -> None:
        self.people, self.tell = people, tell

    def say(self, text: str) -> Json:
        """Write to the bot in the space, as the requester."""
        self.tell(f"{person(REQUESTER)} writes in {SPACE}: @Email Bot {text}")
        return self.people.say(REQUESTER, text, SPACE)

    def answered(self, text: str) -> None:
        """Write to the bot as the requester and wait for its answer in the thread."""
        self.people.look()
        before = self.people.change
        said = self.say(text)
        self.people.wait_for(
            f"an answer to {text}",
            lambda message: message["parentId"] == said["id"],
            30,
            after=before,
        )

    def card(
        self, expected: str, *verbs: str, link: bool = False, member: str = "", seconds: float = 20
    ) -> Json:
        """Wait for the newest card with these buttons and return it."""
        return self.people.wait_for(expected, has(*verbs, link=link, member=member), seconds)

    def press(self, who: str, card: Json, do: str, inputs: Json | None = None) -> None:
        """Press a button as ``who``.

        The buttons and fields are printed by their names on the card.

        Raises:
            NotSeenError: when the card has no such button.
        """
        names = labels(card["card"])
        typed = ", ".join(
            f"{names.get(key, key)}: {value}" for key, value in (inputs or {}).items()
        )
        self.tell(f"{person(who)} presses {way_to(card, do)}{typed and f', with {typed}'}")
        self.people.press(who, card, do, inputs)

    def open(self, who: str, card: Json, decision: Any = "accept", *, gone: bool = False) -> str:
        """Open the card's link as ``who`` and return the last page's text.

        The page's title is printed, without a secret.

        Raises:
            NotSeenError: when the card has no link, or when the page is an error page, unless
                ``gone`` allows that.
        """
        found = [each for each in actions(card) if each.get("type") == "Action.OpenUrl"]
        if not found:
            raise NotSeenError("a link on the card", card)
        link = found[0]
        page = self.people.open_link(who, str(link["url"]), decision)
        title = SECRET.sub("(the secret)", page.text.partition("\n")[0])
        declined = " and declines" if decision == "decline" else ""
        error = f" ({page.status})" if page.status >= FIRST_ERROR else ""
        self.tell(
            f"{person(who)} opens {link['title']}{declined}; the browser shows{error}: {title}"
        )
        if page.status >= FIRST_ERROR and not gone:
            raise NotSeenError(f"a page at {page.url}, not {page.status}", card)
        return page.text

    def tasks(self) -> list[Json]:
        """Return the tasks of the contact center's agent."""
        answer = self.people.control("GET", "agent/tasks")
        found: list[Json] = answer["items"] if isinstance(answer, dict) else answer
        return found

    def writes(self) -> list[str]:
        """Return the changes made at Microsoft since the counts were reset, without sign-ins."""
        counts = self.people.control("GET", "calls")["counts"]
        return [f"{name} ({count})" for name, count in counts.items() if name.startswith(CHANGING)]


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
