"""The language and time zone of each card: the person's, the space's, or that of the settings."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adaptive_cards.locale import Locale, drawn_for
from adaptive_cards.texts import text
from bot.cards import draw
from bot.chat import audience, preferences
from bot.chat.audience import resolve_recipient
from bot.chat.preferences import THREAD
from bot.services import Services
from jobs.runs.run import Origin, Run
from jobs.runtime import install
from jobs.storage import keys
from tests.unit.bot.commands.typed_commands import sent

ADMIN = "admin@example.test"


def chosen(services: Services, place: str, **choices: str) -> None:
    """Save the language or the time zone that a space or a person has chosen."""
    services.redis.hset(keys.locale(place), mapping=dict(choices))


@pytest.fixture
def run(begin) -> Run:
    """A run of Anna's in the space room-1."""
    return begin()


def test_nobody_has_chosen(services, run, anna):
    """If nobody has chosen, the settings decide in the space and in every 1:1 message."""
    bot = replace(services.bot, default_language="de", default_timezone="Europe/Zurich")
    german = replace(services, bot=bot)
    usual = Locale("de", "Europe/Zurich")
    assert preferences.locale_of_card(german, run, THREAD) == usual
    assert preferences.locale_of_card(german, run, ADMIN) == usual
    assert preferences.locale_of(german, "room-9") == usual
    assert preferences.locale_of(german, anna.room) == usual


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
    bot = replace(anna.services.bot, allowed_email_domains=("example.test",))
    ctx = replace(anna, services=replace(anna.services, bot=bot))
    webex_script.on("GET", "/people", reply(body={"items": []}))
    chosen(ctx.services, ADMIN, language="de")
    webex_script.on("POST", "/messages", reply(body={"id": "posted-1", "roomId": "direct-9"}))
    own = {"id": "ms-1", "roomId": "direct-9", "personId": "bot-1", "personOrgId": "org-1"}
    webex_script.on("GET", "/memberships", reply(body={"items": [own]}))
    assert resolve_recipient(ctx, ADMIN) == ADMIN
    with drawn_for(Locale("de")):
        hello = text("notice.asked_hello")
    assert hello in [each.get("text") for each in sent(webex_script)]


def test_that_messages_are_paused_is_said_in_the_language_of_the_space(
    services, run, said, webex_script, reply
):
    """If an outsider is in the space, the notice of the pause is in the language of the space."""
    chosen(services, "room-1", language="de")
    audience.members_changed(services, "room-1")
    outside = {
        "id": "ms-2",
        "roomId": "room-1",
        "personId": "eve",
        "personEmail": "eve@evil.example",
        "personOrgId": "org-9",
    }
    webex_script.on("GET", "/memberships", reply(body={"items": [outside]}))
    assert not audience.may_read(services, run)
    with drawn_for(Locale("de")):
        assert text("notice.held_title") in said()[0][1]
