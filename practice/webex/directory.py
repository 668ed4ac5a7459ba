"""Routes of /people, /rooms and /memberships."""

import flask

from practice.webex import access, shapes
from practice.webex.access import actor
from practice.webex.errors import bad, not_found
from practice.webex.model import Membership
from practice.webex.posting import Posting


class DirectoryRoutes:
    """Routes of the People, Rooms and Memberships APIs for the account of the token."""

    def __init__(self, posting: Posting) -> None:
        self._posting, self._world = posting, posting.world

    def register(self, pages: flask.Blueprint) -> None:
        """Add the routes of /people, /rooms and /memberships."""
        pages.add_url_rule("/people", view_func=self.people, methods=["GET"])
        pages.add_url_rule("/people/<person_id>", view_func=self.person, methods=["GET"])
        pages.add_url_rule("/rooms/<room_id>", view_func=self.room, methods=["GET"])
        pages.add_url_rule("/memberships", view_func=self.memberships, methods=["GET"])

    def people(self) -> flask.Response:
        """Return the person with an email address. Only an administrator could list all people."""
        email = flask.request.args.get("email", "").lower()
        if not email:
            raise bad("Email or displayName should be specified.")
        with self._world.lock:
            found = [each for each in self._world.people.values() if each.email == email]
            return access.page(found, shapes.person)

    def person(self, person_id: str) -> flask.Response:
        """Return a person by ID; the ID ``me`` is the account itself."""
        found = actor() if person_id == "me" else self._world.people.get(person_id)
        if found is None:
            raise not_found("Could not find a person with provided ID.")
        return flask.jsonify(shapes.person(found))

    def room(self, room_id: str) -> flask.Response:
        """Return a room by its ID."""
        with self._world.lock:
            found = self._posting.room(actor(), room_id)
            return flask.jsonify(shapes.room(self._world, found, actor()))

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
