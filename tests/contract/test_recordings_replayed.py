"""Recorded requests to Graph, sent to the practice cloud with its own ids.

The practice cloud can measure the product only if it answers as the real services do. A difference
counts if the status, the error code, or a key that the product reads differs.
"""

import copy

import pytest

from practice.microsoft.graph.call import ROUTER
from tests.contract.product_reads import requests_to_graph, template
from tests.contract.recordings import Json, compare, differences, entries, has_answer, needed
from tests.contract.stage import Stage
from tests.fixtures.practice_cloud import administrators_token, practice_cloud

pytestmark = needed
SCOPES = (
    "offline_access Application.ReadWrite.All DelegatedPermissionGrant.ReadWrite.All "
    "AppRoleAssignment.ReadWrite.All Policy.Read.All User.Read.All Directory.Read.All "
    "AuditLog.Read.All"
)


def is_sent(recorded: Json) -> bool:
    """Return whether a recorded request is meant for replay."""
    return (
        recorded.get("replay") is not False and "unasked" not in recorded and has_answer(recorded)
    )


def is_served(recorded: Json) -> bool:
    """Return whether the practice Graph has this path."""
    request = recorded["request"]
    return ROUTER.match(request["method"], request["path"].removeprefix("/v1.0")) is not None


GRAPH = [each for each in entries("graph") if is_sent(each)]


async def test_the_requests_to_graph_are_counted():
    """The number of replayed requests, of requests not served here, and of excluded ones is fixed.

    The product sends none of the requests that the practice cloud does not serve.
    """
    replayed = [each for each in GRAPH if is_served(each)]
    other = [each["request"] for each in GRAPH if not is_served(each)]
    assert (len(replayed), len(other), len(entries("graph")) - len(GRAPH)) == (69, 32, 10)
    asked = await requests_to_graph()
    assert len(asked) > 25
    assert asked & {template(each["method"], each["path"]) for each in other} == set()
    assert asked & {
        template(each["request"]["method"], each["request"]["path"]) for each in replayed
    }


@pytest.fixture(scope="module")
def practice(certificates):
    """Practice cloud without delays, and its administrator's token for Graph."""
    with practice_cloud(certificates) as (cloud, http):
        yield cloud, http, administrators_token(http, cloud.world.settings, SCOPES)


@pytest.fixture
def stage(practice):
    """Stage in the tenant, which is cleared after the test."""
    made = Stage(*practice)
    policies = copy.deepcopy(made.tenant.policies)
    yield made
    made.clear()
    made.tenant.policies, made.tenant.premium = policies, True


@pytest.mark.parametrize(
    "recorded", [pytest.param(each, id=each["id"]) for each in GRAPH if is_served(each)]
)
def test_graph(stage, recorded):
    """The practice Graph answers a recorded request as the real Graph did."""
    recorded = copy.deepcopy(recorded)
    stage.prepare(recorded)
    assert compare(recorded, stage.send(recorded)) == []


@pytest.mark.parametrize(
    ("recorded", "here", "found"),
    [
        ({"id": "a"}, {"id": "b"}, []),
        ({"id": "a"}, {}, [".id: missing here"]),
        ({"id": "a"}, {"id": 1}, [".id: string recorded, number here"]),
        ({"id": True}, {"id": 1}, [".id: boolean recorded, number here"]),
        ({"id": None}, {"id": 1}, []),
        ({"id": "a"}, {"id": None}, [".id: string recorded, null here"]),
        ({"notReadByAnybody": 1}, {}, []),
        (
            {"value": [{"id": "a"}, {"id": "b", "scope": "c"}]},
            {"value": [{"id": "d"}]},
            [".value[].scope: missing here"],
        ),
    ],
)
def test_the_comparison_can_fail(recorded, here, found):
    """A key that is missing or of another type, at any depth, is a difference.

    A key that the product never reads is none.
    """
    assert differences(recorded, here) == found


def test_a_whole_recording_has_no_other_keys():
    """If a recording is whole, a key that only the practice cloud has is a difference."""
    assert differences({"id": "a"}, {"id": "b", "extra": 1}, whole=True) == [".extra: not recorded"]
