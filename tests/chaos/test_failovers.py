"""Setups while another Redis becomes the primary."""

import json

import httpx
import pytest

from jobs.storage import codec, keys
from practice.conversation import words
from tests.fixtures import redis_servers
from tests.fixtures.stacks import log_of
from tests.fixtures.waiting import until

APPS = "/graph/v1.0/applications"

CARDS_MAY_LAG = {"test_a_switch_that_loses_the_last_events"}


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    """Two Redis servers, the primary first."""
    with redis_servers.pair(tmp_path_factory.mktemp("redis")) as both:
        yield list(both)


@pytest.fixture(scope="module")
def switch(servers):
    """Switch whose address leads to the primary."""
    with redis_servers.switch(servers[0].port) as made:
        yield made


@pytest.fixture(scope="module")
def env(switch):
    """Settings with which the product reaches Redis only through the switch."""
    return {"REDIS_URL": switch.url}


def test_a_setup_goes_on_at_the_new_primary(people, walk, servers, switch):
    """A demotion in the middle of a run does not stop it.

    The run goes on at the new primary and makes each object once.
    """
    until(servers[1].is_in_sync, "the replica")
    walk.approve(walk.plan(profile="least"))
    people.until("the first change", walk.writes)
    redis_servers.exchange(servers, switch)
    assert walk.secret(walk.form(60))
    assert walk.writes().count("graph.add_password") == 1


def test_a_switch_that_loses_the_last_events(people, walk, servers, switch):
    """A switch that loses events of the run, but not its lease, loses no change.

    The new primary has not that several changes were begun or made. The worker adds that again, so
    the run goes on with one secret, and /cancel names every change.
    """
    until(servers[1].is_in_sync, "the replica")
    plan = walk.plan(profile="least")
    people.control("POST", "faults", {"prefix": f"{APPS}(", "method": "PATCH", "delay_s": 1.0})
    people.control("POST", "faults", {"prefix": f"{APPS}/", "method": "POST", "delay_s": 3.0})
    walk.approve(plan)
    people.until("the app is being made", lambda: len(people.control("GET", "faults")["items"]) < 2)
    servers[1].lead()
    people.until("the secret is being made", lambda: not people.control("GET", "faults")["items"])
    before, kept = histories(servers, walk.mailbox)
    redis_servers.exchange(servers, switch)
    assert walk.form(60)
    _, after = histories(servers, walk.mailbox)
    assert kept < before <= after
    assert walk.writes().count("graph.add_password") == 1
    assert walk.mailbox in words(walk.type("/status"))
    walk.type(f"/cancel {walk.mailbox}")
    card = walk.card("the canceled run", "undo")
    assert "App registration, Enterprise application, Client secret" in words(card)


def histories(servers, mailbox):
    """Return each server's changes of the mailbox's run: kind of the event, and step."""
    found = []
    for server in servers:
        run = server.ask("GET", keys.channel_claim(mailbox))
        lines = server.ask("LRANGE", keys.run_events(codec.as_text(run)), 0, -1)
        assert isinstance(lines, list)
        events = [json.loads(line) for line in lines]
        found.append(
            {
                (event["kind"], event["step"])
                for event in events
                if event["kind"] in {"changing", "changed"}
            }
        )
    return found


def test_a_name_that_moves_late(walk, stack, servers, switch):
    """The bot works again when the name of Redis leads to the new primary after a delay.

    Before that the name leads to the replica for so long that a write is given up. Meanwhile the
    web process lives and says that it is not ready.
    """
    until(servers[1].is_in_sync, "the replica")
    redis_servers.exchange(servers, switch)
    switch.to = servers[1].port
    until(lambda: "takes no writes" in log_of(stack), "a given-up write")
    ready = httpx.get(f"{stack.public_url}/readyz", trust_env=False)
    lives = httpx.get(f"{stack.public_url}/healthz", trust_env=False)
    assert (ready.status_code, ready.json()["redis"], lives.status_code) == (503, "read-only", 200)
    switch.to = servers[0].port
    assert words(walk.type("/help"))
