"""Routing of a task to an agent: its queue, the queue's teams, and the people in them.

Source: Cisco's OpenAPI of Webex Contact Center. Lists leave out array fields, so a queue and a team
are read by their ID. The path of an item has no version, except a queue's. Only filters by ID are
proven (platforms/connect.md 3.3). A resource that the token may not read is None here: it says
nothing about the channel.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

from jobs.clock import now
from jobs.clouds.errors import CloudError, NotFound, unreadable
from jobs.clouds.json_values import Json, as_dict, dicts_in, lower_of, text_of
from jobs.clouds.rate_limit import SingleFlight
from jobs.contact_center import services
from jobs.contact_center.services import in_organization, milliseconds, rows_in, whole_number
from jobs.settings import Settings

Found = TypeVar("Found")
CHANNEL = "EMAIL"
"""Channel type of the entry points, queues and tasks that a check reads."""
UNSEEN = frozenset({400, 403, 404, 422})
"""Statuses of a request that this token or this organization does not allow."""
MOST_QUEUES = 5
MOST_IDS, MOST_ROWS = 100, 1000
DAY = timedelta(hours=23, minutes=30)
"""Longest interval of activities and statistics: 24 h, which may become 15 minutes longer."""
_PROFILE = "multimediaProfileId"
_UNKNOWN = "unknown"
"""Multimedia profile that no answer shows."""
_QUEUES = "v2/contact-service-queue"
_LOGGED_OUT = frozenset({"logged-out", "loggedout", "logout"})


@dataclass(frozen=True, slots=True)
class Queue:
    """Queue; ``most`` limits its contacts (0: none), ``threshold`` is an agent's time to get one.

    ``teams`` is None if the answer does not list whom the queue serves.
    """

    id: str
    name: str
    channel: str
    active: bool
    by_skill: bool
    most: int
    threshold: timedelta
    teams: tuple[str, ...] | None
    agents: tuple[str, ...]
    skills: tuple[Json, ...]


@dataclass(frozen=True, slots=True)
class Agent:
    """Agent whom a queue serves; ``most`` is the tasks of the channel at a time, None if unseen."""

    email: str
    enabled: bool
    most: int | None


@dataclass(frozen=True, slots=True)
class Routing:
    """Queue with its active teams, its agents, and whether one of them has the queue's skills.

    ``whole`` is whether these are all of its agents.
    """

    queue: Queue
    teams: tuple[Json, ...] | None = None
    agents: tuple[Agent, ...] = ()
    whole: bool = False
    skilled: bool | None = None


@dataclass(frozen=True, slots=True)
class ContactCenter:
    """Reader of one organization, whose resources are read once for all channels of a round."""

    settings: Settings
    memo: SingleFlight

    async def routings(self, queue_id: str) -> tuple[Routing, ...] | None:
        """Return the routing of the queue, or of every queue of the channel type for ''.

        The result is None if queues are not readable, or too many of them may be the channel's.
        """
        queues = await _seen(self._queues(queue_id))
        return None if queues is None else tuple(await asyncio.gather(*map(self._routing, queues)))

    async def logged_in(self, routing: Routing) -> bool | None:
        """Return whether an agent of the queue is logged in for the channel, or None if unseen."""
        ours = {each.email for each in routing.agents}
        ours |= {text_of(each, "id") for each in routing.teams or ()}
        params = self._of_day(channelTypes=CHANNEL.lower())
        path, size = "/v1/agents/activities", MOST_ROWS
        listed = partial(services.read_pages, self.settings, path, params, size)
        rows = await _seen(self._once(path, listed))
        if rows is None or not ours:
            return None
        found = any(
            {lower_of(row, "agentLogin"), text_of(row, "teamId")} & ours
            for row in rows
            if row.get("active") is True and lower_of(row, "currentState") not in _LOGGED_OUT
        )
        return None if not found and services.is_cut(rows, size) else found

    async def offers(self, queue: Queue) -> tuple[int, int] | None:
        """Return how often tasks were accepted and rejected in the last day, or None if unseen."""
        params = self._of_day(to=milliseconds(now()), queueIds=queue.id)
        found = await _seen(self._read("/v1/queues/statistics", params))
        if found is None:
            return None
        rows, names = rows_in(found), ("totalAcceptedTasks", "totalRejectedTasks")
        accepted, rejected = (sum(whole_number(row, name) for row in rows) for name in names)
        return accepted, rejected

    async def _queues(self, queue_id: str) -> tuple[Queue, ...] | None:
        found = await self._item(f"{_QUEUES}/{queue_id}") if queue_id else None
        if found is not None:
            return (_queue(found),)
        listed = partial(services.rows_of_channel, self.settings, _QUEUES, CHANNEL)
        rows = await self._once(_QUEUES, listed)
        inbound = [text_of(row, "id") for row in rows if lower_of(row, "queueType") != "outbound"]
        if len(inbound) > MOST_QUEUES:
            return None
        items = await asyncio.gather(*(self._item(f"{_QUEUES}/{each}") for each in inbound))
        queues = tuple(_queue(each) for each in items if each is not None)
        return None if inbound and not queues else queues

    async def _routing(self, queue: Queue) -> Routing:
        skilled = await _seen(self._skilled(queue)) if queue.skills else None
        teams = None if queue.teams is None else await _seen(self._teams(queue.teams))
        if teams is None or (queue.by_skill and skilled is None):
            return Routing(queue, teams)
        ids, known = _served(queue, teams, skilled)
        agents = await _seen(self._agents(ids, teams)) or ()
        whole = known and len(agents) == len(ids)
        has_skill = bool(skilled & ids) if skilled is not None and whole else None
        return Routing(queue, teams, agents, whole, has_skill)

    async def _teams(self, ids: Iterable[str]) -> tuple[Json, ...] | None:
        """Return the teams in service, or None if there is none and some were not found."""
        rows = await asyncio.gather(*(self._item(f"team/{each}") for each in ids))
        active = (row for row in rows if row and row.get("active") is not False)
        found = tuple(row for row in active if row.get("teamStatus") != "NOT_AVAILABLE")
        return None if not found and None in rows else found

    async def _agents(self, ids: set[str], teams: Iterable[Json]) -> tuple[Agent, ...]:
        users = await self._by_ids("v2/user", ids)
        left = {text_of(each, "siteId") for each in users if not each.get(_PROFILE)}
        rows = await _seen(self._by_ids("v2/site", left)) or ()
        of_site = {text_of(row, "id"): text_of(row, _PROFILE) for row in rows}
        profiles = {text_of(each, "id"): _profiles(each, teams, of_site) for each in users}
        wanted = {each for some in profiles.values() for each in some} - {_UNKNOWN}
        rows = await _seen(self._by_ids("v2/multimedia-profile", wanted)) or ()
        limits = {text_of(row, "id"): row.get("email") for row in rows}
        return tuple(
            Agent(
                lower_of(user, "email"),
                user.get("active") is not False and user.get("contactCenterEnabled") is not False,
                _most(list(map(limits.get, profiles[text_of(user, "id")]))),
            )
            for user in users
        )

    async def _skilled(self, queue: Queue) -> set[str] | None:
        """Return the IDs of the agents who have the skills of the queue; None of very many."""
        path = in_organization(self.settings, "user/fetch-by-skill-requirements")
        body, size = {"skillRequirements": list(queue.skills)}, MOST_IDS
        listed = partial(services.read_pages, self.settings, path, {}, size, body)
        rows = await self._once(f"{path} {body}", listed)
        return None if services.is_cut(rows, size) else {text_of(row, "id") for row in rows}

    async def _by_ids(self, resource: str, ids: Iterable[str]) -> list[Json]:
        wanted, found = sorted(filter(None, ids)), list[Json]()
        for first in range(0, len(wanted), MOST_IDS):
            named = ",".join(f'"{each}"' for each in wanted[first : first + MOST_IDS])
            params = {"filter": f"id=in=({named})", "page": "0", "pageSize": str(MOST_IDS)}
            found += rows_in(await self._read(in_organization(self.settings, resource), params))
        return [row for row in found if text_of(row, "id") in wanted]

    async def _item(self, path: str) -> Json | None:
        try:
            found = await self._read(in_organization(self.settings, path))
        except NotFound:
            return None
        if not text_of(as_dict(found), "id"):
            raise unreadable("contact-center", "no resource", 200)
        return as_dict(found)

    def _of_day(self, **more: str) -> dict[str, str]:
        begin = milliseconds(now() - DAY)
        return {"from": begin, "orgId": self.settings.contact_center_org, **more}

    async def _read(self, path: str, params: Mapping[str, str] | None = None) -> Any:
        spans = {"from", "to"}
        named = {name: each for name, each in (params or {}).items() if name not in spans}
        asked = partial(services.read, self.settings, path, params)
        return await self._once(f"{path} {named}", asked)

    async def _once(self, key: str, make: Callable[[], Awaitable[Any]]) -> Any:
        """Return what was read for any channel of the round; a refusal is not asked for again."""

        async def read() -> Any:
            try:
                return await make()
            except CloudError as error:
                if error.status not in UNSEEN:
                    raise
                return error

        found = await self.memo.read(f"contact center {key}", read)
        if isinstance(found, CloudError):
            raise found
        return found


async def _seen(reading: Awaitable[Found]) -> Found | None:
    try:
        return await reading
    except CloudError as error:
        if error.status not in UNSEEN:
            raise
        return None


def _queue(row: Json) -> Queue:
    groups = dicts_in(row.get("callDistributionGroups"))
    teams = (each for group in groups for each in dicts_in(group.get("agentGroups")))
    kind = row.get("queueRoutingType")
    lists = [row.get("agents" if kind == "AGENT_BASED" else "callDistributionGroups")]
    lists += [each.get("agentGroups") for each in groups]
    by_skill = kind == "SKILL_BASED"
    asks_skill = by_skill or row.get("routingType") == "SKILLS_BASED"
    return Queue(
        id=text_of(row, "id"),
        name=text_of(row, "name"),
        channel=text_of(row, "channelType").upper(),
        active=row.get("active") is not False,
        by_skill=by_skill,
        most=whole_number(row, "maxActiveContacts"),
        threshold=timedelta(seconds=whole_number(row, "serviceLevelThreshold")),
        teams=tuple(dict.fromkeys(filter(None, (text_of(each, "teamId") for each in teams))))
        if by_skill or all(isinstance(each, list) for each in lists)
        else None,
        agents=tuple(text_of(each, "id") for each in dicts_in(row.get("agents"))),
        skills=tuple(dicts_in(row.get("queueSkillRequirements"))) if asks_skill else (),
    )


def _served(queue: Queue, teams: Iterable[Json], skilled: set[str] | None) -> tuple[set[str], bool]:
    """Return the IDs of those whom the queue serves, and whether all of them are known."""
    if queue.by_skill:
        return set(skilled or ()), True
    members = [_members(team) for team in teams]
    ids = {*queue.agents, *(each for some in members for each in some or ())}
    return ids, None not in members and bool(members or ids)


def _members(team: Json) -> list[str] | None:
    """Return the users of a team; None for a team of agents outside the contact center."""
    members = team.get("userIds")
    if not isinstance(members, list) or team.get("teamType") == "CAPACITY":
        return None
    return list(map(str, members))


def _profiles(user: Json, teams: Iterable[Json], of_site: Mapping[str, str]) -> list[str]:
    """Return the multimedia profiles that the user may have: the own one, or one by team.

    A team without one has the site's. A user in none of these teams may have an unknown one.
    """
    if own := text_of(user, _PROFILE):
        return [own]
    usual = of_site.get(text_of(user, "siteId")) or _UNKNOWN
    mine = (team for team in teams if text_of(user, "id") in (_members(team) or ()))
    return [text_of(team, "multiMediaProfileId") or usual for team in mine] or [usual, _UNKNOWN]


def _most(limits: Sequence[object]) -> int | None:
    """Return the largest limit, or None if an unknown one may allow something."""
    known = [each for each in limits if isinstance(each, int)]
    most = max(known, default=0)
    return most if most or len(known) == len(limits) else None
