"""``/language`` and ``/timezone``: what a space or a person chooses, and what a bad value does."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from adaptive_cards.locale import Locale, drawn_for
from adaptive_cards.texts import text
from bot.actions import actions
from bot.chat import preferences
from bot.chat.context import ChatContext
from bot.commands import by_typed_name, commands
from jobs.storage import keys
from tests.fixtures.webex_script import receive
from tests.unit.bot.commands.typed_commands import Said, cards, pressed, type_

GERMAN = Locale("de", "UTC")


def in_german(key: str, **values: str) -> str:
    """Return a text in German."""
    with drawn_for(GERMAN):
        return text(key, **values)


@pytest.mark.parametrize("typed", ["de", "DE", " de ", "Deutsch", "German", "german"])
def test_a_space_chooses_by_code_or_name(anna: ChatContext, said: Said, typed: str):
    """The answer is in the chosen language at once, and says that it applies to the space."""
    type_(anna, "language", typed)
    assert preferences.locale_of_chat(anna) == GERMAN
    assert in_german("language.chosen") in said()[0][1]
    assert in_german("language.chosen_space") in said()[0][1]


def test_a_person_chooses_in_a_direct_message(anna: ChatContext, said: Said):
    """The choice is the person's in every 1:1 conversation, and no space changes."""
    direct = replace(anna, direct=True, room="direct-1")
    type_(direct, "language", "de")
    assert preferences.locale_of_chat(replace(direct, room="direct-2")) == GERMAN
    assert preferences.locale_of_chat(anna) == Locale()
    assert in_german("language.chosen_direct") in said()[0][1]


def test_english_can_be_chosen_back(anna: ChatContext, said: Said):
    """The names of the languages are understood in each of them."""
    type_(anna, "language", "de")
    type_(anna, "language", "Englisch")
    assert preferences.locale_of_chat(anna) == Locale()
    assert text("language.chosen") in said()[1][1]


@pytest.mark.parametrize("typed", ["fr", "klingon", "../en", "de en", "d", "key:turn.you"])
def test_an_unknown_language_changes_nothing(anna: ChatContext, webex_script: Any, typed: str):
    """The answer names it, and offers each language that the bot has."""
    type_(anna, "language", "de")
    webex_script.asked.clear()
    type_(anna, "language", typed)
    assert preferences.locale_of_chat(anna) == GERMAN
    assert text("language.unknown", typed=typed) in cards(webex_script)
    assert pressed(webex_script) == [
        {"do": "language", "language": "de"},
        {"do": "language", "language": "en"},
    ]


def test_a_button_chooses(anna: ChatContext, webex_script: Any):
    """Without a language the command shows a button for each, in the language's own name."""
    type_(anna, "language")
    assert ("Deutsch" in cards(webex_script), "English" in cards(webex_script)) == (True, True)
    actions()["language"](anna, pressed(webex_script)[0])
    assert preferences.locale_of_chat(anna) == GERMAN


@pytest.mark.parametrize("inputs", [{}, {"language": ""}, {"language": "xx"}])
def test_a_forged_button_changes_nothing(anna: ChatContext, inputs: dict[str, str]):
    """A press that names no language of the bot keeps the choice."""
    actions()["language"](anna, {"do": "language"} | inputs)
    assert anna.services.redis.exists(keys.locale(anna.room)) == 0


@pytest.mark.parametrize(
    ("typed", "zone"),
    [
        ("Europe/Berlin", "Europe/Berlin"),
        ("europe/berlin", "Europe/Berlin"),
        ("America/New York", "America/New_York"),
        ("utc", "UTC"),
    ],
)
def test_a_zone_is_chosen_by_its_name(anna: ChatContext, typed: str, zone: str):
    """In any case of letters, with a space in place of an underscore."""
    type_(anna, "timezone", typed)
    assert preferences.locale_of_chat(anna) == Locale("en", zone)


def test_the_answer_shows_both_times(anna: ChatContext, said: Said):
    """The zone's own time, and UTC next to it, as every card shows it from now on."""
    type_(anna, "timezone", "Asia/Tokyo")
    told = said()[0][1]
    assert "Times are now shown in Asia/Tokyo" in told
    assert re.search(r"\d\d:\d\d \S+ \(\d\d:\d\d UTC\)", told)


@pytest.mark.parametrize("typed", ["Berlin", "CEST+2", "Mars/Olympus", "../etc/passwd", "Europe"])
def test_an_unknown_zone_changes_nothing(anna: ChatContext, said: Said, typed: str):
    """The answer names it, and says what a zone looks like."""
    type_(anna, "timezone", "Asia/Tokyo")
    type_(anna, "timezone", typed)
    assert preferences.locale_of_chat(anna) == Locale("en", "Asia/Tokyo")
    assert text("timezone.unknown", typed=typed) in said()[1][1]
    assert text("timezone.how") in said()[1][1]


def test_without_a_zone_the_present_one_is_named(anna: ChatContext, said: Said):
    """And nothing is kept."""
    type_(anna, "timezone")
    assert text("timezone.title", zone="UTC") in said()[0][1]
    assert anna.services.redis.exists(keys.locale(anna.room)) == 0


def test_a_new_zone_keeps_the_language(anna: ChatContext):
    """Both are kept side by side."""
    type_(anna, "language", "de")
    type_(anna, "timezone", "Europe/Vienna")
    assert preferences.locale_of_chat(anna) == Locale("de", "Europe/Vienna")


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("einrichten", "setup-email"),
        ("prüfen", "check"),
        ("pruefen", "check"),
        ("reparieren", "fix"),
        ("rückgängig", "undo"),
        ("rueckgaengig", "undo"),
        ("hilfe", "help"),
        ("status", "status"),
        ("abbrechen", "cancel"),
        ("sprache", "language"),
        ("zeitzone", "timezone"),
        ("check", "check"),
    ],
)
def test_a_command_has_names_in_every_language(typed: str, name: str):
    """The German names work besides the English ones, in a space of any language."""
    assert by_typed_name()[typed] is commands()[name]


def test_no_name_means_two_commands():
    """A name of a language is no other command's own name."""
    assert {
        typed
        for typed, command in by_typed_name().items()
        if typed in commands() and command.name != typed
    } == set()


Write = Callable[..., None]


@pytest.fixture
def write(anna: ChatContext, webex_script: Any, reply: Any) -> Write:
    """Anna types something 1:1, and the bot answers in the language that she chose."""
    preferences.choose(
        replace(anna, direct=True, room="direct-1"), preferences.Preference.LANGUAGE, "de"
    )

    def wrote(words: str) -> None:
        body = {"id": "m1", "roomId": "direct-1", "roomType": "direct", "personId": "anna"}
        webex_script.on("GET", "/messages/m1", reply(body=body | {"text": words}))
        receive("messages", "m1", "anna", "direct-1")

    return wrote


def test_help_shows_the_german_names(write: Write, webex_script: Any):
    """And German arguments."""
    write("/hilfe")
    told = cards(webex_script)
    assert [each in told for each in ("/einrichten ADRESSE", "/prüfen ADRESSE", "/check")] == [
        True,
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("typed", "near"),
    [("prüfe", "/prüfen"), ("einrichen", "/einrichten"), ("chekc", "/check"), ("hilf", "/hilfe")],
)
def test_the_nearest_command_is_of_any_language(
    write: Write, webex_script: Any, typed: str, near: str
):
    """A mistyped German command gets the German one, and a mistyped English one the English one."""
    write(f"/{typed} support@contoso.com")
    assert in_german("understood.meant", meant=f"{near} support@contoso.com") in cards(webex_script)


@pytest.mark.parametrize("word", ["alle", "Alle", "all"])
def test_every_channel_is_named_in_every_language(anna: ChatContext, said: Said, word: str):
    """``/prüfen alle`` is no address that cannot be read: without a channel it lists none."""
    type_(anna, "check", word)
    assert text("channels.none") in said()[0][1]


def test_a_mention_is_that_of_the_bot(anna: ChatContext, webex_script: Any):
    """Help in a space shows the bot's own name in Webex."""
    type_(anna, "help")
    assert "@Email Bot /check" in cards(webex_script)
