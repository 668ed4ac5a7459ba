"""/metrics: off by default, and never public without its token."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from cryptography.fernet import Fernet
from redis import Redis
from werkzeug.test import Client

from bot.queue import connect_for_web
from bot.settings import BotSettings
from bot.web.app import CountsToRedis
from bot.web.wsgi import whole_site
from jobs.settings import Settings
from jobs.storage.counters import CARDS, COUNTERS, FLUSH_S, read
from tests.fixtures.waiting import until

TOKEN = "kx7Pq2mZ9vLwTn4RbYc8"
WORK = Settings(
    "https://bot.example.test", "", "client", "secret", (Fernet.generate_key().decode(),)
)


@pytest.fixture(autouse=True)
def threads(monkeypatch) -> Iterator[list[CountsToRedis]]:
    """Threads that count for the sites of a test.

    They end with the test, because they would also count for other tests.
    """
    made: list[CountsToRedis] = []

    class Stoppable(CountsToRedis):
        def __init__(self, redis: Redis, every_s: float = FLUSH_S) -> None:
            super().__init__(redis, every_s)
            made.append(self)

    monkeypatch.setattr("bot.web.wsgi.CountsToRedis", Stoppable)
    yield made
    for each in made:
        each.stop()


def asked(settings: BotSettings, header: str = "") -> tuple[int, str]:
    """Return the status and the text of the metrics page at the web port."""
    site = whole_site(settings, WORK, connect_for_web(settings.redis_url))
    headers = {"Authorization": header} if header else {}
    answer = Client(site).get("/metrics", headers=headers)
    return answer.status_code, answer.text


def test_off_by_default(settings, redis):
    """Without its settings there is no metrics page, even for a request with a token."""
    assert asked(settings)[0] == asked(settings, f"Bearer {TOKEN}")[0] == 404


@pytest.mark.parametrize("header", ["", TOKEN, "Bearer", f"Basic {TOKEN}", f"Bearer {TOKEN}x"])
def test_without_the_token_nothing_is_shown(settings, redis, header):
    """A request without the right token gets 401, which names the scheme and shows no number."""
    code, text = asked(replace(settings, metrics_token=TOKEN), header)
    assert (code, "webex_email_bot" in text) == (401, False)


def test_with_the_token(settings, redis):
    """With the token, the page also shows numbers that the process has not added to Redis yet."""
    COUNTERS.reset()
    COUNTERS.add(CARDS, "posted", by=7)
    code, text = asked(replace(settings, metrics_token=TOKEN), f"Bearer {TOKEN}")
    assert (code, 'webex_email_bot_cards_total{outcome="posted"} 7.0' in text) == (200, True)


def test_a_thread_adds_the_counts_after_the_first_answer(settings, redis, threads):
    """A thread adds the counts to Redis from the first request on, so no request waits for it."""
    COUNTERS.reset()
    COUNTERS.add(CARDS, "edited")
    thread = CountsToRedis(connect_for_web(settings.redis_url), every_s=0.01)
    threads.append(thread)
    thread("/healthz")
    until(lambda: read(redis).get("cards|edited") == 1)
