"""People who use the practice cloud, for the demo and the journey tests."""

import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import httpx

from practice.browser import Browser, Page
from practice.patience import patient
from practice.webex.cards import buttons

Json = dict[str, Any]
Wanted = Callable[[Json], bool]
POLL_S = 1.0


class NotSeenError(AssertionError):
    """Error for an expected message that did not appear; ``last`` is the last message seen."""

    def __init__(self, expected: str, last: Json | None) -> None:
        super().__init__(f"not seen: {expected}")
        self.expected, self.last = expected, last


def actions(message: Json) -> Iterator[Json]:
    """Yield the buttons of a message's card, including those in ShowCards."""
    return (action for action, _ in buttons(message.get("card") or {}))


def from_bot(message: Json) -> bool:
    """Return whether the bot wrote the message and it still exists."""
    return bool(message["from"].endswith("@webex.bot") and not message.get("deleted"))


def does(message: Json) -> set[str]:
    """Return the verbs (``do`` in the data) of the message's submit buttons."""
    return {
        str(action["data"]["do"])
        for action in actions(message)
        if isinstance(action.get("data"), dict) and "do" in action["data"]
    }


def is_done_card(message: Json) -> bool:
    """Return whether this is the card of a finished setup.

    Such a card offers only a check and the watch.
    """
    return {"check"} <= does(message) <= {"check", "watch"}


def links(message: Json) -> list[str]:
    """Return the targets of the message's link buttons."""
    return [
        str(action["url"]) for action in actions(message) if action.get("type") == "Action.OpenUrl"
    ]


def has(*verbs: str, link: bool = False, member: str = "") -> Wanted:
    """Return a predicate that a message with all of these buttons meets.

    ``link`` requires a link button too, and ``member`` requires a direct room with this person.
    """
    return lambda message: (
        set(verbs) <= does(message)
        and (not link or bool(links(message)))
        and (not member or (message["roomType"] == "direct" and member in message["members"]))
    )


class People:
    """All people of the practice cloud; each call names the person who acts.

    ``on_change`` is called once for every new or edited message. ``after_each`` is called each time
    something was waited for and seen.
    """

    def __init__(
        self, url: str, ca_path: Path, on_change: Callable[[Json], None] = lambda _: None
    ) -> None:
        self._context = ssl.create_default_context(cafile=str(ca_path))
        self._http = httpx.Client(
            base_url=f"{url}/practice/", verify=self._context, trust_env=False, timeout=60
        )
        self._browsers: dict[str, Browser] = {}
        self._on_change = on_change
        self.messages: dict[str, Json] = {}
        self._ignored: set[str] = set()
        self.change = 0
        self.after_each: Callable[[], None] = lambda: None

    def close(self) -> None:
        """Close all connections to the practice cloud."""
        for browser in self._browsers.values():
            browser.close()
        self._http.close()

    def control(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """Make a control call and return its answer.

        Raises:
            httpx.HTTPStatusError: when the answer is an error; it contains the answer's text.
        """
        answer = self._http.request(method, path, json=body, params=query or None)
        if answer.is_error:
            raise httpx.HTTPStatusError(
                f"{method} {path}: {answer.status_code} {answer.text}",
                request=answer.request,
                response=answer,
            )
        return answer.json()

    def tenant(self) -> Json:
        """Return the tenant contoso.com as an administrator sees it."""
        found: Json = self.control("GET", "tenants/contoso.com")
        return found

    def patch(self, values: Json) -> None:
        """Change the tenant contoso.com as an administrator does by hand."""
        self.control("PATCH", "tenants/contoso.com", values)

    def mailbox(self, address: str, **fields: Any) -> None:
        """Change a mailbox of contoso.com as an administrator does by hand."""
        self.patch({"users": {address: {"mailbox": fields}}})

    def now(self) -> int:
        """Fetch the changed messages, and return the number of the newest change."""
        self.look()
        return self.change

    def say(
        self,
        who: str,
        text: str,
        room: str = "direct",
        *,
        mention: bool | None = None,
        parent: str = "",
        **more: Any,
    ) -> Json:
        """Write to the bot, or write in a space.

        A message in a space mentions the bot unless ``mention`` says otherwise. ``more`` is passed
        to the control API.
        """
        mentioned = room != "direct" if mention is None else mention
        body = {
            "as": who,
            "room": room,
            "text": text,
            "mention": mentioned,
            "parent": parent,
            **more,
        }
        said: Json = self.control("POST", "webex/say", body)
        return said

    def press(
        self, who: str, message: Json, do: str = "", inputs: Json | None = None, **more: Any
    ) -> Json:
        """Press the button with this verb (or with ``title=``).

        ``version=`` and ``force=`` are passed to the control API.
        """
        data = {"data": {"do": do}} if do else {}
        body = {"as": who, "message_id": message["id"], **data, "inputs": inputs or {}, **more}
        pressed: Json = self.control("POST", "webex/press", body)
        return pressed

    def open_link(
        self, who: str, url: str, decision: Literal["accept", "decline"] = "accept"
    ) -> Page:
        """Open a link in this person's browser, which signs in at Microsoft as this person."""
        return self.browser(who).open(url, decision)

    def file(self, message: Json) -> httpx.Response:
        """Return the answer with the file of a message, as a person downloads it."""
        return self._http.get(message["files"][0].replace("/webex/v1/", "/practice/webex/"))

    def browser(self, who: str) -> Browser:
        """Return this person's browser, which keeps its cookies."""
        if who not in self._browsers:
            self._browsers[who] = Browser(who, self._context)
        return self._browsers[who]

    def look(self, wait: float = 0.0) -> None:
        """Fetch the changed messages; wait up to ``wait`` seconds for a change."""
        seen = self.control("GET", "webex/messages", after=self.change, wait=wait)
        for message in seen["items"]:
            if message["id"] not in self._ignored:
                self.messages[message["id"]] = message
                self._on_change(message)
        self.change = max(self.change, *(message["change"] for message in seen["items"]), 0)

    def posted(self, after: int = 0) -> list[Json]:
        """Return the bot's messages that have changed after this number."""
        self.look()
        seen = self.messages.values()
        return [each for each in seen if from_bot(each) and each["change"] > after]

    def renewed(self, message: Json) -> Json:
        """Return the message as it is now."""
        self.look()
        return self.messages[message["id"]]

    def ignore_all(self) -> None:
        """Leave out all messages that are there now, whatever becomes of them."""
        self.look()
        self._ignored |= self.messages.keys()
        self.messages.clear()

    def wait_for(
        self, expected: str, wanted: Wanted, seconds: float = 20.0, after: int = 0
    ) -> Json:
        """Return the newest matching bot message that changed after ``after``.

        Raises:
            NotSeenError: when no such message appears within ``seconds``.
        """
        deadline, wait = time.monotonic() + patient(seconds), 0.0
        while True:
            self.look(wait)
            newest = sorted(self.messages.values(), key=lambda each: -int(each["change"]))
            for message in newest:
                if message["change"] > after and from_bot(message) and wanted(message):
                    self.after_each()
                    if self.messages[message["id"]] is message:
                        return message
                    break  # it was edited meanwhile
            if time.monotonic() >= deadline:
                raise NotSeenError(expected, newest[0] if newest else None)
            wait = POLL_S

    def until(self, expected: str, true: Callable[[], Any], seconds: float = 20.0) -> Any:
        """Wait until ``true`` returns a truthy value and return that value.

        Changed messages are fetched in the meantime.

        Raises:
            NotSeenError: when there is no such value within ``seconds``.
        """
        deadline = time.monotonic() + patient(seconds)
        while not (result := true()):
            self.look(0.2)
            if time.monotonic() >= deadline:
                raise NotSeenError(
                    expected,
                    max(self.messages.values(), key=lambda each: int(each["change"]), default=None),
                )
        self.after_each()
        return result
