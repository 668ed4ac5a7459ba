"""Failovers by a real Sentinel, which the product asks for the primary."""

import pytest

from practice.conversation import words
from practice.ports import free_port
from tests.fixtures import redis_servers
from tests.fixtures.waiting import until


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    """Two Redis servers that the Sentinel watches."""
    with redis_servers.pair(tmp_path_factory.mktemp("redis")) as both:
        yield both


@pytest.fixture(scope="module")
def port(servers, tmp_path_factory):
    """Port of the Sentinel."""
    with redis_servers.sentinel(tmp_path_factory.mktemp("sentinel"), servers[0]) as found:
        yield found


@pytest.fixture(scope="module")
def env(port):
    """Settings with the Sentinel's address and a second address at which nobody answers."""
    nobody = free_port()
    hosts = f"127.0.0.1:{nobody},127.0.0.1:{port}"
    return {"REDIS_URL": f"redis+sentinel://{hosts}/{redis_servers.SERVICE}/0"}


def roles(servers, port):
    """Return the primary and its replica, which is in sync."""
    found = redis_servers.primary_of(port)
    primary, replica = sorted(servers, key=lambda each: each.port != found)
    until(replica.is_in_sync, "the replica")
    return primary, replica


def test_a_killed_primary(walk, servers, port):
    """After the Sentinel has replaced a killed primary, the next command is answered."""
    assert words(walk.type("/help"))
    old, _ = roles(servers, port)
    old.kill()
    until(lambda: redis_servers.primary_of(port) != old.port, "another primary")
    assert words(walk.type("/help"))
    old.start()
