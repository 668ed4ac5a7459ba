"""Tests of the probes of Webex Connect and the contact center, which need keys in the settings."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from jobs.checks.verdict import judge
from jobs.clock import now
from jobs.clouds.errors import CloudError
from jobs.model import Finding, State
from jobs.probes import all_probes

PROBES = all_probes()
POINT = {"name": "Email", "channelType": "EMAIL", "active": True, "assetId": "a_1"}
EVERY = [{"name": "Hotline", "channelType": "TELEPHONY", "active": True}, POINT]
POINTS = "GET /cc/organization/org-1/v2/entry-point"
TRACES = "GET /admin/exchange/tracing/messageTraces"


def look(name: str, ctx: Any) -> Finding:
    """Return the finding of the probe ``name``."""
    return asyncio.run(PROBES[name].inspect(ctx))


def told(finding: Finding) -> tuple[State, str, str]:
    """Return the state, the key of the text, and the cause of a finding."""
    return finding.state, finding.seen.key if finding.seen else "", finding.cause


def ago(minutes: float) -> Callable[[], str]:
    """Return a function that gives the time ``minutes`` before it is called.

    The tests are collected minutes before they run.
    """
    return lambda: (now() - timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


def task(minutes: float, destination: str = "support@contoso.com", **more: Any) -> dict[str, Any]:
    """Return a contact center task of so many minutes ago."""
    values = {
        "channelType": "email",
        "status": "queued",
        "createdTime": lambda: int((now() - timedelta(minutes=minutes)).timestamp() * 1000),
        "origin": "kim@customer.example",
        "destination": destination,
    }
    return {"id": f"t{minutes}", "attributes": values | more}


def copy(minutes: float, **more: Any) -> dict[str, Any]:
    """Return the trace row of a copy that reached Webex Connect so many minutes ago."""
    row = {
        "id": f"m{minutes}",
        "messageId": f"<{minutes}>",
        "senderAddress": "kim@customer.example",
        "recipientAddress": "x1@mail.webexconnect.io",
    }
    return (
        row
        | {"receivedDateTime": ago(minutes), "subject": "Hello", "status": "delivered", "size": 900}
        | more
    )


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("agent_tasks", "skipped.no_contact_center"),
        ("mail_to_task", "skipped.no_contact_center"),
        ("asset_workload", "skipped.no_contact_center"),
        ("flow_template", "skipped.no_contact_center"),
        ("entry_point", "skipped.no_contact_center_org"),
        ("connect_changes", "skipped.no_audit_log"),
    ],
)
def test_nothing_is_asked_without_a_key(given: Any, name: str, why: str):
    """Without a key in the settings, each probe is skipped with a reason of its own."""
    assert told(look(name, given())) == (State.SKIPPED, why, "")


@pytest.mark.parametrize(
    ("tasks", "found"),
    [
        ([], (State.SKIPPED, "skipped.no_task", "")),
        ([task(5, "sales@contoso.com")], (State.SKIPPED, "skipped.no_task", "")),
        ([task(5, channelType="telephony")], (State.SKIPPED, "skipped.no_task", "")),
        (
            [task(5, createdTime="yesterday"), task(5, createdTime=None)],
            (State.SKIPPED, "skipped.no_task", ""),
        ),
        (
            [task(5, createdTime=lambda: f"{now().timestamp() * 1000:.0f}")],
            (State.OK, "seen.task", ""),
        ),
        ([task(9), task(5)], (State.OK, "seen.task", "")),
        ([task(5, "a_38412723414")], (State.SKIPPED, "skipped.task_of_whom", "")),
        ([task(5, "a_1")], (State.OK, "seen.task", "")),
    ],
)
def test_tasks_of_the_mailbox(
    given: Any, configured: Any, outside: Any, tasks: list[Any], found: tuple[State, str, str]
):
    """Only email tasks for the mailbox, or for the only app of Webex Connect, count."""
    outside.on(POINTS, {"data": [POINT]}).on("GET /cc/v1/tasks", {"meta": {}, "data": tasks})
    assert told(look("agent_tasks", given(settings=configured()))) == found
    assert (outside.asked[0][1]["channelTypes"], outside.asked[0][2]["authorization"]) == (
        ["email"],
        "Bearer token-1",
    )


@pytest.mark.parametrize(
    ("copies", "tasks", "found"),
    [
        ([], [], (State.SKIPPED, "skipped.no_mail", "")),
        ([copy(60)], [task(59)], (State.OK, "seen.mail_to_task", "")),
        ([copy(60)], [task(600)], (State.WRONG, "seen.no_task", "no_task")),
        ([copy(60)], [], (State.WRONG, "seen.no_task", "no_task")),
        ([copy(60)], [task(59, "a_2")], (State.OK, "seen.mail_to_task", "")),
        (
            [copy(60)],
            [task(59, "a_2", origin="jo@x.example")],
            (State.WRONG, "seen.no_task", "no_task"),
        ),
        ([copy(60)], [task(59, "sales@contoso.com")], (State.WRONG, "seen.no_task", "no_task")),
        ([copy(60)], [task(59, origin="jo@x.example")], (State.OK, "seen.mail_to_task", "")),
        (
            [copy(60, senderAddress="bounces+SRS=44ldt=IX@contoso.com")],
            [task(59, "a_2")],
            (State.OK, "seen.mail_to_task", ""),
        ),
        (
            [copy(60, senderAddress="bounces+SRS=44ldt=IX@contoso.com")],
            [task(59, "sales@contoso.com")],
            (State.WRONG, "seen.no_task", "no_task"),
        ),
        ([copy(1)], [task(600)], (State.SKIPPED, "skipped.too_fresh", "")),
        (
            [copy(60, senderAddress="support@contoso.com")],
            [],
            (State.SKIPPED, "skipped.no_mail", ""),
        ),
        ([copy(60, size=26 * 1024 * 1024)], [], (State.SKIPPED, "skipped.no_mail", "")),
        ([copy(60, status="failed")], [], (State.SKIPPED, "skipped.no_mail", "")),
    ],
)
def test_mail_becomes_a_task(
    cloud: Any,
    given: Any,
    configured: Any,
    outside: Any,
    copies: list[Any],
    tasks: list[Any],
    found: tuple[State, str, str],
):
    """A forwarded mail has a later task. Fresh mail, and mail that makes none, proves nothing."""
    cloud.on(TRACES, copies)
    outside.on("GET /cc/v1/tasks", {"data": tasks})
    assert told(look("mail_to_task", given(settings=configured()))) == found


@pytest.mark.parametrize(
    ("copies", "tasks", "found"),
    [
        ([copy(60)], [], State.SKIPPED),
        ([copy(60)], [task(59)], State.OK),
        ([copy(60, subject=" "), copy(90)], [task(89)], State.WRONG),
        ([copy(60), copy(90, subject="")], [task(59)], State.WARNING),
        ([copy(60), copy(90, subject="")], [task(59), task(88)], State.OK),
        ([copy(60, subject=""), copy(80), copy(90)], [task(89)], State.OK),
        ([copy(60, subject=""), copy(80, subject=""), copy(90)], [task(79), task(89)], State.OK),
        ([copy(1, subject=""), copy(90)], [task(89)], State.OK),
    ],
)
def test_the_pattern_of_an_old_flow_template(
    cloud: Any,
    given: Any,
    configured: Any,
    outside: Any,
    copies: list[Any],
    tasks: list[Any],
    found: State,
):
    """Exactly the mails without a subject made no task; a later task shows that mail flows."""
    cloud.on(TRACES, copies)
    outside.on("GET /cc/v1/tasks", {"data": tasks})
    ctx = given(settings=configured())
    seen = {name: look(name, ctx) for name in ("flow_template", "mail_to_task")}
    assert seen["flow_template"].state is found
    if found is State.WRONG:
        assert judge(PROBES, seen).causes == ("flow_template",)


def test_the_workload_is_possible_where_mail_makes_no_task(
    cloud: Any, given: Any, configured: Any, outside: Any
):
    """If mail makes no task, another workload of the asset is a possible cause.

    No API shows the workload. A task proves that the asset serves the contact center.
    """
    cloud.on(TRACES, [copy(60)])
    outside.on("GET /cc/v1/tasks", {"data": []})
    ctx = given(settings=configured())
    found = {name: look(name, ctx) for name in ("mail_to_task", "asset_workload")}
    assert told(found["asset_workload"]) == (
        State.POSSIBLE,
        "seen.asset_workload",
        "asset_of_other_workload",
    )
    verdict = judge(PROBES, found)
    assert (verdict.causes, verdict.possible) == (("mail_to_task",), ("asset_workload",))
    outside.on("GET /cc/v1/tasks", {"data": [task(59)]})
    assert look("asset_workload", ctx).state is State.OK


def test_how_much_was_missed(cloud: Any, given: Any, configured: Any, outside: Any):
    """The finding counts the mails since the newest task, and names the time of the first one."""
    cloud.on(TRACES, [copy(10), copy(60), copy(200)])
    outside.on("GET /cc/v1/tasks", {"data": [task(199)]})
    signals = look("mail_to_task", given(settings=configured())).signals
    assert (signals.missed, signals.since) == (
        2,
        pytest.approx(now() - timedelta(minutes=60), abs=timedelta(minutes=1)),
    )


@pytest.mark.parametrize(
    ("points", "found"),
    [
        ([], (State.WRONG, "seen.no_entry_point", "entry_point_missing")),
        ([POINT | {"assetId": ""}], (State.WRONG, "seen.no_entry_point", "entry_point_missing")),
        (
            [POINT | {"active": False}],
            (State.WRONG, "seen.entry_points_off", "entry_point_inactive"),
        ),
        (
            [POINT | {"active": "false"}],
            (State.WRONG, "seen.entry_points_off", "entry_point_inactive"),
        ),
        ([{"name": "Email", "channelType": "EMAIL"}], (State.OK, "seen.entry_points", "")),
        ([POINT], (State.OK, "seen.entry_points", "")),
        (
            [POINT | {"active": False}, POINT | {"assetId": "a_2"}],
            (State.OK, "seen.entry_points", ""),
        ),
    ],
)
def test_entry_points(
    given: Any, configured: Any, outside: Any, points: list[Any], found: tuple[State, str, str]
):
    """One active entry point that takes mail from an app of Webex Connect is enough."""
    outside.on(POINTS, {"data": points})
    assert told(look("entry_point", given(settings=configured()))) == found
    assert outside.asked[0][1]["filter"] == ['channelType=="EMAIL"']


@pytest.mark.parametrize(
    ("status", "body"), [(400, {"message": "Invalid filter"}), (200, {"data": []})]
)
def test_entry_points_are_listed_and_compared(
    given: Any, configured: Any, outside: Any, status: int, body: Any
):
    """Without a result of the filter by channel, all entry points are read and compared.

    The empty result proves nothing (platforms/connect.md 3.2).
    """
    outside.on(
        POINTS, lambda query: (status, body) if "filter" in query else (200, {"data": EVERY})
    )
    assert told(look("entry_point", given(settings=configured()))) == (
        State.OK,
        "seen.entry_points",
        "",
    )


def test_the_resource_id_where_there_is_no_doubt(given: Any, configured: Any, outside: Any):
    """If there is only one entry point, its asset is the resource id for Cisco TAC."""
    outside.on(POINTS, {"data": [POINT]})
    assert look("entry_point", given(settings=configured())).facts == {"asset_id": "a_1"}


def test_a_refused_token_is_no_finding_about_the_channel(given: Any, configured: Any, outside: Any):
    """A refused token raises an error. The engine makes it an unknown state, not a fault."""
    outside.on("GET /cc/v1/tasks", {"error": {"message": "Unauthorized"}}, 401)
    with pytest.raises(CloudError) as caught:
        look("agent_tasks", given(settings=configured()))
    assert (caught.value.cause, caught.value.message) == ("webex_key_refused", "Unauthorized")
