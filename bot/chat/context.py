"""One message or button press, and the means to answer it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Any

import structlog

from adaptive_cards import Card, notice
from adaptive_cards.answers import Button
from adaptive_cards.components import PLAIN, REFUSED, Style
from bot.services import Services
from bot.webex import errors
from bot.webex.client import File, FileTooLargeError, Message, Shows, WebexPerson, is_older_than
from jobs.clock import now
from jobs.model import Person, Text, verbatim
from jobs.runs.event_log import entry
from jobs.runs.run import Event, Kind, Origin, new_reference

log = structlog.get_logger(__name__)
Buttons = tuple[Button, ...]


class AnsweredError(Exception):
    """End of a command that was answered otherwise, such as by an offer of the known channels."""


class RefusedError(AnsweredError):
    """Refusal of a press, because of which nothing is done (:meth:`ChatContext.refuse`)."""

    def __init__(self, words: Text, title: str = "refused.nothing", then: str = "") -> None:
        super().__init__(words.key)
        self.words, self.title, self.then = words, title, then

    def answer(self, ctx: "ChatContext") -> None:
        ctx.refuse(self.words, title=self.title, then=self.then)


def trouble(what: str, **more: Any) -> Card:
    """Return the notice with ``notice.WHAT_kicker``, ``_title`` and ``_words``, and more fields."""
    texts = {part: Text(f"notice.{what}_{part}") for part in ("kicker", "title", "words")}
    return notice(**{**texts, "style": REFUSED, "at": now(), **more})


@dataclass(frozen=True, slots=True)
class ChatContext:
    """Person, room and thread of one message or button press.

    ``message`` is the one with the command, or the card on which the press ``action_id`` was made.
    """

    services: Services
    person: WebexPerson
    room: str
    direct: bool
    thread: str
    message: str
    action_id: str = ""

    @property
    def request(self) -> str:
        """Return the press's id, as a card may be pressed for many mailboxes, or the message's."""
        return self.action_id or self.message

    @property
    def origin(self) -> Origin:
        return Origin(self.room, self.thread, direct=self.direct, message=self.request)

    @property
    def asker(self) -> Person:
        return Person(self.person.id, self.person.email, self.person.org_id)

    def event(self, kind: Kind, **more: Any) -> Event:
        return Event(kind, now(), by=self.person.email, **more)

    def answered(self, question: str, value: str) -> Event:
        return self.event(Kind.ANSWERED, data={"question": question, "value": value})

    def say(self, said: Card | str, *, shows: Shows = None, file: File | None = None) -> None:
        """Post in the thread, now or as soon as Webex accepts it."""
        send = self.services.messenger.send
        send(said, room_id=self.room, parent_id=self.thread, shows=shows, file=file)

    def tell(  # noqa: PLR0913, PLR0917  each is a field of the notice
        self,
        kicker: Text | str,
        title: Text | str,
        words: Text | str,
        values: Mapping[str, str] = MappingProxyType({}),
        style: Style = PLAIN,
        facts: tuple[tuple[str, Text], ...] = (),
        buttons: Buttons = (),
    ) -> None:
        """Post a notice; texts that are named by their keys get the ``values``."""
        head, what, said = (
            each if isinstance(each, Text) else Text(each, dict(values))
            for each in (kicker, title, words)
        )
        self.say(notice(head, what, said, style, facts, buttons, now()))

    def attest(self, what: str, **more: Any) -> None:
        who = {"by": self.person.email, "person": self.person.id, "org": self.person.org_id}
        self.services.store.audit.add(entry(what, room=self.room, **who, **more))

    def refuse(self, words: Text, *, title: str = "refused.message", then: str = "") -> None:
        """Say that nothing was done, and why.

        A person without access also gets a reference, which is in the log. ``then`` names
        the text about the next step, unless the reason names it already.
        """
        stranger = title != "refused.nothing"
        reference = new_reference()
        why = {"why": words.key, "reference": reference}
        log.info("refused", person=self.person.id, room=self.room, **why)
        if stranger:
            self.attest("refused", **why)
        after = (("refused.next", Text(f"refused.{then}")),) if then else ()
        facts = (("refused.reference", verbatim(reference)), *after) if stranger else ()
        self.tell("refused.kicker", title, words, style=REFUSED, facts=facts)


SCAN = timedelta(seconds=60)
"""Time after sending for which the bot waits for a file's malware scan by Webex (status 423)."""
_REASONS = {403: "unread", 404: "unread", 410: "infected", 428: "unscannable"}
"""Reasons by Webex's status (platforms/webex.md 2)."""


class NotAcceptedError(Exception):
    """Refusal to read a file; its text is large, unread, infected, unscannable or scanned."""


def first_file(ctx: ChatContext, message: Message, largest: int) -> File:
    """Return the first file of a message, of at most ``largest`` bytes.

    Raises:
        NotAcceptedError: the file is too large, or Webex does not return it.
        WebexError: Webex is unavailable or still scans the file. The event is retried.
    """
    try:
        return ctx.services.webex.download(message.files[0], largest)
    except FileTooLargeError as error:
        raise NotAcceptedError("large") from error
    except ValueError as error:
        raise NotAcceptedError("unread") from error
    except errors.WebexAnswerError as error:
        scanned = error.status == errors.LOCKED and is_older_than(message.created, SCAN)
        if reason := "scanned" if scanned else _REASONS.get(error.status):
            raise NotAcceptedError(reason) from error
        raise
