"""Cards of a run in Webex: edited in place if possible, otherwise posted again."""

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.cards import delivery
from bot.cards.presenters.card_state import EDITS, NO_EDITS, posted_card
from bot.webex.errors import WebexAnswerError, WebexBadRequestError, WebexError
from jobs.clock import now
from tests.unit.bot.cards.small_card import age, card, later, methods, plan_card
from tests.unit.bot.commands.typed_commands import sent


@pytest.fixture
def hasty(monkeypatch) -> None:
    """Let news that asks nobody be shown at once, without a wait for later news."""
    monkeypatch.setattr(delivery, "CALM_S", 0.0)


def test_a_new_card_is_posted_in_the_thread(services, run, webex_script):
    """A new card is posted in the thread, with its text for clients that show no cards.

    A card that differs only in the moment of its drawing is not edited.
    """
    for _ in range(2):
        assert delivery.sync(services, run, card("a")) == 0
    (body,) = sent(webex_script)
    expected = ("room-1", "thread-1", card("a").card.text)
    assert (body["roomId"], body["parentId"], body["text"]) == expected
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
    assert {name: body[name] for name in body.keys() - {"text", "attachments"}} == by


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
        before, news = len(said()), f"{len(posted)}"
        assert delivery.sync(services, run, card(news, urgency=news, prompt=asks)) == 0
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
        closed = card(text, urgency="over", final=True, retires=True)
        assert delivery.sync(services, run, closed) == 0
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
@pytest.mark.parametrize(("members", "more"), [({"items": []}, {"urgency": "x"}), (None, {})])
def test_a_bot_that_is_out_of_the_space_learns_nothing_about_edits(
    services, run, said, webex_script, reply, status, members, more
):
    """A refused edit proves nothing about edits if the bot is out of the space.

    The card waits for the bot to be back, and is then edited; no second card is posted. Small news
    then waits no longer than before.
    """
    delivery.sync(services, run, card("a"))
    age(services, run)
    refused, edited = reply(status, {"message": "no"}), reply(body={"id": "posted-1"})
    webex_script.on("PUT", "/messages/posted-1", refused, refused, edited)
    webex_script.on("GET", "/memberships", reply(200 if members else 404, members))
    for _ in range(2):
        with pytest.raises(WebexAnswerError):
            delivery.sync(services, run, card("b", **more))
    assert delivery.sync(services, run, card("b", **more)) == 0
    assert methods(said) == ["POST", "PUT", "PUT", "PUT"]


@pytest.mark.parametrize(
    ("to", "room", "known"),
    [("anna@example.test", "direct-1", None), ("thread", "room-1", "room-1")],
)
def test_posting_and_editing_are_one_call_each(services, run, webex_script, reply, to, room, known):
    """An edit needs no lookup of its room.

    The thread's room is known, and that of a 1:1 message is in the response to its posting.
    """
    webex_script.on("POST", "/messages", reply(body={"id": "posted-1", "roomId": room}))
    for text in "abc":
        delivery.sync(services, run, card(text, to=to, urgency=text))
    assert [(method, body and body.get("roomId")) for method, _, body in webex_script.asked] == [
        ("POST", known),
        *[("PUT", room)] * 2,
    ]


@pytest.mark.parametrize(
    "posted",
    [{"id": "posted-1", "roomId": "direct-1"}, {"id": "posted-1"}],
    ids=["room known", "room not told"],
)
def test_a_direct_card_that_somebody_deleted(services, run, webex_script, reply, posted):
    """A deleted direct card is posted again, also if only the lookup of its room gives 404."""
    gone = reply(404, {"message": "gone"})
    webex_script.on(
        "POST",
        "/messages",
        reply(body=posted),
        reply(body={"id": "posted-2", "roomId": "direct-1"}),
    )
    webex_script.on("PUT", "/messages/posted-1", gone)
    webex_script.on("GET", "/messages/posted-1", gone)
    delivery.sync(services, run, card("a", to="anna@example.test"))
    delivery.sync(services, run, card("b", to="anna@example.test", urgency="x"))
    shown = plan_card(services, run)
    assert (shown.message, shown.room) == ("posted-2", "direct-1")


def test_a_room_that_webex_did_not_tell_is_asked_once(services, run, webex_script, reply):
    """If the room of a direct card is unknown, Webex is asked for it once."""
    webex_script.on(
        "GET",
        "/messages/posted-1",
        reply(body={"id": "posted-1", "roomId": "direct-1", "roomType": "direct"}),
    )
    delivery.sync(services, run, card("a", to="anna@example.test"))
    delivery.sync(services, run, card("b", to="anna@example.test", urgency="x"))
    delivery.sync(services, run, card("c", to="anna@example.test", urgency="y"))
    assert [(m, p) for m, p, _ in webex_script.asked if m == "GET"] == [
        ("GET", "/messages/posted-1")
    ]
    assert webex_script.asked[-1][2]["roomId"] == "direct-1"


def test_small_news_does_not_use_up_the_edits(services, run, said):
    """After four minor edits, the rest is shown with the next update that asks somebody.

    The clock goes on by an hour before each edit, or is set back by an hour.
    """
    delivery.sync(services, run, card("a"))
    for number in range(delivery.MINOR_MOST + 2):
        age(services, run, at=now() + timedelta(hours=(-1) ** number))
        assert delivery.sync(services, run, card(f"small {number}")) == 0
    assert methods(said) == ["POST", *["PUT"] * delivery.MINOR_MOST]
    delivery.sync(services, run, card("b", urgency="approver"))
    assert methods(said)[-1] == "PUT"


@pytest.mark.parametrize("seconds", [delivery.CALM_S, -3600.0])
def test_what_asks_nobody_waits_for_what_may_follow(services, run, said, monkeypatch, seconds):
    """An update without a request waits two seconds once, or until the clock is set back."""
    delivery.sync(services, run, card("a", urgency="anna", prompt="anna"))
    assert 0 < delivery.sync(services, run, card("b", urgency="", prompt="")) <= delivery.CALM_S
    later(monkeypatch, seconds)
    assert delivery.sync(services, run, card("c", urgency="", prompt="")) <= 0
    assert methods(said) == ["POST", "PUT"]


def test_the_first_results_of_a_check_do_not_wait(services, run, said):
    """The first finding and the cause are shown at once, because they count in an incident.

    The findings that follow share an edit.
    """
    delivery.sync(services, run, card("a"))
    found = [replace(card(cause, urgency=cause, prompt=""), at_once=2) for cause in "bcd"]
    assert [delivery.sync(services, run, each) for each in found[:2]] == [0, 0]
    assert 0 < delivery.sync(services, run, found[2]) <= delivery.CALM_S
    assert methods(said) == ["POST", "PUT", "PUT"]


def test_a_card_that_takes_no_more_edits_is_kept_for_its_last(services, run, said):
    """If a new message takes over, the earlier message still has an edit to say so."""
    delivery.sync(services, run, card("a"))
    age(services, run, edits=EDITS - 1)
    delivery.sync(services, run, card("b", urgency="approver"))
    earlier = posted_card(services, run.id, "earlier:thread:posted-1")
    assert (earlier.message, earlier.edits) == ("posted-1", EDITS - 1)
    assert services.cards.due(run.id) > 0


def test_an_edit_that_is_not_confirmed_counts(services, run, monkeypatch):
    """An edit counts if its process died, because Webex may have made the edit."""
    delivery.sync(services, run, card("a"))

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    for edits in (1, 2):
        with monkeypatch.context() as dying:
            dying.setattr(type(services.messenger), "edit", die)
            with pytest.raises(KeyboardInterrupt):
                delivery.sync(services, run, card("b", urgency="approver"))
        assert counted(services, run) == (edits, True, "")
    delivery.sync(services, run, card("b", urgency="approver"))
    assert counted(services, run) == (3, False, "approver")


def counted(services, run) -> tuple[int, bool, str]:
    """Return the edits of the posted card, whether the last is not confirmed, and its urgency."""
    shown = plan_card(services, run)
    return shown.edits, shown.tried, shown.urgency


@pytest.mark.parametrize(("status", "edits"), [(429, 0), (503, 0), (502, 1)])
def test_an_edit_that_webex_has_not_made_does_not_count(
    services, run, webex_script, reply, status, edits
):
    """An edit counts only if Webex may have made it, and only once."""
    delivery.sync(services, run, card("a"))
    webex_script.on("PUT", "/messages/posted-1", reply(status, {"message": "no"}))
    for _ in range(2):
        with pytest.raises(WebexError):
            delivery.sync(services, run, card("b", urgency="approver"))
        assert counted(services, run) == (edits, bool(edits), "")
