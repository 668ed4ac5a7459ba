"""Webhooks with a wrong signature are counted, and logged once a minute."""

from __future__ import annotations

from typing import Any

import pytest
from structlog.testing import capture_logs

from bot.queue import connect_for_web, health
from bot.web.webhooks import RefusedWebhooks
from tests.fixtures.site import create_app
from tests.fixtures.waiting import until

BODY = b'{"resource": "messages", "event": "created", "data": {"id": "made-up-words"}}'


def lines(log: list[Any]) -> list[int]:
    """Return the counts that were logged, each as a warning."""
    found = [each for each in log if each["event"].startswith("webhooks refused")]
    assert {each["log_level"] for each in found} <= {"warning"}
    return [each["count"] for each in found]


def test_the_first_is_logged_at_once_and_the_others_together(redis):
    """The first refused webhook is logged at once, and the others of the minute together.

    Their count is logged when the minute is over, although no further webhook comes.
    """
    with capture_logs() as log:
        counter = RefusedWebhooks(redis, 0.2)
        for _ in range(5):
            counter.add()
        until(lambda: sum(lines(log)) == 5, "the others")
        until(lambda: (found := health.read_refused(redis)) and found.count == 5, "their count")
        assert lines(log)[0] == 1
        assert len(lines(log)) <= 3
    found = health.read_refused(redis)
    assert found is not None
    assert (found.count, found.first <= found.last) == (5, True)


def test_a_refused_webhook_is_counted_without_its_body(settings, redis, redis_url):
    """The log has no word of a refused webhook's body, and ``doctor`` finds the count in Redis."""
    browser = create_app(settings, connect_for_web(redis_url)).test_client()
    with capture_logs() as log:
        answer = browser.post("/webhooks/webex", data=BODY, content_type="application/json")
    assert (answer.status_code, lines(log), "made-up-words" in str(log)) == (401, [1], False)
    found = health.read_refused(redis)
    assert found is not None
    assert found.count == 1


@pytest.mark.parametrize("path", ["/webhooks/webex"])
def test_without_redis_it_is_still_logged(settings, free_port, path):
    """Without Redis a refused webhook is still logged, and its answer stays 401."""
    nobody = connect_for_web(f"redis://127.0.0.1:{free_port}/0")
    browser = create_app(settings, nobody).test_client()
    with capture_logs() as log:
        answer = browser.post(path, data=BODY, content_type="application/json")
    assert (answer.status_code, lines(log)) == (401, [1])
