"""Records of Webex as the API's JSON (the shapes of webex-messaging.json).

Keys without a value are left out, as in Webex.
"""

from typing import Any

from practice.webex.model import Action, Membership, Message, Person, Room, Webhook
from practice.webex.world import World

CARD_TYPE = "application/vnd.microsoft.card.adaptive"


def _given(**values: Any) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value not in (None, "", [], ())}


def person(record: Person) -> dict[str, Any]:
    """Return a person as JSON, without presence, which is only shown within an organization."""
    last_name = record.display_name.partition(" ")[2]
    return {
        **_given(
            id=record.id,
            emails=[record.email],
            displayName=record.display_name,
            nickName=record.first_name,
        ),
        **_given(
            firstName=record.first_name,
            lastName=last_name,
            orgId=record.org_id,
            created=record.created,
        ),
        "phoneNumbers": [],
        "lastModified": record.created,
        "type": record.type,
    }


def room(world: World, record: Room, reader: Person) -> dict[str, Any]:
    """Return a room as JSON; the title of a 1:1 is the other person's name."""
    title = record.title
    if record.type == "direct":
        others = (
            world.people[each.person_id]
            for each in world.members(record.id)
            if each.person_id != reader.id
        )
        title = next((other.display_name for other in others), "Empty Title")
    return {
        **_given(
            id=record.id,
            title=title,
            type=record.type,
            lastActivity=record.last_activity,
            created=record.created,
        ),
        **_given(creatorId=record.creator_id, ownerId=record.owner_id),
        "isLocked": False,
        "isAnnouncementOnly": False,
        "isReadOnly": False,
        "isPublic": False,
    }


def membership(world: World, record: Membership) -> dict[str, Any]:
    """Return a membership as JSON, with the organization of the person."""
    member, of_room = world.people[record.person_id], world.rooms[record.room_id]
    return {
        **_given(
            id=record.id,
            roomId=record.room_id,
            roomType=of_room.type,
            personId=member.id,
            personEmail=member.email,
        ),
        **_given(
            personDisplayName=member.display_name, personOrgId=member.org_id, created=record.created
        ),
        "isModerator": False,
        "isMonitor": False,
        "isRoomHidden": False,
    }


def message(world: World, record: Message) -> dict[str, Any]:
    """Return the current version of a message as JSON."""
    said, author = record.current, world.people[record.person_id]
    return _given(
        id=record.id,
        roomId=record.room_id,
        roomType=world.rooms[record.room_id].type,
        parentId=record.parent_id,
        text=said.text,
        markdown=said.markdown,
        html=said.html,
        files=list(record.files),
        attachments=[{"contentType": CARD_TYPE, "content": said.card}] if said.card else None,
        personId=author.id,
        personEmail=author.email,
        mentionedPeople=list(said.mentioned),
        mentionedGroups=list(said.mentioned_groups),
        created=record.created,
        updated=said.at if len(record.versions) > 1 else None,
    )


def direct_message(world: World, record: Message) -> dict[str, Any]:
    """Return a message as a list of 1:1 messages shows it: without its card (Webex's OpenAPI)."""
    shown = message(world, record)
    return {name: value for name, value in shown.items() if name != "attachments"}


def action(record: Action) -> dict[str, Any]:
    """Return an attachment action as JSON, with its inputs."""
    known = _given(
        id=record.id,
        type="submit",
        messageId=record.message_id,
        personId=record.person_id,
        roomId=record.room_id,
    )
    return {**known, "inputs": record.inputs, "created": record.created}


def webhook(record: Webhook) -> dict[str, Any]:
    """Return a webhook as JSON; its owner also gets the secret."""
    return _given(
        id=record.id,
        name=record.name,
        targetUrl=record.target_url,
        resource=record.resource,
        event=record.event,
        filter=record.filter,
        secret=record.secret,
        status=record.status,
        ownedBy="creator",
        created=record.created,
    )
