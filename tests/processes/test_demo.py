"""Story of ``make demo`` on a real run, which is short and uses the words of the cards."""

import re

import pytest
from redis import Redis

from bench.crowd import encryption_keys
from bot.commands import actions
from practice import demo
from practice.stack import Stack
from tests.fixtures.true_cards import TrueCards

LONGEST = 250
PRESSES = re.compile(r"→ .* presses (.+?)(?:, with .*)?$", re.MULTILINE)


def presses(told):
    """Return the titles of the buttons that people press in the story."""
    return [part for found in PRESSES.findall(told) for part in found.split(", then ")]


def unseen(told):
    """Return the titles of pressed buttons that no card of the story shows.

    The button "Send 1:1" is left out, because it opens inside another part of its card.
    """
    return [title for title in presses(told) if f"[{title}" not in told and title != "Send 1:1"]


class CheckedStack(Stack):
    """Stack in which no card may be untrue after any wait of its people."""

    def people(self, on_change=lambda _: None):
        """Return people who look at all cards after each wait."""
        made = super().people(on_change)
        made.after_each = TrueCards(Redis(port=self.ports.redis), made, encryption_keys(self))
        return made


@pytest.mark.slow
def test_the_story_is_told_in_the_words_of_the_cards(capfd, monkeypatch):
    """The story has at most 250 lines and shows each button on a card before it is pressed.

    The story contains no verb of the code. Its end lists the things that were shown and the command
    to try next. No card of the story is ever untrue.
    """
    monkeypatch.setenv("NO_COLOR", "1")
    code = demo.run(CheckedStack())
    told, wrong = capfd.readouterr()
    assert (code, wrong) == (0, "")
    assert len(told.splitlines()) <= LONGEST
    assert {verb for verb in actions() if "_" in verb and verb in told} == set()
    assert len(presses(told)) > 5
    assert unseen(told) == []
    ending = told[told.rindex("The whole story was played") :]
    assert [word for word in ("Shown:", "approval", "`make practice`") if word not in ending] == []


@pytest.mark.slow
def test_a_story_that_goes_wrong_is_told_loudly(capfd, monkeypatch):
    """If the bot may answer nobody, the demo fails.

    Its exit code is 1, and it prints the expected card and the logs.
    """
    monkeypatch.setenv("PRACTICE_PATIENCE", "0.5")
    code = demo.run(Stack(env={"ALLOWED_EMAIL_DOMAINS": "elsewhere.example"}))
    said = capfd.readouterr()
    assert (code, "The whole story" in said.out) == (1, False)
    expected = ("Failed after", "Expected: an intake card", "--- worker", "--- web")
    assert [words for words in expected if words not in said.err] == []
