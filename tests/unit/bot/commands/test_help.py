"""Command /help with the name of a command: that command is explained, and nothing is run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adaptive_cards.locale import Locale, drawn_for
from adaptive_cards.texts import text
from bot.commands import commands
from tests.unit.bot.commands.typed_commands import begun, cards, pressed, type_

HELP = {"do": "help"}


@pytest.mark.parametrize("typed", ["check", "/check", "CHECK", "prüfen", "chekc", "check please"])
def test_one_command_is_explained(anna, webex_script, typed):
    """Help explains a command by its name in any language, with or without a slash.

    A name that is nearly right counts, too.
    """
    type_(anna, "help", typed)
    run = {"do": "run_command", "command": "check", "argument": ""}
    assert (pressed(webex_script), begun(anna)) == ([run, HELP], [])
    shown = cards(webex_script)
    assert [
        each in shown
        for each in ("@Email Bot /check ADDRESS", "/prüfen, /pruefen", text("help.about.check"))
    ] == [True] * 3
    assert text("help.title") not in shown


@pytest.mark.parametrize("name", sorted(commands()))
def test_every_command_has_its_help(anna, webex_script, name):
    """Every command has its own help, and a 1:1 message shows no mention of the bot.

    A cancel is not offered as a button, because it would end a run.
    """
    type_(replace(anna, direct=True), "help", name)
    shown = cards(webex_script)
    assert (text(f"help.about.{name}") in shown, "@Email Bot" in shown) == (True, False)
    runs = [each["command"] for each in pressed(webex_script) if each != HELP]
    assert runs == ([] if name in {"cancel", "help"} else [name])


def test_help_for_a_command_in_german(anna, webex_script):
    """In German, the help for a command shows its German name first."""
    with drawn_for(Locale("de")):
        type_(anna, "help", "check")
    shown = cards(webex_script)
    assert ("@Email Bot /prüfen ADRESSE" in shown, "/check, /pruefen" in shown) == (True, True)


def test_a_command_for_approvers_only_is_not_explained(anna, webex_script):
    """For a command that only approvers may run, others are told whom to ask, and get no button."""
    bot = replace(anna.services.bot, approvers=("boss@example.test",))
    type_(replace(anna, services=replace(anna.services, bot=bot)), "help", "audit")
    shown = cards(webex_script)
    assert text("help.only_approvers", command="/audit") in shown
    assert (text("help.about.audit") in shown, pressed(webex_script)) == (False, [])
