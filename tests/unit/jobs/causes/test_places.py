"""Error texts in every place where they are read: a place adds certainty, and never another cause."""

from __future__ import annotations

import json
from io import BytesIO, TextIOWrapper

import pytest

from adaptive_cards.locale import Locale, drawn_for
from adaptive_cards.texts import text
from bench.error_reports import reports
from bot.__main__ import main
from bot.chat.explanation import as_json, as_lines, explanation, headline
from jobs.causes.meaning import Certainty, FoundCause, Reading
from jobs.causes.patterns import patterns
from jobs.causes.reader import read
from jobs.causes.speaker import Place
from jobs.clock import now
from jobs.model import Turn

EVERY = 20
INCIDENT = {
    "451 4.7.0 Temporary server error. Please try again later.": "smtp_busy",
    "Connection timed out": "smtp_unreachable",
    "Name or service not known": "smtp_unreachable",
}
"""Texts of an incident that name no service."""
PROMISES = (
    "the bot tries",
    "the bot waits",
    "the bot checks",
    "the bot reads",
    "nobody has to act",
)


def first(told: str, place: Place = Place.ANYWHERE) -> str:
    """Return the first cause of a text that was read in a place, or an empty string."""
    return next((each.cause for each in read(told, place).causes), "")


@pytest.mark.slow
def test_the_command_line_says_the_same(monkeypatch, capsys):
    """The command line gives for a report all that the chat gives."""
    for each in reports()[::EVERY]:
        monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO(each.text.encode())))
        assert main(["explain", "--json"], {}) == 0
        assert json.loads(capsys.readouterr().out) == as_json(read(each.text)), each.id


@pytest.mark.parametrize(("told", "cause"), INCIDENT.items())
def test_a_text_that_names_no_service(told: str, cause: str):
    """A sentence without a service is not said to be of another product, wherever it was read."""
    assert (first(told), read(told).strange) == (cause, False)
    assert [each.cause for each in read(told, Place.FORM).certain] == [cause]
    assert first(told, Place.CHANNEL) == cause


def test_a_condition_is_told_as_one():
    """A cause that nothing attributes is told with its condition, in both languages."""
    reading = read("Connection timed out")
    assert {each.certainty for each in reading.causes} == {Certainty.CONDITIONAL}
    assert headline(reading)[0].key == "explain.condition_title"
    assert text("explain.condition") in str(explanation(reading, now()))
    assert as_lines(reading)[0].startswith("If Exchange, Entra or Webex Connect says this")
    assert as_json(reading)["causes"][0]["certainty"] == "conditional"
    with drawn_for(Locale("de")):
        assert as_lines(reading)[0].startswith("Wenn Exchange, Entra oder Webex Connect")


@pytest.mark.parametrize(
    ("told", "kind"), [("It is wrong.", "unknown"), ("535 5.7.8 Not accepted - gsmtp", "strange")]
)
def test_another_product_must_be_named(told: str, kind: str):
    """A text is of another product only if it names one."""
    assert headline(read(told))[0].key == f"explain.{kind}_title"


def test_a_pasted_text_promises_nothing():
    """No remedy for a pasted text says that the bot does something, or that nobody has to act."""
    known = patterns()
    causes = {each.cause for table in known.codes.values() for each in table.values()}
    causes |= {each.meaning.cause for words in known.words.values() for each in words}
    for cause in sorted(causes):
        (told,) = as_json(Reading(ours=True, causes=(FoundCause(cause, "1"),)))["causes"]
        assert [each for each in PROMISES if each in told["remedy"].lower()] == [], cause
        assert told["who"] not in {str(Turn.TIME), str(Turn.NOBODY)}, cause


def test_a_code_late_in_a_report_is_read():
    """A code behind many thousand characters of a report names its cause."""
    told = "Received: from a by b; Mon, 1 Jan 2026\n" * 200 + "550 5.7.520 Access denied. AS(7555)"
    assert first(told, Place.FORM) == "forwarding_blocked"
