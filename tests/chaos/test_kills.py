"""A worker that is killed before, inside or after a side effect: the same end, each object once, and the person is told.

Each kill hits the moment by a fault that holds one call at Microsoft: before it is carried out, or after it with the answer lost.
"""

from __future__ import annotations

import signal
import time
from typing import Any

import pytest

from practice.client import People
from practice.stack import Stack
from practice.walk import Walk, apps, words

HOLD_S = 2.0
RECOVERY_S = 30.0
GRAPH = "/graph"
SIDE_EFFECTS = [
    ("PATCH", f"{GRAPH}/v1.0/applications(", "application, answer lost", True),
    ("POST", f"{GRAPH}/v1.0/servicePrincipals", "service principal, before", False),
    ("POST", f"{GRAPH}/v1.0/oauth2PermissionGrants", "grant, answer lost", True),
    ("POST", f"{GRAPH}/v1.0/applications/", "secret, before", False),
    ("POST", f"{GRAPH}/v1.0/applications/", "secret, answer lost", True),
]


def _killed_at(stack: Stack, walk: Walk, fault: dict[str, Any]) -> float:
    """Approve, kill every process of the worker while the call is held, start it again; returns the seconds until the form was there."""
    plan = walk.plan(profile="least")
    walk.people.control("POST", "faults", {"times": 1, "delay_s": HOLD_S, **fault})
    walk.approve(plan)
    walk.people.until("the call is held", lambda: not walk.people.control("GET", "faults")["items"], 20)
    time.sleep(0.3)
    stack.kill("worker", signal.SIGKILL, whole=True)
    time.sleep(HOLD_S)  # the cloud ends what it was asked for, as Microsoft would
    began = time.monotonic()
    stack.processes["worker"].stop()
    stack.start("worker")
    walk.form(60)
    return time.monotonic() - began


def _one_of_each(people: People, walk: Walk) -> None:
    tenant = people.control("GET", "tenants/contoso.com")
    app = apps(people)
    principals = [each for each in tenant["service_principals"] if each["appId"] == app[0]["appId"]]
    grants = [each for each in tenant["grants"] if each["clientId"] == principals[0]["id"]]
    resources = {each["resourceId"] for each in grants}
    policies = [each for each in tenant["outbound_policies"] if not each["IsDefault"]]
    counts = [len(each) for each in (app, app[0]["passwordCredentials"], principals, policies, tenant["outbound_rules"])]
    assert (counts, len(grants)) == ([1, 1, 1, 1, 1], len(resources)), walk.writes()


@pytest.mark.parametrize("kill", SIDE_EFFECTS, ids=[each[2] for each in SIDE_EFFECTS])
def test_killed_at_a_side_effect(stack: Stack, people: People, walk: Walk, kill: tuple[str, str, str, bool]) -> None:
    """The run goes on within 30 seconds, says that it was resumed, and leaves one of each object and no orphan secret."""
    method, prefix, _, process = kill
    took = _killed_at(stack, walk, {"prefix": prefix, "method": method, "process": process})
    assert took <= RECOVERY_S
    _one_of_each(people, walk)
    told = [
        version["text"] + str(version["card"])
        for each in people.messages.values()
        for version in each["history"]
        if each["change"] > walk.since
    ]
    assert any("resumed" in each.lower() for each in told)
    assert walk.secret(walk.form())


def test_deploy_in_the_middle(stack: Stack, people: People, walk: Walk) -> None:
    """SIGTERM to worker and web: both are out within 30 seconds, the side effect under way ends, and the run goes on after the start."""
    plan = walk.plan(profile="least")
    people.control("POST", "faults", {"times": 1, "delay_s": HOLD_S, "prefix": f"{GRAPH}/v1.0/servicePrincipals", "method": "POST"})
    walk.approve(plan)
    people.until("the call is held", lambda: not people.control("GET", "faults")["items"], 20)
    began = time.monotonic()
    codes = [stack.processes[name].stop(30) for name in ("worker", "web")]
    assert (codes, time.monotonic() - began < 30) == ([0, 0], True)
    stack.start("web")
    stack.start("worker")
    walk.form(60)
    _one_of_each(people, walk)


def test_redis_killed_with_its_data(stack: Stack, people: People, walk: Walk) -> None:
    """Redis is killed while the approval is on its way, and comes back with what it had on disk: the run goes on within 30 seconds."""
    plan = walk.plan(profile="least")
    walk.approve(plan)
    began = time.monotonic()
    stack.kill("redis", signal.SIGKILL, whole=True)
    time.sleep(1)
    stack.processes["redis"].stop()
    stack.start("redis")
    walk.form(60)
    assert time.monotonic() - began <= RECOVERY_S
    _one_of_each(people, walk)
    assert "No run is going on" not in words(walk.type("/status"))
