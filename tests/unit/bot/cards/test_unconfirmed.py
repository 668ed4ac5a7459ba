"""Card in a 1:1 whose post got no answer: the card is found there, and not posted again."""

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.cards import delivery
from bot.cards.living import living_cards
from bot.cards.presenters.card_state import posted_card, slot_of, unconfirmed
from bot.webex.client import content_of
from bot.webex.errors import WebexError
from jobs.clock import now
from tests.unit.bot.cards.small_card import card, methods, plan_card

CARL = "carl@example.test"


def message(services, **more):
    """Return the bot's message in the 1:1 with Carl, as Webex lists it."""
    return {
        "id": "found-1",
        "roomId": "room-of-carl",
        "roomType": "direct",
        "personId": services.me.id,
        "text": card("a").card.text.replace(" ", "\u00a0 "),
        "created": now().isoformat(),
    } | more


def dies(services, run, wanted) -> None:
    """Post the card in a process that dies before the answer."""

    def killed(*_: object, **__: object) -> None:
        raise SystemExit

    with pytest.MonkeyPatch.context() as patch, suppress(SystemExit):
        patch.setattr(type(services.messenger), "send", killed)
        delivery.sync(services, run, wanted)


def in_doubt(services, run, slot: str = "plan") -> bool:
    """Return whether a post of the card is not confirmed."""
    return posted_card(services, run.id, unconfirmed(slot)) is not None


@pytest.fixture
def died(services, run) -> None:
    """Leave the record of a process that noted a post to Carl and died before the answer."""
    dies(services, run, card("a", to=CARL))


@pytest.mark.usefixtures("died")
def test_a_card_of_a_process_that_died_is_taken_over(services, run, said, webex_script, reply):
    """The card of a process that died is found and not posted, and is edited when there is news."""
    shows(webex_script, reply, message(services))
    webex_script.on("PUT", "/messages/found-1", reply(body={"id": "found-1"}))
    assert delivery.sync(services, run, card("a", to=CARL)) == 0
    shown = plan_card(services, run)
    assert (shown.message, shown.room, methods(said)) == ("found-1", "room-of-carl", [])
    delivery.sync(services, run, card("b", to=CARL, urgency="carl"))
    assert methods(said) == ["PUT"]


@pytest.mark.usefixtures("died")
@pytest.mark.parametrize(
    "other",
    [
        *({"personId": "carl"}, {"text": "another card"}, {"created": "2026-01-02T03:04:05.000Z"}),
        {"id": "posted-1"},
    ],
)
def test_another_message_is_not_taken_over(services, run, said, webex_script, reply, other):
    """A person's message, another text, an older message or another known card is not the card.

    In these cases the card is posted after 5 s.
    """
    delivery.mark_posted(services, (run.id, "living"), "posted-1", "room-of-carl")
    listed = reply(body={"items": [message(services, **other)]})
    webex_script.on("GET", "/messages/direct", listed)
    assert 0 < delivery.sync(services, run, card("a", to=CARL)) <= 5
    assert methods(said) == []


@pytest.mark.parametrize(("shown", "found"), [("own", True), ("OTHER1", False), ("", True)])
def test_another_runs_card_with_the_same_text_is_not_taken_over(
    services, run, webex_script, reply, shown, found
):
    """A card with the same text is another run's if the message shows the id of another run.

    Webex lists 1:1 messages without their cards, so the message itself is read.
    """
    wanted = with_button(run.id)
    dies(services, run, wanted)
    named = {"own": run.id}.get(shown, shown)
    cards = content_of(with_button(named).card) if named else {}
    shows(webex_script, reply, message(services), cards)
    delivery.sync(services, run, wanted)
    assert (posted_card(services, run.id, "plan") is not None) is found


def shows(webex_script, reply, listed, more=None) -> None:
    """Script a Webex that lists the message, and shows it with these other values."""
    webex_script.on("GET", "/messages/direct", reply(body={"items": [listed]}))
    webex_script.on("GET", "/messages/found-1", reply(body=listed | (more or {})))


def with_button(run_id: str):
    """Return a small card for Carl with a button that names the run."""
    small = card("a", to=CARL)
    button = {"type": "Action.Submit", "title": "Go", "data": {"run": run_id}}
    return replace(
        small, card=replace(small.card, content=small.card.content | {"actions": [button]})
    )


@pytest.mark.usefixtures("died")
def test_a_room_that_cannot_be_read_only_delays_the_post(
    services, run, said, webex_script, reply, monkeypatch
):
    """If Webex refuses the list, the card is posted five seconds after the process died."""
    webex_script.on("GET", "/messages/direct", reply(403, {"message": "no"}))
    assert 0 < delivery.sync(services, run, card("a", to=CARL)) <= 5
    monkeypatch.setattr(delivery, "now", lambda: now() + timedelta(seconds=6))
    assert (delivery.sync(services, run, card("a", to=CARL)), methods(said)) == (0, ["POST"])


@pytest.mark.parametrize("status", [502, 0])
def test_a_card_whose_answer_was_lost_is_taken_over(
    services, run, said, webex_script, reply, status
):
    """A posted card is taken over, although Webex answered its post with 502 or not at all."""
    webex_script.on("POST", "/messages", reply(status))
    with suppress(WebexError):
        delivery.sync(services, run, card("a", to=CARL))
    shows(webex_script, reply, message(services))
    assert (delivery.sync(services, run, card("a", to=CARL)), methods(said)) == (0, ["POST"])
    assert not in_doubt(services, run)


def test_a_refused_card_leaves_no_doubt(services, run, webex_script, reply):
    """If Webex says that it did not post the card, no doubt about the post is on record."""
    webex_script.on("POST", "/messages", reply(404, {"message": "nobody"}))
    with suppress(WebexError):
        delivery.sync(services, run, card("a", to=CARL))
    assert not in_doubt(services, run)


@pytest.mark.parametrize("found", [True, False])
def test_a_request_that_is_over_is_withdrawn_if_webex_shows_it(
    services, run, said, webex_script, reply, pass_time, found
):
    """The last card of a process that died is withdrawn after the run, and never posted for that.

    Without a message in the 1:1 the note of the post ends after five seconds.
    """
    asked = replace(with_button(run.id), slot=slot_of(CARL))
    dies(services, run, asked)
    pass_time(6)
    shows(webex_script, reply, message(services, **({} if found else {"personId": CARL})))
    webex_script.on("PUT", "/messages/found-1", reply(body={"id": "found-1"}))
    for wanted in living_cards(run, services, []) * 2:
        delivery.sync(services, run, wanted)
    assert methods(said) == (["PUT"] if found else [])
    assert not in_doubt(services, run, asked.slot)
