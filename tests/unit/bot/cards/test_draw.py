"""Drawing a run's cards while Webex is slow or throttles: each card is posted once."""

import threading
import time
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from bot.cards import draw
from bot.cards.presenters.card_state import LIVING, posted_cards
from jobs.clock import now
from jobs.runtime import install
from jobs.storage import keys
from tests.fixtures.run_events import answered
from tests.fixtures.waiting import until


@pytest.fixture
def run(begin, services, hurried):
    """Return a run with news for its cards, and install services that draw as a worker does."""
    install(replace(services, webex=hurried, messenger=hurried))
    return begin()


@pytest.fixture
def short(monkeypatch) -> None:
    """Make the lock of a draw last one second in place of 15."""
    monkeypatch.setattr(draw, "LOCK_S", 1.0)


def in_a_thread(run) -> threading.Thread:
    """Start a draw of the run in a thread, and return the thread."""
    drawing = threading.Thread(target=draw.draw, args=(run.id,))
    drawing.start()
    return drawing


def due_in(services, run) -> float:
    """Return the seconds until the run is drawn again."""
    return float(services.redis.zscore(keys.due(), f"draw:{run.id}") or 0) - now().timestamp()


@pytest.mark.slow
@pytest.mark.usefixtures("short")
def test_a_slow_webex_gets_no_second_card(services, run, said, webex_script, reply):
    """A draw that is slower than its lock's time keeps the lock, and a second draw posts nothing.

    The second draw comes back later.
    """
    answers = threading.Event()
    webex_script.on("POST", "/messages", reply(body={"id": "posted-1"}, after=answers))
    first = in_a_thread(run)
    until(said, "the first card")
    time.sleep(1.5)
    draw.draw(run.id)
    assert 0 < due_in(services, run) <= draw.BUSY_S
    answers.set()
    first.join()
    assert (len(said()), set(posted_cards(services, run.id))) == (1, {LIVING})


@pytest.mark.usefixtures("short")
def test_without_its_lock_a_draw_shows_nothing_more(services, run, said, webex_script, reply):
    """A draw without its lock shows nothing more, because another draw may have begun.

    The rest is drawn a moment later.
    """
    answers = threading.Event()
    webex_script.on("POST", "/messages", reply(body={"id": "posted-1"}, after=answers))
    drawing = in_a_thread(run)
    until(said, "the first card")
    services.redis.set(f"draw:{run.id}", "somebody else", ex=60)
    services.store.append(run.id, answered("administrator", "carl@example.test"))
    services.cards.request(run.id)
    answers.set()
    drawing.join()
    assert (len(said()), services.redis.get(f"draw:{run.id}")) == (1, b"somebody else")
    assert 0 < due_in(services, run) <= draw.BUSY_S


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (403, {"trackingId": "ROUTER_7F1C"}),
        (429, {"trackingId": "ROUTER_7F1C", "Retry-After": "30"}),
    ],
)
def test_a_card_that_is_not_shown_is_in_the_log(run, webex_script, reply, status, headers):
    """A card that is not shown is logged, with its run and the id for Webex's support."""
    webex_script.on("POST", "/messages", reply(status, {"message": "no"}, headers))
    with capture_logs() as logged:
        draw.draw(run.id)
    lines = [
        (line["run"], line["slot"], line["tracking_id"])
        for line in logged
        if line["event"] == "card not shown"
    ]
    assert lines == [(run.id, "living", "ROUTER_7F1C")]


def test_a_run_that_is_gone_has_no_cards(services, said):
    """A run that is gone with the data of Redis shows no card, and no draw of it is due."""
    services.cards.request("GONE22")
    draw.draw("GONE22")
    assert (said(), services.cards.due("GONE22")) == ([], 0)
