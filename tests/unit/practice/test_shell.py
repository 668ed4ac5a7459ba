"""Tests of the practice cloud's HTTPS server: latency, faults, journal and events of calls."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import flask
import httpx
import pytest

from practice import tls
from practice.control import Control
from practice.hooks import Faults
from practice.journal import Journal
from practice.server import Server
from practice.settings import PracticeSettings
from practice.shell import Shell
from tests.fixtures.waiting import LIMIT_S


@dataclass
class Cloud:
    """Small practice cloud with one route that counts its calls."""

    client: httpx.Client
    port: int
    journal: Journal
    settings: PracticeSettings
    counted: list[str]


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    """Yield a running server on a free port, and a client that trusts its authority."""
    journal, settings, faults, counted = Journal(), PracticeSettings(), Faults(), list[str]()
    app = flask.Flask("small")

    @app.post("/webex/v1/messages")
    def post() -> Any:
        counted.append("post")
        return {"id": len(counted)}

    together = threading.Barrier(64, timeout=LIMIT_S)

    @app.post("/webex/v1/together")
    def wait() -> Any:
        return {"place": together.wait()}

    certificates = tls.make(tmp_path)
    app.register_blueprint(Control(journal, settings, faults, certificates).blueprint())
    server = Server(0, Shell(app, journal, settings, faults), certificates)
    server.start()
    with httpx.Client(
        base_url=f"https://localhost:{server.server_port}",
        verify=certificates.client_context(),
        trust_env=False,
        timeout=LIMIT_S,
    ) as client:
        yield Cloud(client, server.server_port, journal, settings, counted)
    server.stop()


def test_latency_is_for_cloud_calls_only(cloud: Cloud) -> None:
    """Latency delays cloud calls; control calls are answered at once."""
    cloud.settings.change({"latency_ms": 300})
    started = time.monotonic()
    cloud.client.post("/webex/v1/messages")
    assert time.monotonic() - started >= 0.3
    cloud.settings.change({"latency_ms": 3_600_000})
    assert cloud.client.get("/practice/health").status_code == 200


def test_one_of_three_calls_is_throttled(cloud: Cloud) -> None:
    """With ``throttle_every`` at 3, each third call is refused with 429 and not executed.

    The call may be sent again after a second.
    """
    cloud.settings.change({"throttle_every": 3})
    answers = [cloud.client.post("/webex/v1/messages") for _ in range(6)]
    cloud.settings.change({"throttle_every": 0})
    assert [each.status_code for each in answers] == [200, 200, 429, 200, 200, 429]
    assert (answers[2].headers["Retry-After"], cloud.client.post("/webex/v1/messages").json()) == (
        "1",
        {"id": 5},
    )


def test_64_calls_run_at_the_same_time(cloud: Cloud) -> None:
    """64 calls that wait for each other are all answered, even while another client is idle."""
    with socket.create_connection(("127.0.0.1", cloud.port)), ThreadPoolExecutor(64) as pool:
        answers = list(
            pool.map(lambda _: cloud.client.post("/webex/v1/together").status_code, range(64))
        )
        assert set(answers) == {200}


def test_a_fault_answers_what_is_asked_for(cloud: Cloud) -> None:
    """A fault can leave out one call, answer two with 429, a bad header and HTML, and then end."""
    fault = {
        "prefix": "/webex/v1/MESSAGES",
        "method": "post",
        "skip": 1,
        "times": 2,
        "status": 429,
        "body": "<html>",
    }
    headers = {"Retry-After": "rand(30),add(30)", "Content-Type": "text/html"}
    assert (
        cloud.client.post("/practice/faults", json={**fault, "headers": headers}).status_code == 200
    )
    answers = [cloud.client.post("/webex/v1/messages") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 429, 429, 200]
    bad = answers[1]
    assert (bad.text, bad.headers["Retry-After"], bad.headers["Content-Type"]) == (
        "<html>",
        "rand(30),add(30)",
        "text/html",
    )
    assert (cloud.counted, cloud.client.get("/practice/faults").json()) == (
        ["post", "post"],
        {"items": []},
    )


@pytest.mark.parametrize(("process", "done"), [(False, 0), (True, 1)])
def test_a_connection_can_break_before_or_after_the_work(
    cloud: Cloud, *, process: bool, done: int
) -> None:
    """A fault with ``reset`` breaks the connection before the work is done.

    With ``process`` as well, the connection breaks after the work.
    """
    cloud.client.post(
        "/practice/faults", json={"prefix": "/webex", "reset": True, "process": process}
    )
    with pytest.raises(httpx.TransportError):
        cloud.client.post("/webex/v1/messages")
    assert len(cloud.counted) == done


@pytest.mark.parametrize("fault", [{}, {"prefix": "webex"}, {"prefix": "/", "color": 1}])
def test_a_bad_fault_is_refused(cloud: Cloud, fault: dict[str, Any]) -> None:
    """A fault without a path is refused, and so is one with an unknown word."""
    assert cloud.client.post("/practice/faults", json=fault).status_code == 400


def test_the_journal_is_a_stream_of_events(cloud: Cloud) -> None:
    """GET /practice/events sends past and new events, and continues after ``Last-Event-ID``."""
    cloud.journal.write("ada", "graph", "application.create", "1")
    timer = threading.Timer(
        0.2,
        lambda: cloud.journal.write("ada", "graph", "application.update", "1", {"a": 1}, {"a": 2}),
    )
    timer.start()
    seen = []
    with cloud.client.stream("GET", "/practice/events") as stream:
        for line in stream.iter_lines():
            if line.startswith("data: "):
                seen.append(json.loads(line[6:])["action"])
            if len(seen) == 2:
                break
    with cloud.client.stream("GET", "/practice/events", headers={"Last-Event-ID": "1"}) as stream:
        first = next(line for line in stream.iter_lines() if line.startswith("id: "))
    timer.join()
    assert (seen, first) == (["application.create", "application.update"], "id: 2")


def test_settings_come_from_the_environment() -> None:
    """PRACTICE_ variables set the fields of the settings.

    Secrets are not shown, and only delays can be changed later.
    """
    settings = PracticeSettings.from_env(
        {"PRACTICE_LATENCY_MS": "200", "PRACTICE_SMTP_PORT": "2525", "PRACTICE_BOT_TOKEN": "hidden"}
    )
    assert (settings.latency_ms, settings.smtp_port, settings.bot_token) == (200.0, 2525, "hidden")
    assert "hidden" not in f"{settings!r}{settings.public()}"
    with pytest.raises(ValueError, match="bot_token"):
        settings.change({"bot_token": "x"})
