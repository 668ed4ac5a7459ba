"""Routes of the contact center's queues, teams, users, profiles, sites and agents' activities.

As in Cisco's OpenAPI, lists of queues and teams leave out array fields, the path of an item has no
version except a queue's, and values of a filter are quoted. Only filters by ID and by channel type
are known here.
"""

import re
from typing import Any, Final

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue

from practice.mail.connect import Connect
from practice.microsoft.world import World
from practice.settings import PracticeSettings
from practice.webex_services.access import bad, not_found, refused
from practice.webex_services.world import OutsideWorld

Json = dict[str, Any]
BASE: Final = "/contact-center/organization/<org>"
LISTS: Final = {
    "contact-service-queue": "queues",
    "team": "teams",
    "user": "users",
    "multimedia-profile": "profiles",
    "site": "sites",
}
"""Lists of the contact center's configuration by the name of the resource."""
LEAVE_OUT: Final = frozenset({"contact-service-queue", "team"})
"""Resources whose list leaves out array fields."""
EMPTY: Final = (
    "agentDn",
    "idleCode",
    "idleCodeName",
    "queueId",
    "queueName",
    "reason",
    "taskId",
    "wrapupCodeName",
)
"""Fields of an activity that are empty while an agent is available."""
_IDS: Final = re.compile(r'id(?:==|=in=)\(?((?:"[^"]+",?)+)\)?')
_CHANNEL: Final = re.compile(r'channelType=="(\w+)"')


class Routing:
    """Pages of the contact center's configuration and of its agents."""

    def __init__(
        self, state: OutsideWorld, world: World, connect: Connect, settings: PracticeSettings
    ) -> None:
        self._state, self._world = state, world
        self._connect, self._settings = connect, settings

    def blueprint(self) -> Blueprint:
        """Return the blueprint with the routes."""
        pages = Blueprint("contact_center_routing", __name__)
        names = ", ".join(f'"{name}"' for name in LISTS)
        named = f"<any({names}):resource>"
        pages.add_url_rule(f"{BASE}/v2/{named}", view_func=self.rows)
        pages.add_url_rule(f"{BASE}/{named}/<item>", view_func=self.item)
        pages.add_url_rule(f"{BASE}/v2/{named}/<item>", view_func=self.versioned_item)
        pages.add_url_rule(
            f"{BASE}/user/fetch-by-skill-requirements", view_func=self.skilled, methods=["POST"]
        )
        pages.add_url_rule("/contact-center/v1/agents/activities", view_func=self.activities)
        pages.add_url_rule("/contact-center/v1/queues/statistics", view_func=self.statistics)
        return pages

    def rows(self, org: str, resource: str) -> ResponseReturnValue:
        """Return a list of resources, or those that the filter names."""
        if (no := self._refused(org)) is not None:
            return no
        wanted = request.args.get("filter", "")
        ids, channel = _IDS.fullmatch(wanted), _CHANNEL.fullmatch(wanted)
        if wanted and not ids and not (channel and self._state.channel_filter):
            return bad(f"Invalid filter {wanted}")
        named, kind = ids[1].split(",") if ids else [], channel[1] if channel else ""
        found = [row for row in self._all(resource) if _is_wanted(row, named, kind)]
        return _page([_without_lists(row) for row in found] if resource in LEAVE_OUT else found)

    def item(self, org: str, resource: str, item: str) -> ResponseReturnValue:
        """Return one resource with all its fields."""
        found = next((row for row in self._all(resource) if row["id"] == item), None)
        return self._refused(org) or (not_found("Resource") if found is None else jsonify(found))

    def versioned_item(self, org: str, resource: str, item: str) -> ResponseReturnValue:
        """Return a queue. The path of any other item has no version."""
        if resource != "contact-service-queue":
            return not_found("Resource")
        return self.item(org, resource, item)

    def skilled(self, org: str) -> ResponseReturnValue:
        """Return the users who have all of the skills."""
        if (no := self._refused(org)) is not None:
            return no
        body = request.get_json(silent=True, force=True)
        wanted = body.get("skillRequirements") if isinstance(body, dict) else None
        if not isinstance(wanted, list):
            return bad("skillRequirements is missing")
        names = ("id", "firstName", "lastName", "email")
        found = self._connect.center.skilled(wanted)
        return _page([{name: user[name] for name in names} for user in found])

    def activities(self) -> ResponseReturnValue:
        """Return one activity that goes on for each agent who is logged in for email."""
        if (no := refused(self._settings)) is not None:
            return no
        started = int(self._world.now().timestamp() * 1000) - 60_000
        users = {user["email"]: user for user in self._connect.center.users}
        found = [_activity(users[each], started) for each in self._connect.center.logged_in]
        later = request.args.get("page", "0") != "0"
        return jsonify(
            {"meta": {"orgId": self._settings.contact_center_org}, "data": [] if later else found}
        )

    def statistics(self) -> ResponseReturnValue:
        """Return what the queue's agents did with the tasks that they were offered."""
        if (no := refused(self._settings)) is not None:
            return no
        done = sum(task.status == "completed" for task in self._connect.tasks)
        center = self._connect.center
        found = [
            {
                "queueId": queue["id"],
                "queueName": queue["name"],
                "channelType": "email",
                "totalOfferedTasks": done,
                "totalAcceptedTasks": done,
                "totalRejectedTasks": 0,
            }
            for queue in center.queues
            if queue["id"] in request.args.get("queueIds", "").split(",")
        ]
        return jsonify({"meta": {"orgId": self._settings.contact_center_org}, "data": found})

    def _all(self, resource: str) -> list[Json]:
        rows: list[Json] = getattr(self._connect.center, LISTS[resource])
        return rows

    def _refused(self, org: str) -> Response | None:
        return refused(self._settings, org)


def _is_wanted(row: Json, ids: list[str], channel: str) -> bool:
    return (not ids or f'"{row["id"]}"' in ids) and channel in {"", row.get("channelType")}


def _without_lists(row: Json) -> Json:
    return {name: each for name, each in row.items() if not isinstance(each, list)}


def _activity(user: Json, started: int) -> Json:
    team = user["teamIds"][0] if user["teamIds"] else ""
    return dict.fromkeys(EMPTY, "") | {
        "active": True,
        "agentId": user["id"],
        "agentLogin": user["email"],
        "agentName": f"{user['firstName']} {user['lastName']}",
        "agentSessionId": user["id"],
        "channelId": user["id"],
        "channelType": "email",
        "subChannelType": "email",
        "currentState": "available",
        "isLogin": 0,
        "mmProfileType": "BLENDED",
        "siteId": user["siteId"],
        "siteName": "Berlin",
        "teamId": team,
        "teamName": "Support",
        "startTime": started,
        "endTime": -1,
    }


def _page(found: list[Json]) -> Response:
    page = found if request.args.get("page", "0") == "0" else []
    return jsonify({"meta": {"page": 0, "totalRecords": len(found)}, "data": page})
