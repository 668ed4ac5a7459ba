"""Fault matrix of a check, and of the calls that only some tenants cause.

Each call is made by the part of the product that needs it. In a check every fact has a finding,
although calls to a cloud fail, and a fact that could not be read is never called right or wrong.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from jobs.clock import now
from jobs.clouds.errors import CloudError
from jobs.engine.engine import Engine
from jobs.engine.step import StepContext
from jobs.mail.message_trace import TraceRow, TraceStatus
from jobs.microsoft.graph import GRANTS, MESSAGE_TRACE_APP_ID, PRINCIPALS
from jobs.microsoft.outbound_spam import policy_name
from jobs.model import Access, State
from jobs.probes import checks_for
from jobs.probes.sign_ins import AuthenticationPolicy
from jobs.runtime import no_listener
from practice.mail.trace import Event as Passed, Row
from practice.virtual_time import carry_out
from tests.faults.weather import BY_NAME, FAULTS, LISTED, Weather

BLIND = {State.UNKNOWN, State.SKIPPED}
MOST_CALLS = 300
FOR_GOOD = 1_000_000
LEFT_TO_ANOTHER = {"tenant"}
"""Step that may have a definite result although every call fails.

If the verified domains cannot be read, the step says so, and the mailbox user decides.
"""


@pytest.fixture(scope="module")
def looked_at(connected):
    """Findings of a check without faults."""
    return dict(_checked(connected, Weather(connected.http)).findings)


def _checked(connected, weather):
    """Return the run of a check of all facts that an administrator's sign-in shows."""
    ctx = connected.alone(weather)
    steps = {
        name: step
        for name, step in checks_for(ctx.channel.profile).items()
        if step.diagnosis.access is Access.ADMIN
    }
    carry_out(Engine(ctx, steps, no_listener, lambda: True).check())
    assert steps.keys() - ctx.run.findings.keys() == set()
    return ctx.run


def test_the_matrix_holds_every_call_of_a_check(connected):
    """The calls of a check are those in calls.toml, and none of them changes anything."""
    weather = Weather(connected.http)
    _checked(connected, weather)
    assert sorted(weather.calls) == sorted(LISTED["check"])
    assert [call for call in weather.calls if not call.startswith(("GET ", "Get-"))] == []


def test_a_check_that_sees_nothing(connected, fault):
    """If every call fails permanently, a check ends in time and calls nothing right or wrong.

    Every finding is unknown or left out.
    """
    weather = Weather(connected.http, fault, FOR_GOOD)
    run = _checked(connected, weather)
    assert {
        name: finding.state for name, finding in run.findings.items() if finding.state not in BLIND
    }.keys() - LEFT_TO_ANOTHER == set()
    assert sum(weather.calls.values()) <= MOST_CALLS


def test_a_check_in_a_shower(connected, looked_at, fault):
    """If every call fails once, each finding is the usual one or says that it could not be read."""
    run = _checked(connected, Weather(connected.http, fault))
    odd = {
        name: finding.state
        for name, finding in run.findings.items()
        if finding.state not in {*BLIND, looked_at[name].state}
    }
    assert odd == {}


# --- rare calls -----------------------------------------------------------------------------------


MOST_TRIES = 5
LONGEST_S = 120.0
TRACE_ID, MAILBOX = "0f0f0f0f-0000-4000-8000-000000000001", "support@contoso.com"
MAIL = TraceRow(
    TRACE_ID, "a@fabrikam.com", MAILBOX, "<1@fabrikam.com>", now(), "Hello", TraceStatus.DELIVERED
)
NAME = policy_name(MAILBOX)
Ask = Callable[[StepContext, dict[str, Any]], Awaitable[Any]]


async def _assigned(ctx, ids):
    return await ctx.graph.app_role_assigned_to(ids["principal"])


async def _adopted(ctx, ids):
    return (await ctx.graph.application_by_app_id(ids["app"]) or {})["appId"]


async def _by_address(ctx, _):
    return (await ctx.graph.user("nobody.by.this.name@contoso.com") or {}).get("id")


async def _scopes(ctx, ids):
    return await ctx.graph.update(GRANTS, ids["grant"]["id"], {"scope": ids["grant"]["scope"]})


async def _opened(ctx, ids):
    return await ctx.graph.update(PRINCIPALS, ids["principal"], {"accountEnabled": True})


async def _authentication(ctx, _):
    return (await AuthenticationPolicy().inspect(ctx)).state


async def _recipient(ctx, _):
    return [
        row["RecipientTypeDetails"]
        for row in await ctx.exchange.run("Get-Recipient", {"Identity": MAILBOX})
    ]


def _cmdlet(name, **parameters):
    async def ask(ctx, _):
        return await ctx.exchange.run(name, {"Identity": NAME, **parameters})

    return ask


ASKED: dict[str, Ask] = {
    "GET /admin/exchange/tracing/messageTraces/*/*": lambda ctx, _: ctx.graph.message_trace_details(
        MAIL.id, MAIL.recipient
    ),
    "GET /applications(appId=*)": _adopted,
    "GET /auditLogs/directoryAudits": lambda ctx, ids: ctx.graph.directory_audits(
        ids["app"], now()
    ),
    "GET /servicePrincipals/*/appRoleAssignedTo": _assigned,
    "GET /users": _by_address,
    "Get-AuthenticationPolicy": _authentication,
    "Get-MessageTraceDetailV2": lambda ctx, _: ctx.exchange.run(
        "Get-MessageTraceDetailV2", {"MessageTraceId": MAIL.id, "RecipientAddress": MAIL.recipient}
    ),
    "Get-Recipient": _recipient,
    "PATCH /oauth2PermissionGrants/*": _scopes,
    "PATCH /servicePrincipals/*": _opened,
    "Disable-HostedOutboundSpamFilterRule": _cmdlet("Disable-HostedOutboundSpamFilterRule"),
    "Enable-HostedOutboundSpamFilterRule": _cmdlet("Enable-HostedOutboundSpamFilterRule"),
    "Set-HostedOutboundSpamFilterPolicy": _cmdlet(
        "Set-HostedOutboundSpamFilterPolicy", AutoForwardingMode="On"
    ),
    "Set-HostedOutboundSpamFilterRule": _cmdlet(
        "Set-HostedOutboundSpamFilterRule", From=[MAILBOX], Priority=0
    ),
}

OF_EACH_KIND = (
    *("GET /users", "PATCH /servicePrincipals/*"),
    *("Get-Recipient", "Set-HostedOutboundSpamFilterPolicy"),
)
"""A read and a write of each service. They meet the faults that the HTTP layer treats alike."""
UNREADABLE = ("half a body", "JSON of another shape", "HTML", "NUL bytes")
"""Faults of which each call must make something itself."""
PAIRS = [
    (rare, fault.name)
    for rare in ASKED
    for fault in FAULTS
    if rare in OF_EACH_KIND or fault.name in UNREADABLE
]


@pytest.fixture(scope="module")
def tenant(connected):
    """Ids that the rare calls name, in a connected tenant.

    The tenant has an authentication policy that forbids passwords, and a mail that arrived.
    """
    policy = {"Name": "Modern", "Identity": "Modern", "AllowBasicAuthSmtp": False}
    words = {"authentication_policies": [policy], "default_authentication_policy": "Modern"}
    connected.http.patch("/practice/tenants/contoso.com", json=words).raise_for_status()
    found, earlier = connected.tenant(), now() - timedelta(minutes=5)
    mail = (
        MAIL.message_id,
        MAIL.sender,
        MAIL.recipient,
        MAIL.subject,
        1000,
        "127.0.0.1",
        "delivered",
        earlier,
        (Passed(earlier, "Deliver", "Deliver", "Delivered"),),
    )
    connected.cloud.world.traces.add(Row(TRACE_ID, found["id"], *mail))
    carry_out(_tracing(connected))
    (app,) = found["applications"]
    principal = next(
        each["id"] for each in found["service_principals"] if each["appId"] == app["appId"]
    )
    grant = next(each for each in found["grants"] if each["clientId"] == principal)
    return {"app": app["appId"], "principal": principal, "grant": grant}


async def _tracing(connected):
    """Create the service principal that Graph needs in the tenant for a message trace.

    The source is platforms/microsoft.md 2.5.
    """
    await connected.alone(Weather(connected.http), "setup").graph.create_service_principal(
        MESSAGE_TRACE_APP_ID
    )


def outcome(connected, weather, call, tenant):
    """Return the result of a call over this connection, and the seconds that it took."""
    told: list[Any] = []
    ctx = connected.alone(weather)
    weather.only = call

    async def ask():
        try:
            told.append(await ASKED[call](ctx, tenant))
        except CloudError as error:
            told.append(error)

    seconds = carry_out(ask())
    return told[0], seconds


@pytest.fixture(scope="module")
def calmly(connected, tenant):
    """Results of each rare call without faults."""
    return {call: outcome(connected, Weather(connected.http), call, tenant)[0] for call in ASKED}


def test_the_matrix_holds_every_rare_call():
    """Each rare call listed in calls.toml is made in this test."""
    assert sorted(LISTED["sometimes"]) == sorted(ASKED)


@pytest.mark.parametrize("rare", ASKED)
def test_under_a_clear_sky(connected, tenant, rare):
    """Without faults, each rare call is really made, once, and answered."""
    weather = Weather(connected.http)
    told, _ = outcome(connected, weather, rare, tenant)
    assert (weather.calls[rare], isinstance(told, CloudError)) == (1, False), told


@pytest.mark.parametrize(("rare", "odd"), PAIRS)
def test_a_rare_call_that_fails(connected, tenant, calmly, rare, odd):
    """A rare call that fails once gives its usual result or an error of the bot.

    The next try gives the usual result. If it keeps failing, it ends in time, after few tries, with
    an error of the bot. Nothing is made twice.
    """
    fault = BY_NAME[odd]
    before, weather = connected.objects(), Weather(connected.http, fault)
    told, seconds = outcome(connected, weather, rare, tenant)
    assert isinstance(told, CloudError) or told == calmly[rare], told
    assert (weather.failed[rare], seconds <= LONGEST_S) == (1, True)
    assert outcome(connected, weather, rare, tenant)[0] == calmly[rare]
    weather.times = FOR_GOOD
    told, seconds = outcome(connected, weather, rare, tenant)
    unread = (
        told is None and fault.carried
    )  # a write that was done, whose answer has nothing to read
    assert isinstance(told, CloudError) or unread, told
    assert (1 < weather.failed[rare] <= 1 + MOST_TRIES, seconds <= LONGEST_S) == (True, True)
    assert connected.objects() == before
