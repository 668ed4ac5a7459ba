"""Connections to real Redis servers: one is demoted, one is another program's, one speaks TLS."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import (
    ConnectionError as RedisConnectionError,
    ExecAbortError,
    ReadOnlyError,
    ResponseError,
    WatchError,
)

from jobs.storage.connection import (
    PORT_FILE,
    DemotedError,
    ForeignRedisError,
    embedded_port,
    embedded_url,
    is_demoted,
    open_redis,
)
from practice.tls import Tls
from tests.fixtures import redis_servers
from tests.fixtures.redis_servers import Server, Switch
from tests.fixtures.waiting import until

COPY = "return redis.call('set', KEYS[1], ARGV[1])"


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[list[Server]]:
    """Primary and its replica, in this order."""
    with redis_servers.pair(tmp_path) as both:
        yield list(both)


@pytest.fixture
def switch(servers: list[Server]) -> Iterator[Switch]:
    """Switch whose address leads to the primary."""
    with redis_servers.switch(servers[0].port) as made:
        yield made


def connected(server: Server) -> list[str]:
    """Return the ids of the ordinary clients of a server, without the client that asks."""
    with Redis(port=server.port) as redis:
        own = str(redis.client_id())
        return [each["id"] for each in redis.client_list(_type="normal") if each["id"] != own]


def exchange(servers: list[Server], switch: Switch | None) -> None:
    """Make the replica the primary, and the primary its replica.

    Connections stay, and new ones go to the new primary if there is a switch.
    """
    servers.reverse()
    servers[0].lead()
    servers[1].follow(servers[0])
    if switch is not None:
        switch.to = servers[0].port


def test_a_write_goes_to_the_new_primary(servers: list[Server], switch: Switch):
    """A command, a transaction and a script reach the new primary.

    Each of them begins on a connection to the demoted server.
    """
    clients = [open_redis(switch.url) for _ in range(3)]
    for client in clients:
        client.set("before", "1")
    until(lambda: servers[1].ask("GET", "before"), "the replica has it")
    exchange(servers, switch)
    clients[0].set("command", "1")
    with clients[1].pipeline() as pipe:
        pipe.rpush("list", "once")
        pipe.set("transaction", "1")
        pipe.execute()
    clients[2].eval(COPY, 1, "script", "1")
    found = [
        servers[0].ask(*each) for each in (("GET", "command"), ("GET", "script"), ("LLEN", "list"))
    ]
    assert (found, servers[0].ask("GET", "transaction")) == ([b"1", b"1", 1], b"1")
    for client in clients:
        client.close()


def test_one_refusal_closes_every_idle_connection(servers: list[Server], switch: Switch):
    """A refused write closes every idle connection, because it would read the old server's data."""
    with open_redis(switch.url) as client:
        pool = client.connection_pool
        both = [pool.get_connection() for _ in range(2)]
        for each in both:
            pool.release(each)
        before = set(connected(servers[0]))
        assert len(before) >= 2
        exchange(servers, switch)
        client.set("key", "new")
        until(lambda: not before & set(connected(servers[1])), "all connections are closed")
        assert client.get("key") == b"new"


def test_who_waits_for_a_job_is_woken(servers: list[Server], switch: Switch):
    """A client that waits for a job goes on waiting at the new primary.

    The demoted server ends the first wait itself.
    """
    found: list[object] = []

    def wait() -> None:
        with open_redis(switch.url, socket_timeout=60) as client:
            found.append(client.blpop(["jobs"], timeout=50))

    waiting = threading.Thread(target=wait)
    waiting.start()
    until(lambda: "blpop" in str(servers[0].ask("CLIENT", "LIST")), "the wait")
    exchange(servers, switch)
    until(lambda: "blpop" in str(servers[0].ask("CLIENT", "LIST")), "the wait at the new one")
    servers[0].ask("RPUSH", "jobs", "one")
    waiting.join()
    assert found == [(b"jobs", b"one")]


def test_a_watched_transaction_begins_again(servers: list[Server], switch: Switch):
    """A watched transaction begins again after a demotion.

    Its values were read from the demoted server, so it may not go on with them.
    """
    with open_redis(switch.url) as client, client.pipeline() as pipe:
        pipe.watch("key")
        pipe.multi()
        pipe.set("key", "1")
        exchange(servers, switch)
        with pytest.raises(WatchError):
            pipe.execute()
        client.set("key", "2")
        assert servers[0].ask("GET", "key") == b"2"


def test_a_replica_stays_refused(servers: list[Server]):
    """If the address leads only to a replica, a write fails with the error of a lost connection."""
    with open_redis(f"redis://127.0.0.1:{servers[1].port}/0") as client:
        assert client.get("key") is None
        with pytest.raises(DemotedError, match="takes no writes: it is a replica") as refused:
            client.set("key", "1")
    assert isinstance(refused.value, RedisConnectionError)


def test_other_errors_are_no_demotion():
    """Only the errors of a server that is no longer the primary count as a demotion."""
    demoted = (
        ReadOnlyError("You can't write against a read only replica."),
        ResponseError("UNBLOCKED force unblock from blocking operation, instance state changed"),
        ExecAbortError("discarded because of: You can't write against a read only replica."),
    )
    others = (ResponseError("WRONGTYPE"), ExecAbortError("Transaction discarded"))
    assert [*map(is_demoted, demoted), *map(is_demoted, others)] == [True] * 3 + [False] * 2


def test_the_embedded_server_is_known_by_its_folder(redis: Redis, tmp_path: Path):
    """The embedded server is known by its folder, which contains its port.

    A server that keeps its data elsewhere belongs to another program.
    """
    kept = Path(str(redis.config_get("dir")["dir"]))
    port = redis.connection_pool.connection_kwargs["port"]
    own = tmp_path / "own"
    own.symlink_to(kept)
    for folder in (tmp_path, kept):
        (folder / PORT_FILE).write_text(str(port), "ascii")
    with open_redis(embedded_url(own)) as client:
        assert client.ping()
    with (
        open_redis(embedded_url(tmp_path)) as client,
        pytest.raises(ForeignRedisError, match=f"127.0.0.1:{port} is another program's"),
    ):
        client.set("key", "1")
    assert redis.exists("key") == 0


def test_a_password_is_another_programs(free_port: int, tmp_path: Path):
    """A Redis with a password is another program's, because the embedded server has none."""
    server = Server(tmp_path / "server", free_port, ("--requirepass", "word"))
    (tmp_path / PORT_FILE).write_text(str(free_port), "ascii")
    server.start()
    with open_redis(embedded_url(tmp_path)) as client, pytest.raises(ForeignRedisError):
        client.ping()
    server.kill()


@pytest.mark.parametrize("content", ["", "many", "\xff"])
def test_without_a_readable_file_the_port_is_the_usual_one(tmp_path: Path, content: str):
    """If the file with the port is missing or cut off, the port is the usual one."""
    (tmp_path / PORT_FILE).write_text(content, "utf-8")
    assert (embedded_port(tmp_path), embedded_port(tmp_path / "none")) == (6379, 6379)


def test_tls_trusts_the_authorities_of_ssl_cert_file(
    redis_url: str, certificates: Tls, monkeypatch: pytest.MonkeyPatch
):
    """A ``rediss`` address checks the server's certificate.

    SSL_CERT_FILE names the authorities that may have signed it.
    """
    port = int(redis_url.rpartition(":")[2].partition("/")[0])
    with redis_servers.switch(port, certificates.server_context()) as secure:
        monkeypatch.delenv("SSL_CERT_FILE", raising=False)
        with open_redis(secure.url) as client, pytest.raises(RedisConnectionError, match="CERT"):
            client.ping()
        monkeypatch.setenv("SSL_CERT_FILE", str(certificates.ca_path))
        with open_redis(secure.url) as client:
            assert client.ping()


def test_the_sentinels_are_asked_again(servers: list[Server], tmp_path: Path):
    """A client leaves a primary that still takes writes once the Sentinels name another one."""
    with redis_servers.sentinel(tmp_path, servers[0]) as port:
        address = f"redis+sentinel://127.0.0.1:{port}/{redis_servers.SERVICE}/0"
        with open_redis(address) as client:
            client.set("key", "1")
            until(lambda: Server(tmp_path, port).try_to("SENTINEL", "FAILOVER", "bot") == b"OK")
            until(lambda: redis_servers.primary_of(port) == servers[1].port, "another primary")
            until(lambda: client.set("key", "2") and servers[1].ask("GET", "key") == b"2")
