"""Cards for a space: who may read them, and in which language and time zone they are drawn."""

import pytest

from adaptive_cards import Card
from adaptive_cards.locale import Locale, drawn_for
from adaptive_cards.texts import text
from bot.cards import delivery, draw
from bot.cards.presenters.card_state import DesiredCard
from bot.chat import permissions, preferences
from bot.chat.preferences import THREAD
from bot.webex.errors import WebexError
from jobs.runs.run import Origin
from jobs.runtime import install
from jobs.storage import keys
from tests.fixtures.copies import replace
from tests.unit.bot.commands.typed_commands import sent

CARD = Card({"type": "AdaptiveCard", "version": "1.3", "body": []}, "Setting up")


@pytest.fixture
def members(webex_script, reply):
    """Return a function that makes Webex list the given addresses as members of the space."""

    def script(*emails: str) -> None:
        items = [
            {"id": f"ms-{each}", "roomId": "room-1", "personId": each, "personEmail": each}
            for each in emails
        ]
        webex_script.on("GET", "/memberships", reply(body={"items": items}))

    return script


def asked(webex_script) -> int:
    """Return the number of times Webex was asked for the members of a space."""
    return sum("/memberships" in path for _, path, _ in webex_script.asked)


def test_an_outsider_who_joined_sees_no_new_card(services, begin, said, members):
    """After an outsider joins, the space gets one notice and no new card.

    Posted cards stay as they are, and 1:1 cards continue.
    """
    run = begin()
    delivery.sync(services, run, DesiredCard("plan", CARD, "1", urgency="a"))
    permissions.members_changed(services, "room-1")
    members("anna@example.test", "eve@evil.test")
    waits = [
        delivery.sync(services, run, DesiredCard("plan", CARD, "2", urgency="b")),
        delivery.sync(services, run, DesiredCard("done", CARD, "1")),
    ]
    told = delivery.sync(services, run, DesiredCard("connect", CARD, "1", to="anna@example.test"))
    assert (waits, told) == ([permissions.HELD_S, permissions.HELD_S], 0)
    assert [words.splitlines()[0] for _, words in said()] == [
        "Setting up",
        said()[1][1].splitlines()[0],
        "Setting up",
    ]
    assert text("notice.held_title") in said()[1][1]


def test_once_the_outsider_has_left_the_cards_go_on(services, begin, said, members):
    """After the outsider has left the space, the next try posts the card in its newest state."""
    run = begin()
    permissions.members_changed(services, "room-1")
    members("eve@evil.test")
    assert delivery.sync(services, run, DesiredCard("plan", CARD, "1")) == permissions.HELD_S
    members("anna@example.test")
    assert delivery.sync(services, run, DesiredCard("plan", CARD, "1")) == 0
    assert said()[-1] == ("POST", "Setting up")


def test_a_space_is_not_asked_about_for_every_card(services, begin, webex_script, members):
    """The members of a space are checked once per half minute, and never for a 1:1 room.

    They are checked again when someone has joined.
    """
    run = begin()
    members("anna@example.test")
    permissions.members_changed(services, "room-1")
    assert [permissions.may_read(services, run) for _ in range(3)] == [True, True, True]
    assert asked(webex_script) == 1
    assert 0 < services.redis.ttl("space:room-1:ours") <= permissions.CHECKED_FOR_S
    assert permissions.may_read(services, replace(run, origin=Origin("room-2", direct=True)))
    assert asked(webex_script) == 1


def test_a_pause_is_announced_later(services, begin, members, webex_script, reply, hasty_retries):
    """If Webex does not take the notice of the pause, it is not marked as told for an hour."""
    run = begin()
    permissions.members_changed(services, "room-1")
    members("eve@evil.test")
    webex_script.on("POST", "/messages", reply(503))
    with pytest.raises(WebexError):
        permissions.may_read(services, run)
    told = keys.space_hold_announced("room-1")
    assert services.redis.ttl(told) <= permissions.CHECKED_FOR_S
    webex_script.on("POST", "/messages", reply(body={"id": "posted-1"}))
    services.redis.delete(told)
    assert not permissions.may_read(services, run)
    assert services.redis.ttl(told) > permissions.CHECKED_FOR_S


ADMIN = "admin@example.test"


def chosen(services, place: str, **choices: str) -> None:
    """Save the language or the time zone that a space or a person has chosen."""
    services.redis.hset(keys.locale(place), mapping=dict(choices))


@pytest.fixture
def run(begin):
    """A run of Anna's in the space room-1."""
    return begin()


def test_nobody_has_chosen(services, run, anna):
    """If nobody has chosen, the settings decide in the space and in every 1:1 message."""
    bot = replace(services.bot, default_language="de", default_timezone="Europe/Zurich")
    german = replace(services, bot=bot)
    usual = Locale("de", "Europe/Zurich")
    cards = {preferences.locale_of_card(german, run, to) for to in (THREAD, ADMIN)}
    assert cards | {preferences.locale_of(german, room) for room in ("room-9", anna.room)} == {
        usual
    }


def test_a_direct_card_follows_its_reader(services, run):
    """A 1:1 card takes its reader's choice first, and then the choice of the run's space.

    The language and the time zone are looked up separately.
    """
    chosen(services, "room-1", language="de", zone="Europe/Berlin")
    chosen(services, ADMIN, zone="Asia/Tokyo")
    assert (
        preferences.locale_of_card(services, run, THREAD),
        preferences.locale_of_card(services, run, "Admin@Example.test"),
        preferences.locale_of_card(services, run, "else@example.test"),
    ) == (Locale("de", "Europe/Berlin"), Locale("de", "Asia/Tokyo"), Locale("de", "Europe/Berlin"))


def test_a_run_in_a_direct_message_follows_its_requester(services, run):
    """A run in a 1:1 room takes its requester's choice, because the room has none of its own."""
    direct = replace(run, origin=Origin("direct-1", "thread-1", direct=True))
    chosen(services, run.requester.email.lower(), language="de")
    chosen(services, "direct-1", language="en", zone="Asia/Tokyo")
    assert preferences.locale_of_card(services, direct, THREAD) == Locale("de", "UTC")


@pytest.mark.parametrize("kept", ["fr", "", "../en"])
def test_a_language_that_is_gone_is_the_usual_one(services, run, kept):
    """If the bot no longer has the chosen language, it shows the default one and keeps the zone."""
    chosen(services, "room-1", language=kept, zone="Asia/Tokyo")
    assert preferences.locale_of_card(services, run, THREAD) == Locale("en", "Asia/Tokyo")


def test_each_card_is_drawn_for_its_place(services, run, said, webex_script):
    """The first card in a space that has chosen German is in German."""
    install(services)
    chosen(services, "room-1", language="de", zone="Europe/Berlin")
    draw.draw(run.id)
    assert any("ist am Zug" in told for _, told in said())


def test_the_announcement_to_the_administrator_is_in_that_persons_language(
    anna, webex_script, reply
):
    """The first message to an administrator whom a run needs is in that person's language."""
    webex_script.on("GET", "/people", reply(body={"items": []}))
    chosen(anna.services, ADMIN, language="de")
    webex_script.on("POST", "/messages", reply(body={"id": "posted-1", "roomId": "direct-9"}))
    own = {"id": "ms-1", "roomId": "direct-9", "personId": "bot-1", "personOrgId": "org-1"}
    webex_script.on("GET", "/memberships", reply(body={"items": [own]}))
    assert permissions.resolve_recipient(anna, ADMIN) == ADMIN
    with drawn_for(Locale("de")):
        hello = text("notice.asked_hello")
    assert hello in [each.get("text") for each in sent(webex_script)]


def test_that_messages_are_paused_is_said_in_the_language_of_the_space(
    services, run, said, webex_script, reply
):
    """If an outsider is in the space, the notice of the pause is in the language of the space."""
    chosen(services, "room-1", language="de")
    permissions.members_changed(services, "room-1")
    outside = {"id": "ms-2", "personId": "eve", "personEmail": "eve@evil.example"}
    webex_script.on("GET", "/memberships", reply(body={"items": [outside]}))
    assert not permissions.may_read(services, run)
    with drawn_for(Locale("de")):
        assert text("notice.held_title") in said()[0][1]
