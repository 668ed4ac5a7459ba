"""Messages that are not a command: the bot offers buttons and runs nothing."""

import pytest

from adaptive_cards.locale import Locale, drawn_for
from adaptive_cards.texts import text
from bot.chat.parsing import ParsedCommand
from bot.commands import actions, commands
from bot.commands.help import answer_free_text, greet_space
from tests.unit.bot.actions.presses import carry_out
from tests.unit.bot.commands.typed_commands import MAILBOX, begun, cards, pressed, proven

SETUP, CHECK, HELP = {"do": "setup"}, {"do": "check"}, {"do": "help"}


def say(ctx, words: str) -> None:
    """Let the bot answer a message that is not a command."""
    carry_out(ctx, answer_free_text, ParsedCommand("", "", words))


def test_a_mistyped_command_becomes_a_button(anna, webex_script):
    """A mistyped command becomes a button for the right command with the typed argument.

    The message itself runs nothing.
    """
    proven(anna)
    answer_free_text(anna, ParsedCommand("chekc", MAILBOX))
    assert (pressed(webex_script), begun(anna)) == ([run("check", MAILBOX), HELP], [])
    assert f"Did you mean /check {MAILBOX}?" in cards(webex_script)
    actions()["run_command"](anna, run("check", MAILBOX))
    assert [run.channel.mailbox for run in begun(anna)] == [MAILBOX]


def test_a_mistyped_german_command(anna, webex_script):
    """A mistyped German command becomes a button for the command that its German name means."""
    answer_free_text(anna, ParsedCommand("kanale", ""))
    assert pressed(webex_script)[0] == run("channels", "")


def test_a_word_like_no_command_gets_help(anna, webex_script):
    """A word that resembles no command gets the list of all commands, and is named as unknown."""
    answer_free_text(anna, ParsedCommand("xyzzy", MAILBOX))
    shown = cards(webex_script)
    assert text("help.unknown", typed="/xyzzy") in shown
    assert text("command.fix") in shown


def run(command: str, argument: str) -> dict[str, str]:
    """Return the data of the button for a command."""
    return {"do": "run_command", "command": command, "argument": argument}


CHECK_IT = {"do": "check", "channel": MAILBOX}
TYPED = {"do": "typed", "command": "check"}
NEAR = TYPED | {"mailbox_meant": MAILBOX}
MEANT: dict[str, tuple[list[dict[str, str]], tuple[str, ...]]] = {
    "": ([CHECK_IT, HELP], (MAILBOX, f"Check {MAILBOX}", f"check {MAILBOX} please")),
    "understood.trouble": ([TYPED], ("no mail since this morning",)),
    "understood.hello": ([SETUP, CHECK], ("", "hello", "guten Morgen")),
    "understood.unknown": (
        [SETUP, CHECK],
        ("what is this", "check this", "language is hard", "we want conditional access"),
    ),
}
"""Messages where no channel is known: a text of the answer, its buttons, and what was typed."""


@pytest.mark.parametrize(
    ("key", "buttons", "words"),
    [(key, buttons, each) for key, (buttons, words) in MEANT.items() for each in words],
)
def test_a_message_gets_buttons_for_what_it_probably_means(anna, webex_script, key, buttons, words):
    """An address, missing mail, a greeting or another text gets buttons, and runs nothing.

    A greeting gets one line, and not the list of commands.
    """
    say(anna, words)
    shown = cards(webex_script)
    assert (pressed(webex_script), begun(anna)) == (buttons, [])
    assert not key or text(key) in shown
    assert [name for name in commands() if text(f"command.{name}") in shown] == []


@pytest.mark.parametrize(
    ("words", "buttons"),
    [
        ("suport@contoso.com", [NEAR, {"do": "check", "channel": "suport@contoso.com"}, HELP]),
        ("mail does not arrive", [NEAR, TYPED]),
        ("es kommen keine Mails an", [NEAR, TYPED]),
        (f"fix {MAILBOX}", [run("fix", MAILBOX), HELP]),
        (f"Reparieren {MAILBOX} bitte", [run("fix", f"{MAILBOX} bitte"), HELP]),
        ("Prüfen: alle", [run("check", "alle"), HELP]),
        ("sprache de", [run("language", "de"), HELP]),
        ("explain access denied", [run("explain", "access denied"), HELP]),
    ],
)
def test_where_a_channel_is_known(anna, webex_script, words, buttons):
    """A known channel is offered for a similar address and for missing mail, in both languages.

    A command that was typed without its slash becomes a button, and runs nothing.
    """
    proven(anna)
    say(anna, words)
    assert (pressed(webex_script), begun(anna)) == (buttons, [])


@pytest.mark.parametrize("before", ["", "explain ", f"Your mail to {MAILBOX} was not delivered: "])
def test_an_error_text_is_explained_at_once(typed, webex_script, before):
    """A text with an error's code and a certain cause is explained without any command."""
    typed(f"{before}550 5.7.520 Access denied")
    assert text("cause.forwarding_blocked") in cards(webex_script)


@pytest.mark.parametrize("words", ["help", "Hilfe!", "help check", "hilfe prüfen"])
def test_help_without_its_slash(anna, webex_script, words):
    """Help that was typed without its slash is given at once, because help runs nothing."""
    say(anna, words)
    one = len(words.split()) > 1
    shown = cards(webex_script)
    assert (text("help.about.check") in shown, text("help.title") in shown) == (one, not one)


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
