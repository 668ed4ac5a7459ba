"""One thing that somebody said or pressed, and how to answer it."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from adaptive_cards import Card, notice
from adaptive_cards.cards.notice import NoticeView
from bot.services import Services
from bot.webex.client import Message, WebexPerson
from jobs.clock import now
from jobs.model import Person, Text, verbatim
from jobs.runs.audit_entries import entry
from jobs.runs.origin import Origin
from jobs.runs.reference import new_reference

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ChatContext:
    """Who, where, in which thread. ``message`` is the message with the command, or the card that was pressed; then ``press`` is the press."""

    services: Services
    person: WebexPerson
    room: str
    direct: bool
    thread: str
    message: str
    action_id: str = ""

    @property
    def origin(self) -> Origin:
        """Where a run that begins here shows itself, and by which message or press: one card may be pressed for many mailboxes."""
        return Origin(self.room, self.thread, direct=self.direct, message=self.action_id or self.message)

    @property
    def asker(self) -> Person:
        """Who, as a run keeps it."""
        return Person(self.person.id, self.person.email, self.person.org_id)

    def say(self, card: Card, *, shows: tuple[str, str] | None = None) -> Message:
        """Post a card in the thread; ``shows`` names the run's card that it is. What Webex has not taken yet has no id."""
        return self.services.messenger.send(room_id=self.room, text=card.text, card=card.content, parent_id=self.thread, shows=shows)

    def notify(self, view: NoticeView) -> None:
        """A short answer."""
        self.say(notice(view))

    def refuse(self, words: Text, *, title: str = "refused.message") -> None:
        """Say that nothing was carried out, and why; a stranger also gets a reference, which the log knows, and what to do next."""
        stranger = title != "refused.nothing"
        reference = new_reference()
        log.info("refused", reference=reference, person=self.person.id, room=self.room, why=words.key)
        if stranger:
            who = {"by": self.person.email, "person": self.person.id, "org": self.person.org_id}
            self.services.store.audit.add(entry("refused", None, room=self.room, why=words.key, reference=reference, **who))
        facts = (("refused.reference", verbatim(reference)), ("refused.next", Text("refused.next_space"))) if stranger else ()
        self.notify(NoticeView(Text("refused.kicker"), Text(title), words, glyph="✗", facts=facts, at=now()))
