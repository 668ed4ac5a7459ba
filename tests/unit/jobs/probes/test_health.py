"""Tests of the probes of service health and of the status page."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from jobs.model import Signals, State, Text
from tests.unit.jobs.probes.trace_rows import OK, POSSIBLE, SKIPPED, look, told

ISSUE = {
    "id": "EX1",
    "title": "SMTP is late",
    "classification": "incident",
    "status": "serviceDegradation",
    "isResolved": False,
    "startDateTime": "2026-11-24T08:14:00Z",
}
HEALTH = "GET /admin/serviceAnnouncement/healthOverviews"
OPEN = {
    "publicationId": "PUB1",
    "name": "Webex Contact Center: Email is late",
    "status": "investigating",
    "created_at": "2026-11-24T08:14:00.000Z",
    "commercial": True,
    "components": [],
}


NONE = (OK, "seen.no_incident", "")
INCIDENT = (POSSIBLE, "seen.incident", "webex_incident")


def test_an_incident_may_be_the_cause(cloud: Any, given: Any):
    """Only the probe of an incident's own service shows the incident's id, title and beginning."""
    issues = [ISSUE, ISSUE | {"id": "EX0", "startDateTime": None}]
    cloud.on(HEALTH, [{"service": "Exchange Online", "id": "Exchange", "issues": issues}])
    ctx = given()
    found = look("exchange_health", ctx)
    assert told(found) == (POSSIBLE, "seen.incidents", "exchange_incident")
    values = {"id": "EX1", "title": "SMTP is late", "count": "1"}
    assert found.seen == Text("seen.incidents", values)
    assert found.signals == Signals(since=datetime(2026, 11, 24, 8, 14, tzinfo=UTC))
    assert told(look("entra_health", ctx)) == NONE


def test_who_may_not_read_the_health_is_told_so(cloud: Any, given: Any):
    """If the bot may not read the service health, the probe is skipped without an alarm."""
    cloud.refuse(HEALTH, 403, "Forbidden")
    assert told(look("entra_health", given())) == (SKIPPED, "skipped.service_health", "")


@pytest.mark.parametrize(
    ("incidents", "found"),
    [
        ([], NONE),
        ([OPEN], INCIDENT),
        ([OPEN | {"name": "Late", "components": [{"name": "Webex Connect"}]}], INCIDENT),
        ([OPEN | {"name": "Webex Meetings: Recordings"}], NONE),
        ([OPEN | {"commercial": False}], NONE),
        ([OPEN | {"status": "resolved"}], NONE),
    ],
)
def test_webex_status(outside, configured, given, incidents, found):
    """Only open incidents of the contact center or Webex Connect count, by title or components."""
    outside.on("GET /status/unresolved-incidents.json", {"incidents": incidents})
    assert told(look("webex_status", given(settings=configured()))) == found


def test_a_maintenance_that_is_under_way_counts_as_an_incident(outside, configured, given):
    """The page of the maintenance has the incidents' form; without it, the incidents count."""
    outside.on("GET /status/unresolved-incidents.json", {"incidents": []})
    page = {"scheduled_maintenances": [OPEN | {"status": "in_progress"}]}
    outside.on("GET /status/active-scheduled-maintenances.json", page)
    ctx = given(settings=configured())
    assert told(look("webex_status", ctx)) == (State.POSSIBLE, "seen.incident", "webex_incident")


@pytest.mark.parametrize(("body", "status"), [({}, 200), ([], 200), ({}, 503)])
def test_a_page_that_cannot_be_read_says_nothing(outside, configured, given, body, status):
    """A status page that cannot be read skips the probe, with the reason."""
    outside.on("GET /status/unresolved-incidents.json", body, status)
    found = told(look("webex_status", given(settings=configured())))
    assert found == (SKIPPED, "skipped.status_page", "")


def test_the_page_can_be_switched_off(given: Any, configured: Any, outside: Any):
    """If the status page is switched off in the settings, no request is sent."""
    found = told(look("webex_status", given(settings=configured(status_url="off"))))
    assert found == (SKIPPED, "skipped.status_off", "")
    assert outside.asked == []
