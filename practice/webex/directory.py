"""Routes of /people, /rooms and /memberships."""

from __future__ import annotations

from collections.abc import Mapping

import flask

from practice.journal import Journal
from practice.webex import access, shapes
from practice.webex.access import actor
from practice.webex.errors import WebexError, bad, not_found
from practice.webex.events import Events
from practice.webex.model import Membership, Person, Room
from practice.webex.posting import Posting


class DirectoryRoutes:
    """Routes of the People, Rooms and Memberships APIs for the account of the token."""

    def __init__(self, posting: Posting, events: Events, journal: Journal) -> None:
        self._posting, self._world, self._events, self._journal = (
            posting,
            posting.world,
            events,
            journal,
        )

    def register(self, pages: flask.Blueprint) -> None:
        """Add the routes of /people, /rooms and /memberships."""
        pages.add_url_rule("/people", view_func=self.people, methods=["GET"])
        pages.add_url_rule("/people/<person_id>", view_func=self.person, methods=["GET"])
        pages.add_url_rule("/rooms", view_func=self.rooms, methods=["GET"])
        pages.add_url_rule("/rooms", view_func=self.create_room, methods=["POST"])
        pages.add_url_rule("/rooms/<room_id>", view_func=self.room, methods=["GET"])
        pages.add_url_rule("/memberships", view_func=self.memberships, methods=["GET"])
        pages.add_url_rule("/memberships", view_func=self.join, methods=["POST"])
        pages.add_url_rule(
            "/memberships/<membership_id>", view_func=self.membership, methods=["GET"]
        )
        pages.add_url_rule("/memberships/<membership_id>", view_func=self.leave, methods=["DELETE"])

    def people(self) -> flask.Response:
        """Return people by email, display name or IDs.

        Only an administrator could list all people.
        """
        asked = flask.request.args
        if not any(asked.get(name) for name in ("email", "displayName", "id")):
            raise bad("Email or displayName should be specified.")
        with self._world.lock:
            found = [each for each in self._world.people.values() if _is_asked_for(each, asked)]
            return access.page(found, shapes.person)

    def person(self, person_id: str) -> flask.Response:
        """Return a person by ID; the ID ``me`` is the account itself."""
        found = actor() if person_id == "me" else self._world.people.get(person_id)
        if found is None:
            raise not_found("Could not find a person with provided ID.")
        return flask.jsonify(shapes.person(found))

    def rooms(self) -> flask.Response:
        """Return the rooms of this account."""
        kind = flask.request.args.get("type")
        with self._world.lock:
            mine = [
                room
                for room in self._world.rooms.values()
                if self._world.membership(room.id, actor().id)
            ]
            return access.page([room for room in mine if kind in {None, room.type}], self._shown)

    def create_room(self) -> flask.Response:
        """Create a space with this account in it."""
        body = access.body()
        access.needed(body, "title")
        with self._world.lock:
            room = Room(str(body["title"]), "group", actor().id, actor().org_id)
            self._world.rooms[room.id] = room
            self._journal.write(
                actor().email, "webex", "room.create", room.id, None, {"title": room.title}
            )
            self._events.membership(self._world.join(room, actor()), "created", actor())
            return flask.jsonify(self._shown(room))

    def room(self, room_id: str) -> flask.Response:
        """Return a room by its ID."""
        with self._world.lock:
            return flask.jsonify(self._shown(self._posting.room(actor(), room_id)))

    def memberships(self) -> flask.Response:
        """Return the memberships of a room, or of this account if no room is named."""
        room_id, asked = flask.request.args.get("roomId"), flask.request.args
        person = {asked.get("personId"), asked.get("personEmail", "").lower()} - {None, ""}
        if person and not room_id:
            raise bad("roomId is required with personId or personEmail")
        with self._world.lock:
            found = self._memberships(room_id)
            if person:
                found = [each for each in found if person & self._names(each)]
            return access.page(found, lambda each: shapes.membership(self._world, each))

    def _memberships(self, room_id: str | None) -> list[Membership]:
        if room_id:
            return list(self._world.members(self._posting.room(actor(), room_id).id))
        mine = actor().id
        return [each for each in self._world.memberships.values() if each.person_id == mine]

    def _names(self, membership: Membership) -> set[str]:
        return {membership.person_id, self._world.people[membership.person_id].email}

    def join(self) -> flask.Response:
        """Add a person to a space."""
        body = access.body()
        access.needed(body, "roomId")
        with self._world.lock:
            room = self._posting.room(actor(), str(body["roomId"]))
            person = self._invited(
                str(body.get("personId") or ""), str(body.get("personEmail") or "").lower()
            )
            if room.type == "direct":
                raise bad("Nobody can be added to a 1:1 room")
            if self._world.membership(room.id, person.id):
                raise WebexError(409, "User is already a participant")
            membership = self._world.join(room, person)
            self._events.membership(membership, "created", actor())
            return flask.jsonify(shapes.membership(self._world, membership))

    def membership(self, membership_id: str) -> flask.Response:
        """Return a membership of a room that this account is in."""
        with self._world.lock:
            return flask.jsonify(shapes.membership(self._world, self._visible(membership_id)))

    def leave(self, membership_id: str) -> flask.Response:
        """Remove a person from a space."""
        with self._world.lock:
            membership = self._visible(membership_id)
            self._events.membership(membership, "deleted", actor())
            del self._world.memberships[membership_id]
        return flask.Response(status=204)

    def _visible(self, membership_id: str) -> Membership:
        membership = self._world.memberships.get(membership_id)
        if membership is None or self._world.membership(membership.room_id, actor().id) is None:
            raise not_found("Could not find a membership with provided ID.")
        return membership

    def _invited(self, person_id: str, email: str) -> Person:
        for person in self._world.people.values():
            if person_id == person.id or email == person.email:
                return person
        raise not_found("Could not find a person with provided ID or email.")

    def _shown(self, room: Room) -> dict[str, object]:
        return shapes.room(self._world, room, actor())


def _is_asked_for(person: Person, asked: Mapping[str, str]) -> bool:
    email, name = asked.get("email", "").lower(), asked.get("displayName", "").lower()
    return (
        (bool(email) and person.email == email)
        or (bool(name) and person.display_name.lower().startswith(name))
        or person.id in asked.get("id", "").split(",")
    )
