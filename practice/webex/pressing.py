"""Presses of a card's buttons, which Webex calls attachment actions."""

from typing import Any

from practice.journal import Journal
from practice.webex import inputs
from practice.webex.errors import WebexError, bad, not_found
from practice.webex.events import Events
from practice.webex.model import Action, Message, Person
from practice.webex.posting import Posting

Json = dict[str, Any]


class Pressing:
    """Operations on attachment actions, which people create and the card's author reads."""

    def __init__(self, posting: Posting, events: Events, journal: Journal) -> None:
        self._posting, self._world, self._events, self._journal = (
            posting,
            posting.world,
            events,
            journal,
        )

    def create(self, person: Person, body: Json) -> Action:
        """Create an attachment action with any inputs (POST /attachment/actions).

        The API allows this to every member (facts, section 3).
        """
        if body.get("type") != "submit" or not isinstance(body.get("inputs"), dict):
            raise bad("type must be submit, and inputs an object")
        with self._world.lock:
            message = self._posting.get(person, str(body.get("messageId")))
            if not message.current.card:
                raise bad("The message has no card")
            return self._record(person, message, body["inputs"])

    def press(self, person: Person, body: Json) -> Action:
        """Press a button as a client does.

        The button is found by ``title`` or a part of its ``data``; then the inputs are checked and
        collected.

        ``version`` presses an older version of an edited card, as a client does that was not
        refreshed. ``force`` sends inputs that the card does not have.
        """
        with self._world.lock:
            message = self._posting.get(person, str(body.get("message_id")))
            card = self._card(message, body.get("version"))
            button, around = inputs.find(card, str(body.get("title") or ""), body.get("data"))
            values = inputs.gather(
                button, around, body.get("inputs") or {}, force=bool(body.get("force"))
            )
            return self._record(person, message, values)

    def get(self, reader: Person, action_id: str) -> Action:
        """Return an action to its author or the card's author (GET /attachment/actions/{id})."""
        action = self._world.actions.get(action_id)
        if action is None or reader.id not in {
            action.person_id,
            self._world.messages[action.message_id].person_id,
        }:
            raise not_found("Could not find an attachment action with provided ID.")
        return action

    def _card(self, message: Message, version: Any) -> Json:
        try:
            card = message.versions[-1 if version is None else int(version)].card
        except (IndexError, ValueError) as error:
            raise bad(f"the message has {len(message.versions)} versions") from error
        if card is None:
            raise WebexError(404, "this message has no card")
        return card

    def _record(self, person: Person, message: Message, values: Json) -> Action:
        action = Action(message.id, person.id, message.room_id, values)
        self._world.actions[action.id] = action
        self._journal.write(
            person.email,
            "webex",
            "action.create",
            action.id,
            None,
            {"message": message.id, "do": values.get("do")},
        )
        self._events.action(action)
        return action
