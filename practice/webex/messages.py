"""Routes of /messages and /attachment/actions."""

import flask

from practice.webex import access, shapes
from practice.webex.access import Access, actor
from practice.webex.contents import Contents
from practice.webex.errors import not_found
from practice.webex.events import sees
from practice.webex.model import Message, Person
from practice.webex.posting import Posting
from practice.webex.pressing import Pressing


class MessageRoutes:
    """Routes of the Messages and Attachment Actions APIs for the account of the token."""

    def __init__(
        self, access_: Access, posting: Posting, pressing: Pressing, contents: Contents
    ) -> None:
        self._access, self._posting, self._pressing, self._world = (
            access_,
            posting,
            pressing,
            posting.world,
        )
        self._contents = contents

    def register(self, pages: flask.Blueprint) -> None:
        """Add the routes of /messages and /attachment/actions."""
        pages.add_url_rule("/messages", view_func=self.create, methods=["POST"])
        pages.add_url_rule("/messages/direct", view_func=self.list_direct, methods=["GET"])
        pages.add_url_rule("/messages/<message_id>", view_func=self.get, methods=["GET"])
        pages.add_url_rule("/messages/<message_id>", view_func=self.edit, methods=["PUT"])
        pages.add_url_rule(
            "/attachment/actions/<action_id>", view_func=self.get_action, methods=["GET"]
        )

    def create(self) -> flask.Response:
        """Post a message as this account."""
        return self._shown(self._posting.create(actor(), access.body(self._contents.posted)))

    def get(self, message_id: str) -> flask.Response:
        """Return a message by its ID."""
        with self._world.lock:
            message = self._posting.get(actor(), message_id)
            if message.person_id != actor().id:
                self._access.in_sync(message.created, "a message")
            return self._shown(message)

    def edit(self, message_id: str) -> flask.Response:
        """Edit a message of this account."""
        return self._shown(self._posting.edit(actor(), message_id, access.body()))

    def list_direct(self) -> flask.Response:
        """Return the messages of a 1:1, newest first."""
        wanted = {flask.request.args.get("personId"), flask.request.args.get("personEmail")} - {
            None
        }
        with self._world.lock:
            other = next(
                (each for each in self._world.people.values() if {each.id, each.email} & wanted),
                None,
            )
            room = self._world.direct(actor(), other) if other else None
            if room is None:
                raise not_found("Could not find a direct room with this person.")
            return access.page(
                self._room_messages(room.id, actor()),
                lambda each: shapes.direct_message(self._world, each),
                50,
            )

    def get_action(self, action_id: str) -> flask.Response:
        """Return an attachment action with its inputs."""
        with self._world.lock:
            action = self._pressing.get(actor(), action_id)
            self._access.in_sync(action.created, "an attachment action")
            return flask.jsonify(shapes.action(action))

    def _shown(self, message: Message) -> flask.Response:
        return flask.jsonify(shapes.message(self._world, message))

    def _room_messages(self, room_id: str, reader: Person) -> list[Message]:
        found = (
            each
            for each in reversed(self._world.messages.values())
            if each.room_id == room_id and not each.deleted
        )
        return [each for each in found if sees(self._world, reader, each)]
