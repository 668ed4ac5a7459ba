"""Setups while another Redis becomes the primary, and the time to the first answered event.

Each test prints its figure, and docs/recovery.md repeats it. No test asserts it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx
import pytest

from practice.client import People
from practice.conversation import Walk, words
from practice.stack import Stack
from tests.fixtures import redis_servers
from tests.fixtures.redis_servers import Server, Switch
from tests.fixtures.waiting import until


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Server]]:
    """Two Redis servers, the primary first."""
    with redis_servers.pair(tmp_path_factory.mktemp("redis")) as both:
        yield list(both)


@pytest.fixture(scope="module")
def switch(servers: list[Server]) -> Iterator[Switch]:
    """Switch whose address leads to the primary."""
    with redis_servers.switch(servers[0].port) as made:
        yield made


@pytest.fixture(scope="module")
def env(switch: Switch) -> dict[str, str]:
    """Settings with which the product reaches Redis only through the switch."""
    return {"REDIS_URL": switch.url}


def demote(servers: list[Server], switch: Switch) -> None:
    """Make the replica the primary, and the primary its replica. All connections stay open."""
    servers.reverse()
    servers[0].lead()
    servers[1].follow(servers[0])
    switch.to = servers[0].port


def test_a_demoted_redis_is_left_at_once(
    walk: Walk, servers: list[Server], switch: Switch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The bot leaves a demoted Redis at once, although every connection to it stays open.

    The next command is answered.
    """
    assert words(walk.type("/help"))
    demote(servers, switch)
    began = time.monotonic()
    assert words(walk.type("/help"))
    with capsys.disabled():
        print(f"\ndemoted, connections kept: answered after {time.monotonic() - began:.1f} s")  # noqa: T201  the figure


def test_a_setup_goes_on_at_the_new_primary(
    people: People, walk: Walk, servers: list[Server], switch: Switch
) -> None:
    """A demotion in the middle of a run does not stop it.

    The run goes on at the new primary and makes each object once.
    """
    until(servers[1].is_in_sync, "the replica")
    walk.approve(walk.plan(profile="least"))
    people.until("the first change", walk.writes)
    demote(servers, switch)
    assert walk.secret(walk.form(60))
    assert walk.writes().count("graph.add_password") == 1


def test_a_name_that_moves_late(
    walk: Walk,
    stack: Stack,
    servers: list[Server],
    switch: Switch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The bot works again when the name of Redis leads to the new primary after a delay.

    Before that the name leads to the replica for so long that a write is given up. Meanwhile the
    web process lives and says that it is not ready.
    """
    until(servers[1].is_in_sync, "the replica")
    demote(servers, switch)
    switch.to = servers[1].port
    until(
        lambda: "takes no writes" in stack.processes["worker"].log.read_text(), "a given-up write"
    )
    ready = httpx.get(f"{stack.public_url}/readyz", trust_env=False)
    lives = httpx.get(f"{stack.public_url}/healthz", trust_env=False)
    assert (ready.status_code, ready.json()["redis"], lives.status_code) == (503, "read-only", 200)
    switch.to = servers[0].port
    began = time.monotonic()
    assert words(walk.type("/help"))
    with capsys.disabled():
        print(f"\nname moved late: answered after {time.monotonic() - began:.1f} s")  # noqa: T201  the figure
