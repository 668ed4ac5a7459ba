"""Fault matrix of the calls of a check outside Microsoft.

The calls go to Webex Connect's audit log, the contact center and the status page.
"""

from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from cryptography.fernet import Fernet

from jobs.clock import now
from jobs.clouds.http import async_client
from jobs.engine.engine import Engine
from jobs.engine.step import Probe, StepContext
from jobs.model import Channel, Person, RunKind, State
from jobs.probes.contact_center import (
    AgentTasks,
    ConnectChanges,
    ContactQueue,
    EmailEntryPoint,
    QueueAgents,
    WaitingTasks,
)
from jobs.probes.outside import WebexStatus
from jobs.runs.run import Origin
from jobs.runs.run_store import RunStore
from jobs.runtime import no_listener
from jobs.settings import Settings
from jobs.storage.vault import Vault
from practice.virtual_time import carry_out
from tests.faults.weather import LISTED, Weather

BASE, MAILBOX = "https://localhost:9", "support@contoso.com"
ORG = "0e0e0e0e-0000-4000-8000-000000000001"
SETTINGS = Settings(
    "https://bot.test",
    "",
    "bot-app",
    "bot-secret",
    (Fernet.generate_key().decode(),),
    status_url=f"{BASE}/status",
    contact_center_url=f"{BASE}/contact-center",
    contact_center_token="token",
    contact_center_org=ORG,
    connect_audit_url=f"{BASE}/connectapi/v1/auditlogs",
    connect_audit_token="token",
)
QUEUE, TEAM = (f"5e000000-0000-4000-8000-{each:012d}" for each in range(2))
FOR_GOOD = 1_000_000
BLIND = {State.UNKNOWN, State.SKIPPED}
AUDIT = "/connectapi/v1/auditlogs"
ASKS: dict[str, type[Probe]] = {
    "GET /contact-center/organization/*/v2/entry-point": EmailEntryPoint,
    "GET /contact-center/v1/tasks": AgentTasks,
    "GET /contact-center/organization/*/v2/contact-service-queue": ContactQueue,
    "GET /contact-center/organization/*/v2/contact-service-queue/*": ContactQueue,
    "GET /contact-center/organization/*/team/*": QueueAgents,
    "GET /contact-center/organization/*/v2/user": QueueAgents,
    "GET /contact-center/organization/*/v2/site": QueueAgents,
    "GET /contact-center/organization/*/v2/multimedia-profile": QueueAgents,
    "GET /contact-center/v1/agents/activities": WaitingTasks,
    "GET /status/unresolved-incidents.json": WebexStatus,
    f"GET {AUDIT}": ConnectChanges,
    f"POST {AUDIT}": ConnectChanges,
}
MOST_TRIES = 2
"""Maximum number of requests of a check, because a person waits for it."""
LONGEST_S = 60.0


@dataclass
class Services:
    """Services outside Microsoft as their documents describe them.

    The audit log accepts only one HTTP method. If the task is not ``routed``, it names no queue.
    """

    audit_method: str = "POST"
    routed: bool = True

    def __call__(self, request) -> object:
        """Answer a request as httpx.MockTransport's handler."""
        kind, path = request.method, request.url.path
        if path == AUDIT:
            return httpx.Response(200 if kind == self.audit_method else 405, json={"auditLogs": []})
        task = {
            "channelType": "email",
            "createdTime": (now().timestamp() - 1200) * 1000,
            "origin": "a@b.c",
            "destination": MAILBOX,
            "status": "queued" if self.routed else "completed",
            "queue": {"id": QUEUE} if self.routed else None,
        }
        queue = {"id": QUEUE, "channelType": "EMAIL", "serviceLevelThreshold": 3600}
        groups = [{"agentGroups": [{"teamId": TEAM}]}]
        login = {"active": True, "agentLogin": "agent@contoso.com", "teamId": TEAM}
        base = f"/contact-center/organization/{ORG}"
        known: dict[str, Any] = {
            "/contact-center/v1/tasks": {"data": [{"id": "task-1", "attributes": task}]},
            f"/contact-center/organization/{ORG}/v2/entry-point": {
                "data": [{"name": "Support", "assetId": "a_1", "channelType": "EMAIL"}]
            },
            "/status/unresolved-incidents.json": {"incidents": []},
            "/status/active-scheduled-maintenances.json": {"scheduled_maintenances": []},
            f"{base}/v2/contact-service-queue": {"data": [queue]},
            f"{base}/v2/contact-service-queue/{QUEUE}": queue | {"callDistributionGroups": groups},
            f"{base}/team/{TEAM}": {"id": TEAM, "userIds": ["u-1"]},
            f"{base}/v2/user": {"data": [{"id": "u-1", "siteId": "s-1"}]},
            f"{base}/v2/site": {"data": [{"id": "s-1", "multimediaProfileId": "p-1"}]},
            f"{base}/v2/multimedia-profile": {"data": [{"id": "p-1", "email": 3}]},
            "/contact-center/v1/agents/activities": {"data": [login]},
        }
        return httpx.Response(200, json=known[path])


@pytest.fixture
def services():
    """Services outside Microsoft."""
    return Services()


def opened(store):
    """Open a check."""
    channel = Channel(
        MAILBOX,
        "https://uk.webexconnect.io/callback",
        "x1@mail.webexconnect.io",
        tenant_id="tenant-1",
    )
    origin = Origin("room-1", message="m-1")
    return store.open(channel, Person("anna", "anna@contoso.com"), origin, RunKind.CHECK)


@pytest.fixture
def look(redis, services, monkeypatch):
    """Return a function that looks at one fact through a fault, several times in one check.

    The function returns the findings, the seconds and the connection.
    """
    store = RunStore(redis)

    def looked(call, fault=None, times=1, looks=1):
        weather = Weather(httpx.Client(transport=httpx.MockTransport(services)), fault, times, call)
        # The real client without sockets: this clock jumps over every wait, also over a socket's.
        monkeypatch.setattr(
            "jobs.contact_center.services.async_client",
            lambda settings: async_client(settings, httpx.MockTransport(weather)),
        )
        services.audit_method = call.partition(" ")[0]
        services.routed = not call.endswith("contact-service-queue")
        run = opened(store)
        found, seconds = [], 0.0
        for _ in range(looks):
            ctx = StepContext(
                store.load(run.id),
                SETTINGS,
                store,
                Vault(redis, SETTINGS.encryption_keys),
                Any,
                Any,
                Any,
            )
            probe = ASKS[call]()
            seconds = max(
                seconds,
                carry_out(Engine(ctx, {probe.name: probe}, no_listener, lambda: True).check()),
            )
            found.append(ctx.run.findings[probe.name])
        return found, seconds, weather

    return looked


def test_the_matrix_holds_every_call():
    """The calls of a check outside Microsoft are exactly those in calls.toml."""
    assert sorted(LISTED["outside"]) == sorted(ASKS)


@pytest.mark.parametrize("beside", ASKS)
def test_under_a_clear_sky(look, beside):
    """Without faults, the probe that is listed for a call makes it once and finds nothing wrong."""
    (found,), _, weather = look(beside)
    assert (found.state, weather.calls[beside]) == (State.OK, 1), found


@pytest.mark.parametrize("beside", ASKS)
def test_a_call_that_keeps_failing(look, beside, fault):
    """If a call keeps failing, its fact is called neither right nor wrong, after few tries."""
    found, seconds, weather = look(beside, fault, FOR_GOOD, 2)
    assert {each.state for each in found} - BLIND == set(), found
    assert 1 <= weather.failed[beside] <= 2 * MOST_TRIES
    assert seconds <= LONGEST_S


@pytest.mark.parametrize("beside", ASKS)
def test_a_call_that_fails_once(look, beside, fault):
    """If a call fails once, its fact is found right or could not be read."""
    found, seconds, weather = look(beside, fault, 1, 2)
    assert {each.state for each in found} - BLIND - {State.OK} == set(), found
    assert (weather.failed[beside], seconds <= LONGEST_S) == (1, True)
