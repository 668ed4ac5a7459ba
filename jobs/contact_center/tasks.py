"""Email tasks and email entry points of Webex Contact Center (platforms/connect.md 3.1 and 3.2)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from jobs.clock import now
from jobs.clouds.errors import Rejected, unreadable
from jobs.clouds.json_values import as_dict, with_low_keys
from jobs.contact_center.client import (
    MOST_PAGES,
    in_organization,
    is_cut,
    read,
    read_pages,
    rows_in,
    value,
)
from jobs.settings import Settings

_MOST = 1000
_SHORTEST = timedelta(minutes=1)
_LONGEST = timedelta(days=184)
"""Longest interval that may be requested (platforms/connect.md 3.1)."""
_EMAIL, _ROWS = "EMAIL", 100
_WAITING = frozenset({"created", "queued", "offered"})
_ASSET = "a_"
_REWRITTEN = re.compile(r"(?:^SRS[01]|\+SRS)[=+-]", re.IGNORECASE)
"""Pattern of a sender that the Sender Rewriting Scheme has replaced."""


@dataclass(frozen=True, slots=True)
class Task:
    """Email task with the ID of its last queue: '' without one, None if the answer names none.

    ``destination`` is the mailbox or the ID of an app in Webex Connect. If its owner is not known,
    sender and time tell whose task it is (platforms/connect.md 3.1).
    """

    id: str
    origin: str
    destination: str
    status: str
    created: datetime
    queue: str | None = None

    @property
    def waits(self) -> bool:
        return self.status.lower() in _WAITING

    @property
    def is_open(self) -> bool:
        return self.waits or self.status.lower() == "assigned"

    def is_for(self, mailbox: str, app: str = "") -> bool:
        return self.destination.lower() == mailbox or (
            bool(app) and self.destination.lower() == app.lower()
        )

    def came_of(self, sender: str, at: datetime) -> bool:
        """Return whether a task that names no mailbox may result from the sender's mail since ``at``.

        Exchange may rewrite the sender of a forwarded copy, and then only the time is left to
        compare (platforms/microsoft.md 2.2).
        """
        who = _REWRITTEN.search(sender) is not None or sender.lower() in self.origin.lower()
        return self.names_nobody and self.created >= at and who

    @property
    def names_nobody(self) -> bool:
        return not self.destination or self.destination.lower().startswith(_ASSET)


@dataclass(frozen=True, slots=True)
class Tasks:
    """Email tasks, newest first, and the time since which they are complete."""

    rows: tuple[Task, ...]
    since: datetime


@dataclass(frozen=True, slots=True)
class EntryPoint:
    """Entry point of type Email, with the Webex Connect app that it receives mail from.

    ``asset`` is empty without one, and None if unknown. ``most`` limits its contacts; 0 is no
    limit.
    """

    name: str
    asset: str | None
    active: bool
    most: int = 0


async def email_tasks(settings: Settings, since: datetime) -> Tasks:
    """Return the email tasks since the given time, or a later one if there are very many."""
    since = max(since, now() - _LONGEST)
    rows, whole = await _pages(settings, since)
    while not whole and now() - rows[0].created > _SHORTEST:
        since = rows[0].created + (now() - rows[0].created) / 2
        rows, whole = await _pages(settings, since)
    return Tasks(rows, since)


async def _pages(settings: Settings, since: datetime) -> tuple[tuple[Task, ...], bool]:
    """Return the tasks of up to five pages, newest first, and whether these are all."""
    found: dict[str, Task] = {}
    whole = False
    for _ in range(MOST_PAGES):
        page = await _page(settings, since)
        found |= {task.id: task for task in page}
        whole = len(page) < _MOST
        if whole:
            break
        since = max(task.created for task in page)
    return tuple(sorted(found.values(), key=lambda task: task.created, reverse=True)), whole


async def _page(settings: Settings, since: datetime) -> list[Task]:
    span = {"from": milliseconds(since), "to": milliseconds(now())}
    span |= {"channelTypes": "email", "pageSize": str(_MOST)}
    org = {"orgId": settings.contact_center_org} if settings.contact_center_org else {}
    rows = rows_in(await read(settings, "/v1/tasks", span | org))
    own = [(row, as_dict(row.get("attributes"))) for row in rows]
    own = [each for each in own if value(each[1], "channelType").lower() in {"email", ""}]
    found = [task for row, values in own if (task := _task(value(row, "id"), values))]
    if own and not found:
        raise unreadable("contact-center", "tasks without createdTime", 200)
    return found


async def email_entry_points(settings: Settings) -> tuple[EntryPoint, ...]:
    return tuple(
        EntryPoint(
            value(row, "name"),
            # a field that is documented as always there may be missing (platforms/connect.md 3.2)
            with_low_keys(row).get("assetid"),
            value(row, "active").lower() != "false",
            int(most) if (most := value(row, "maximumActiveContacts")).isdecimal() else 0,
        )
        for row in await rows_of_channel(settings, "v2/entry-point", _EMAIL)
    )


async def rows_of_channel(settings: Settings, resource: str, channel: str) -> list[dict[str, Any]]:
    """Return the organization's resources of one kind that are for the channel type.

    If the filter, which is not proven (platforms/connect.md 3.2), is refused or finds nothing,
    everything is listed and compared here.
    """
    path = in_organization(settings, resource)
    try:
        rows = await read_pages(settings, path, {"filter": f'channelType=="{channel}"'}, _ROWS)
    except Rejected:
        rows = []
    rows = rows or await read_pages(settings, path, {}, _ROWS)
    found = [row for row in rows if value(row, "channelType").upper() in {channel, ""}]
    if not found and is_cut(rows, _ROWS):
        raise unreadable("contact-center", "too many rows", 200)
    return found


def _task(id_: str, values: dict[str, Any]) -> Task | None:
    try:
        created = datetime.fromtimestamp(float(str(values.get("createdTime"))) / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    queues = [as_dict(values[name]) for name in ("queue", "lastQueue") if name in values]
    queue = next(filter(None, queues), {})
    last = value(queue, "id") or (None if value(queue, "name") or not queues else "")
    of, to, status = (value(values, name) for name in ("origin", "destination", "status"))
    return Task(id_, of, to, status, created, last)


def milliseconds(moment: datetime) -> str:
    return str(int(moment.timestamp() * 1000))
