"""Commands ``/language`` and ``/timezone``: choices of a space or a person, and bad values."""

from dataclasses import replace

import pytest

from adaptive_cards.locale import Locale, drawn_for
from adaptive_cards.texts import text
from bot.chat import preferences
from bot.commands import actions, by_typed_name, commands
from jobs.storage import keys
from tests.fixtures.parsed import table
from tests.fixtures.webex_script import receive
from tests.unit.bot.commands.typed_commands import cards, pressed, type_

TYPED = table("typed_messages")

GERMAN = Locale("de", "UTC")


def locale(ctx) -> Locale:
    """Return the choice that holds in this place."""
    return preferences.locale_of(ctx.services, preferences.place_of(ctx))


def in_german(key: str, **values: str) -> str:
    """Return a text in German."""
    with drawn_for(GERMAN):
        return text(key, **values)


@pytest.mark.parametrize("typed", ["de", "DE", " de ", "Deutsch", "German", "german"])
def test_a_space_chooses_by_code_or_name(anna, said, typed):
    """A space may choose a language by its code or its name.

    The answer is in the chosen language at once, and says that it applies to the space.
    """
    type_(anna, "language", typed)
    assert locale(anna) == GERMAN
    assert in_german("language.chosen") in said()[0][1]
    assert in_german("language.chosen_space") in said()[0][1]


def test_a_person_chooses_in_a_direct_message(anna, said):
    """A choice in a 1:1 applies to all 1:1 conversations of the person, and to no space."""
    direct = replace(anna, direct=True, room="direct-1")
    type_(direct, "language", "de")
    assert locale(replace(direct, room="direct-2")) == GERMAN
    assert locale(anna) == Locale()
    assert in_german("language.chosen_direct") in said()[0][1]


@pytest.mark.parametrize("typed", ["fr", "klingon", "../en", "de en", "d", "key:turn.you"])
def test_an_unknown_language_changes_nothing(anna, webex_script, typed):
    """The answer to an unknown language repeats the typed text and offers each known language."""
    type_(anna, "language", "de")
    webex_script.asked.clear()
    type_(anna, "language", typed)
    assert locale(anna) == GERMAN
    assert text("language.unknown", typed=typed) in cards(webex_script)
    assert pressed(webex_script) == [
        {"do": "language", "language": "de"},
        {"do": "language", "language": "en"},
    ]


def test_a_button_chooses(anna, webex_script):
    """Without a language the command shows a button for each, in the language's own name."""
    type_(anna, "language")
    assert ("Deutsch" in cards(webex_script), "English" in cards(webex_script)) == (True, True)
    actions()["language"](anna, pressed(webex_script)[0])
    assert locale(anna) == GERMAN


@pytest.mark.parametrize("inputs", [{}, {"language": ""}, {"language": "xx"}])
def test_a_forged_button_changes_nothing(anna, inputs):
    """A press that names no language of the bot keeps the choice."""
    actions()["language"](anna, {"do": "language"} | inputs)
    assert anna.services.redis.exists(keys.locale(anna.room)) == 0


@pytest.mark.parametrize(("typed", "zone"), TYPED["zones"])
def test_a_zone_is_chosen_by_its_name(anna, typed, zone):
    """A time zone may be typed in any case, with a space in place of an underscore."""
    type_(anna, "timezone", typed)
    assert locale(anna) == Locale("en", zone)


@pytest.mark.parametrize(
    "typed",
    [
        *("Berlin", "CEST+2", "Mars/Olympus", "../etc/passwd", "Europe"),
        *("localtime", "Factory", "factory"),
    ],
)
def test_an_unknown_zone_changes_nothing(anna, said, typed):
    """The answer to an unknown time zone repeats it, and says how a time zone is written."""
    type_(anna, "timezone", "Asia/Tokyo")
    type_(anna, "timezone", typed)
    assert locale(anna) == Locale("en", "Asia/Tokyo")
    assert text("timezone.unknown", typed=typed) in said()[1][1]
    assert text("timezone.how") in said()[1][1]


def test_without_a_zone_the_present_one_is_named(anna, said):
    """``/timezone`` alone names the present time zone, and keeps no choice."""
    type_(anna, "timezone")
    assert text("timezone.title", zone="UTC") in said()[0][1]
    assert anna.services.redis.exists(keys.locale(anna.room)) == 0


@pytest.mark.parametrize(
    ("typed", "name"), [("einrichten", "setup-email"), ("prüfen", "check"), ("check", "check")]
)
def test_a_command_has_names_in_every_language(typed, name):
    """The German names of the commands work as well as the English ones, in any space."""
    assert by_typed_name()[typed] is commands()[name]


def test_no_name_means_two_commands():
    """The translated name of a command is never the own name of another command."""
    assert {
        typed
        for typed, command in by_typed_name().items()
        if typed in commands() and command.name != typed
    } == set()


@pytest.fixture
def write_first(anna, webex_script, reply):
    """Return a function that lets Anna type something in a 1:1 in which nobody has chosen."""

    def wrote(words: str) -> None:
        body = {"id": "m1", "roomId": "direct-1", "roomType": "direct", "personId": "anna"}
        webex_script.on("GET", "/messages/m1", reply(body=body | {"text": words}))
        receive("messages", "m1", "anna", "direct-1")

    return wrote


@pytest.fixture
def write(anna, write_first):
    """Return a function that lets Anna type something in a 1:1 in which she has chosen German."""
    direct = replace(anna, direct=True, room="direct-1")
    preferences.choose(direct, preferences.Preference.LANGUAGE, "de")
    return write_first


@pytest.mark.parametrize(
    ("before", "typed", "answer"),
    [("", "/prüfen", "de"), ("", "/check", "en"), ("", "/status", "en"), ("en", "/prüfen", "en")],
)
def test_a_german_name_chooses_german(anna, write_first, before, typed, answer):
    """The first command that is typed by a German name is answered in German, and all that follow.

    A choice that was made before stays.
    """
    direct = replace(anna, direct=True, room="direct-1")
    if before:
        preferences.choose(direct, preferences.Preference.LANGUAGE, before)
    write_first(typed)
    assert locale(direct).language == answer


@pytest.mark.parametrize(
    ("typed", "near"),
    [("prüfe", "/prüfen"), ("einrichen", "/einrichten"), ("chekc", "/check"), ("hilf", "/hilfe")],
)
def test_the_nearest_command_is_of_any_language(write, webex_script, typed, near):
    """For a mistyped German command, the German name is offered.

    For a mistyped English command, the English name is offered.
    """
    write(f"/{typed} support@contoso.com")
    assert in_german("understood.meant", meant=f"{near} support@contoso.com") in cards(webex_script)


@pytest.mark.parametrize("word", ["alle", "Alle", "all"])
def test_every_channel_is_named_in_every_language(anna, said, word):
    """``/check`` with "all" in any language means every channel, and is no wrong address."""
    type_(anna, "check", word)
    assert text("channels.none") in said()[0][1]
