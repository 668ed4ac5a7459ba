"""GET /healthz and /readyz: whether this process lives, and whether the whole bot can do its work.

The two answers may differ. A process that lives is not started again because Redis is away. And a
bot whose worker is missing is not ready, although its web process answers.
"""

from __future__ import annotations

import threading
import time
from http import HTTPStatus

from flask import Blueprint, Response, current_app, jsonify
from redis import Redis

from bot.queue import health
from bot.queue.health import Health

ALIVE, READY = "/healthz", "/readyz"
KEPT_S = 1.0
"""Seconds for which an answer of /readyz is repeated.

A flood of requests then costs Redis nothing.
"""
pages = Blueprint("health", __name__)


class Readiness:
    """Reader of the bot's health, which is read again at most once a second."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._lock = threading.Lock()
        self._read_at = -KEPT_S
        self._last = Health()

    def __call__(self) -> Health:
        """Return the health, at most a second old."""
        with self._lock:
            if time.monotonic() - self._read_at >= KEPT_S:
                self._last, self._read_at = health.look(self._redis), time.monotonic()
            return self._last


@pages.get(ALIVE)
def healthz() -> Response:
    """Return 200: the process answers. Redis is not asked."""
    return jsonify(status=health.OK)


@pages.get(READY)
def readyz() -> tuple[Response, int]:
    """Return 200 if Redis takes writes, a worker lives and no event waits for long.

    Otherwise return 503 with the state of each part.
    """
    found: Health = current_app.config["READINESS"]()
    code = HTTPStatus.OK if found.is_ready else HTTPStatus.SERVICE_UNAVAILABLE
    return jsonify(found.as_json()), code
