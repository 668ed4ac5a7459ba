"""Control routes of the Webex half, with which people act.

The routes need no token, are for loopback only, and have the prefix /practice/webex.
"""

import dataclasses
import html
import time
from typing import Any

import flask

from practice.journal import Journal
from practice.webex import shapes
from practice.webex.contents import Contents
from practice.webex.errors import WebexError, bad
from practice.webex.events import Events, sees
from practice.webex.markup import mark
from practice.webex.model import Message, Person, Room, Version
from practice.webex.posting import Posting
from practice.webex.pressing import Pressing

LONGEST_WAIT_S = 30.0

Json = dict[str, Any]


class Control:
    """Actions of people: write a message, press a button, and see the messages in their client."""

    def __init__(
        self,
        posting: Posting,
        pressing: Pressing,
        events: Events,
        journal: Journal,
        contents: Contents,
    ) -> None:
        self._contents = contents
        self._posting, self._pressing, self._events, self._journal = (
            posting,
            pressing,
            events,
            journal,
        )
        self._world = posting.world

    def register(self, pages: flask.Blueprint) -> None:
        """Add the control routes to the blueprint."""
        self._contents.control(pages)
        pages.add_url_rule("/say", view_func=self.say, methods=["POST"])
        pages.add_url_rule("/press", view_func=self.press, methods=["POST"])
        pages.add_url_rule("/submit", view_func=self.submit, methods=["POST"])
        pages.add_url_rule("/person", view_func=self.person, methods=["POST"])
        pages.add_url_rule("/delete", view_func=self.delete, methods=["POST"])
        pages.add_url_rule("/space", view_func=self.space, methods=["POST"])
        pages.add_url_rule("/archive", view_func=self.archive, methods=["PUT"])
        pages.add_url_rule("/join", view_func=self.join, methods=["POST"])
        pages.add_url_rule("/leave", view_func=self.leave, methods=["POST"])
        pages.add_url_rule("/messages", view_func=self.messages, methods=["GET"])
        pages.add_url_rule("/webhooks", view_func=self.webhooks, methods=["GET"])
        pages.add_url_rule("/options", view_func=self.options, methods=["GET", "PUT"])

    def say(self) -> flask.Response:
        """Write to the bot or into a space.

        The body is ``{as, room: name or "direct", text, mention, parent, files}``. A file is
        ``{name, type, base64}``.
        """
        body = _body()
        body["files"] = self._contents.said(body.get("files") or [])
        with self._world.lock:
            person = self._person(body)
            if body.get("room", "direct") == "direct":
                message = self._say_direct(person, body)
            else:
                message = self._say_in(person, self._room(person, str(body["room"])), body)
            return flask.jsonify(self._shown(message))

    def press(self) -> flask.Response:
        """Press a submit button: ``{as, message_id, title | data, inputs, version, force}``."""
        body = _body()
        return flask.jsonify(shapes.action(self._pressing.press(self._person(body), body)))

    def submit(self) -> flask.Response:
        """Send any inputs for a card without its buttons: ``{as, message_id, inputs}``.

        The API lets every member of the room do this.
        """
        body = _body()
        sent = {"type": "submit", "messageId": body.get("message_id"), "inputs": body.get("inputs")}
        return flask.jsonify(shapes.action(self._pressing.create(self._person(body), sent)))

    def person(self) -> flask.Response:
        """Add a person in the organization of an existing one: ``{email, like}``."""
        body = _body()
        with self._world.lock:
            like = self._person({"as": body.get("like")})
            return flask.jsonify(
                shapes.person(
                    self._world.add(
                        Person(str(body["email"]), str(body["email"]), like.org_id, like.type)
                    )
                )
            )

    def delete(self) -> flask.Response:
        """Delete a message as its author: ``{message_id}``."""
        message = self._world.messages.get(str(_body().get("message_id")))
        if message is None:
            raise WebexError(404, "no such message")
        self._posting.delete(self._world.people[message.person_id], message.id)
        return flask.jsonify(self._shown(message))

    def space(self) -> flask.Response:
        """Create a space as its first member, and add the others and the bot.

        The body is ``{name, members, bot: true}``.
        """
        body = _body()
        with self._world.lock:
            people = [self._person({"as": email}) for email in body.get("members") or []]
            if not people or not body.get("name"):
                raise bad("a space needs a name and members")
            room = Room(str(body["name"]), "group", people[0].id, people[0].org_id)
            self._world.rooms[room.id] = room
            for person in [*people, *([self._world.bot] if body.get("bot", True) else [])]:
                self._events.membership(self._world.join(room, person), "created", people[0])
            self._journal.write(
                people[0].email, "webex", "room.create", room.id, None, {"title": room.title}
            )
            return flask.jsonify(shapes.room(self._world, room, people[0]))

    def archive(self) -> flask.Response:
        """Archive a space as one of its members, or restore it: ``{as, room, archived}``."""
        body = _body()
        with self._world.lock:
            person = self._person(body)
            room = self._room(person, str(body.get("room")))
            room.is_archived = bool(body.get("archived", True))
            return flask.jsonify(shapes.room(self._world, room, person))

    def join(self) -> flask.Response:
        """Add a person to a space as one of its members: ``{as, room, by}``."""
        body = _body()
        with self._world.lock:
            by = self._person({"as": body.get("by")})
            joined = self._world.join(self._room(by, str(body.get("room"))), self._person(body))
            self._events.membership(joined, "created", by)
        return flask.jsonify({})

    def leave(self) -> flask.Response:
        """Leave a space: ``{as, room}``."""
        body = _body()
        with self._world.lock:
            person = self._person(body)
            membership = self._world.membership(
                self._room(person, str(body.get("room"))).id, person.id
            )
            if membership is None:
                raise WebexError(404, "not in this room")
            self._events.membership(membership, "deleted", person)
            del self._world.memberships[membership.id]
        return flask.jsonify({})

    def messages(self) -> flask.Response:
        """Return the messages that a person sees, in the order of their last changes.

        The query is ``?as=&room=&after=&wait=``. Wait up to ``wait`` seconds for a change.
        """
        asked = flask.request.args
        after, deadline = (
            int(asked.get("after", 0)),
            time.monotonic() + min(float(asked.get("wait", 0)), LONGEST_WAIT_S),
        )
        with self._world.changed:
            while True:
                found = self._changed_since(after)
                left = deadline - time.monotonic()
                if found or left <= 0:
                    items = [
                        self._shown(message)
                        for message in sorted(found, key=lambda each: each.change)
                    ]
                    return flask.jsonify({"items": items, "change": self._world.changes})
                self._world.changed.wait(left)

    def webhooks(self) -> flask.Response:
        """Return all webhooks, without their secrets."""
        with self._world.lock:
            shown = [
                shapes.webhook(hook) | {"failures": len(hook.failures)}
                for hook in self._world.webhooks.values()
            ]
        return flask.jsonify(
            {
                "items": [
                    {key: value for key, value in hook.items() if key != "secret"} for hook in shown
                ]
            }
        )

    def options(self) -> flask.Response:
        """Show or change the switches of :class:`practice.webex.world.Options`."""
        if flask.request.method == "PUT":
            try:
                self._world.options = dataclasses.replace(self._world.options, **_body())
            except TypeError as error:
                raise bad(str(error)) from error
        return flask.jsonify(dataclasses.asdict(self._world.options))

    def _say_direct(self, person: Person, body: Json) -> Message:
        sent = {
            "toPersonId": self._world.bot.id,
            "text": body.get("text"),
            "files": body.get("files"),
            "parentId": self._root(body),
        }
        return self._posting.create(person, sent)

    def _say_in(self, person: Person, room: Room, body: Json) -> Message:
        """Write in a space.

        The client turns ``@Bot`` into a mention, which shows only the bot's first name (facts,
        section 1).
        """
        if not body.get("mention"):
            sent = {
                "roomId": room.id,
                "text": body.get("text"),
                "files": body.get("files"),
                "parentId": self._root(body),
            }
            return self._posting.create(person, sent)
        bot, text = self._world.bot, str(body.get("text") or "")
        if self._world.membership(room.id, bot.id) is None:
            raise WebexError(422, "the bot is not in this space: a client offers no mention of it")
        said = Version(
            f"{bot.first_name} {text}",
            "",
            f"<p>{mark(bot)} {html.escape(text, quote=False)}</p>",
            mentioned=(bot.id,),
        )
        return self._posting.publish(
            person, Message(room.id, person.id, [said], self._root(body), tuple(body["files"]))
        )

    def _root(self, body: Json) -> str:
        """Return the ID of the first message of the thread.

        A client names this message when it answers in a thread.
        """
        parent = self._world.messages.get(str(body.get("parent") or ""))
        return (parent.parent_id or parent.id) if parent else ""

    def _person(self, body: Json) -> Person:
        try:
            return self._world.by_email(str(body.get("as")))
        except KeyError as error:
            raise WebexError(404, f"nobody here has the address {body.get('as')!r}") from error

    def _room(self, person: Person, name: str) -> Room:
        for room in self._world.rooms.values():
            if name in {room.id, room.title} and self._world.membership(room.id, person.id):
                return room
        raise WebexError(404, f"{person.email} is in no room {name!r}")

    def _changed_since(self, after: int) -> list[Message]:
        asked = flask.request.args
        reader = self._person({"as": asked["as"]}) if "as" in asked else None
        return [
            message
            for message in self._world.messages.values()
            if message.change > after
            and self._in(message, asked.get("room", ""))
            and (reader is None or sees(self._world, reader, message))
        ]

    def _in(self, message: Message, name: str) -> bool:
        room = self._world.rooms[message.room_id]
        return not name or name in {room.id, room.title, room.type if room.type == "direct" else ""}

    def _shown(self, message: Message) -> Json:
        """Return a message as a client shows it, with all of its versions."""
        room, said = self._world.rooms[message.room_id], message.current
        to = [self._world.people[each.person_id].email for each in self._world.members(room.id)]
        history = [
            {"at": each.at, "text": each.text, "card": each.card} for each in message.versions
        ]
        shown = {
            "id": message.id,
            "change": message.change,
            "room": room.title or "direct",
            "roomId": room.id,
            "roomType": room.type,
        }
        shown |= {
            "from": self._world.people[message.person_id].email,
            "members": to,
            "parentId": message.parent_id,
        }
        shown |= {
            "text": said.text,
            "markdown": said.markdown,
            "html": said.html,
            "card": said.card,
            "files": list(message.files),
        }
        return {
            **shown,
            "edits": len(message.versions) - 1,
            "history": history,
            "deleted": message.deleted,
            "created": message.created,
        }


def _body() -> Json:
    value = flask.request.get_json(silent=True)
    if not isinstance(value, dict):
        raise bad("the body must be a JSON object")
    return value
