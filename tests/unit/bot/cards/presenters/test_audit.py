"""Each entry of the audit trail becomes a line in words, in both languages."""

import re
from pathlib import Path

from adaptive_cards.locale import SOURCE
from adaptive_cards.texts import has_text, keys, own_text
from bot.cards.presenters.lists import words_of_entry
from jobs.channel.mailbox import DELEGATE, SIGNED_IN
from jobs.checks.check import APP, FORWARDING
from jobs.runs.event_log import entry
from jobs.runs.run import FOREIGN_HOSTS
from jobs.steps.application import ADOPT

BOT = Path(__file__).parents[5] / "bot"
NAMED = (ADOPT, APP, DELEGATE, FOREIGN_HOSTS, FORWARDING, SIGNED_IN)
"""Names of questions that are constants in the code."""
ASKED = ("administrator", "consent_administrator")
"""Names of questions that two buttons pass to the same function."""


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


def test_no_text_asks_for_a_value_that_no_entry_has():
    """No text has a placeholder that no entry fills, which would end ``/audit`` with an error."""
    values = set(words_of_entry(entry("opened")).values)
    texts = {key: own_text(key, SOURCE) for key in keys() if key.startswith("audit.what.")}
    wanted = {key: set(re.findall(r"{(\w+)}", words)) for key, words in texts.items()}
    assert len(wanted) > 30
    assert {key: names for key, names in wanted.items() if names - values} == {}
