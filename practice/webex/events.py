"""Events of webhooks: the subscribers of each event, and the IDs that they receive.

A notification never has contents (platforms/webex.md 1).
"""

from typing import Any

from practice.webex import shapes
from practice.webex.delivery import Delivery, envelope
from practice.webex.model import Action, Membership, Message, Person, Webhook
from practice.webex.world import World

FILTERS: dict[str, tuple[str, ...]] = {
    "messages": (
        "roomId",
        "roomType",
        "personId",
        "personEmail",
        "mentionedPeople",
        "hasFiles",
        "hasAttachments",
    ),
    "attachmentActions": ("messageId", "personId", "roomId"),
    "memberships": ("roomId", "personId", "personEmail", "isModerator"),
    "rooms": ("type", "isLocked"),
}
FIREHOSE = ("messages", "memberships", "rooms")


def sees(world: World, reader: Person, message: Message) -> bool:
    """Return whether this account may read the message.

    A member of the room may read it. A bot in a space may read only its own messages and those that
    mention it.
    """
    if world.membership(message.room_id, reader.id) is None:
        return False
    if (
        reader.type != "bot"
        or world.rooms[message.room_id].type == "direct"
        or message.person_id == reader.id
    ):
        return True
    return reader.id in message.current.mentioned


def passes(hook: Webhook, values: dict[str, str]) -> bool:
    """Return whether the event meets the webhook's filter."""
    wanted = dict(pair.split("=", 1) for pair in hook.filter.split("&") if "=" in pair)
    return all(values.get(key, "").lower() == value.lower() for key, value in wanted.items())


class Events:
    """Notifier of every webhook that has subscribed to an event and whose owner may know of it."""

    def __init__(self, world: World, delivery: Delivery) -> None:
        self._world, self._delivery = world, delivery

    def message(self, message: Message, event: str) -> None:
        """Notify webhooks that a message was created, updated or deleted."""
        author, said = self._world.people[message.person_id], message.current
        kind = self._world.rooms[message.room_id].type
        data = {
            "id": message.id,
            "roomId": message.room_id,
            "roomType": kind,
            "personId": author.id,
            "personEmail": author.email,
        }
        data["created"] = message.created
        given = data | {
            "hasFiles": str(bool(message.files)).lower(),
            "hasAttachments": str(bool(said.card)).lower(),
        }
        for hook in self._heard("messages", event):
            mentioned = "me" if hook.owner_id in said.mentioned else ""
            if sees(self._world, self._world.people[hook.owner_id], message) and passes(
                hook, {**given, "mentionedPeople": mentioned}
            ):
                self._tell(hook, ("messages", event), author.id, data)

    def action(self, action: Action) -> None:
        """Notify the card's author that a button was pressed, without the inputs."""
        data = {
            "id": action.id,
            "type": "submit",
            "messageId": action.message_id,
            "personId": action.person_id,
        }
        data |= {"roomId": action.room_id, "created": action.created}
        author = self._world.messages[action.message_id].person_id
        for hook in self._heard("attachmentActions", "created"):
            if hook.owner_id == author and passes(hook, data):
                self._tell(hook, ("attachmentActions", "created"), action.person_id, data)

    def membership(self, membership: Membership, event: str, actor: Person) -> None:
        """Notify webhooks that a person joined or left a room.

        Leaving a 1:1 sends no notification.
        """
        data = shapes.membership(self._world, membership)
        if event == "deleted" and data["roomType"] == "direct":
            return
        given = {
            key: str(value).lower() if isinstance(value, bool) else str(value)
            for key, value in data.items()
        }
        for hook in self._heard("memberships", event):
            inside = self._world.membership(membership.room_id, hook.owner_id) is not None
            if (inside or membership.person_id == hook.owner_id) and passes(hook, given):
                self._tell(hook, ("memberships", event), actor.id, data)

    def _heard(self, resource: str, event: str) -> list[Webhook]:
        """Return the active webhooks that subscribe to this event.

        A webhook for "all" gets no attachmentActions.
        """
        resources = {resource, "all"} if resource in FIREHOSE else {resource}
        with self._world.lock:
            hooks = list(self._world.webhooks.values())
        return [
            hook
            for hook in hooks
            if hook.status == "active"
            and hook.resource in resources
            and hook.event in {event, "all"}
        ]

    def _tell(
        self, hook: Webhook, event: tuple[str, str], actor_id: str, data: dict[str, Any]
    ) -> None:
        self._delivery.send(
            hook, envelope(hook, self._world.people[hook.owner_id], event, actor_id, data)
        )
