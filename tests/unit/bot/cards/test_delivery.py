"""The cards of a run in Webex: edited in place while that works, posted anew where it does not."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from adaptive_cards import notice
from adaptive_cards.cards.notice import NoticeView
from bot.cards import delivery
from bot.cards.delivery import EDITS, NO_EDITS, Face
from bot.services import Desk
from bot.webex.client import WebexError
from jobs.clock import now
from jobs.model import verbatim
from jobs.runs.run import Run
from jobs.storage import codec

Said = Callable[[], list[tuple[str, str]]]


def face(text: str, **more: Any) -> Face:
    """A small card."""
    view = NoticeView(verbatim("k"), verbatim(text), verbatim("w"), at=now())
    return delivery.face("plan", view, notice(view), **more)


def age(desk: Desk, run: Run, **more: Any) -> None:
    """The card was drawn a while ago."""
    shown = delivery.read(desk, run.id, "plan")
    assert shown is not None
    desk.redis.hset(f"cards:{run.id}", "plan", codec.dump(replace(shown, at=now() - timedelta(seconds=10), **more)))


@pytest.fixture
def run(begin: Callable[..., Run]) -> Run:
    """A run whose card is shown."""
    return begin()


def methods(said: Said) -> list[str]:
    """What was done."""
    return [method for method, _ in said()]


def test_a_new_card_is_posted_in_the_thread(desk: Desk, run: Run, webex_script: Any):
    """With its text for clients that show no cards."""
    delivery.show(desk, run, face("a"))
    (_, _, body), *_ = [asked for asked in webex_script.asked if asked[0] == "POST"]
    assert (body["roomId"], body["parentId"], body["attachments"][0]["content"]["type"]) == ("room-1", "thread-1", "AdaptiveCard")
    shown = delivery.read(desk, run.id, "plan")
    assert shown is not None
    assert (shown.message, shown.room, shown.edits) == ("posted-1", "room-1", 0)


@pytest.mark.parametrize(
    ("to", "by"), [("anna@example.test", {"toPersonId": "anna"}), ("carl@example.test", {"toPersonEmail": "carl@example.test"})]
)
def test_a_direct_card_goes_to_the_person(desk: Desk, run: Run, webex_script: Any, to: str, by: dict[str, str]):
    """In no thread; whoever asked by their id, since addresses change, anybody else by the address that was typed."""
    delivery.show(desk, run, face("a", to=to))
    body = webex_script.asked[-1][2]
    assert {name: value for name, value in body.items() if name not in {"text", "attachments"}} == by


def test_no_news_is_no_call(desk: Desk, run: Run, said: Said):
    """The moment of drawing is no news."""
    delivery.show(desk, run, face("a"))
    assert delivery.show(desk, run, face("a")) == 0
    assert methods(said) == ["POST"]


def test_small_news_waits_for_more_of_it(desk: Desk, run: Run, said: Said):
    """Two seconds at most."""
    delivery.show(desk, run, face("a"))
    assert 0 < delivery.show(desk, run, face("b")) <= 2
    assert methods(said) == ["POST"]


def test_another_turn_does_not_wait(desk: Desk, run: Run, said: Said):
    """Somebody has to act: the card is edited at once."""
    delivery.show(desk, run, face("a"))
    assert delivery.show(desk, run, face("b", turn="approver")) == 0
    assert methods(said) == ["POST", "PUT"]


def test_an_edit_is_counted(desk: Desk, run: Run, said: Said):
    """In place, in the same message."""
    delivery.show(desk, run, face("a"))
    age(desk, run)
    delivery.show(desk, run, face("b"))
    shown = delivery.read(desk, run.id, "plan")
    assert shown is not None
    assert (methods(said), shown.message, shown.edits) == (["POST", "PUT"], "posted-1", 1)


@pytest.mark.parametrize(
    ("edits", "more", "done"),
    [
        (EDITS - 2, {}, ["PUT"]),
        (EDITS - 1, {}, []),
        (EDITS - 1, {"last": True}, ["PUT"]),
        (EDITS - 1, {"turn": "approver"}, ["POST"]),
        (EDITS, {"last": True}, ["POST"]),
        (EDITS, {"turn": "approver"}, ["POST"]),
        (EDITS, {}, []),
        (EDITS - 1, {"last": True, "closes": True}, ["PUT"]),
        (EDITS, {"last": True, "turn": "over", "closes": True}, []),
    ],
)
def test_ten_edits_and_the_last_for_the_end(desk: Desk, run: Run, said: Said, edits: int, more: dict[str, Any], done: list[str]):
    """Small news is left out rather than posted; what somebody has to see is posted anew."""
    delivery.show(desk, run, face("a"))
    age(desk, run, edits=edits)
    delivery.show(desk, run, face("b", **more))
    assert methods(said)[1:] == done


@pytest.mark.parametrize("status", [400, 403, 404, 405, 409])
def test_an_edit_that_webex_does_not_take(desk: Desk, run: Run, said: Said, webex_script: Any, reply: Any, status: int):
    """Or a message that somebody deleted: the card is posted anew."""
    webex_script.on("PUT", "/messages/posted-1", reply(status, {"message": "no"}))
    delivery.show(desk, run, face("a"))
    delivery.show(desk, run, face("b", turn="x"))
    shown = delivery.read(desk, run.id, "plan")
    assert shown is not None
    assert (methods(said), shown.message, shown.edits) == (["POST", "PUT", "POST"], "posted-2", 0 if status == 404 else NO_EDITS)


@pytest.mark.parametrize("status", [400, 405])
def test_where_webex_takes_no_edits_only_news_is_posted(desk: Desk, run: Run, said: Said, webex_script: Any, reply: Any, status: int):
    """One edit is tried; small news is left out, what somebody has to see is posted, and the end in any case."""
    webex_script.on("PUT", "/messages/posted-1", reply(status, {"message": "no"}))
    delivery.show(desk, run, face("a"))
    for text in "bcdefghi":
        age(desk, run)
        assert delivery.show(desk, run, face(text)) == 0
    assert methods(said) == ["POST", "PUT"]
    for more in ({"turn": "approver"}, {"turn": "approver"}, {"turn": "approver", "last": True}):
        age(desk, run)
        delivery.show(desk, run, face(f"with {more}", **more))
        delivery.show(desk, run, face(f"small after {more}", turn="approver"))
    assert [words for _, words in said()[2:]] == [face("with {'turn': 'approver'}").card.text, face(f"with {more}").card.text]


def test_where_webex_takes_no_edits_what_concerns_nobody_is_not_posted(desk: Desk, run: Run, said: Said, webex_script: Any, reply: Any):
    """Running, waiting and running again are small news then. Who is asked once more in between gets a card once more."""
    webex_script.on("PUT", "/messages/posted-1", reply(400, {"message": "no"}))
    delivery.show(desk, run, face("a", turn="running", asks=""))
    delivery.show(desk, run, face("b", turn="waits", asks=""))
    posted = []
    for asks in ("", "anna", "", "", "anna", "anna", "bob", ""):
        age(desk, run)
        before = len(said())
        assert delivery.show(desk, run, face(f"{len(posted)}", turn=f"{len(posted)}", asks=asks)) == 0
        posted.append([method for method, _ in said()[before:]])
    assert (methods(said)[:2], posted) == (["POST", "PUT"], [[], ["POST"], [], [], ["POST"], [], ["POST"], []])


@pytest.mark.parametrize("edits", [EDITS - 1, EDITS])
def test_where_webex_takes_edits_what_is_news_is_posted_after_ten(desk: Desk, run: Run, said: Said, edits: int):
    """A new card takes ten more: whose turn it is is shown, nobody's too."""
    delivery.show(desk, run, face("a", asks="anna"))
    age(desk, run, edits=edits)
    delivery.show(desk, run, face("b", turn="running", asks=""))
    assert methods(said) == ["POST", "POST"]


@pytest.mark.parametrize("status", [400, 404])
def test_what_only_takes_a_card_back_is_not_posted(desk: Desk, run: Run, said: Said, webex_script: Any, reply: Any, status: int):
    """At the end of a run a new card for each old one would ask for nothing; one that somebody deleted asks for nothing already."""
    webex_script.on("PUT", "/messages/posted-1", reply(status, {"message": "no"}))
    delivery.show(desk, run, face("a"))
    for text in ("over", "over and out"):
        age(desk, run)
        assert delivery.show(desk, run, face(text, turn="over", last=True, closes=True)) == 0
    assert methods(said)[:2] == ["POST", "PUT"]
    assert "POST" not in methods(said)[2:]


def test_an_edit_too_many(desk: Desk, run: Run, said: Said, webex_script: Any, reply: Any):
    """Where Webex has taken some edits of a card, the one that it refuses says nothing about the card that follows."""
    delivery.show(desk, run, face("a"))
    age(desk, run, edits=5)
    webex_script.on("PUT", "/messages/posted-1", reply(400, {"message": "no"}))
    webex_script.on("PUT", "/messages/posted-2", reply(body={"id": "posted-2"}))
    for text, turn in (("b", ""), ("c", "x"), ("d", "y")):
        delivery.show(desk, run, face(text, turn=turn))
    assert methods(said) == ["POST", "PUT", "POST", "PUT"]


def later(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """The clock of the cards, so much later than it is."""
    monkeypatch.setattr(delivery, "now", lambda: now() + timedelta(seconds=seconds))


@pytest.mark.parametrize("lost", [(502, {}), (0, {})], ids=["502", "no answer"])
def test_a_card_that_may_stand_there_is_not_posted_for_every_try(
    desk: Desk, run: Run, said: Said, webex_script: Any, reply: Any, monkeypatch: pytest.MonkeyPatch, lost: tuple[int, dict[str, str]]
):
    """Once more after five seconds, then after a minute, then every five minutes; whatever is new meanwhile waits for that, and is shown."""
    webex_script.on("POST", "/messages", reply(*lost))
    posts = []
    for second in range(0, 700, 5):
        later(monkeypatch, second)
        with suppress(WebexError):
            delivery.show(desk, run, face(f"at {second}", turn=str(second)))
        posts += [second] * (len(said()) - len(posts))
    assert posts == [0, 5, 65, 365, 665]
    webex_script.on("POST", "/messages", reply(body={"id": "posted-1"}))
    later(monkeypatch, 1000)
    delivery.show(desk, run, face("the newest"))
    shown = delivery.read(desk, run.id, "plan")
    assert (shown and shown.message, desk.redis.hlen(f"cards:{run.id}")) == ("posted-1", 1)


def test_a_card_that_surely_does_not_stand_there_is_posted_at_every_try(
    desk: Desk, run: Run, said: Said, webex_script: Any, reply: Any, hasty_retries: None
):
    """As with 503: nothing has to wait for a doubt."""
    webex_script.on("POST", "/messages", reply(503))
    for _ in range(3):
        with pytest.raises(WebexError):
            delivery.show(desk, run, face("a"))
    assert desk.redis.hlen(f"cards:{run.id}") == 0


def test_who_asks_for_a_card_anew_gets_it(desk: Desk, run: Run, said: Said, webex_script: Any, reply: Any):
    """A doubt is forgotten with the card."""
    webex_script.on("POST", "/messages", reply(502), reply(body={"id": "posted-2"}))
    with pytest.raises(WebexError):
        delivery.show(desk, run, face("a"))
    assert 0 < delivery.show(desk, run, face("a")) <= 5
    delivery.forget(desk, run.id, "plan")
    assert (delivery.show(desk, run, face("a")), len(said())) == (0, 2)


def test_webex_away_loses_nothing(desk: Desk, run: Run, webex_script: Any, reply: Any, hasty_retries: None):
    """The error goes up, and what is shown stays on record as it is."""
    webex_script.on("PUT", "/messages/posted-1", reply(502))
    delivery.show(desk, run, face("a"))
    before = delivery.read(desk, run.id, "plan")
    with pytest.raises(WebexError):
        delivery.show(desk, run, face("b", turn="x"))
    assert delivery.read(desk, run.id, "plan") == before


def test_the_room_of_a_direct_card_is_known(desk: Desk, run: Run, webex_script: Any, reply: Any):
    """By the answer to the posting, so that nothing has to be asked before an edit."""
    webex_script.on("POST", "/messages", reply(body={"id": "posted-1", "roomId": "direct-1", "roomType": "direct"}))
    delivery.show(desk, run, face("a", to="anna@example.test"))
    delivery.show(desk, run, face("b", to="anna@example.test", turn="x"))
    assert [(method, body and body.get("roomId")) for method, _, body in webex_script.asked] == [("POST", None), ("PUT", "direct-1")]


@pytest.mark.parametrize("posted", [{"id": "posted-1", "roomId": "direct-1"}, {"id": "posted-1"}], ids=["room known", "room not told"])
def test_a_direct_card_that_somebody_deleted(desk: Desk, run: Run, webex_script: Any, reply: Any, posted: dict[str, str]):
    """Is posted anew, whether the 404 meets the edit or already the look for its room."""
    gone = reply(404, {"message": "gone"})
    webex_script.on("POST", "/messages", reply(body=posted), reply(body={"id": "posted-2", "roomId": "direct-1"}))
    webex_script.on("PUT", "/messages/posted-1", gone)
    webex_script.on("GET", "/messages/posted-1", gone)
    delivery.show(desk, run, face("a", to="anna@example.test"))
    delivery.show(desk, run, face("b", to="anna@example.test", turn="x"))
    shown = delivery.read(desk, run.id, "plan")
    assert shown is not None
    assert (shown.message, shown.room) == ("posted-2", "direct-1")


def test_a_room_that_webex_did_not_tell_is_asked_once(desk: Desk, run: Run, webex_script: Any, reply: Any):
    """As that of a card that an older version of the bot has posted."""
    webex_script.on("GET", "/messages/posted-1", reply(body={"id": "posted-1", "roomId": "direct-1", "roomType": "direct"}))
    delivery.show(desk, run, face("a", to="anna@example.test"))
    delivery.show(desk, run, face("b", to="anna@example.test", turn="x"))
    delivery.show(desk, run, face("c", to="anna@example.test", turn="y"))
    assert [(m, p) for m, p, _ in webex_script.asked if m == "GET"] == [("GET", "/messages/posted-1")]
    assert webex_script.asked[-1][2]["roomId"] == "direct-1"


def test_a_forgotten_card_is_posted_again(desk: Desk, run: Run, said: Said):
    """Further down."""
    delivery.show(desk, run, face("a"))
    delivery.forget(desk, run.id, "plan")
    delivery.show(desk, run, face("a"))
    assert (methods(said), delivery.read(desk, run.id, "other")) == (["POST", "POST"], None)


def test_the_mark_follows_from_what_is_shown():
    """The same view has the same mark, another has another."""
    assert face("a").mark == face("a").mark != face("b").mark
