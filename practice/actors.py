"""Actions of people in the demo: each action is printed, and each expected message is waited for."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from practice.client import NotSeenError, People, has, links

SPACE = "Contact center"
MAILBOX, REQUESTER, ADMIN, AGENT = (
    "support@contoso.com",
    "requester@contoso.com",
    "admin@contoso.com",
    "agent@contoso.com",
)
SECRET = re.compile(r"(?<![\w~.-])\w{2,4}[QRq]~[\w~.-]{31,40}(?![\w~.-])")
FIRST_ERROR = 400
CHANGING = ("graph.", "exchange.")

Json = dict[str, Any]


class Stage:
    """People of the demo and their actions; ``tell`` prints each action."""

    def __init__(self, people: People, tell: Callable[[str], None]) -> None:
        self.people, self.tell = people, tell

    def say(self, text: str) -> Json:
        """Write to the bot in the space, as the requester."""
        self.tell(f"{REQUESTER} writes in {SPACE}: @Email Bot {text}")
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
        """Return the newest card with these buttons."""
        return self.people.wait_for(expected, has(*verbs, link=link, member=member), seconds)

    def press(self, who: str, card: Json, do: str, inputs: Json | None = None) -> None:
        """Press a button as ``who``."""
        typed = "".join(f", {key}: {value}" for key, value in (inputs or {}).items())
        self.tell(f"{who} presses {do}{typed}")
        self.people.press(who, card, do, inputs)

    def open(self, who: str, card: Json, decision: Any = "accept", *, gone: bool = False) -> str:
        """Open the card's link as ``who`` and return the last page's text.

        The text is printed without secrets.

        Raises:
            NotSeenError: when the page is an error page, unless ``gone`` allows that.
        """
        self.tell(
            f"{who} opens the link of the card" + (" and declines" if decision == "decline" else "")
        )
        page = self.people.open_link(who, links(card)[0], decision)
        self.tell(
            f"the browser shows ({page.status}): "
            f"{SECRET.sub('(the secret)', ' / '.join(page.text.splitlines()))[:300]}"
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
