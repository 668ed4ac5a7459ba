"""Tests of the probes of service health, the status page and the authentication policy."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from jobs.model import Finding, Signals, State, Text
from jobs.probes import all_probes

PROBES = all_probes()
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


def look(name: str, ctx: Any) -> Finding:
    """Return the finding of the probe ``name``."""
    return asyncio.run(PROBES[name].inspect(ctx))


def told(finding: Finding) -> tuple[State, str, str]:
    """Return the state, the key of the text, and the cause of a finding."""
    return finding.state, finding.seen.key if finding.seen else "", finding.cause


def test_no_incident(cloud: Any, given: Any):
    """The health of a service without an open incident is good."""
    cloud.on(HEALTH, [{"service": "Exchange Online", "id": "Exchange", "issues": []}])
    assert told(look("exchange_health", given())) == (State.OK, "seen.no_incident", "")


def test_an_incident_may_be_the_cause(cloud: Any, given: Any):
    """Only the probe of an incident's own service shows the incident's id, title and beginning."""
    cloud.on(
        HEALTH,
        [
            {
                "service": "Exchange Online",
                "id": "Exchange",
                "issues": [ISSUE, ISSUE | {"id": "EX0", "startDateTime": None}],
            }
        ],
    )
    ctx = given()
    found = look("exchange_health", ctx)
    assert told(found) == (State.POSSIBLE, "seen.incidents", "exchange_incident")
    assert found.seen == Text(
        "seen.incidents", {"id": "EX1", "title": "SMTP is late", "count": "1"}
    )
    assert found.signals == Signals(since=datetime(2026, 11, 24, 8, 14, tzinfo=UTC))
    assert told(look("entra_health", ctx)) == (State.OK, "seen.no_incident", "")


@pytest.mark.parametrize("status", [400, 403, 404])
def test_who_may_not_read_the_health_is_told_so(cloud: Any, given: Any, status: int):
    """If the bot may not read the service health, the probe is skipped without an alarm."""
    cloud.refuse(HEALTH, status, "Forbidden")
    assert told(look("entra_health", given())) == (State.SKIPPED, "skipped.service_health", "")


@pytest.mark.parametrize(
    ("incidents", "found"),
    [
        ([], (State.OK, "seen.no_incident", "")),
        ([OPEN], (State.POSSIBLE, "seen.incident", "webex_incident")),
        (
            [OPEN | {"name": "Late", "components": [{"name": "Webex Connect"}]}],
            (State.POSSIBLE, "seen.incident", "webex_incident"),
        ),
        ([OPEN | {"name": "Webex Meetings: Recordings"}], (State.OK, "seen.no_incident", "")),
        ([OPEN | {"commercial": False}], (State.OK, "seen.no_incident", "")),
        ([OPEN | {"status": "resolved"}], (State.OK, "seen.no_incident", "")),
    ],
)
def test_webex_status(
    outside: Any, configured: Any, given: Any, incidents: list[Any], found: tuple[State, str, str]
):
    """Only open incidents of the contact center or Webex Connect count, by title or components."""
    outside.on("GET /status/unresolved-incidents.json", {"incidents": incidents})
    assert told(look("webex_status", given(settings=configured()))) == found


def test_a_maintenance_that_is_under_way_counts_as_an_incident(
    outside: Any, configured: Any, given: Any
):
    """The page of the maintenance has the incidents' form; without it, the incidents count."""
    outside.on("GET /status/unresolved-incidents.json", {"incidents": []})
    page = {"scheduled_maintenances": [OPEN | {"status": "in_progress"}]}
    outside.on("GET /status/active-scheduled-maintenances.json", page)
    ctx = given(settings=configured())
    assert told(look("webex_status", ctx)) == (State.POSSIBLE, "seen.incident", "webex_incident")


@pytest.mark.parametrize(("body", "status"), [({}, 200), ([], 200), ({}, 503)])
def test_a_page_that_cannot_be_read_says_nothing(
    outside: Any, configured: Any, given: Any, body: Any, status: int
):
    """A status page that cannot be read skips the probe, with the reason."""
    outside.on("GET /status/unresolved-incidents.json", body, status)
    assert told(look("webex_status", given(settings=configured()))) == (
        State.SKIPPED,
        "skipped.status_page",
        "",
    )


def test_the_page_can_be_switched_off(given: Any, configured: Any, outside: Any):
    """If the status page is switched off in the settings, no request is sent."""
    assert told(look("webex_status", given(settings=configured(status_url="off")))) == (
        State.SKIPPED,
        "skipped.status_off",
        "",
    )
    assert outside.asked == []


APPLIES = "seen.authentication_policy"
STRICT = [{"Name": "Strict", "AllowBasicAuthSmtp": False}]
FORBIDS = Text("seen.authentication_policy_basic", {"name": "Strict"})


@pytest.mark.parametrize(
    ("user", "organization", "policies", "state", "seen"),
    [
        (None, None, [], State.OK, Text("seen.no_authentication_policy")),
        ("Strict", "Default", STRICT, State.POSSIBLE, FORBIDS),
        (None, "Strict", STRICT, State.POSSIBLE, FORBIDS),
        (
            "Open",
            "Strict",
            [*STRICT, {"Name": "Open", "AllowBasicAuthSmtp": True}],
            State.OK,
            Text(APPLIES, {"name": "Open"}),
        ),
        (None, "Gone", [], State.OK, Text(APPLIES, {"name": "Gone"})),
    ],
)
def test_which_authentication_policy_applies(
    cloud: Any, given: Any, user: Any, organization: Any, policies: Any, state: State, seen: Text
):
    """The user's own policy applies before the organization's.

    A policy that forbids passwords only for SMTP may stop this login (platforms/microsoft.md 2.1).
    """
    cloud.on("Get-User", [{"AuthenticationPolicy": user}]).on(
        "Get-OrganizationConfig", [{"DefaultAuthenticationPolicy": organization}]
    )
    cloud.on("Get-AuthenticationPolicy", policies)
    found = look("authentication_policy", given())
    assert (found.state, found.seen) == (state, seen)
