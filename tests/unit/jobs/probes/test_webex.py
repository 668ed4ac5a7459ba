"""Tests of the probes of the contact center: tasks, entry points, the queue and its agents."""

import json
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from jobs.checks.verdict import judge
from jobs.clock import now
from jobs.clouds.clock_skew import METER, MICROSOFT, WEBEX
from jobs.clouds.errors import CloudError, MalformedAnswer
from jobs.clouds.rate_limit import ReadCache
from jobs.model import State
from jobs.probes import all_probes
from tests.fixtures.parsed import table
from tests.unit.jobs.probes.trace_rows import (
    OK,
    POSSIBLE,
    SKIPPED,
    TRACES,
    WRONG,
    copy,
    look,
    task,
    told,
)

ANSWERS = table("outside")

PROBES = all_probes()
POINT = {"name": "Email", "channelType": "EMAIL", "active": True, "assetId": "a_1"}
EVERY = [{"name": "Hotline", "channelType": "TELEPHONY", "active": True}, POINT]
POINTS = "GET /cc/organization/org-1/v2/entry-point"
DATA = Path(__file__).parents[3] / "data"
CENTER = json.loads((DATA / "contact_center.json").read_text("utf-8"))
"""Cases of the tests, by their names: mails and tasks, or changes of a healthy contact center."""
NONE, TASK = (SKIPPED, "skipped.no_task", ""), (OK, "seen.task", "")
NO_POINT = (WRONG, "seen.no_entry_point", "entry_point_missing")
POINT_OFF = (WRONG, "seen.entry_points_off", "entry_point_inactive")
POINTS_SEEN = (OK, "seen.entry_points", "")


def script(cloud, outside, case) -> None:
    """Script the mails and the tasks of a case."""
    cloud.on(TRACES, [copy(**each) for each in case["copies"]])
    outside.on("GET /cc/v1/tasks", {"data": [task(**each) for each in case["tasks"]]})


@pytest.mark.parametrize(("name", "why"), ANSWERS["without_key"])
def test_nothing_is_asked_without_a_key(given, name, why):
    """Without a key in the settings, each probe is skipped with a reason of its own."""
    assert told(look(name, given())) == (SKIPPED, why, "")


@pytest.mark.parametrize(
    ("tasks", "found"),
    [
        ([], NONE),
        ([task(5, "sales@contoso.com")], NONE),
        ([task(5, channelType="telephony")], NONE),
        ([task(5, createdTime="yesterday"), task(5)], TASK),
        ([task(5, createdTime=lambda: f"{now().timestamp() * 1000:.0f}")], TASK),
        ([task(9), task(5)], TASK),
        ([task(5, "a_38412723414")], (SKIPPED, "skipped.task_of_whom", "")),
        ([task(5, "a_1")], TASK),
    ],
)
def test_tasks_of_the_mailbox(given, configured, outside, tasks, found):
    """Only email tasks for the mailbox, or for the only app of Webex Connect, count."""
    outside.on(POINTS, {"data": [POINT]}).on("GET /cc/v1/tasks", {"meta": {}, "data": tasks})
    assert told(look("agent_tasks", given(settings=configured()))) == found
    query, headers = next(each[1:3] for each in outside.asked if each[0] == "GET /cc/v1/tasks")
    assert (query["channelTypes"], headers["authorization"]) == (["email"], "Bearer token-1")


@pytest.mark.parametrize("name", ["agent_tasks", "mail_to_task"])
def test_tasks_without_a_time_say_nothing(cloud, given, configured, outside, name):
    """If no task has a time, the answer is not read; that mail made no task is not claimed."""
    cloud.on(TRACES, [copy(60)])
    outside.on(POINTS, {"data": [POINT]})
    outside.on("GET /cc/v1/tasks", {"data": [task(5, createdTime="yesterday"), {"id": "1"}]})
    with pytest.raises(MalformedAnswer):
        look(name, given(settings=configured()))


@pytest.mark.slow
@pytest.mark.parametrize("case", CENTER["mail_becomes_a_task"])
def test_mail_becomes_a_task(cloud, given, configured, outside, case):
    """A forwarded mail has a later task. Fresh mail, and mail that makes none, proves nothing."""
    script(cloud, outside, case)
    assert told(look("mail_to_task", given(settings=configured()))) == tuple(case["found"])


@pytest.mark.slow
@pytest.mark.parametrize("case", CENTER["the_pattern_of_an_old_flow_template"])
def test_the_pattern_of_an_old_flow_template(cloud, given, configured, outside, case):
    """Exactly the mails without a subject made no task; a later task shows that mail flows."""
    script(cloud, outside, case)
    ctx = given(settings=configured())
    seen = {name: look(name, ctx) for name in ("flow_template", "mail_to_task")}
    assert seen["flow_template"].state == case["found"]
    if case["found"] == State.WRONG:
        assert judge(PROBES, seen).causes == ("flow_template",)


def test_the_workload_is_possible_where_mail_makes_no_task(cloud, given, configured, outside):
    """If mail makes no task, another workload of the asset is a possible cause.

    No API shows the workload. A task proves that the asset serves the contact center.
    """
    cloud.on(TRACES, [copy(60)])
    outside.on("GET /cc/v1/tasks", {"data": []})
    ctx = given(settings=configured())
    found = {name: look(name, ctx) for name in ("mail_to_task", "asset_workload")}
    workload = (POSSIBLE, "seen.asset_workload", "asset_of_other_workload")
    assert told(found["asset_workload"]) == workload
    verdict = judge(PROBES, found)
    assert (verdict.causes, verdict.possible) == (("mail_to_task",), ("asset_workload",))
    outside.on("GET /cc/v1/tasks", {"data": [task(59)]})
    assert look("asset_workload", ctx).state is OK


def test_an_age_is_that_by_the_cloud_s_clock(cloud, center):
    """A bot whose clock is ahead calls no mail and no task older than it is."""
    ctx = center([task(22, queue={})])
    for name in (MICROSOFT, WEBEX):
        METER.note(name, {"Date": format_datetime(now() - timedelta(minutes=20), usegmt=True)}, 0.1)
    cloud.on(TRACES, [copy(21)])
    fresh = {"mail_to_task": "skipped.too_fresh", "waiting_tasks": "seen.no_waiting"}
    fresh |= {"flow_template": "skipped.flow_template", "contact_queue": "seen.queue"}
    assert {name: told(look(name, ctx))[1] for name in fresh} == fresh


def test_how_much_was_missed(cloud, given, configured, outside):
    """The finding counts the mails since the newest task, and names the time of the first one."""
    cloud.on(TRACES, [copy(10), copy(60), copy(200)])
    outside.on("GET /cc/v1/tasks", {"data": [task(199)]})
    signals = look("mail_to_task", given(settings=configured())).signals
    hour_ago = now() - timedelta(minutes=60)
    assert signals.missed == 2
    assert signals.since == pytest.approx(hour_ago, abs=timedelta(minutes=1))


@pytest.mark.parametrize(
    ("points", "found"),
    [
        ([], NO_POINT),
        ([POINT | {"assetId": ""}], NO_POINT),
        ([POINT | {"active": False}], POINT_OFF),
        ([POINT | {"active": "false"}], POINT_OFF),
        ([{"name": "Email", "channelType": "EMAIL"}], POINTS_SEEN),
        ([POINT | {"assetId": None}], POINTS_SEEN),
        ([POINT], POINTS_SEEN),
        ([POINT | {"active": False}, POINT | {"assetId": "a_2"}], POINTS_SEEN),
    ],
)
def test_entry_points(given, configured, outside, points, found):
    """One active entry point that takes mail from an app of Webex Connect is enough."""
    outside.on(POINTS, {"data": points})
    seen = look("entry_point", given(settings=configured()))
    assert told(seen) == found
    with_app = any(each.get("assetId") == "a_1" for each in points)
    assert ("(a_1)" in seen.seen.values.get("names", "")) is with_app, "for Cisco TAC"
    assert outside.asked[0][1]["filter"] == ['channelType=="EMAIL"']


@pytest.mark.parametrize(
    ("status", "body"), [(400, {"message": "Invalid filter"}), (200, {"data": []})]
)
def test_entry_points_are_listed_and_compared(given, configured, outside, status, body):
    """Without a result of the filter by channel, all entry points are read and compared.

    The empty result proves nothing (platforms/connect.md 3.2).
    """
    outside.on(
        POINTS, lambda query: (status, body) if "filter" in query else (200, {"data": EVERY})
    )
    assert told(look("entry_point", given(settings=configured()))) == POINTS_SEEN


def test_a_refused_token_is_no_finding_about_the_channel(given, configured, outside):
    """A refused token raises an error. The engine makes it an unknown state, not a fault."""
    outside.on("GET /cc/v1/tasks", {"error": {"message": "Unauthorized"}}, 401)
    with pytest.raises(CloudError) as caught:
        look("agent_tasks", given(settings=configured()))
    assert (caught.value.cause, caught.value.message) == ("webex_key_refused", "Unauthorized")


ORG = "/cc/organization/org-1"
QUEUE = {
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
TWO = [{"agentGroups": [{"teamId": "t-1"}, {"teamId": "t-2"}]}]
SKILLED = {"routingType": "SKILLS_BASED", "queueSkillRequirements": [SKILL]}
ROUTED = {"queue": {"id": "q-1", "name": "Email"}}
LOGIN = {"active": True, "agentLogin": "agent@contoso.com", "currentState": "available"}


@pytest.fixture
def center(outside, given, configured):
    """Return a function that scripts a contact center, and returns a context that asks it.

    Its rows are healthy, with the changes of the test; None deletes a row.
    """

    def make(tasks=None, **changed):
        def row(name: str, healthy):
            change = changed.get(name, {})
            return [] if change is None else [healthy | change]

        def listed(query: dict[str, list[str]]):
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
        allowed, ids = changed.get("allowed", "p-site"), ("p-user", "p-team", "p-site")
        profiles = [{"id": each, "email": 5 if each == allowed else 0} for each in ids]
        outside.on(f"GET {ORG}/v2/site", {"data": sites})
        outside.on(f"GET {ORG}/v2/multimedia-profile", {"data": profiles})
        able = [{"id": each} for each in changed.get("able", ())]
        outside.on(f"POST {ORG}/user/fetch-by-skill-requirements", {"data": able})
        outside.on("GET /cc/v1/agents/activities", {"data": changed.get("logins", [LOGIN])})
        offers = {"totalAcceptedTasks": 3, "totalRejectedTasks": 5}
        outside.on("GET /cc/v1/queues/statistics", {"data": [offers]})
        return given(settings=configured())

    return make


@pytest.mark.slow
@pytest.mark.parametrize("case", CENTER["the_queue"])
def test_the_queue(center, case):
    """A queue must exist, be active, and serve a team in service, an agent, or a skill."""
    assert told(look("contact_queue", center(**case["changed"]))) == tuple(case["found"])


@pytest.mark.slow
@pytest.mark.parametrize("case", CENTER["the_queue_of_a_task"])
def test_the_queue_of_a_task(center, case):
    """The queue of the mailbox's newest task is the channel's, whatever its channel type.

    A task that waits without a queue has found none. A deleted queue of an older task says nothing
    while another email queue is there.
    """
    rows = [task(**each) for each in case["rows"]]
    assert look("contact_queue", center(rows, **case["changed"])).cause == case["found"]


def test_one_good_queue_of_several_is_enough(center, outside):
    """Without a task, any queue may be the channel's, so one that works is enough."""
    ctx = center()
    off = QUEUE | {"id": "q-0", "active": False}
    rows = [{"id": each, "channelType": "EMAIL"} for each in ("q-0", "q-1")]
    outside.on(f"GET {ORG}/v2/contact-service-queue", {"data": rows})
    outside.on(f"GET {ORG}/v2/contact-service-queue/q-0", off)
    assert look("contact_queue", ctx).state is OK
    assert look("queue_agents", ctx).state is OK


@pytest.mark.slow
@pytest.mark.parametrize("case", CENTER["agents_of_the_queue"])
def test_agents_of_the_queue(center, case):
    """An agent must be enabled, have the skill, and have a profile that allows email.

    The profile of the user comes before that of the team, and that before the site's. A team, a
    user, or a profile that the API does not show blames nobody.
    """
    seen, found = told(look("queue_agents", center(**case["changed"]))), case["found"]
    unseen = (SKIPPED, "skipped.agents_unseen", "")
    assert seen == unseen if found is None else seen[::2] == (WRONG if found else OK, found)


@pytest.mark.slow
@pytest.mark.parametrize("case", CENTER["tasks_that_wait"])
def test_tasks_that_wait(center, case):
    """Tasks wait without a fault if no agent of the queue is logged in.

    With an agent, a task that waits for longer than the service level is a warning, with the number
    of accepted and rejected tasks.
    """
    rows = [task(**each) for each in case["rows"]]
    finding = look("waiting_tasks", center(rows, **case["changed"]))
    assert told(finding) == tuple(case["found"])
    if finding.cause == "tasks_wait":
        values = finding.seen.values if finding.seen else {}
        assert (values["accepted"], values["rejected"]) == ("3", "5")


QUEUES = f"GET {ORG}/v2/contact-service-queue"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "status", "name", "seen"),
    [
        (QUEUES, 403, "contact_queue", "skipped.queue_unseen"),
        (f"{QUEUES}/q-1", 403, "contact_queue", "skipped.queue_unseen"),
        (f"{QUEUES}/q-1", 404, "contact_queue", "skipped.queue_unseen"),
        (QUEUES, 403, "queue_agents", "skipped.agents_unseen"),
        (f"GET {ORG}/team/t-1", 403, "queue_agents", "skipped.agents_unseen"),
        (f"GET {ORG}/v2/user", 403, "queue_agents", "skipped.agents_unseen"),
        (f"GET {ORG}/v2/site", 403, "queue_agents", "skipped.agents_unseen"),
        (f"GET {ORG}/v2/multimedia-profile", 403, "queue_agents", "skipped.agents_unseen"),
        ("GET /cc/v1/agents/activities", 403, "waiting_tasks", "skipped.logins_unseen"),
        ("GET /cc/v1/queues/statistics", 403, "waiting_tasks", "seen.waiting"),
    ],
)
def test_a_forbidden_read_is_not_seen(center, outside, path, status, name, seen):
    """What the token may not read is not seen, and never called broken.

    A listed queue that is not found is not gone. A task that waits for too long is told without the
    statistics of the queue, too.
    """
    ctx = center([] if name == "contact_queue" else [task(90)])
    outside.on(path, {"error": {}}, status)
    assert told(look(name, ctx))[1] == seen


def test_an_agent_of_two_teams_may_use_the_profile_of_either(center, outside):
    ctx = center(team={"multiMediaProfileId": "p-team"}, queue={"callDistributionGroups": TWO})
    outside.on(f"GET {ORG}/team/t-2", TEAM | {"id": "t-2"})
    assert look("queue_agents", ctx).state is OK


@pytest.mark.parametrize(
    ("changed", "name", "why"),
    [
        ({"logins": [{}] * 1000}, "waiting_tasks", "skipped.logins_unseen"),
        ({"queue": SKILLED, "able": ["u-2"] * 100}, "queue_agents", "seen.agents"),
    ],
)
def test_agents_beyond_the_last_page_may_be_able(center, changed, name, why):
    assert told(look(name, center([task(90, **ROUTED)], **changed)))[1] == why


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (QUEUES, {}),
        (f"{QUEUES}/q-1", {}),
        (f"GET {ORG}/team/t-1", {}),
        (f"GET {ORG}/v2/user", {}),
        (QUEUES, {"data": [{"channelType": "TELEPHONY"}] * 100}),
    ],
)
def test_an_answer_of_another_shape_is_no_verdict(center, outside, path, body):
    """An answer that is not as documented is an error, and not an empty list.

    The channel's queue may be among the rows after the last page that is read.
    """
    ctx = center()
    outside.on(path, body)
    with pytest.raises(CloudError):
        look("queue_agents", ctx)


async def test_a_round_reads_the_organization_once(center, outside):
    """In a round, many channels of a queue share all reads, and a refusal is not repeated."""
    ctx = replace(center([task(30, **ROUTED)]), memo=ReadCache())
    outside.on("GET /cc/v1/agents/activities", {"error": {}}, 403)
    for name in 20 * ("contact_queue", "queue_agents", "waiting_tasks"):
        await PROBES[name].inspect(ctx)
    asked = [each[0] for each in outside.asked]
    assert len(asked) <= 10
    assert len(asked) == len(set(asked))


def test_filters_are_quoted_and_lists_are_not_trusted(center, outside):
    """Users are asked for by ID with a quoted filter. A queue's teams are read from the queue."""
    assert look("queue_agents", center()).state is OK
    asked = {each[0]: each[1] for each in outside.asked}
    assert asked[f"GET {ORG}/v2/user"]["filter"] == ['id=in=("u-1")']
    assert asked[f"GET {ORG}/v2/contact-service-queue"]["filter"] == ['channelType=="EMAIL"']
    assert {f"GET {ORG}/v2/contact-service-queue/q-1", f"GET {ORG}/team/t-1"} <= set(asked)


def test_a_full_entry_point(center, outside):
    """The only entry point with as many open tasks as its limit takes no more."""
    ctx = center([task(5, **ROUTED)])
    outside.on(POINTS, {"data": [POINT | {"maximumActiveContacts": 1}]})
    assert look("entry_point", ctx).cause == "contact_limit_reached"
    outside.on(POINTS, {"data": [POINT | {"maximumActiveContacts": 2}]})
    assert look("entry_point", ctx).state is OK
