"""Single requests to Webex services: status page, contact center, and Webex Connect's audit log.

A request is short and retried at most once, because a check waits for it. Sources: Microsoft's
learn.microsoft.com/graph/api/serviceannouncement-list-healthoverviews and status.webex.com/api for
incidents, platforms/connect.md 3.1 and 3.2 for tasks and entry points, and 2.3 for the audit log.
"""

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from jobs.causes.cause import Cause
from jobs.causes.patterns import meaning_of
from jobs.clock import now, parse
from jobs.clouds import errors
from jobs.clouds.clock_skew import WEBEX, now_at
from jobs.clouds.http import Call, RetryPolicy, async_client, request
from jobs.clouds.json_values import Json, Row, as_dict, dicts_in, lower_of, parsed, with_low_keys
from jobs.model import ConnectChange
from jobs.redact import without_secrets
from jobs.settings import Settings

Params = Mapping[str, str]
BRIEF = RetryPolicy(attempts=2, total_s=10.0, longest_wait_s=2.0)
MOST_PAGES = 5
_BY_STATUS: dict[int, Cause] = {
    HTTPStatus.UNAUTHORIZED: Cause.WEBEX_KEY_REFUSED,
    HTTPStatus.FORBIDDEN: Cause.WEBEX_KEY_REFUSED,
    HTTPStatus.NOT_FOUND: Cause.NOT_FOUND,
    HTTPStatus.TOO_MANY_REQUESTS: Cause.WEBEX_BUSY,
}


async def ask(settings: Settings, call: Call, policy: RetryPolicy = BRIEF) -> Any:
    """Return the answer's JSON, or None if it has no body."""
    async with async_client(settings) as http:
        return (await request(http, call, partial(judge, call.service), policy)).data


async def read(
    settings: Settings, path: str, params: Params | None = None, body: Json | None = None
) -> Any:
    """Return the contact center's answer for a path; a request with a body is a POST."""
    headers = {"Authorization": f"Bearer {settings.contact_center_token}"}
    url, method = settings.contact_center_url + path, "POST" if body else "GET"
    call = Call("contact-center", method, url, params or {}, headers, body, repeatable=True)
    return await ask(settings, call)


async def read_pages(
    settings: Settings, path: str, params: Params, size: int, body: Json | None = None
) -> list[Json]:
    found: list[Json] = []
    for page in range(MOST_PAGES):
        of_page = {**params, "page": str(page), "pageSize": str(size)}
        rows = rows_in(await read(settings, path, of_page, body))
        found += rows
        if len(rows) < size:
            break
    return found


def is_cut(rows: Sequence[object], size: int) -> bool:
    return len(rows) >= MOST_PAGES * size


def rows_in(body: object, name: str = "data", service: str = "contact-center") -> list[Json]:
    """Return the objects of a list, which may be the answer itself or its field ``name``.

    Raises:
        MalformedAnswer: the answer has no list.
    """
    rows = body.get(name) if isinstance(body, dict) else body
    if not isinstance(rows, list):
        said = value(body, "code"), value(body, "description", "message") or "no list"
        raise errors.unreadable(service, " ".join(filter(None, said)), 200)
    return dicts_in(rows)


def in_organization(settings: Settings, path: str = "") -> str:
    own = f"/organization/{quote(settings.contact_center_org, safe='')}"
    return f"{own}/{path}" if path else own


async def organization_id(settings: Settings) -> str:
    """Return the id of the organization that CONTACT_CENTER_ORG_ID names; '' if there is none.

    A token that was copied from a browser may silently belong to another organization, and then
    the answers are empty instead of wrong (platforms/connect.md 3.4).
    """
    return value(await read(settings, in_organization(settings)), "id", "organizationId")


def judge(service: str, response: httpx.Response, ids: errors.RequestIds) -> errors.CloudError:
    """Return the error for an answer of 400 and above, with the answer's code and text."""
    other = Cause.WEBEX_UNAVAILABLE if response.is_server_error else Cause.WEBEX_REFUSED
    meaning = meaning_of(_BY_STATUS.get(response.status_code, other))
    body = parsed(response.content)
    inner = as_dict(body).get("error")
    told = inner if isinstance(inner, dict) else body
    told = next(iter(dicts_in(as_dict(told).get("message"))), told)  # the contact center's form
    code, words = value(told, "code", "errorCode"), value(told, "description", "message", "error")
    return errors.error_for(meaning, service, response.status_code, code, words, ids)


def value(body: object, *names: str) -> str:
    """Return the first value of these names, whose case varies (platforms/connect.md 2.2)."""
    plain = with_low_keys(body)
    found = (plain.get(name.lower()) for name in names)
    return next((str(each) for each in found if isinstance(each, str | int) and each != ""), "")


_CLOSED_BY_MICROSOFT = {"servicerestored", "postincidentreviewpublished", "falsepositive"}
_CLOSED = frozenset({*_CLOSED_BY_MICROSOFT, "resolved", "mitigated", "completed"})
_WEBEX_WORDS = ("contact center", "webex connect", "webex engage", "digital channel")
_QUICK = RetryPolicy(attempts=1, total_s=3.0)


@dataclass(frozen=True, slots=True)
class Incident:
    id: str
    title: str
    since: datetime | None = None


def microsoft_incidents(rows: Iterable[Row], services: frozenset[str]) -> tuple[Incident, ...]:
    """Return the services' (names or IDs in lower case) open incidents, newest first.

    Advisories are left out: there are always some.
    """
    return _newest_first(
        Incident(value(issue, "id"), value(issue, "title"), parse(issue.get("startDateTime")))
        for row in rows
        if {lower_of(row, "service"), lower_of(row, "id")} & services
        for issue in dicts_in(row.get("issues"))
        if issue.get("isResolved") is not True
        and lower_of(issue, "status") not in _CLOSED
        and lower_of(issue, "classification") == "incident"
    )


async def webex_incidents(settings: Settings) -> tuple[Incident, ...]:
    """Return the open incidents of these services, also maintenances under way, newest first."""

    async def listed(page: str, name: str) -> list[Json]:
        call = Call("webex-status", "GET", f"{settings.status_url}/{page}.json", read_seconds=3.0)
        return rows_in(as_dict(await ask(settings, call, _QUICK)), name, call.service)

    rows = await listed("unresolved-incidents", "incidents")
    with suppress(errors.CloudError):
        rows += await listed("active-scheduled-maintenances", "scheduled_maintenances")
    # a maintenance is announced, and so created, days before it begins
    names, begun = ("publicationId", "incidentNumber", "id"), ("start_at", "created_at")
    return _newest_first(
        Incident(value(row, *names), value(row, "name"), parse(value(row, *begun)))
        for row in rows
        if _concerns_mail(row) and value(row, "status").lower() not in _CLOSED
    )


def _concerns_mail(row: Json) -> bool:
    """Return whether the title or a component is about mail, outside the government's cloud."""
    words = " ".join(lower_of(part, "name") for part in (row, *dicts_in(row.get("components"))))
    return row.get("commercial") is not False and any(word in words for word in _WEBEX_WORDS)


def _newest_first(found: Iterable[Incident]) -> tuple[Incident, ...]:
    never = datetime.min.replace(tzinfo=UTC)
    return tuple(sorted(found, key=lambda each: each.since or never, reverse=True))


_MOST = 1000
_SHORTEST = timedelta(minutes=1)
_LONGEST = timedelta(days=184)
"""Longest interval that may be requested (platforms/connect.md 3.1)."""
_ROWS = 100
_WAITING = frozenset({"created", "queued", "offered"})
_REWRITTEN = re.compile(r"(?:^SRS[01]|\+SRS)[=+-]", re.IGNORECASE)
"""Pattern of a sender that the Sender Rewriting Scheme has replaced."""
_BESIDE_ADDRESS = re.compile(r"""[][\s<>()"',;:]+""")


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
        return self.destination.lower() in {mailbox, app.lower() or mailbox}

    def came_of(self, sender: str, at: datetime, mailbox: str, app: str) -> bool:
        """Return whether the task may come of a mail of ``sender`` to the mailbox since ``at``.

        ``app`` is the app whose tasks can only be the mailbox's, or empty. Exchange may rewrite the
        sender of a forwarded copy, and then only the time is left (platforms/microsoft.md 2.2).
        """
        named = _BESIDE_ADDRESS.split(self.origin.lower())
        who = _REWRITTEN.search(sender) is not None or sender.lower() in named
        return (self.is_for(mailbox, app) or (self.names_nobody and who)) and self.created >= at

    @property
    def names_nobody(self) -> bool:
        return not self.destination or self.destination.lower().startswith("a_")


@dataclass(frozen=True, slots=True)
class Tasks:
    """Email tasks, newest first, and the time since which they are complete."""

    rows: tuple[Task, ...]
    since: datetime


@dataclass(frozen=True, slots=True)
class EntryPoint:
    """Entry point of type Email, with the Webex Connect app that it receives mail from.

    ``asset`` is empty without one, and None if unknown. ``most`` limits its contacts, but for 0.
    """

    name: str
    asset: str | None
    active: bool
    most: int = 0


async def email_tasks(settings: Settings, since: datetime) -> Tasks:
    """Return the email tasks since the given time, or a later one if there are very many."""
    since = max(since, now() - _LONGEST)
    rows, whole = await _task_pages(settings, since)
    while not whole and now() - (newest := max(since, rows[0].created)) > _SHORTEST:
        since = newest + (now() - newest) / 2
        rows, whole = await _task_pages(settings, since)
    return Tasks(rows, since)


async def _task_pages(settings: Settings, since: datetime) -> tuple[tuple[Task, ...], bool]:
    """Return the tasks of up to five pages, newest first, and whether these are all."""
    found: dict[str, Task] = {}
    for _ in range(MOST_PAGES):
        page, whole = await _task_page(settings, since)
        found |= {task.id: task for task in page}
        if whole:
            break
        since = max(task.created for task in page)
    return tuple(sorted(found.values(), key=lambda task: task.created, reverse=True)), whole


async def _task_page(settings: Settings, since: datetime) -> tuple[list[Task], bool]:
    span = {"from": milliseconds(since), "to": milliseconds(now_at(WEBEX))}
    span |= {"channelTypes": "email", "pageSize": str(_MOST)}
    org = {"orgId": settings.contact_center_org} if settings.contact_center_org else {}
    rows = rows_in(await read(settings, "/v1/tasks", span | org))
    own = [(row, as_dict(row.get("attributes"))) for row in rows]
    own = [each for each in own if value(each[1], "channelType").lower() in {"email", ""}]
    found = [task for row, values in own if (task := _task(value(row, "id"), values))]
    if not found and (own or len(rows) >= _MOST):
        raise errors.unreadable("contact-center", "tasks without createdTime", 200)
    return found, len(rows) < _MOST


def _task(id_: str, values: Json) -> Task | None:
    try:
        created = datetime.fromtimestamp(float(str(values.get("createdTime"))) / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    queues = [as_dict(values[name]) for name in ("queue", "lastQueue") if name in values]
    queue = next(filter(None, queues), {})
    last = value(queue, "id") or (None if value(queue, "name") or not queues else "")
    of, to, status = (value(values, name) for name in ("origin", "destination", "status"))
    return Task(id_, of, to, status, created, last)


async def email_entry_points(settings: Settings) -> tuple[EntryPoint, ...]:
    return tuple(
        EntryPoint(
            value(row, "name"),
            # a field that is documented as always there may be missing (platforms/connect.md 3.2)
            with_low_keys(row).get("assetid"),
            value(row, "active").lower() != "false",
            whole_number(row, "maximumActiveContacts"),
        )
        for row in await rows_of_channel(settings, "v2/entry-point", "EMAIL")
    )


async def rows_of_channel(settings: Settings, resource: str, channel: str) -> list[Json]:
    """Return the organization's resources of one kind that are for the channel type.

    If the filter, which is not proven (platforms/connect.md 3.2), is refused or finds nothing,
    everything is listed and compared here.
    """
    path, rows = in_organization(settings, resource), list[Json]()
    with suppress(errors.Rejected):
        rows = await read_pages(settings, path, {"filter": f'channelType=="{channel}"'}, _ROWS)
    rows = rows or await read_pages(settings, path, {}, _ROWS)
    found = [row for row in rows if value(row, "channelType").upper() in {channel, ""}]
    if not found and is_cut(rows, _ROWS):
        raise errors.unreadable("contact-center", "too many rows", 200)
    return found


def milliseconds(moment: datetime) -> str:
    return str(int(moment.timestamp() * 1000))


def whole_number(body: object, name: str) -> int:
    text = value(body, name)
    return int(text) if text.isdecimal() else 0


_AUDIT = "connect-audit"
_ENTRIES = 2000
"""Entries of a page: the service's default; the limit is 10,000."""
_MOST_AUDIT_PAGES = 10
LONGEST_S = 15.0
"""Longest time for all pages, because a check waits for them."""
_OTHER_METHOD = frozenset({400, 404, 405})
_CHANGES = re.compile(
    r"(?:create|delete|discard|insert|reactivate|save|share|update)"
    r"(?:App|AuthorizationIntegration|(?:Service)?Credential|EmailDomainSettings|Flow"
    r"|OutBoundWebHook|Rule(?:Status)?|Service(?:LockStatus)?|TenantSettings|WfStatusOn\w+)",
    re.IGNORECASE,
)
"""Pattern of actions that may stop mail, of about 270; Cisco adds more."""
_NAMES = ("eventDescription", "eventCategory", "userAction", "user_action")
"""Fields that may hold the action's name. In Cisco's sample ``eventCategory`` holds ``ERROR``."""
_FAILED = re.compile(r"err|fail", re.IGNORECASE)
_LONGEST_TEXT = 200


@dataclass(frozen=True, slots=True)
class ConnectChanges:
    """Changes in Webex Connect that may stop mail, newest first: who and when, without values.

    ``whole`` is False if the log was longer than the bot reads. ``method`` is the HTTP method that
    the service accepted.
    """

    rows: tuple[ConnectChange, ...]
    whole: bool
    method: str


async def read_changes(settings: Settings, since: datetime) -> ConnectChanges:
    rows, method, whole = list[Json](), "", False
    wanted: Json = {"range": "custom", "from": _stamp(since), "to": _stamp(now_at(WEBEX))}
    wanted |= {"max": _ENTRIES} | dict.fromkeys(("eventCategories", "actorIds", "adminRoles"), "")
    try:
        async with asyncio.timeout(LONGEST_S):
            for _ in range(_MOST_AUDIT_PAGES):
                asked = {**wanted, "offset": len(rows)}
                answer, method = await _page_of_log(settings, method, asked)
                page = rows_in(answer, "auditLogs", _AUDIT)
                rows += page  # perhaps fewer than were asked for
                most = whole_number(answer, "totalRecords")
                whole = not page or (len(rows) >= most if most else len(page) < _ENTRIES)
                if whole:
                    break
    except TimeoutError as late:
        words = f"no answer in {LONGEST_S:g} s"
        raise errors.Transient(Cause.TIMED_OUT, _AUDIT, message=words) from late
    once = dict.fromkeys(filter(None, map(_change, rows)))  # two pages may have the same entry
    newest_first = sorted(once, key=lambda change: change.at, reverse=True)
    return ConnectChanges(tuple(newest_first), whole, method)


async def _page_of_log(settings: Settings, method: str, body: Json) -> tuple[Json, str]:
    """Return a page and its method; which one the service takes is not confirmed at first."""

    async def send(method: str) -> tuple[Json, str]:
        url, headers = settings.connect_audit_url, token_header(settings)
        call = Call(_AUDIT, method, url, {}, headers, body, repeatable=True)
        return as_dict(await ask(settings, call)), method

    try:
        return await send(method or "POST")
    except errors.CloudError as first:
        if method or first.status not in _OTHER_METHOD:
            raise
        try:
            return await send("GET")
        except errors.CloudError as second:  # that a method is not there says less than a refusal
            raise (first if second.status in {404, 405} else second) from None


def token_header(settings: Settings) -> dict[str, str]:
    name, token = settings.connect_audit_header, settings.connect_audit_token
    return {name: f"Bearer {token}" if name.lower() == "authorization" else token}


def _change(row: Json) -> ConnectChange | None:
    names = (value(row, name) for name in _NAMES)
    event = next((name for name in names if _CHANGES.fullmatch(name)), "")
    at = parse(value(row, "created"))
    if not event or at is None:
        return None
    return ConnectChange(
        at=at,
        by=value(row, "actorEmail"),
        event=event,
        told=without_secrets(value(row, "actionText"))[:_LONGEST_TEXT],
        failed=bool(_FAILED.search(value(row, "statusOfAction"))),
    )


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
