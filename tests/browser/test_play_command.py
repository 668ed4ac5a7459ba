"""Command ``python -m practice play`` in a terminal.

It prints one address, ends on Ctrl-C, and says clearly why it cannot start.
"""

import contextlib
import fcntl
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from practice.launch import play
from practice.page import packages
from practice.page.host import REAL
from practice.page.machine import MissingError
from practice.ports import free_port
from practice.processes import session
from tests.fixtures.parsed import table
from tests.fixtures.waiting import LIMIT_S, until

ROOT = Path(__file__).parents[2]
SETTINGS = [*(ROOT / "bot").glob("settings.*"), *(ROOT / "jobs").glob("settings.*")]
NAMED = r'(?:"|^(?=[A-Z_]+ = "is ))([A-Z]+(?:_[A-Z]+)+|PORT)\b'
"""Pattern of a setting: in quotes, or as the key of the sentence about a wrong value."""
HARMLESS = set(table("settings")["harmless"])


@pytest.fixture
def port():
    """Return a free port, and skip the test if the packages of the page cannot be had."""
    try:
        packages.ensure()
    except MissingError as error:
        pytest.skip(f"the page's packages cannot be had: {error}")
    return free_port()


def _command(port, data):
    return [sys.executable, "-m", "practice", "play", "--port", str(port), "--data", str(data)]


def _until(log, words):
    return until(lambda: words in (text := log.read_text("utf-8")) and text, words)


def _alive(pids):
    return [
        pid
        for pid in pids
        if Path(f"/proc/{pid}").exists()
        and " Z " not in Path(f"/proc/{pid}/stat").read_text("utf-8")
    ]


@contextlib.contextmanager
def _terminal(port, folder):
    """Start ``play`` as in a terminal and yield its process, its log and the ids of its processes.

    The command's temporary files are in ``folder``.
    """
    log, scratch = folder / "terminal.txt", folder / "tmp"
    scratch.mkdir()
    with log.open("wb") as out:
        env = os.environ | {"TMPDIR": str(scratch)}
        running = subprocess.Popen(  # noqa: S603  our own command line
            _command(port, folder),
            cwd=ROOT,
            env=env,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        text = _until(log, "Ctrl-C stops everything")
        leaders = [int(number) for number in re.findall(r"process (\d+)", text)]
        yield running, log, [pid for leader in leaders for pid in session(leader)]
    finally:
        if running.poll() is None:
            running.send_signal(signal.SIGINT)
            running.wait(LIMIT_S)


def test_one_address_and_nothing_left(port, tmp_path):
    """``play`` prints its address, refuses a second start, and leaves nothing behind on Ctrl-C.

    No process is left, and no file outside its folder.
    """
    files = set(ROOT.iterdir())
    with _terminal(port, tmp_path) as (running, log, pids):
        address = f"http://127.0.0.1:{port}"
        assert address in log.read_text("utf-8")
        assert httpx.get(address, trust_env=False).status_code == 200
        twice = subprocess.run(  # noqa: S603  our own command
            _command(port + 1, tmp_path), cwd=ROOT, capture_output=True, check=False
        )
        assert (twice.returncode, f"runs already: {address}" in twice.stderr.decode()) == (1, True)
        running.send_signal(signal.SIGINT)
        assert running.wait(LIMIT_S) == 0
    assert "Everything is stopped." in log.read_text("utf-8")
    assert (len(pids) >= 4, _alive(pids)) == (True, [])
    assert list((tmp_path / "tmp").iterdir()) == []
    left = {
        path.name
        for path in set(ROOT.iterdir()) - files
        if not path.name.startswith((".coverage", "."))
    }
    assert left <= {"node_modules", "data"}


def test_a_killed_launcher_leaves_nothing(port, tmp_path):
    """After SIGKILL of ``play`` all of its processes end, and a new start is possible."""
    with _terminal(port, tmp_path) as (running, _, pids):
        running.kill()
        running.wait(LIMIT_S)
        until(lambda: not _alive(pids), "the end of them all")
    with socket.socket() as free, (tmp_path / "lock").open("rb") as lock:
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        free.bind(("127.0.0.1", port))
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_taken_port_is_named(port, tmp_path, capfd):
    """If another program has the port, ``play`` names it and says how to choose another."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        assert play(port, tmp_path / "space") == 1
    assert (
        f"Port {port} is taken by another program. Choose another one: make practice PORT={port + 1}"
        in capfd.readouterr().err
    )


def test_every_way_to_a_real_installation_is_known():
    """Each setting that the product reads stops the practice space, except the harmless ones.

    The harmless settings lead to no installation and prove nothing.
    """
    told = "\n".join(path.read_text(encoding="utf-8") for path in SETTINGS)
    read = set(re.findall(NAMED, told, re.MULTILINE))
    assert read - HARMLESS == set(REAL)


@pytest.mark.parametrize("name", REAL)
def test_no_start_beside_a_real_installation(tmp_path, capfd, monkeypatch, name):
    """The practice space refuses to start if the environment has a setting of a real installation.

    The setting's name is printed, and its value never.
    """
    monkeypatch.setenv(name, "a-real-value")
    assert play(1, tmp_path / "space") == 1
    told = capfd.readouterr().err
    assert told.count(name) >= 1
    assert "a-real-value" not in told
    assert not (tmp_path / "space").exists()
