"""Times at which a card that Webex did not take is tried again."""

from dataclasses import replace

import pytest

from bot.cards import draw, notices
from bot.cards.delivery import LONGEST_S, OTHERS_S, REFUSED_S, RETRY_S
from bot.cards.presenters.card_state import LIVING
from jobs.clock import now
from jobs.model import Channel
from jobs.runs.run import Event, Kind
from jobs.runtime import install
from jobs.storage import keys
from tests.fixtures.webex_script import receive

NO = (401, 403, 404)


@pytest.fixture
def run(begin, services, hurried, monkeypatch):
    """Return a run with news for its cards, and install services that draw as a worker does.

    Nobody is told that the space is closed.
    """
    monkeypatch.setattr(notices, "CLOSED", ())
    install(replace(services, webex=hurried, messenger=hurried))
    return begin()


def due_in(services, run) -> float:
    """Return the seconds until the run is drawn again."""
    return services.cards.due(run.id) - now().timestamp()


def about(seconds: float):
    """Return a pause that Redis has counted down for at most ten seconds, on a busy machine."""
    return pytest.approx(seconds - 5, abs=5.5)


def other(services, run, room: str = "room-1"):
    """Open another run, in this room."""
    channel = Channel(
        "other@example.test", "https://uk.webexconnect.io/callback", "x2@mail.webexconnect.io"
    )
    origin = replace(run.origin, room=room, message="typed-2")
    second = services.store.open(channel, run.requester, origin)
    services.store.append(second.id, Event(Kind.DETAILS, now(), channel=channel))
    services.redis.set(keys.space_members_checked(room), "1")
    return services.store.load(second.id)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (0, {}, RETRY_S),
        (503, {}, RETRY_S),
        (503, {"Retry-After": "40"}, 40),
        (423, {}, RETRY_S),
        (429, {"Retry-After": "2"}, RETRY_S),
        (429, {"Retry-After": "90"}, 90),
        (429, {"Retry-After": "99999999"}, LONGEST_S),
        (429, {"Retry-After": "9" * 20}, LONGEST_S),
    ],
)
def test_webex_is_not_asked_sooner_than_it_said(
    services, run, webex_script, reply, status, headers, seconds
):
    """Webex's Retry-After is the minimum wait before the next try, up to an hour."""
    webex_script.on("POST", "/messages", reply(status, {}, headers))
    draw.draw(run.id)
    assert due_in(services, run) == pytest.approx(seconds, abs=0.5)


@pytest.mark.slow
@pytest.mark.parametrize("status", [400, *NO])
def test_the_pause_after_a_refusal_grows_with_it(
    services, run, webex_script, reply, status, pass_time
):
    """The pause after a refusal is two seconds, then as long as the refusal has lasted.

    The pause is five minutes at most, and news does not change it.
    """
    webex_script.on("POST", "/messages", reply(status, {"message": "no"}))
    waits = []
    for _ in range(10):
        draw.draw(run.id)
        waits.append(due_in(services, run))
        pass_time(waits[-1])
    assert waits == pytest.approx([2, 2, 4, 8, 16, 32, 64, 128, 256, REFUSED_S], abs=0.5)


def test_a_refusal_that_ended_begins_at_two_seconds_again(
    services, run, webex_script, reply, pass_time
):
    """After a card that Webex took, the next refusal begins with a pause of two seconds again."""
    webex_script.on(
        "POST", "/messages", reply(403), reply(403), reply(body={"id": "posted-1"}), reply(403)
    )
    for seconds in (40, 40, 0):
        draw.draw(run.id)
        pass_time(seconds)
    assert not services.redis.exists(keys.cards_refused())
    services.redis.hdel(keys.cards(run.id), LIVING)
    draw.draw(run.id)
    assert due_in(services, run) == pytest.approx(2, abs=0.5)


def is_due(services, run) -> bool:
    """Return whether a draw of the run waits in the queue."""
    return bool(services.redis.exists(keys.draw_queued(run.id)))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("status", "room", "drawn"),
    [(401, "room-2", True), (403, "room-2", False), (400, "room-1", False)]
    + [(status, "room-1", True) for status in NO],
)
def test_the_first_good_call_draws_what_waited(
    services, run, webex_script, reply, status, room, drawn
):
    """A card that Webex takes draws the refused cards of the same place.

    After a 401, a card in any place does so. After a 400, no other card does.
    """
    second = other(services, run, room)
    webex_script.on("POST", "/messages", reply(status))
    draw.draw(run.id)
    assert not is_due(services, run)
    webex_script.on("POST", "/messages", reply(body={"id": "posted-1"}))
    draw.draw(second.id)
    assert is_due(services, run) is drawn


@pytest.mark.parametrize("status", NO)
def test_an_event_in_the_space_draws_what_waited(services, run, webex_script, reply, status):
    """An answered command in a space draws the waiting cards, because the bot is let in again."""
    message = {"id": "m1", "roomId": "room-1", "roomType": "group", "personId": "anna"}
    webex_script.on("POST", "/messages", reply(status))
    draw.draw(run.id)
    webex_script.on("POST", "/messages", reply(body={"id": "posted-1"}))
    webex_script.on("GET", "/messages/m1", reply(body=message | {"text": "/help"}))
    receive("messages", "m1", "anna", "room-1")
    assert is_due(services, run)


@pytest.mark.parametrize("room", ["room-1", "room-2"])
def test_a_bot_that_is_back_in_the_space_draws_what_waited(
    services, run, webex_script, reply, room
):
    """The bot's own ``memberships:created`` draws the waiting cards of that space only."""
    mine = {"id": "ms-1", "roomId": room, "personId": "bot-1", "roomType": "group"}
    mine["personEmail"] = "emailbot@webex.bot"
    webex_script.on("POST", "/messages", reply(403), reply(body={"id": "posted-1"}))
    webex_script.on("GET", "/memberships", reply(body={"items": [mine]}))
    draw.draw(run.id)
    receive("memberships", "ms-1", "eve", room)
    assert is_due(services, run) is (room == "room-1")


@pytest.mark.parametrize(("status", "asked"), [(429, 3600), (429, 30), (503, 3600)])
def test_a_limit_holds_other_places_for_seconds_only(
    services, run, said, webex_script, reply, status, asked
):
    """A limit holds the place of the card as long as Webex asked, also for a second run there.

    Other places wait only for seconds.
    """
    here = other(services, run)
    webex_script.on(
        "POST",
        "/messages",
        reply(status, {}, {"Retry-After": str(asked)}),
        reply(body={"id": "posted-1"}),
    )
    draw.draw(run.id)
    draw.draw(here.id)
    assert due_in(services, here) == about(asked)
    services.store.end(here, Event(Kind.CANCELLED, now()))
    elsewhere = other(services, run, "room-2")
    draw.draw(elsewhere.id)
    assert due_in(services, elsewhere) == about(min(asked, OTHERS_S))
    services.redis.delete(keys.webex_wait("all"))
    draw.draw(elsewhere.id)
    assert len(said()) == 2
    assert due_in(services, run) == about(asked)
