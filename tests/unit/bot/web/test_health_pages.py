"""/healthz says that the process lives, and /readyz says whether it can work."""

from __future__ import annotations

from bot.queue import connect_for_web
from bot.settings import BotSettings
from bot.web import app
from tests.fixtures.queue_state import alive
from tests.fixtures.site import create_app


def asked(settings: BotSettings, url: str, path: str) -> tuple[int, object]:
    """Return the status and the body of a new process's answer."""
    answer = create_app(settings, connect_for_web(url)).test_client().get(path)
    return answer.status_code, answer.json


def test_a_process_without_redis_lives(settings, free_port):
    """A process without Redis lives, because a new start would not bring Redis back.

    The process is not ready, and says which part is wrong.
    """
    nobody = f"redis://127.0.0.1:{free_port}/0"
    assert asked(settings, nobody, "/healthz") == (200, {"status": "ok"})
    assert asked(settings, nobody, "/readyz") == (
        503,
        {
            "status": "unavailable",
            "redis": "unreachable",
            "workers": "unknown",
            "events": "unknown",
            "data": "unknown",
            "dispatch": "unknown",
        },
    )


def test_ready_needs_a_worker(settings, redis, redis_url):
    """The web process is not ready without a worker, because nobody would do the work."""
    code, body = asked(settings, redis_url, "/readyz")
    assert (code, isinstance(body, dict) and body["workers"]) == (503, "missing")
    alive(redis)
    assert asked(settings, redis_url, "/readyz")[0] == 200


def test_a_flood_costs_redis_nothing(settings, redis, redis_url, monkeypatch):
    """The answer of /readyz is repeated for a moment, so a flood costs Redis nothing."""
    alive(redis)
    monkeypatch.setattr(app, "HEALTH_KEPT_S", 3600)
    browser = create_app(settings, connect_for_web(redis_url)).test_client()
    first = browser.get("/readyz")
    redis.flushall()
    assert [browser.get("/readyz").status_code for _ in range(3)] == [200] * 3
    assert (first.status_code, redis.dbsize()) == (200, 0)
