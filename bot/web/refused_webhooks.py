"""Count of the webhooks with a wrong signature, for the log and for the command ``doctor``.

With a wrong WEBEX_WEBHOOK_SECRET every webhook is refused and the bot says nothing. The count shows
the bot's operator why. The log has one line a minute at most.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress

import structlog
from redis import Redis
from redis.exceptions import RedisError

from bot.queue import refusals

EVERY_S = 60.0
log = structlog.get_logger(__name__)


class RefusedWebhooks:
    """Counter of this process.

    The first refusal is logged at once, and those after it once a minute.
    """

    def __init__(self, redis: Redis, every_s: float = EVERY_S) -> None:
        self._redis, self._every_s = redis, every_s
        self._lock = threading.Lock()
        self._count = 0
        self._quiet_until = -every_s
        self._timer: threading.Timer | None = None

    def add(self) -> None:
        with self._lock:
            self._count += 1
            left = self._quiet_until - time.monotonic()
            if left > 0:
                self._report_in(left)
                return
        self._report()

    def _report_in(self, seconds: float) -> None:
        if self._timer is None:
            self._timer = threading.Timer(seconds, self._report)
            self._timer.daemon = True
            self._timer.start()

    def _report(self) -> None:
        with self._lock:
            count, self._count, self._timer = self._count, 0, None
            self._quiet_until = time.monotonic() + self._every_s
        if not count:
            return
        log.warning(
            "webhooks refused: wrong signature",
            count=count,
            to_do="compare WEBEX_WEBHOOK_SECRET of web and worker; nothing in between may change the body",
        )
        with suppress(RedisError):
            refusals.add(self._redis, count)
