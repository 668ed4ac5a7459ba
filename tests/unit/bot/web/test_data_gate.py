"""The web process serves nothing before the data has the layout of this version."""

from __future__ import annotations

import pytest
from flask import Flask

from bot.queue import connect_for_web
from bot.web.app import DataGate
from jobs.storage import generation
from tests.fixtures.site import create_app


@pytest.fixture
def app(settings, redis) -> Flask:
    """Web application that checks the layout of the data before it serves a page."""
    return create_app(settings, redis, before=[DataGate(redis)])


def test_the_first_request_writes_the_number(app, redis):
    """The first request writes the layout's number, and no later request looks at it again.

    This also holds if Redis comes back without its data.
    """
    assert app.test_client().post("/webhooks/webex").status_code == 415
    assert redis.get("schema") == str(generation.LAYOUT).encode()
    redis.flushall()
    assert app.test_client().post("/webhooks/webex").status_code == 415
    assert redis.exists("schema") == 0


def test_newer_data_is_not_served(app, redis):
    """Data of a newer version get 503, until Redis has data that this version reads.

    The health of the process is another matter, so /healthz answers 200.
    """
    redis.set("schema", generation.LAYOUT + 1)
    paths = ("/signin/x", "/readyz", "/healthz")
    assert [app.test_client().get(path).status_code for path in paths] == [503, 503, 200]
    redis.flushall()
    assert app.test_client().get("/signin/x").status_code == 404


def test_data_of_a_newer_layout_is_not_served_any_more(app, redis, monkeypatch):
    """The layout is read again after a while, so data of a newer layout get 503.

    If Redis is away at that time, the pages answer for themselves.
    """
    monkeypatch.setattr("bot.web.app.LAYOUT_S", 0)
    served = app.test_client().get("/signin/x").status_code
    redis.set("schema", generation.LAYOUT + 1)
    refused = app.test_client().get("/signin/x").status_code
    redis.set("schema", generation.LAYOUT)
    assert (served, refused, app.test_client().get("/signin/x").status_code) == (404, 503, 404)


def test_the_layout_is_not_read_for_every_request(app, redis):
    """After a good answer, the layout of the data is not read again for some seconds."""
    assert app.test_client().get("/signin/x").status_code == 404
    redis.set("schema", generation.LAYOUT + 1)
    assert app.test_client().get("/signin/x").status_code == 404


def test_without_redis_nothing_is_served(settings, free_port):
    """Without Redis every request gets 503, as it would without the check of the data."""
    nobody = connect_for_web(f"redis://127.0.0.1:{free_port}/0")
    app = create_app(settings, nobody, before=[DataGate(nobody)])
    assert app.test_client().post("/webhooks/webex").status_code == 503
