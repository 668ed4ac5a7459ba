"""Messages that are not a command: the bot offers buttons and runs nothing."""

from __future__ import annotations

import pytest

from adaptive_cards.locale import Locale, drawn_for
from adaptive_cards.texts import text
from bot.actions import actions
from bot.chat.context import ChatContext
from bot.chat.parsing import ParsedCommand
from bot.commands import commands
from bot.events.free_text import answer, greet_space
from tests.unit.bot.commands.typed_commands import MAILBOX, begun, cards, pressed, proven

SETUP, CHECK, HELP = {"do": "setup"}, {"do": "check"}, {"do": "help"}


def say(ctx: ChatContext, words: str) -> None:
    """Let the bot answer a message that is not a command."""
    answer(ctx, ParsedCommand("", "", words))


def test_a_mistyped_command_becomes_a_button(anna, webex_script):
    """A mistyped command becomes a button for the right command with the typed argument.

    The message itself runs nothing.
    """
    proven(anna)
    answer(anna, ParsedCommand("chekc", MAILBOX))
    data = {"do": "run_command", "command": "check", "argument": MAILBOX}
    assert (pressed(webex_script), begun(anna)) == ([data, HELP], [])
    assert f"Did you mean /check {MAILBOX}?" in cards(webex_script)
    actions()["run_command"](anna, data)
    assert [run.channel.mailbox for run in begun(anna)] == [MAILBOX]


def test_a_mistyped_german_command(anna, webex_script):
    """A mistyped German command becomes a button for the command that its German name means."""
    answer(anna, ParsedCommand("kanale", ""))
    assert pressed(webex_script)[0] == {"do": "run_command", "command": "channels", "argument": ""}


def test_a_word_like_no_command_gets_help(anna, webex_script):
    """A word that resembles no command gets the list of all commands, and is named as unknown."""
    answer(anna, ParsedCommand("xyzzy", MAILBOX))
    shown = cards(webex_script)
    assert text("help.unknown", typed="/xyzzy") in shown
    assert text("command.fix") in shown


@pytest.mark.parametrize("words", [MAILBOX, f"Check {MAILBOX}", f"check {MAILBOX} please"])
def test_an_address_offers_its_check(anna, webex_script, words):
    """An address gets a button for its check, even if no channel of this address is known."""
    say(anna, words)
    assert (pressed(webex_script), begun(anna)) == ([{"do": "check", "channel": MAILBOX}, HELP], [])


def test_a_mistyped_address_alone(anna, webex_script):
    """For a mistyped address, the first button is for the similar channel that is known here."""
    proven(anna)
    say(anna, "suport@contoso.com")
    near = {"do": "typed", "command": "check", "mailbox_meant": MAILBOX}
    assert pressed(webex_script) == [near, {"do": "check", "channel": "suport@contoso.com"}, HELP]


@pytest.mark.parametrize("words", ["mail does not arrive", "es kommen keine Mails an"])
def test_missing_mail_offers_the_known_channels(anna, webex_script, words):
    """A complaint about missing mail, in English or German, offers to check the known channels.

    Another address can be typed, and nothing is checked yet.
    """
    proven(anna)
    say(anna, words)
    other = {"do": "typed", "command": "check"}
    assert pressed(webex_script) == [other | {"mailbox_meant": MAILBOX}, other]
    assert begun(anna) == []


def test_missing_mail_where_no_channel_is_known(anna, webex_script):
    """If no channel is known, the answer to a complaint about missing mail asks for the address."""
    say(anna, "no mail since this morning")
    assert pressed(webex_script) == [{"do": "typed", "command": "check"}]


@pytest.mark.parametrize("words", ["", "hello", "guten Morgen"])
def test_a_greeting_gets_one_line_and_two_buttons(anna, webex_script, words):
    """A greeting gets one line and two buttons, and not the list of commands."""
    say(anna, words)
    shown = cards(webex_script)
    assert (pressed(webex_script), text("understood.hello") in shown) == ([SETUP, CHECK], True)
    assert [name for name in commands() if text(f"command.{name}") in shown] == []


@pytest.mark.parametrize(
    ("words", "command", "argument"),
    [
        (f"fix {MAILBOX}", "fix", MAILBOX),
        (f"Reparieren {MAILBOX} bitte", "fix", f"{MAILBOX} bitte"),
        ("Prüfen: alle", "check", "alle"),
        ("sprache de", "language", "de"),
        ("explain AADSTS700016", "explain", "AADSTS700016"),
    ],
)
def test_a_command_without_its_slash(anna, webex_script, words, command, argument):
    """A command that was typed without its slash becomes a button, and runs nothing."""
    proven(anna)
    say(anna, words)
    data = {"do": "run_command", "command": command, "argument": argument}
    assert (pressed(webex_script), begun(anna)) == ([data, HELP], [])


@pytest.mark.parametrize("words", ["help", "Hilfe!", "help check", "hilfe prüfen"])
def test_help_without_its_slash(anna, webex_script, words):
    """Help that was typed without its slash is given at once, because help runs nothing."""
    say(anna, words)
    one = len(words.split()) > 1
    shown = cards(webex_script)
    assert (text("help.about.check") in shown, text("help.title") in shown) == (one, not one)


@pytest.mark.parametrize("words", ["what is this", "check this", "language is hard"])
def test_anything_else_gets_two_buttons(anna, webex_script, words):
    """Any other text gets the buttons that begin, and the name of the command for more."""
    say(anna, words)
    shown = cards(webex_script)
    assert (pressed(webex_script), text("understood.unknown") in shown) == ([SETUP, CHECK], True)


def test_a_space_is_told_what_to_type_first(anna, webex_script):
    """The greeting in a space shows commands after the name with which people mention the bot.

    Buttons on the card do the same.
    """
    greet_space(anna)
    name = anna.services.me.display_name
    shown = cards(webex_script)
    assert f"@{name} /setup-email ADDRESS" in shown
    assert f"@{name} /check ADDRESS" in shown
    assert pressed(webex_script) == [SETUP, CHECK, HELP]


def test_the_offers_are_in_the_language_of_the_space(anna, webex_script):
    """An English greeting in a German space is understood, and the answer is in German.

    The words that the bot understands do not depend on the language of the space.
    """
    with drawn_for(Locale("de")):
        say(anna, "hello")
    assert "Hallo. Wählen Sie etwas" in cards(webex_script)
