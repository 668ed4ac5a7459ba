"""Cards of a run in Webex: edited in place if possible, otherwise posted again."""

from __future__ import annotations

from contextlib import suppress

import pytest

from bot.cards import delivery
from bot.cards.presenters.card_state import EDITS, NO_EDITS, posted_card
from bot.webex.client import WebexAnswerError, WebexBadRequestError, WebexError
from tests.unit.bot.cards.small_card import age, card, later, methods, plan_card
from tests.unit.bot.commands.typed_commands import sent


@pytest.fixture
def hasty(monkeypatch) -> None:
    """Let news that asks nobody be shown at once, without a wait for later news."""
    monkeypatch.setattr(delivery, "CALM_S", 0.0)


def test_a_new_card_is_posted_in_the_thread(services, run, webex_script):
    """A new card is posted in the thread, with its text for clients that show no cards."""
    delivery.sync(services, run, card("a"))
    (body,) = sent(webex_script)
    assert (body["roomId"], body["parentId"], body["text"]) == (
        "room-1",
        "thread-1",
        card("a").card.text,
    )
    assert body["attachments"][0]["content"]["type"] == "AdaptiveCard"
    shown = plan_card(services, run)
    assert (shown.message, shown.room, shown.edits) == ("posted-1", "room-1", 0)


@pytest.mark.parametrize(
    ("to", "by"),
    [
        ("anna@example.test", {"toPersonId": "anna"}),
        ("carl@example.test", {"toPersonEmail": "carl@example.test"}),
    ],
)
def test_a_direct_card_goes_to_the_person(services, run, webex_script, to, by):
    """A direct card is sent in no thread: by id to the requester, else by the typed address.

    The requester's id is used, because addresses change.
    """
    delivery.sync(services, run, card("a", to=to))
    body = webex_script.asked[-1][2]
    assert {
        name: value for name, value in body.items() if name not in {"text", "attachments"}
    } == by


def test_no_news_is_no_call(services, run, said):
    """A card that differs only in the moment of its drawing is not edited."""
    delivery.sync(services, run, card("a"))
    assert delivery.sync(services, run, card("a")) == 0
    assert methods(said) == ["POST"]


def test_small_news_waits_for_more_of_it(services, run, said):
    """Small news waits six seconds at most, and four times as long after each such edit."""
    delivery.sync(services, run, card("a"))
    assert 0 < delivery.sync(services, run, card("b")) <= delivery.MINOR_INTERVAL_S
    age(services, run, minor=1)
    assert 6 < delivery.sync(services, run, card("b")) <= 4 * delivery.MINOR_INTERVAL_S
    assert methods(said) == ["POST"]


@pytest.mark.parametrize(
    ("edits", "more", "done"),
    [
        (EDITS - 2, {}, ["PUT"]),
        (EDITS - 1, {}, []),
        (EDITS - 1, {"final": True}, ["PUT"]),
        (EDITS - 1, {"urgency": "approver"}, ["POST"]),
        (EDITS, {"final": True}, ["POST"]),
        (EDITS, {"urgency": "approver"}, ["POST"]),
        (EDITS, {}, []),
        (EDITS - 1, {"final": True, "retires": True}, ["PUT"]),
        (EDITS, {"final": True, "urgency": "over", "retires": True}, []),
    ],
)
def test_ten_edits_and_the_last_for_the_end(services, run, said, edits, more, done):
    """Webex allows ten edits, and the last one is kept for the end of the run.

    After that, small news is left out, and urgent news is posted as a new message.
    """
    delivery.sync(services, run, card("a"))
    age(services, run, edits=edits)
    delivery.sync(services, run, card("b", **more))
    assert methods(said)[1:] == done


@pytest.mark.parametrize("status", [400, 403, 404, 405, 409])
def test_an_edit_that_webex_does_not_take(services, run, said, webex_script, reply, status):
    """If Webex refuses an edit or the message was deleted, the card is posted again."""
    webex_script.on("PUT", "/messages/posted-1", reply(status, {"message": "no"}))
    delivery.sync(services, run, card("a"))
    delivery.sync(services, run, card("b", urgency="x"))
    shown = plan_card(services, run)
    assert (methods(said), shown.message, shown.edits) == (
        ["POST", "PUT", "POST"],
        "posted-2",
        0 if status == 404 else NO_EDITS,
    )


def test_a_card_that_webex_refuses_costs_no_edit(services, run, said, webex_script, reply):
    """If Webex refuses the edit and the post, the card itself is wrong.

    The message then takes the edit of the next card.
    """
    delivery.sync(services, run, card("a"))
    webex_script.on("PUT", "/messages/posted-1", reply(400, {"message": "invalid card"}))
    webex_script.on("POST", "/messages", reply(400, {"message": "invalid card"}))
    with pytest.raises(WebexBadRequestError):
        delivery.sync(services, run, card("b", urgency="x"))
    webex_script.on("PUT", "/messages/posted-1", reply(body={"id": "posted-1"}))
    delivery.sync(services, run, card("c", urgency="y"))
    in_and_out_of_the_thread = ["POST", "POST"]
    assert methods(said) == ["POST", "PUT", *in_and_out_of_the_thread, "PUT"]
    shown = plan_card(services, run)
    assert (shown.message, shown.edits) == ("posted-1", 1)


@pytest.mark.usefixtures("hasty")
def test_where_webex_takes_no_edits_what_concerns_nobody_is_not_posted(
    services, run, said, webex_script, reply
):
    """If Webex refuses edits, news that asks for nothing is not posted.

    Running, waiting and running again are then small news. A person who is asked again in between
    gets a card again.
    """
    webex_script.on("PUT", "/messages/posted-1", reply(400, {"message": "no"}))
    delivery.sync(services, run, card("a", urgency="running", prompt=""))
    delivery.sync(services, run, card("b", urgency="waits", prompt=""))
    posted = []
    for asks in ("", "anna", "", "", "anna", "anna", "bob", ""):
        age(services, run)
        before = len(said())
        assert (
            delivery.sync(
                services, run, card(f"{len(posted)}", urgency=f"{len(posted)}", prompt=asks)
            )
            == 0
        )
        posted.append([method for method, _ in said()[before:]])
    assert (methods(said)[:2], posted) == (
        ["POST", "PUT"],
        [[], ["POST"], [], [], ["POST"], [], ["POST"], []],
    )


@pytest.mark.parametrize("status", [400, 404])
def test_what_only_takes_a_card_back_is_not_posted(
    services, run, said, webex_script, reply, status
):
    """A change that only closes a card is never posted as a new card.

    At the end of a run each new card would ask for nothing, and a deleted card already asks for
    nothing.
    """
    webex_script.on("PUT", "/messages/posted-1", reply(status, {"message": "no"}))
    delivery.sync(services, run, card("a"))
    for text in ("over", "over and out"):
        age(services, run)
        assert (
            delivery.sync(services, run, card(text, urgency="over", final=True, retires=True)) == 0
        )
    assert methods(said)[:2] == ["POST", "PUT"]
    assert "POST" not in methods(said)[2:]


def test_an_edit_too_many(services, run, said, webex_script, reply):
    """If Webex refuses an edit after accepting some, the next card is still edited."""
    delivery.sync(services, run, card("a"))
    age(services, run, edits=5)
    webex_script.on("PUT", "/messages/posted-1", reply(400, {"message": "no"}))
    webex_script.on("PUT", "/messages/posted-2", reply(body={"id": "posted-2"}))
    for text, turn in (("b", ""), ("c", "x"), ("d", "y")):
        delivery.sync(services, run, card(text, urgency=turn))
    assert methods(said) == ["POST", "PUT", "POST", "PUT"]


@pytest.mark.parametrize("lost", [(502, {}), (0, {})], ids=["502", "no answer"])
def test_a_card_that_may_stand_there_is_not_posted_for_every_try(
    services, run, said, webex_script, reply, monkeypatch, lost
):
    """A card that may have been posted is retried after 5 s, then 60 s, then every 5 minutes.

    Newer states wait for that time and are then shown.
    """
    webex_script.on("POST", "/messages", reply(*lost))
    posts = []
    for second in range(0, 700, 5):
        later(monkeypatch, second)
        with suppress(WebexError):
            delivery.sync(services, run, card(f"at {second}", urgency=str(second)))
        posts += [second] * (len(said()) - len(posts))
    assert posts == [0, 5, 65, 365, 665]
    webex_script.on("POST", "/messages", reply(body={"id": "posted-1"}))
    later(monkeypatch, 1000)
    delivery.sync(services, run, card("the newest"))
    shown = posted_card(services, run.id, "plan")
    assert (shown and shown.message, services.redis.hlen(f"cards:{run.id}")) == ("posted-1", 1)


def test_a_card_that_surely_does_not_stand_there_is_posted_at_every_try(
    services, run, said, webex_script, reply, hasty_retries
):
    """A card that was surely not posted, as with 503, is posted again at every try."""
    webex_script.on("POST", "/messages", reply(503))
    for _ in range(3):
        with pytest.raises(WebexError):
            delivery.sync(services, run, card("a"))
    assert services.redis.hlen(f"cards:{run.id}") == 0


def test_who_asks_for_a_card_anew_gets_it(services, run, said, webex_script, reply):
    """A card that a person asks for again is posted at once.

    The doubt about an earlier post is forgotten with the card.
    """
    webex_script.on("POST", "/messages", reply(502), reply(body={"id": "posted-2"}))
    with pytest.raises(WebexError):
        delivery.sync(services, run, card("a"))
    assert 0 < delivery.sync(services, run, card("a")) <= 5
    delivery.repost(services, run.id, "plan")
    assert (delivery.sync(services, run, card("a")), len(said())) == (0, 2)


@pytest.mark.parametrize("status", [403, 404])
@pytest.mark.parametrize("members", [{"items": []}, None])
def test_a_bot_that_is_out_of_the_space_learns_nothing_about_edits(
    services, run, said, webex_script, reply, status, members
):
    """A refused edit proves nothing about edits if the bot is out of the space.

    The card waits for the bot to be back, and is then edited; no second card is posted.
    """
    delivery.sync(services, run, card("a"))
    age(services, run)
    webex_script.on(
        "PUT",
        "/messages/posted-1",
        reply(status, {"message": "no"}),
        reply(body={"id": "posted-1"}),
    )
    webex_script.on("GET", "/memberships", reply(200 if members else 404, members))
    with pytest.raises(WebexAnswerError):
        delivery.sync(services, run, card("b", urgency="x"))
    assert delivery.sync(services, run, card("b", urgency="x")) == 0
    assert methods(said) == ["POST", "PUT", "PUT"]
