"""Tests of the probes of the contact center's queue, its agents, and the tasks that wait."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from jobs.clouds.errors import CloudError
from jobs.clouds.rate_limit import ReadCache
from jobs.model import State
from tests.unit.jobs.probes.test_webex import POINT, POINTS, PROBES, look, task, told

ORG = "/cc/organization/org-1"
QUEUE: dict[str, Any] = {
    "id": "q-1",
    "name": "Email",
    "channelType": "EMAIL",
    "queueType": "INBOUND",
    "queueRoutingType": "TEAM_BASED",
    "active": True,
    "maxActiveContacts": 0,
    "serviceLevelThreshold": 3600,
    "callDistributionGroups": [{"agentGroups": [{"teamId": "t-1"}]}],
}
TEAM = {"id": "t-1", "name": "Support", "active": True, "siteId": "s-1", "userIds": ["u-1"]}
USER = {
    "id": "u-1",
    "email": "Agent@contoso.com",
    "active": True,
    "contactCenterEnabled": True,
    "siteId": "s-1",
}
SKILL = {"skillId": "k-1", "condition": "IS", "skillValue": "true"}
ROUTED = {"queue": {"id": "q-1", "name": "Email"}}
LOGIN = {"active": True, "agentLogin": "agent@contoso.com", "currentState": "available"}


@pytest.fixture
def center(outside: Any, given: Any, configured: Any) -> Any:
    """Return a function that scripts a contact center, and returns a context that asks it.

    Its rows are healthy, with the changes of the test; None deletes a row.
    """

    def make(tasks: list[Any] | None = None, **changed: Any) -> Any:
        def row(name: str, healthy: dict[str, Any]) -> list[Any]:
            change = changed.get(name, {})
            return [] if change is None else [healthy | change]

        def listed(query: dict[str, list[str]]) -> tuple[int, Any]:
            plain = [{k: v for k, v in each.items() if not isinstance(v, list)} for each in queue]
            return 200, {"data": plain}

        queue = row("queue", QUEUE)
        outside.on(POINTS, {"data": [POINT]}).on("GET /cc/v1/tasks", {"data": tasks or []})
        outside.on(f"GET {ORG}/v2/contact-service-queue", listed)
        for each in queue:
            outside.on(f"GET {ORG}/v2/contact-service-queue/q-1", each)
        for each in row("team", TEAM):
            outside.on(f"GET {ORG}/team/t-1", each)
        outside.on(f"GET {ORG}/v2/user", {"data": row("user", USER)})
        sites = [{"id": "s-1", "multimediaProfileId": "p-site"}]
        profiles = [{"id": f"p-{name}", "email": 0} for name in ("user", "team", "site")]
        wanted = changed.get("allowed", "p-site")
        profiles = [each | {"email": 5 if each["id"] == wanted else 0} for each in profiles]
        outside.on(f"GET {ORG}/v2/site", {"data": sites})
        outside.on(f"GET {ORG}/v2/multimedia-profile", {"data": profiles})
        able = [{"id": each} for each in changed.get("able", ())]
        outside.on(f"POST {ORG}/user/fetch-by-skill-requirements", {"data": able})
        outside.on("GET /cc/v1/agents/activities", {"data": changed.get("logins", [LOGIN])})
        offers = {"totalAcceptedTasks": 3, "totalRejectedTasks": 5}
        outside.on("GET /cc/v1/queues/statistics", {"data": [offers]})
        return given(settings=configured())

    return make


@pytest.mark.parametrize("name", ["contact_queue", "queue_agents", "waiting_tasks"])
def test_nothing_is_asked_without_an_organization(given: Any, name: str):
    """Without the contact center's organization in the settings, each probe is skipped."""
    assert told(look(name, given())) == (State.SKIPPED, "skipped.no_contact_center_org", "")


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({}, (State.OK, "seen.queue", "")),
        ({"queue": None}, (State.WRONG, "seen.no_queue", "queue_gone")),
        ({"queue": {"active": False}}, (State.WRONG, "seen.queue_off", "queue_inactive")),
        (
            {"queue": {"callDistributionGroups": []}},
            (State.WRONG, "seen.queue_no_team", "queue_without_teams"),
        ),
        ({"team": {"active": False}}, (State.WRONG, "seen.queue_no_team", "queue_without_teams")),
        (
            {"team": {"teamStatus": "NOT_AVAILABLE"}},
            (State.WRONG, "seen.queue_no_team", "queue_without_teams"),
        ),
        ({"team": None}, (State.OK, "seen.queue", "")),
        (
            {"queue": {"callDistributionGroups": [], "agents": [{"id": "u-1"}]}},
            (State.OK, "seen.queue", ""),
        ),
        (
            {"queue": {"callDistributionGroups": [], "queueRoutingType": "SKILL_BASED"}},
            (State.OK, "seen.queue", ""),
        ),
    ],
)
def test_the_queue(center: Any, changed: dict[str, Any], found: tuple[State, str, str]):
    """A queue must exist, be active, and serve a team in service, an agent, or a skill."""
    assert told(look("contact_queue", center(**changed))) == found


@pytest.mark.parametrize(
    ("rows", "changed", "found"),
    [
        ([task(5, **ROUTED)], {"queue": {"channelType": "CHAT"}}, "queue_of_other_channel"),
        ([task(5, **ROUTED)], {"queue": {"maxActiveContacts": 1}}, "contact_limit_reached"),
        ([task(5, **ROUTED)], {"queue": {"maxActiveContacts": 2}}, ""),
        ([task(5, status="completed", **ROUTED)], {"queue": {"maxActiveContacts": 1}}, ""),
        ([task(5, status="created", queue=None)], {}, "queue_gone"),
        ([task(1, status="created", queue=None)], {}, ""),
        ([task(5, queue={"id": "q-0"})], {}, ""),
        ([task(5, queue={"id": "q-0"})], {"queue": None}, "queue_gone"),
        ([task(5, "sales@contoso.com", status="created")], {}, ""),
    ],
)
def test_the_queue_of_a_task(center: Any, rows: list[Any], changed: dict[str, Any], found: str):
    """The queue of the mailbox's newest task is the channel's, whatever its channel type.

    A task that waits without a queue has found none. A deleted queue of an older task says nothing
    while another email queue is there.
    """
    assert look("contact_queue", center(rows, **changed)).cause == found


def test_one_good_queue_of_several_is_enough(center: Any, outside: Any):
    """Without a task, any queue may be the channel's, so one that works is enough."""
    ctx = center()
    off = QUEUE | {"id": "q-0", "active": False}
    rows = [{"id": each, "channelType": "EMAIL"} for each in ("q-0", "q-1")]
    outside.on(f"GET {ORG}/v2/contact-service-queue", {"data": rows})
    outside.on(f"GET {ORG}/v2/contact-service-queue/q-0", off)
    assert look("contact_queue", ctx).state is State.OK
    assert look("queue_agents", ctx).state is State.OK


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({}, ""),
        ({"user": {"contactCenterEnabled": False}}, "agents_not_enabled"),
        ({"user": {"active": False}}, "agents_not_enabled"),
        ({"team": {"userIds": []}}, "agents_not_enabled"),
        ({"allowed": "none"}, "profile_without_email"),
        ({"user": {"multimediaProfileId": "p-user"}}, "profile_without_email"),
        ({"user": {"multimediaProfileId": "p-user"}, "allowed": "p-user"}, ""),
        ({"team": {"multiMediaProfileId": "p-team"}}, "profile_without_email"),
        ({"team": {"multiMediaProfileId": "p-team"}, "allowed": "p-team"}, ""),
        ({"queue": {"queueSkillRequirements": [SKILL]}}, "skill_missing"),
        ({"queue": {"queueSkillRequirements": [SKILL]}, "able": ["u-2"]}, "skill_missing"),
        ({"queue": {"queueSkillRequirements": [SKILL]}, "able": ["u-1"]}, ""),
    ],
)
def test_agents_of_the_queue(center: Any, changed: dict[str, Any], found: str):
    """An agent must be enabled, have the skill, and have a profile that allows email.

    The profile of the user comes before that of the team, and that before the site's.
    """
    finding = look("queue_agents", center(**changed))
    assert (finding.cause, finding.state) == (found, State.WRONG if found else State.OK)


@pytest.mark.parametrize(
    ("rows", "changed", "found"),
    [
        ([], {}, (State.OK, "seen.no_waiting", "")),
        ([task(5, **ROUTED)], {"logins": []}, (State.OK, "seen.no_waiting", "")),
        ([task(90, status="completed", **ROUTED)], {}, (State.OK, "seen.no_waiting", "")),
        (
            [task(30, **ROUTED)],
            {"logins": []},
            (State.WAITING, "seen.nobody_logged_in", "nobody_logged_in"),
        ),
        (
            [task(30, **ROUTED)],
            {"logins": [LOGIN | {"active": False}]},
            (State.WAITING, "seen.nobody_logged_in", "nobody_logged_in"),
        ),
        (
            [task(30, **ROUTED)],
            {"logins": [LOGIN | {"agentLogin": "other@contoso.com"}]},
            (State.WAITING, "seen.nobody_logged_in", "nobody_logged_in"),
        ),
        ([task(30, **ROUTED)], {}, (State.OK, "seen.waiting", "")),
        ([task(90, **ROUTED)], {}, (State.WRONG, "seen.waiting_offers", "tasks_wait")),
    ],
)
def test_tasks_that_wait(
    center: Any, rows: list[Any], changed: dict[str, Any], found: tuple[State, str, str]
):
    """Tasks wait without a fault if no agent of the queue is logged in.

    With an agent, a task that waits for longer than the service level is a warning, with the number
    of accepted and rejected tasks.
    """
    finding = look("waiting_tasks", center(rows, **changed))
    assert told(finding) == found
    if found[2] == "tasks_wait":
        values = finding.seen.values if finding.seen else {}
        assert (values["accepted"], values["rejected"]) == ("3", "5")


@pytest.mark.parametrize(
    ("path", "name", "why"),
    [
        (f"GET {ORG}/v2/contact-service-queue", "contact_queue", "queue_unseen"),
        (f"GET {ORG}/v2/contact-service-queue", "queue_agents", "agents_unseen"),
        (f"GET {ORG}/team/t-1", "queue_agents", "agents_unseen"),
        (f"GET {ORG}/v2/user", "queue_agents", "agents_unseen"),
        (f"GET {ORG}/v2/site", "queue_agents", "agents_unseen"),
        (f"GET {ORG}/v2/multimedia-profile", "queue_agents", "agents_unseen"),
        ("GET /cc/v1/agents/activities", "waiting_tasks", "logins_unseen"),
    ],
)
def test_a_forbidden_read_is_not_seen(center: Any, outside: Any, path: str, name: str, why: str):
    """What the token may not read is not seen, and never called broken."""
    ctx = center([] if name == "contact_queue" else [task(90)])
    outside.on(path, {"error": {}}, 403)
    assert told(look(name, ctx)) == (State.SKIPPED, f"skipped.{why}", "")


def test_offers_that_are_not_seen_are_left_out(center: Any, outside: Any):
    """Without the statistics of the queue, a task that waits for too long is told all the same."""
    ctx = center([task(90, **ROUTED)])
    outside.on("GET /cc/v1/queues/statistics", {"error": {}}, 403)
    assert told(look("waiting_tasks", ctx))[1:] == ("seen.waiting", "tasks_wait")


@pytest.mark.parametrize("part", ["team", "user"])
def test_what_is_not_found_is_not_seen(center: Any, part: str):
    """A team or a user that the queue names and the API does not show blames nobody."""
    assert told(look("queue_agents", center(**{part: None})))[1] == "skipped.agents_unseen"


@pytest.mark.parametrize(
    "path",
    [
        f"GET {ORG}/v2/contact-service-queue",
        f"GET {ORG}/v2/contact-service-queue/q-1",
        f"GET {ORG}/team/t-1",
        f"GET {ORG}/v2/user",
    ],
)
def test_an_answer_of_another_shape_is_no_verdict(center: Any, outside: Any, path: str):
    """An answer that is not as documented is an error, and not an empty list."""
    ctx = center()
    outside.on(path, {})
    with pytest.raises(CloudError):
        look("queue_agents", ctx)


def test_a_wrong_token_is_no_verdict(center: Any, outside: Any):
    """A token that is not accepted raises an error, from which the check makes "unknown"."""
    ctx = center()
    outside.on("GET /cc/v1/tasks", {"error": {}}, 401)
    with pytest.raises(CloudError):
        look("contact_queue", ctx)


def test_a_round_reads_the_organization_once(center: Any, outside: Any):
    """In a round, many channels of a queue share all reads, and a refusal is not repeated."""
    ctx = replace(center([task(30, **ROUTED)]), reads=ReadCache())
    outside.on("GET /cc/v1/agents/activities", {"error": {}}, 403)

    async def whole_round() -> None:
        for _ in range(20):
            for name in ("contact_queue", "queue_agents", "waiting_tasks"):
                await PROBES[name].inspect(ctx)

    asyncio.run(whole_round())
    asked = [each[0] for each in outside.asked]
    assert len(asked) <= 10
    assert len(asked) == len(set(asked))


def test_filters_are_quoted_and_lists_are_not_trusted(center: Any, outside: Any):
    """Users are asked for by ID with a quoted filter. A queue's teams are read from the queue."""
    assert look("queue_agents", center()).state is State.OK
    asked = {each[0]: each[1] for each in outside.asked}
    assert asked[f"GET {ORG}/v2/user"]["filter"] == ['id=in=("u-1")']
    assert asked[f"GET {ORG}/v2/contact-service-queue"]["filter"] == ['channelType=="EMAIL"']
    assert {f"GET {ORG}/v2/contact-service-queue/q-1", f"GET {ORG}/team/t-1"} <= set(asked)


def test_a_full_entry_point(center: Any, outside: Any):
    """The only entry point with as many open tasks as its limit takes no more."""
    ctx = center([task(5, **ROUTED)])
    outside.on(POINTS, {"data": [POINT | {"maximumActiveContacts": 1}]})
    assert look("entry_point", ctx).cause == "contact_limit_reached"
    outside.on(POINTS, {"data": [POINT | {"maximumActiveContacts": 2}]})
    assert look("entry_point", ctx).state is State.OK
