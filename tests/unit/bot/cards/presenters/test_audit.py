"""Each entry of the audit trail becomes a line in words, in both languages."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from adaptive_cards.locale import SOURCE, Locale, drawn_for
from adaptive_cards.texts import has_text, keys, own_text, render
from bot.cards.presenters.audit import words_of
from jobs.channel.email_app import ADOPT
from jobs.channel.mailbox import DELEGATE, SIGNED_IN
from jobs.checks.discovering import APP, FORWARDING
from jobs.model import RunKind, Scope
from jobs.runs.event_log import About, entry
from jobs.runs.run import FOREIGN_HOSTS, word_for

BOT = Path(__file__).parents[5] / "bot"
NAMED = (ADOPT, APP, DELEGATE, FOREIGN_HOSTS, FORWARDING, SIGNED_IN)
"""Names of questions that are constants in the code."""
ASKED = ("administrator", "consent_administrator")
"""Names of questions that two buttons pass to the same function."""


def told(language: str, what: str, **more: Any) -> str:
    """Return the line of an audit entry in this language."""
    with drawn_for(Locale(language)):
        return render(words_of(entry(what, About("7Q4K2M", "fix"), **more)))


SPELLED = re.compile(r'(?:record\(ctx, run, |answered\(|_says\(|"question": )"(\w+)"')
"""Pattern of a question's name in a call or in the data of an event."""


def spelled_questions() -> set[str]:
    """Return the names of the questions that the bot's code spells out."""
    sources = (path.read_text(encoding="utf-8") for path in BOT.rglob("*.py"))
    return {name for source in sources for name in SPELLED.findall(source)}


def test_every_answer_has_its_words():
    """Every answer of a person is shown in words, and not by the name of its question."""
    questions = spelled_questions() | {*NAMED, *ASKED}
    assert len(questions) > 14
    assert {name for name in questions if not has_text(f"audit.answer.{name}")} == set()


def test_every_kind_of_run_and_every_approval_has_its_words():
    """Every kind of run and every scope of an approval is shown in words, too."""
    names = {f"audit.kind.{kind}" for kind in RunKind} | {
        f"audit.scope.{word_for(scope)}" for scope in Scope
    }
    assert {name for name in names if not has_text(name)} == set()


@pytest.mark.parametrize(
    ("what", "more", "english", "german"),
    [
        (
            "answered",
            {"data": {"question": "rehearse", "value": "skip:away until Monday"}},
            "Skipped the rehearsal of Generate Token: away until Monday",
            "Testanmeldung übersprungen: away until Monday",
        ),
        (
            "answered",
            {"data": {"question": "discovered_app", "value": "without"}},
            "Continued without the client ID of the app",
            "Ohne die Client-ID der App fortgefahren",
        ),
        (
            "not_changed",
            {"step": "smtp_auth", "data": {"cause": "licence_missing"}},
            "Could not make a change: Authenticated SMTP. The user has no Exchange license.",
            "Änderung nicht möglich: Authentifiziertes SMTP. Der Benutzer hat keine Exchange-Lizenz.",
        ),
        (
            "refused_more",
            {"data": {"count": "1"}},
            "Was refused once more within the hour",
            "Innerhalb der Stunde noch einmal abgelehnt",
        ),
    ],
)
def test_an_entry_in_words(what, more, english, german):
    """A line is a whole text of its language, with the values put in."""
    assert (told("en", what, **more), told("de", what, **more)) == (english, german)


@pytest.mark.parametrize(
    ("what", "more", "line"),
    [
        ("answered", {"data": {"question": "of_tomorrow"}}, "Answered a question: of_tomorrow"),
        ("of_tomorrow", {}, "Other event: of_tomorrow"),
        ("problem", {"data": {"cause": "of_tomorrow"}}, "Reported a problem. of_tomorrow"),
    ],
)
def test_what_a_newer_version_wrote_is_shown_by_its_name(what, more, line):
    """An unknown event, question or cause is shown by its name, and is no error."""
    assert told("en", what, **more) == line


def test_no_text_asks_for_a_value_that_no_entry_has():
    """No text has a placeholder that no entry fills, which would end ``/audit`` with an error."""
    values = set(words_of(entry("opened")).values)
    texts = {key: own_text(key, SOURCE) for key in keys() if key.startswith("audit.what.")}
    wanted = {key: set(re.findall(r"{(\w+)}", words)) for key, words in texts.items()}
    assert len(wanted) > 30
    assert {key: names for key, names in wanted.items() if names - values} == {}
