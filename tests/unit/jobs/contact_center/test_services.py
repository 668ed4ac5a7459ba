"""Webex's own services: each real client against a server that answers as the documents show."""

import asyncio
import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from jobs.clock import now
from jobs.clouds.errors import CloudError, RequestIds
from jobs.clouds.http import async_client
from jobs.contact_center import services
from jobs.contact_center.services import (
    ConnectChanges,
    Incident,
    Task,
    email_tasks,
    judge,
    microsoft_incidents,
    read_changes,
)
from jobs.model import ConnectChange
from tests.fixtures.parsed import table

ANSWERS = table("outside")

SINCE = datetime(2026, 11, 24, 8, 14, tzinfo=UTC)
OPEN = (Incident("EX1", "SMTP", SINCE),)
EXCHANGE = frozenset({"exchange online", "exchange"})


def issue(**more: Any) -> dict[str, Any]:
    """Return an open incident of Exchange Online."""
    usual = {"id": "EX1", "title": "SMTP", "classification": "incident", "isResolved": False}
    return usual | {"status": "serviceDegradation", "startDateTime": "2026-11-24T08:14:00Z"} | more


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
def test_open_incidents_of_microsoft(rows, found):
    """Only open incidents of the requested service count, not advisories or closed incidents.

    The incident that began last comes first.
    """
    assert [each.id for each in microsoft_incidents(rows, EXCHANGE)] == found.split()
    rows = [overview(issue(), issue(startDateTime=None, title=None))]
    assert microsoft_incidents(rows, EXCHANGE) == (*OPEN, Incident("EX1", "", None))


DETAIL = {"description": "No team.", "code": "1001", "entity": "cc_user"}


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (401, {"code": "7001", "description": "No"}, ("webex_key_refused", "7001", "No")),
        (404, {"error": {"key": "404", "message": [DETAIL]}}, ("not_found", "1001", "No team.")),
        (429, "slow down", ("webex_busy", "", "")),
        (503, "<html>", ("webex_unavailable", "", "")),
        (400, {"Code": 7000, "Description": "JSON"}, ("webex_refused", "7000", "JSON")),
    ],
)
def test_how_webex_says_no(status, body, told):
    """The status of a refusal decides its cause, and the service's own code and words are kept."""
    content = json.dumps(body) if isinstance(body, dict) else str(body)
    error = judge("connect", httpx.Response(status, text=content), RequestIds())
    assert (error.cause, error.code, error.message) == told


@pytest.mark.parametrize(("destination", "app", "mine"), ANSWERS["destinations"])
def test_whose_task_it_is(destination, app, mine):
    """A task belongs to the mailbox if it names the mailbox or an app known to be the mailbox's.

    The documents do not agree which of the two a task names (platforms/connect.md 3.1).
    """
    task = Task("t", "kim@customer.example", destination, "created", now())
    assert task.is_for("support@contoso.com", app) is mine


@pytest.mark.parametrize(("origin", "destination", "minutes", "came"), ANSWERS["origins"])
def test_what_a_task_came_of(origin, destination, minutes, came):
    """A task is matched to a mail by sender and time, unless it names another mailbox."""
    at = now()
    task = Task("t", origin, destination, "created", at + timedelta(minutes=minutes))
    assert task.came_of("kim@customer.example", at, "info@contoso.com", "") is came


def row(at: datetime) -> dict[str, Any]:
    """Return an email task of that time as the service shows it."""
    values = {"channelType": "email", "createdTime": int(at.timestamp() * 1000)}
    return {"id": f"{at:%s}", "attributes": values}


def answering(monkeypatch: Any, times: list[datetime]) -> list[dict[str, str]]:
    """Let the service have tasks of these times; return the list of what it is asked for."""
    asked: list[dict[str, str]] = []

    async def read(_settings, _path: str, params: dict[str, str]) -> list[Any]:
        asked.append(params)
        later = [at for at in times if at.timestamp() * 1000 >= int(params["from"])]
        shown = later[: int(params["pageSize"])]
        return [row(at) if place != 1 else {"id": "no time"} for place, at in enumerate(shown)]

    monkeypatch.setattr("jobs.contact_center.services.read", read)
    return asked


async def test_of_very_many_tasks_the_newest_are_read(work_settings, monkeypatch):
    """If five pages do not reach the newest tasks, a later window is read.

    A task without a time makes no page the last one. Tasks arrive oldest first. The result includes
    the time from which it is complete.
    """
    began = now() - timedelta(hours=48)
    times = [began + timedelta(minutes=3 * number) for number in range(960)]
    monkeypatch.setattr("jobs.contact_center.services._MOST", 100)
    answering(monkeypatch, times)
    found = await email_tasks(work_settings, began)
    assert int(found.rows[0].created.timestamp()) == int(times[-1].timestamp())
    assert found.since > began
    assert min(row.created for row in found.rows) >= found.since - timedelta(seconds=1)


async def test_the_same_tasks_again_end_the_search(work_settings, monkeypatch):
    """If a service ignores the beginning of the window, only the last minute is complete."""
    monkeypatch.setattr("jobs.contact_center.services._MOST", 2)
    monkeypatch.setattr("jobs.contact_center.services.milliseconds", lambda _: "0")
    answering(monkeypatch, [now() - timedelta(hours=9)] * 2)
    found = await email_tasks(work_settings, now() - timedelta(days=2))
    assert now() - found.since <= timedelta(minutes=1)


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


AT = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
YESTERDAY = AT - timedelta(days=1)
URL = "https://contoso.us.webexconnect.io/connectapi/v1/auditlogs"


def entry(event: str = "updateApp", minutes: float = 0, **more: Any) -> dict[str, Any]:
    """Return a log entry of so many minutes before ``AT``, with the event in the sample's field."""
    created = (AT - timedelta(minutes=minutes)).isoformat(timespec="milliseconds")
    usual = {"statusOfAction": "SUCCESS", "eventCategory": "SUCCESS", "eventDescription": event}
    return usual | {"created": created, "actorEmail": "kim@contoso.com"} | more


@dataclass
class Log:
    """Scripted audit log with its entries, its refusals, and the requests that it got."""

    entries: list[dict[str, Any]] = field(default_factory=list)
    method: str = "POST"
    refusals: dict[str, int] = field(default_factory=dict)
    most: int = 10_000
    asked: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer a request as the handler of httpx.MockTransport."""
        self.asked.append(request)
        if request.method != self.method or request.method in self.refusals:
            status = self.refusals.get(request.method, 405)
            return httpx.Response(status, json={"code": str(status), "description": "no"})
        body = json.loads(request.content)
        page = self.entries[body["offset"] : body["offset"] + min(body["max"], self.most)]
        said = {"code": "0", "totalRecords": len(self.entries), "auditLogs": page}
        return httpx.Response(200, json=said)

    @property
    def methods(self) -> list[str]:
        """Return the methods of the requests, in order."""
        return [request.method for request in self.asked]


@pytest.fixture
def read(work_settings, monkeypatch):
    """Return a function that reads a log with the real client."""

    def made(log, **changes: str) -> ConnectChanges:
        values = {"connect_audit_url": URL, "connect_audit_token": "secret-token"} | changes
        settings = replace(work_settings, **values)  # type: ignore[arg-type]  # texts by their names
        transport = httpx.MockTransport(log)
        monkeypatch.setattr(services, "async_client", lambda given: async_client(given, transport))
        monkeypatch.setattr(services, "now_at", lambda _: AT)
        return asyncio.run(read_changes(settings, YESTERDAY))

    return made


def test_an_entry_is_read_as_cisco_shows_it(read):
    """The request for entries has the fields that Cisco documents.

    An entry says who did what and when, and whether it failed.
    """
    log = Log([entry("deleteApp", 5, actionText="Kim deleted Email", statusOfAction="ERROR")])
    found = read(log)
    at, who = AT - timedelta(minutes=5), "kim@contoso.com"
    change = ConnectChange(at=at, by=who, event="deleteApp", told="Kim deleted Email", failed=True)
    assert found == ConnectChanges((change,), whole=True, method="POST")
    [asked] = log.asked
    assert (str(asked.url), asked.headers["authorization"]) == (URL, "Bearer secret-token")
    span = {"from": "2026-11-24T09:00:00.000Z", "to": "2026-11-25T09:00:00.000Z"}
    empty = dict.fromkeys(("eventCategories", "actorIds", "adminRoles"), "")
    body = {"range": "custom", "offset": 0, "max": 2000} | span | empty
    assert json.loads(asked.content) == body


@pytest.mark.parametrize("status", [400, 404, 405])
def test_get_with_the_same_body_where_post_is_refused(read, status):
    """If POST is refused, GET with the same body is tried and then kept for the other pages."""
    log = Log([entry(minutes=each) for each in range(3)], "GET", refusals={"POST": status}, most=2)
    found = read(log)
    assert (len(found.rows), found.method, log.methods) == (3, "GET", ["POST", "GET", "GET"])
    assert [json.loads(each.content)["offset"] for each in log.asked] == [0, 0, 2]


REFUSED = [
    ({"POST": 404, "GET": 404}, 404),
    ({"POST": 404, "GET": 405}, 404),
    ({"POST": 405, "GET": 400}, 400),
    ({"POST": 400, "GET": 405}, 400),
    ({"POST": 400, "GET": 401}, 401),
    ({"POST": 401}, 401),
]


@pytest.mark.parametrize(("refusals", "status"), REFUSED)
def test_the_more_telling_refusal_counts(read, refusals, status):
    """If both methods are refused, the more informative status counts.

    A refused token is not tried again with the other method.
    """
    log = Log(refusals=refusals)
    with pytest.raises(CloudError) as caught:
        read(log)
    assert caught.value.status == status
    assert "secret-token" not in str(caught.value)
    assert log.methods == list(refusals)


def test_a_server_error_is_tried_twice(read):
    """A server error is tried twice and no more, because a check waits for the answer."""
    log = Log(refusals={"POST": 500})
    with pytest.raises(CloudError) as caught:
        read(log)
    assert (caught.value.cause, log.methods) == ("webex_unavailable", ["POST", "POST"])


MAY_STOP_MAIL = """
    updateApp createApp deleteApp shareApp createFlow deleteFlow createService deleteService updateRule
    updateRuleStatus deleteRule updateWfStatusOnUpdateRule updateWfStatusOnCreateRule updateFlow
    insertOutBoundWebHook deleteOutBoundWebHook saveAuthorizationIntegration UpdateApp
    deleteAuthorizationIntegration createServiceCredential discardCredential updateTenantSettings
    updateEmailDomainSettings updateServiceLockStatus
"""
CANNOT = """
    login ViewFlow DecryptLogs getAuthorizationX updateMobileWebAppType updateTemplate createApps
    getOutBoundWebHook exportFlow ERROR
"""


def test_only_what_may_stop_mail_counts(read):
    """Only actions that may stop mail are kept, whichever field holds the action's name."""
    for name in ("eventDescription", "eventCategory", "userAction"):
        for events, count in ((MAY_STOP_MAIL.split(), 24), ([*CANNOT.split(), ""], 0)):
            rows = [entry("", number) | {name: each} for number, each in enumerate(events)]
            assert len(read(Log(rows)).rows) == count


def test_odd_entries_are_left_out(read):
    """An entry is left out if it has no time or another shape, or if an equal one came before.

    A secret in an entry's text is removed, because the text becomes part of a finding. A long text
    is cut.
    """
    rows: list[Any] = [entry(created="soon"), entry(created=None), "x", None]
    assert read(Log(rows)).rows == ()
    told = "Kim set client_secret=abc8Q~0123456789abcdefghijklmnopqrstuvwx " + 300 * "x "
    first, second = read(Log([entry(minutes=each, actionText=told) for each in (3, 1, 3)])).rows
    assert (first.at, second.at) == (AT - timedelta(minutes=1), AT - timedelta(minutes=3))
    assert ("abc8Q" in first.told, len(first.told)) == (False, 200)


def test_a_long_log_is_cut_and_told(read):
    """A log that never ends is given up after ten pages and is reported as incomplete."""
    log = Log([entry(minutes=each) for each in range(25)], most=2)
    found = read(log)
    assert (len(found.rows), found.whole, len(log.asked)) == (20, False, 10)


@pytest.mark.parametrize("total", [{}, {"totalRecords": "many"}])
def test_the_number_of_all_entries_may_be_missing(read, total):
    """If the number of all entries is missing, a page that is not full is the last one."""
    asked: list[int] = []

    def log(request: httpx.Request) -> httpx.Response:
        asked.append(json.loads(request.content)["offset"])
        return httpx.Response(200, json={"auditLogs": [entry()], **total})

    assert (len(read(log).rows), asked) == (1, [0])


@pytest.mark.parametrize(
    ("answer", "words"), [({"code": "7001", "description": "Not yet"}, "Not yet"), ({}, "no list")]
)
def test_an_answer_without_entries_is_none(read, answer, words):
    """An answer without a list of entries is an error.

    The error has the service's own words if there are any.
    """
    with pytest.raises(CloudError, match=words):
        read(lambda _: httpx.Response(200, json=answer))


def test_the_header_is_a_setting(read):
    """If the setting names another header than Authorization, that header gets the bare token."""
    log = Log()
    read(log, connect_audit_header="accesstoken")
    headers = log.asked[0].headers
    assert headers["accesstoken"] == "secret-token"
    assert "authorization" not in headers


def test_it_takes_no_longer_than_a_check_waits(read, monkeypatch):
    """A log that answers too slowly is given up, because a check waits for it."""
    monkeypatch.setattr(services, "LONGEST_S", 0.05)

    async def slow(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(5)
        return httpx.Response(200, json={})

    with pytest.raises(CloudError) as caught:
        read(slow)  # type: ignore[arg-type]  # MockTransport takes both kinds
    assert caught.value.cause == "timed_out"
