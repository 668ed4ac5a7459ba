"""Processes that cannot do their work, say why in a sentence, and end."""

import os
import socket
import subprocess

import pytest
from redis import Redis
from redis.exceptions import (
    BusyLoadingError,
    ConnectionError as RedisConnectionError,
    NoPermissionError,
    ReadOnlyError,
    TimeoutError as RedisTimeoutError,
)
from redis.sentinel import MasterNotFoundError

from bot.processes import redis_server
from bot.processes.worker import wait_for_redis
from bot.queue.health import REFUSALS, cause, refusal
from jobs.storage import generation
from practice import ports
from tests.fixtures import redis_servers
from tests.fixtures.waiting import LIMIT_S, until
from tests.processes.conftest import ENV, run


@pytest.fixture
def guarded(free_port, tmp_path):
    """Port of a Redis with a password."""
    server = redis_servers.Server(tmp_path, free_port, ("--requirepass", "the-right-word"))
    server.start()
    yield free_port
    server.kill()


@pytest.mark.parametrize(
    ("command", "user", "why"),
    [
        ("web", ":the-wrong-word@", "Redis refuses the user or the password (invalid username-"),
        ("worker", "", "Redis asks for a password: correct REDIS_URL"),
    ],
)
def test_a_wrong_password_ends_the_process(guarded, here, command, user, why):
    """A wrong password of Redis ends the process with a sentence that names the cause.

    The password is not printed.
    """
    done = here(command, ENV | {"REDIS_URL": f"redis://{user}127.0.0.1:{guarded}/0"})
    assert (done.returncode, "wrong-word" in done.stderr) == (2, False)
    assert done.stderr.splitlines()[-1].startswith(why)


def test_a_redis_that_is_only_starting_is_waited_for(spawn, free_port, tmp_path):
    """A worker waits for a Redis that still reads its data.

    Such a Redis refuses every command with LOADING, which passes.
    """
    line = [redis_server.binary(), "--port", str(free_port), "--dir", str(tmp_path), "--save", ""]
    url = f"redis://127.0.0.1:{free_port}/0"
    with subprocess.Popen(line, stdout=subprocess.DEVNULL) as first, Redis.from_url(url) as redis:  # noqa: S603
        until(lambda: redis_servers.answers(free_port))
        for number in range(40):
            redis.set(f"key {number}", os.urandom(4096))
        redis.save()
        first.terminate()
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    waiting = spawn("-c", WAITING, url, env=ENV, text=True, **pipes)
    assert waiting.stdout.readline() == "ready\n"
    with subprocess.Popen([*line, *SLOWLY], stdout=subprocess.DEVNULL) as second:  # noqa: S603
        until(lambda: redis_servers.listens(free_port))
        said, _ = waiting.communicate("go\n", LIMIT_S)
        second.terminate()
    assert (waiting.returncode, said.splitlines()[-1]) == (0, f"{generation.LAYOUT}")
    assert "is loading the dataset in memory" in said


SLOWLY = ("--key-load-delay", "150000", "--loading-process-events-interval-bytes", "1024")
"""Options that make Redis load its data slowly.

Each key takes a fraction of a second, and Redis answers clients in between.
"""
WAITING = """
import sys
from bot.processes import worker
print("ready", flush=True)
sys.stdin.readline()
print(int(worker.wait_for_redis(sys.argv[1]).get("schema")))
"""


@pytest.mark.parametrize(
    ("command", "name"),
    [("web", "SSL_CERT_FILE"), ("worker", "REQUESTS_CA_BUNDLE"), ("audit", "SSL_CERT_FILE")],
)
def test_missing_authorities_end_the_process(here, tmp_path, name, command):
    """If the file of certificate authorities is missing, each command that needs it ends.

    The sentence names the variable and the path.
    """
    path = tmp_path / "ca.pem"
    done = here(command, ENV | {name: str(path)})
    assert done.returncode == 2
    assert f"{name} names {path}, which cannot be used (No such file" in done.stderr


@pytest.mark.usefixtures("redis")
@pytest.mark.parametrize("approvers", ["", "boss@example.test"])
def test_a_start_without_approvers_is_warned_of(redis_url, tmp_path, approvers):
    """If no approvers are set, the log says why it matters and what to set. The process goes on."""
    with socket.create_server(("0.0.0.0", 0)) as taken:
        env = {"PORT": str(taken.getsockname()[1]), "APPROVERS": approvers}
        code, last, done = run(("web",), tmp_path, REDIS_URL=redis_url, **env)
    warned = [line for line in done.stderr.splitlines() if "APPROVERS is not set" in line]
    assert (code, last.startswith("PORT"), len(warned)) == (1, True, 0 if approvers else 1)
    assert all("set the addresses of the people who may approve" in line for line in warned)


@pytest.mark.parametrize("command", ["redis", "worker"])
def test_a_data_folder_that_takes_nothing_ends_the_process(tmp_path, free_port, command):
    """If a file is in the place of the data folder, the process ends.

    The sentence names the folder and says what to do.
    """
    (tmp_path / "data").touch()
    line = ("redis", "--port", str(free_port)) if command == "redis" else ("worker",)
    code, last, _ = run(line, tmp_path)
    assert code == 2
    assert f"data folder {tmp_path / 'data'} (" in last
    assert "set REDIS_URL" in last


def test_a_port_that_an_open_redis_holds_ends_the_embedded_one(redis, tmp_path):
    """The embedded Redis ends if an open Redis of another program has its port.

    Nothing is written to the other one, although it answers.
    """
    port = redis.connection_pool.connection_kwargs["port"]
    code, last, _ = run(("redis", "--port", str(port)), tmp_path)
    assert (code, "because another program does" in last, redis.dbsize()) == (2, True, 0)


def test_a_second_server_of_a_folder_ends(spawn, free_port, tmp_path):
    """A second embedded server of a folder ends with exit code 1, as the reason may pass.

    Two servers that write one append-only file would destroy it.
    """
    spawn("-m", "bot", "redis", "--port", free_port, cwd=tmp_path, env=ENV)
    until(lambda: redis_servers.answers(free_port))
    code, last, _ = run(("redis", "--port", str(ports.free_port())), tmp_path)
    assert (code, last) == (1, f"The embedded Redis of {tmp_path / 'data'} runs already.")


def test_a_cluster_ends_the_process(here, tmp_path):
    """A Redis Cluster ends the process.

    Its keys are on different servers, so one change would fail in the middle.
    """
    with redis_servers.cluster(tmp_path / "cluster") as server:
        url = f"redis://127.0.0.1:{server.port}/0"
        for command in ("web", "worker"):
            done = here(command, ENV | {"REDIS_URL": url})
            assert (done.returncode, done.stderr.splitlines()[-1]) == (2, REFUSALS["cluster"])
        with pytest.raises(SystemExit) as ended:
            wait_for_redis(url)
    assert ended.value.code == 2


@pytest.fixture
def guarded_sentinel(tmp_path):
    """Port of a Sentinel with a password, which watches a Redis without one."""
    with (
        redis_servers.pair(tmp_path / "pair") as (primary, _),
        redis_servers.sentinel(tmp_path, primary) as port,
        Redis(port=port) as sentinel,
    ):
        sentinel.execute_command("ACL", "SETUSER", "default", "resetpass", ">the-right-word")
        yield port


@pytest.mark.parametrize(
    ("command", "login"), [("web", ""), ("worker", "?sentinel_password=the-wrong-word")]
)
def test_a_wrong_password_of_the_sentinels_ends_the_process(guarded_sentinel, here, command, login):
    """A wrong password of the Sentinels ends the process with the cause and without the password.

    With the right password, the process works.
    """
    address = f"redis+sentinel://127.0.0.1:{guarded_sentinel}/{redis_servers.SERVICE}"
    done = here(command, ENV | {"REDIS_URL": f"{address}{login}"})
    assert done.returncode == 2
    assert "A Sentinel refuses the user or the password: correct" in done.stderr.splitlines()[-1]
    assert "wrong-word" not in done.stderr
    right = here("doctor", ENV | {"REDIS_URL": f"{address}?sentinel_password=the-right-word"})
    assert "ok     Redis: answers and takes writes" in right.stdout


def test_a_redis_that_is_away_is_named_by_the_web_process(tmp_path, free_port):
    """If Redis does not answer, the log says why the bot does not work yet.

    The web process goes on, because Redis may come.
    """
    with socket.create_server(("0.0.0.0", 0)) as taken:
        env = {"REDIS_URL": f"redis://127.0.0.1:{free_port}/0", "PORT": str(taken.getsockname()[1])}
        code, last, done = run(("web",), tmp_path, **env)
    (said,) = (line for line in done.stderr.splitlines() if "Redis does not answer yet" in line)
    assert (code, last.startswith("PORT"), "refused" in said) == (1, True, True)


@pytest.mark.usefixtures("redis")
@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("PORT", "", "PORT {} is taken by another program: stop it, or set PORT"),
        ("HOST", "192.0.2.1", "HOST {} is no address of this machine"),  # RFC 5737
    ],
)
def test_a_place_that_is_not_to_be_had_ends_the_web_process(redis_url, tmp_path, name, value, said):
    """A taken port or an address that no machine has ends the web process with exit code 1."""
    with socket.create_server(("0.0.0.0", 0)) as taken:
        place = value or str(taken.getsockname()[1])
        code, last, _ = run(("web",), tmp_path, REDIS_URL=redis_url, **{name: place})
    assert (code, last.startswith(said.format(place))) == (1, True), last


def test_only_a_refusal_is_final():
    """Only a refusal of Redis ends a process, because its other errors may pass."""
    errors = (
        RedisConnectionError("refused"),
        RedisTimeoutError(),
        BusyLoadingError(),
        ReadOnlyError(),
        MasterNotFoundError(
            "No master found for 'bot' : <redis.client.Redis(...)> - ConnectionError"
        ),
    )
    assert [refusal(error) for error in errors] == [""] * 5
    assert cause(errors[-1]) == "No master found for 'bot'"
    assert "does not let it work" in refusal(NoPermissionError("no permissions to run 'get'"))
