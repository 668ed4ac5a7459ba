"""``python -m practice play`` in a terminal: one address, Ctrl-C, and clear words where it cannot start."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from practice.launch import play
from practice.page import packages

ROOT = Path(__file__).parents[2]
START_S = 90.0


@pytest.fixture
def port() -> int:
    """A port that is free a moment later, with the packages of the page there."""
    try:
        packages.ensure()
    except packages.MissingError as error:
        pytest.skip(f"the page's packages cannot be had: {error}")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _command(port: int, data: Path) -> list[str]:
    return [sys.executable, "-m", "practice", "play", "--port", str(port), "--data", str(data)]


def _until(log: Path, words: str) -> str:
    deadline = time.monotonic() + START_S
    while words not in (text := log.read_text("utf-8")):
        assert time.monotonic() < deadline, text
        time.sleep(0.1)
    return text


def _alive(pids: list[int]) -> list[int]:
    return [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def test_one_address_and_nothing_left(port: int, tmp_path: Path):
    """It prints its address within the time, says so when started twice, and Ctrl-C leaves no process and no file outside its folder."""
    log = tmp_path / "terminal.txt"
    files = set(ROOT.iterdir())
    with log.open("wb") as out:
        running = subprocess.Popen(_command(port, tmp_path), cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, start_new_session=True)  # noqa: S603  our own command
    try:
        text = _until(log, "Ctrl-C stops everything")
        address = f"http://127.0.0.1:{port}"
        assert address in text
        assert httpx.get(address, trust_env=False).status_code == 200
        pids = [int(number) for number in re.findall(r"process (\d+)", text)]
        twice = subprocess.run(_command(port + 1, tmp_path), cwd=ROOT, capture_output=True, check=False)  # noqa: S603  our own command
        assert (twice.returncode, f"runs already: {address}" in twice.stderr.decode()) == (1, True)
    finally:
        os.kill(running.pid, signal.SIGINT)
    assert running.wait(40) == 0
    assert "Everything is stopped." in log.read_text("utf-8")
    assert (len(pids) >= 4, _alive(pids)) == (True, [])
    left = {path.name for path in set(ROOT.iterdir()) - files if not path.name.startswith(".coverage")}
    assert left <= {"node_modules"}


def test_a_taken_port_is_named(port: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    """Another program on the port: its number is said, and the way on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        assert play(port, tmp_path / "space") == 1
    assert f"Port {port} is taken by another program. Choose another one: make practice PORT={port + 1}" in capfd.readouterr().err


def test_no_start_beside_a_real_installation(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    """With a real token in the environment nothing starts; the names are said, never the values."""
    monkeypatch.setenv("WEBEX_ACCESS_TOKEN", "a-real-token")
    assert play(1, tmp_path / "space") == 1
    told = capfd.readouterr().err
    assert ("WEBEX_ACCESS_TOKEN" in told, "a-real-token" in told) == (True, False)
