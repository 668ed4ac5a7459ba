"""Webex's own services: each real client against a server that answers as the documents show."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from jobs.clock import now
from jobs.clouds.errors import RequestIds
from jobs.contact_center.services import Incident, Task, email_tasks, judge, microsoft_incidents
from jobs.settings import Settings

SINCE = datetime(2026, 11, 24, 8, 14, tzinfo=UTC)
OPEN = (Incident("EX1", "SMTP", SINCE),)
EXCHANGE = frozenset({"exchange online", "exchange"})


def issue(**more: Any) -> dict[str, Any]:
    """Return an open incident of Exchange Online."""
    usual = {"id": "EX1", "title": "SMTP", "classification": "incident", "isResolved": False}
    state = {"status": "serviceDegradation", "startDateTime": "2026-11-24T08:14:00Z"}
    return usual | state | more


def overview(*issues: dict[str, Any], service: str = "Exchange Online") -> dict[str, Any]:
    """Return a Microsoft service with its incidents."""
    named = {"service": service, "id": "Exchange", "status": "ServiceDegradation"}
    return named | {"issues": list(issues)}


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ([overview(issue(), issue(id="EX2", startDateTime="2026-11-24T07:00:00Z"))], "EX1 EX2"),
        ([overview(issue(classification="Incident", status="ServiceInterruption"))], "EX1"),
        ([overview(issue(classification="advisory"))], ""),
        ([overview(issue(isResolved=True))], ""),
        ([overview(issue(status="serviceRestored"))], ""),
        ([overview(issue(), service="Microsoft Teams") | {"id": "TeamsforBusiness"}], ""),
        ([{"service": "Exchange Online", "id": "Exchange"}], ""),
    ],
)
def test_open_incidents_of_microsoft(rows: list[dict[str, Any]], found: str):
    """Only open incidents of the requested service count, not advisories or closed incidents.

    The incident that began last comes first.
    """
    assert [each.id for each in microsoft_incidents(rows, EXCHANGE)] == found.split()
    rows = [overview(issue(), issue(startDateTime=None, title=None))]
    assert microsoft_incidents(rows, EXCHANGE) == (*OPEN, Incident("EX1", "", None))


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (401, {"code": "7001", "description": "No"}, ("webex_key_refused", "7001", "No")),
        (404, {"error": {"key": "404", "message": [{"description": "no"}]}}, ("not_found", "", "")),
        (429, "slow down", ("webex_busy", "", "")),
        (503, "<html>", ("webex_unavailable", "", "")),
        (400, {"Code": 7000, "Description": "JSON"}, ("webex_refused", "7000", "JSON")),
    ],
)
def test_how_webex_says_no(status: int, body: object, told: tuple[str, str, str]):
    """The status of a refusal decides its cause, and the service's own code and words are kept."""
    content = json.dumps(body) if isinstance(body, dict) else str(body)
    error = judge("connect", httpx.Response(status, text=content), RequestIds())
    assert (error.cause, error.code, error.message) == told


@pytest.mark.parametrize(
    ("destination", "app", "mine"),
    [
        ("Support@Contoso.com", "", True),
        ("a_38412723414", "", False),
        ("a_38412723414", "A_38412723414", True),
        ("a_1", "a_2", False),
        ("", "", False),
    ],
)
def test_whose_task_it_is(destination: str, app: str, mine: bool):
    """A task belongs to the mailbox if it names the mailbox or an app known to be the mailbox's.

    The documents do not agree which of the two a task names (platforms/connect.md 3.1).
    """
    task = Task("t", "kim@customer.example", destination, "created", now())
    assert task.is_for("support@contoso.com", app) is mine


@pytest.mark.parametrize(
    ("origin", "destination", "minutes", "came"),
    [
        ("kim@customer.example", "a_1", 1, True),
        ("Kim <Kim@customer.example>", "", 1, True),
        ("jo@customer.example", "a_1", 1, False),
        ("kim@customer.example", "a_1", -1, False),
        ("kim@customer.example", "sales@contoso.com", 1, False),
    ],
)
def test_what_a_task_came_of(origin: str, destination: str, minutes: int, came: bool):
    """A task is matched to a mail by sender and time, unless it names another mailbox."""
    at = now()
    task = Task("t", origin, destination, "created", at + timedelta(minutes=minutes))
    assert task.came_of("kim@customer.example", at) is came


def row(at: datetime) -> dict[str, Any]:
    """Return an email task of that time as the service shows it."""
    values = {"channelType": "email", "createdTime": int(at.timestamp() * 1000)}
    return {"id": f"{at:%s}", "attributes": values}


def answering(monkeypatch: Any, times: list[datetime]) -> list[dict[str, str]]:
    """Let the service have tasks of these times; return the list of what it is asked for."""
    asked: list[dict[str, str]] = []

    async def read(_settings: Settings, _path: str, params: dict[str, str]) -> list[Any]:
        asked.append(params)
        later = [at for at in times if at.timestamp() * 1000 >= int(params["from"])]
        return [row(at) for at in later[: int(params["pageSize"])]]

    monkeypatch.setattr("jobs.contact_center.services.read", read)
    return asked


async def test_of_very_many_tasks_the_newest_are_read(work_settings, monkeypatch):
    """If five pages do not reach the newest tasks, a later window is read.

    Tasks arrive oldest first. The result includes the time from which it is complete.
    """
    began = now() - timedelta(hours=48)
    times = [began + timedelta(minutes=3 * number) for number in range(960)]
    monkeypatch.setattr("jobs.contact_center.services._MOST", 100)
    answering(monkeypatch, times)
    found = await email_tasks(work_settings, began)
    assert int(found.rows[0].created.timestamp()) == int(times[-1].timestamp())
    assert found.since > began
    assert min(row.created for row in found.rows) >= found.since - timedelta(seconds=1)


async def test_the_interval_of_tasks_is_one_that_the_service_takes(work_settings, monkeypatch):
    """Tasks are requested for 184 days at most, with times in milliseconds.

    Times in seconds give an empty answer (platforms/connect.md 3.1).
    """
    asked = answering(monkeypatch, [])
    found = await email_tasks(work_settings, now() - timedelta(days=400))
    first, last = (int(asked[0][name]) / 1000 for name in ("from", "to"))
    assert found.since > now() - timedelta(days=185)
    assert timedelta(seconds=last - first) <= timedelta(days=184, seconds=5)
    assert abs(last - now().timestamp()) < timedelta(minutes=1).total_seconds()
