"""Operations of the Messages API: post, edit and delete messages, with all of its refusals.

Source: platforms/webex.md 2.
"""

import dataclasses
from typing import Any

from practice.journal import Journal, now
from practice.webex import cards
from practice.webex.errors import WebexError, bad, not_found
from practice.webex.events import Events, sees
from practice.webex.markup import version
from practice.webex.model import Membership, Message, Person, Room, Version
from practice.webex.shapes import CARD_TYPE
from practice.webex.world import World

MOST_BYTES = 7439
MOST_EDITS = 10
DESTINATIONS = ("roomId", "toPersonId", "toPersonEmail")

Json = dict[str, Any]


class Posting:
    """Operations of people and bots on messages.

    Every method raises WebexError if Webex refuses.
    """

    def __init__(self, world: World, events: Events, journal: Journal) -> None:
        self.world, self._events, self._journal = world, events, journal

    def create(self, author: Person, body: Json) -> Message:
        """Post a message (POST /messages)."""
        with self.world.lock:
            named = [key for key in DESTINATIONS if body.get(key)]
            if len(named) != 1:
                raise bad("Exactly one of the destination fields must not be empty")
            said, files = self._version_of(body), self._files(body)
            room = self._room(author, named[0], str(body[named[0]]))
            message = Message(room.id, author.id, [said], self._parent(room, body), files)
        return self.publish(author, message)

    def publish(self, author: Person, message: Message) -> Message:
        """Put a finished message into its room and notify the webhooks."""
        with self.world.lock:
            self._require_open(self.world.rooms[message.room_id])
            self.world.messages[message.id] = message
            self.world.rooms[message.room_id].last_activity = message.created
            self.world.touch(message)
            self._note(author, "message.create", message, None)
        self._events.message(message, "created")
        return message

    def edit(self, author: Person, message_id: str, body: Json) -> Message:
        """Edit a message (PUT /messages/{id}): at most 10 times, never with images."""
        with self.world.lock:
            message = self.own(author, message_id)
            self._require_open(self.world.rooms[message.room_id])
            if body.get("roomId") != message.room_id:
                raise bad("roomId is required and must be the room of the message")
            if "html" in body:
                raise bad("The request must not contain an html attribute")
            said, before = self._edited(message, body), message.current
            message.versions.append(dataclasses.replace(said, at=now()))
            self.world.touch(message)
            self._note(author, "message.edit", message, before)
        self._events.message(message, "updated")
        return message

    def delete(self, author: Person, message_id: str) -> None:
        """Delete a message of this account (DELETE /messages/{id})."""
        with self.world.lock:
            message = self.own(author, message_id)
            message.deleted = True
            self.world.touch(message)
            self._journal.write(
                author.email, "webex", "message.delete", message.id, _brief(message.current), None
            )
        self._events.message(message, "deleted")

    def get(self, reader: Person, message_id: str) -> Message:
        """Return the message if this account may see it.

        Raises:
            WebexError: with status 404 when this account may not see it.
        """
        message = self.world.messages.get(message_id)
        if message is None or message.deleted or not sees(self.world, reader, message):
            raise not_found("Could not find a message with provided ID.")
        return message

    def own(self, author: Person, message_id: str) -> Message:
        """Return the message if this account wrote it.

        Raises:
            WebexError: with status 403 when this account did not write it, or 404 when it may not see it.
        """
        message = self.get(author, message_id)
        if message.person_id != author.id:
            raise WebexError(403, "Only the author of a message may change it")
        return message

    def room(self, member: Person, room_id: str) -> Room:
        """Return the room if this account is in it.

        Raises:
            WebexError: with status 404 when this account is not in it.
        """
        room = self.world.rooms.get(room_id)
        if room is None or self.world.membership(room_id, member.id) is None:
            raise not_found("Could not find a room with provided ID.")
        return room

    def _require_open(self, room: Room) -> None:
        """Refuse new messages and changes in an archived space.

        Webex documents no answer for this case. The status 403 is its answer for a space that takes
        no messages.
        """
        if room.is_archived:
            raise WebexError(403, "The space is archived")

    def _edited(self, message: Message, body: Json) -> Version:
        if len(message.versions) > MOST_EDITS:
            raise bad(f"The edit limit of {MOST_EDITS} edits per message has been reached")
        said = self._version_of(body)
        if message.files or body.get("files"):
            raise bad("Edits of messages containing files are not currently supported")
        self._check_card_edit(message.current.card, said.card)
        return said

    def _check_card_edit(self, old: Json | None, new: Json | None) -> None:
        if not old and not new:
            return
        if not new or not self.world.options.card_edits:
            raise bad(
                "Edits of messages containing files or attachments are not currently supported"
            )
        if any(map(cards.has_image, filter(None, (old, new)))):
            raise bad("Edits of cards containing images are not supported")

    def _version_of(self, body: Json) -> Version:
        text, markdown = body.get("text") or "", body.get("markdown") or ""
        if not isinstance(text, str) or not isinstance(markdown, str):
            raise bad("text and markdown must be strings")
        if max(len(text.encode()), len(markdown.encode())) > MOST_BYTES:
            raise bad('Unable to post message to room: "The request payload is too big"')
        if not (text.strip() or markdown.strip() or body.get("files")):
            raise bad("One of text, markdown or files must not be empty; a card needs a text too")
        return dataclasses.replace(version(self.world, text, markdown), card=_card(body))

    def _files(self, body: Json) -> tuple[str, ...]:
        files = body.get("files") or []
        if not isinstance(files, list) or len(files) > 1:
            raise bad("Only one file is allowed per message")
        return tuple(str(file) for file in files)

    def _room(self, author: Person, key: str, value: str) -> Room:
        if key != "roomId":
            return self._direct(author, self._person(key, value))
        return self.room(author, value)

    def _person(self, key: str, value: str) -> Person:
        for person in self.world.people.values():
            if value == person.id or (key == "toPersonEmail" and value.lower() == person.email):
                return person
        raise not_found(
            f"Could not find a person with provided {'email' if key == 'toPersonEmail' else 'ID'}."
        )

    def _direct(self, author: Person, other: Person) -> Room:
        """Return the 1:1 of two people, which is created with the first message."""
        if author.id == other.id or author.type == other.type == "bot":
            raise bad("A 1:1 message needs another person")
        room = self.world.direct(author, other)
        if room is None:
            room = Room("", "direct", author.id, author.org_id)
            self.world.rooms[room.id] = room
            self._joined(room, author, (author, other))
        return room

    def _joined(self, room: Room, actor: Person, people: tuple[Person, ...]) -> None:
        memberships: list[Membership] = [self.world.join(room, person) for person in people]
        for membership in memberships:
            self._events.membership(membership, "created", actor)

    def _parent(self, room: Room, body: Json) -> str:
        parent_id = str(body.get("parentId") or "")
        if not parent_id:
            return ""
        parent = self.world.messages.get(parent_id)
        if parent is None or parent.deleted or parent.room_id != room.id:
            raise bad("Unable to post message: the parent message was not found in this room")
        if parent.parent_id:
            raise bad("Unable to post message: the parent must not be a threaded reply itself")
        return parent_id

    def _note(self, author: Person, action: str, message: Message, before: Version | None) -> None:
        self._journal.write(
            author.email,
            "webex",
            action,
            message.id,
            before and _brief(before),
            _brief(message.current),
        )


def _card(body: Json) -> Json | None:
    attachments = body.get("attachments") or []
    if not isinstance(attachments, list) or len(attachments) > 1:
        raise bad("Only one card per message is supported")
    if not attachments:
        return None
    if not _is_card(attachments[0]):
        raise bad(f"An attachment needs a contentType {CARD_TYPE} and a content")
    card: Json = attachments[0]["content"]
    if faults := cards.faults(card):
        raise bad(f"Unable to post message: invalid card: {'; '.join(faults)}")
    return card


def _is_card(attachment: Any) -> bool:
    return (
        isinstance(attachment, dict)
        and attachment.get("contentType") == CARD_TYPE
        and isinstance(attachment.get("content"), dict)
    )


def _brief(said: Version) -> Json:
    return {"text": said.text[:300], "card": said.card is not None}
