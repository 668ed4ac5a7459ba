"""Queue, teams and agents of the contact center, in the form of its API.

Source: Cisco's OpenAPI of Webex Contact Center.
"""

from dataclasses import dataclass, field
from typing import Any, Final

Json = dict[str, Any]
QUEUE, TEAM, USER, SITE, SKILL = (f"5e000000-0000-4000-8000-{each:012d}" for each in range(5))
PROFILES: Final = tuple(f"5e000000-0000-4000-8000-{each:012d}" for each in range(10, 12))
AGENT: Final = "agent@contoso.com"


def _queues() -> list[Json]:
    queue: Json = {
        "id": QUEUE,
        "name": "Email",
        "queueType": "INBOUND",
        "channelType": "EMAIL",
        "active": True,
        "checkAgentAvailability": False,
        "serviceLevelThreshold": 3600,
        "maxActiveContacts": 1000,
        "maxTimeInQueue": 86400,
        "routingType": "LONGEST_AVAILABLE_AGENT",
        "queueRoutingType": "TEAM_BASED",
        "queueSkillRequirements": [],
        "agents": [],
        "callDistributionGroups": [{"agentGroups": [{"teamId": TEAM}], "order": 1, "duration": 0}],
    }
    return [queue]


def _teams() -> list[Json]:
    team: Json = {
        "id": TEAM,
        "name": "Support",
        "teamType": "AGENT",
        "teamStatus": "IN_SERVICE",
        "active": True,
        "siteId": SITE,
        "userIds": [USER],
        "rankQueuesForTeam": False,
    }
    return [team]


def _users() -> list[Json]:
    user: Json = {
        "id": USER,
        "ciUserId": USER,
        "firstName": "Alex",
        "lastName": "Agent",
        "email": AGENT,
        "userProfileId": PROFILES[0],
        "contactCenterEnabled": True,
        "active": True,
        "siteId": SITE,
        "teamIds": [TEAM],
    }
    return [user]


def _profiles() -> list[Json]:
    """Return a profile that allows three emails at a time, and one that allows none."""
    limits = {"chat": 2, "telephony": 1, "social": 2, "active": True}
    modes = {"blendingModeEnabled": True, "blendingMode": "BLENDED"}
    return [
        {"id": each, "name": name, "email": most} | limits | modes
        for each, name, most in zip(PROFILES, ("Default", "Voice"), (3, 0), strict=True)
    ]


def _sites() -> list[Json]:
    return [{"id": SITE, "name": "Berlin", "active": True, "multimediaProfileId": PROFILES[0]}]


@dataclass(slots=True)
class ContactCenter:
    """Configuration of the contact center.

    ``logged_in`` are the addresses of the agents who are logged in for email. ``skills`` are the IDs
    of a user's skills by the user's ID.
    """

    queues: list[Json] = field(default_factory=_queues)
    teams: list[Json] = field(default_factory=_teams)
    users: list[Json] = field(default_factory=_users)
    profiles: list[Json] = field(default_factory=_profiles)
    sites: list[Json] = field(default_factory=_sites)
    logged_in: list[str] = field(default_factory=lambda: [AGENT])
    skills: dict[str, list[str]] = field(default_factory=dict)

    def queue(self) -> Json | None:
        """Return the queue that the email flow names, or None after it was deleted."""
        return next(iter(self.queues), None)

    def skilled(self, wanted: list[Json]) -> list[Json]:
        """Return the users who have all of the skills."""
        ids = {each.get("skillId") for each in wanted}
        return [user for user in self.users if ids <= {*self.skills.get(user["id"], ())}]

    def takes(self, active: int) -> bool:
        """Return whether an agent can get a task if so many others are active.

        An agent who is not logged in gets the task later.
        """
        queue = self.queue()
        if queue is None or not queue["active"] or queue["channelType"] != "EMAIL":
            return False
        skilled = self.skilled(queue["queueSkillRequirements"])
        able = [user for user in skilled if self._may(user, queue)]
        return active < queue["maxActiveContacts"] and bool(able)

    def _may(self, user: Json, queue: Json) -> bool:
        groups = (
            each["teamId"] for row in queue["callDistributionGroups"] for each in row["agentGroups"]
        )
        teams = [_of(self.teams, each) for each in groups]
        serves = queue["queueRoutingType"] == "SKILL_BASED" or any(
            team["active"] and user["id"] in team["userIds"] for team in teams
        )
        profile = user.get("multimediaProfileId") or next(
            filter(None, (team.get("multiMediaProfileId") for team in teams)),
            _of(self.sites, user["siteId"])["multimediaProfileId"],
        )
        enabled = user["active"] and user["contactCenterEnabled"]
        return bool(serves and enabled and _of(self.profiles, profile)["email"])


def _of(rows: list[Json], wanted: str) -> Json:
    return next(row for row in rows if row["id"] == wanted)
