"""Error texts in every place where they are read: a place adds certainty, and never another cause."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from adaptive_cards.locale import Locale, drawn_for
from adaptive_cards.texts import text
from bench.error_reports import Report, reports
from bot.chat.explanation import as_json, as_lines, as_view
from jobs.causes.patterns import patterns
from jobs.causes.reader import read
from jobs.causes.reading import Certainty, FoundCause, Reading
from jobs.causes.speaker import Place
from jobs.clock import now
from jobs.model import Turn

PLACES = (Place.CHANNEL, Place.FORM, Place.EXCHANGE)
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
def test_every_report_has_the_same_cause_everywhere():
    """Every report has the same first cause in chat, in the form and in a trace.

    A text in which another product speaks has no cause in chat; only a place in which Exchange
    certainly speaks gives it one.
    """
    told = [(each, first(each.text)) for each in reports()]
    other = [
        (report.id, cause, place, found)
        for report, cause in told
        for place in PLACES
        if (found := first(report.text, place)) != cause and (cause or report.kind != "noise")
        if cause
    ]
    assert other == []


@pytest.mark.slow
def test_the_command_line_names_the_same_cause():
    """The command line gives for a report the causes that the chat gives."""
    some: list[Report] = reports()[::100]
    env = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
    for each in some:
        program = [sys.executable, "-m", "bot", "explain", "--json"]
        done = subprocess.run(  # noqa: S603  our own program
            program, input=each.text.encode(), capture_output=True, check=True, env=env
        )
        told = json.loads(done.stdout)["causes"]
        assert [cause["cause"] for cause in told] == [x.cause for x in read(each.text).causes]


@pytest.mark.parametrize(("told", "cause"), INCIDENT.items())
def test_a_text_that_names_no_service(told: str, cause: str):
    """A sentence without a service is not said to be of another product, wherever it was read."""
    anywhere, form = read(told), read(told, Place.FORM)
    assert (first(told), anywhere.strange) == (cause, False)
    assert [each.cause for each in form.certain] == [cause]
    assert first(told, Place.CHANNEL) == cause


def test_a_condition_is_told_as_one():
    """A cause that nothing attributes is told with its condition, in both languages."""
    reading = read("Connection timed out")
    assert {each.certainty for each in reading.causes} == {Certainty.CONDITIONAL}
    view = as_view(reading, now())
    assert (view.title.key, view.condition, view.known) == (
        "explain.condition_title",
        True,
        False,
    )
    assert as_lines(reading)[0].startswith("If Exchange, Entra or Webex Connect says this")
    assert as_json(reading)["causes"][0]["certainty"] == "conditional"
    with drawn_for(Locale("de")):
        assert as_lines(reading)[0].startswith("Wenn Exchange, Entra oder Webex Connect")


@pytest.mark.parametrize(
    "told", ["Something is wrong.", "535 5.7.8 Username and Password not accepted gsmtp"]
)
def test_another_product_must_be_named(told: str):
    """A text is of another product only if it names one."""
    named = "gsmtp" in told
    assert read(told).strange == named
    kind = "strange" if named else "unknown"
    assert as_view(read(told), now()).title.key == f"explain.{kind}_title"


def test_a_pasted_text_promises_nothing():
    """No remedy for a pasted text says that the bot does something, or that nobody has to act."""
    known = patterns()
    tables = (known.numbers, known.oauth, *known.codes.values())
    causes = {each.cause for table in tables for each in table.values()}
    causes |= {each.meaning.cause for words in known.words.values() for each in words}
    for cause in sorted(causes):
        (told,) = as_json(Reading(ours=True, causes=(FoundCause(cause, "1"),)))["causes"]
        assert [each for each in PROMISES if each in told["remedy"].lower()] == [], cause
        assert told["who"] not in {str(Turn.TIME), str(Turn.NOBODY)}, cause
    assert text("remedy.smtp_busy") != text("remedy_pasted.smtp_busy")


def test_a_code_late_in_a_report_is_read():
    """A code behind many thousand characters of a report names its cause."""
    told = "Received: from a by b; Mon, 1 Jan 2026\n" * 200 + "550 5.7.520 Access denied. AS(7555)"
    assert first(told, Place.FORM) == "forwarding_blocked"
