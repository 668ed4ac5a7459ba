"""Tests of the faults of the practice cloud's HTTPS server."""

from types import SimpleNamespace

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


@pytest.fixture
def cloud(tmp_path):
    """Running server with one route that counts its calls, and a client that trusts it."""
    journal, settings, faults, counted = Journal(), PracticeSettings(), Faults(), list[str]()
    app = flask.Flask("small")

    @app.post("/webex/v1/messages")
    def post():
        counted.append("post")
        return {"id": len(counted)}

    certificates = tls.make(tmp_path)
    app.register_blueprint(Control(journal, settings, faults).blueprint())
    server = Server(0, Shell(app, journal, settings, faults), certificates)
    server.start()
    url, trusted = f"https://localhost:{server.server_port}", certificates.client_context()
    with httpx.Client(base_url=url, verify=trusted, trust_env=False, timeout=LIMIT_S) as client:
        yield SimpleNamespace(client=client, settings=settings, counted=counted)
    server.stop()


def test_one_of_three_calls_is_throttled(cloud):
    """With ``throttle_every`` at 3, each third call is refused with 429 and not executed.

    The call may be sent again after a second.
    """
    cloud.settings.change({"throttle_every": 3})
    answers = [cloud.client.post("/webex/v1/messages") for _ in range(6)]
    cloud.settings.change({"throttle_every": 0})
    assert [each.status_code for each in answers] == [200, 200, 429, 200, 200, 429]
    assert answers[2].headers["Retry-After"] == "1"
    assert cloud.client.post("/webex/v1/messages").json() == {"id": 5}


def test_a_fault_answers_what_is_asked_for(cloud):
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
    assert bad.text == "<html>"
    assert bad.headers["Retry-After"] == "rand(30),add(30)"
    assert bad.headers["Content-Type"] == "text/html"
    assert cloud.counted == ["post", "post"]
    assert cloud.client.get("/practice/faults").json() == {"items": []}


@pytest.mark.parametrize(("process", "done"), [(False, 0), (True, 1)])
def test_a_connection_can_break_before_or_after_the_work(cloud, process, done):
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
def test_a_bad_fault_is_refused(cloud, fault):
    """A fault without a path is refused, and so is one with an unknown word."""
    assert cloud.client.post("/practice/faults", json=fault).status_code == 400
