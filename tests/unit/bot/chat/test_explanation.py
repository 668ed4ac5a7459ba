"""Explained errors for a card, a program and a terminal, with the help page of each cause."""

from __future__ import annotations

from bot.chat.explanation import as_json, as_lines, explanation
from jobs.causes.cause import page_of
from jobs.causes.reader import read
from jobs.clock import now

EXPIRED = "AADSTS7000222: The provided client secret keys are expired."
REFUSED = "535 5.7.3 Authentication unsuccessful"


def test_a_certain_cause_has_its_page():
    """For a certain cause, the card, the JSON and the terminal's lines name the same help page."""
    reading, page = read(EXPIRED), page_of("client_secret_expired")
    assert page in str(explanation(reading, now()))
    assert as_json(reading)["causes"][0]["page"] == page
    assert f"Learn more: {page}" in as_lines(reading)


def test_a_possible_cause_has_its_own_page():
    """Each possible cause of an error has the help page that is known for it, or none."""
    reading = read(REFUSED)
    card = str(explanation(reading, now()))
    pages = {page_of(each.cause) for each in reading.causes}
    assert [page for page in pages if page not in card] == []
    assert {"", page_of("smtp_token_refused"), page_of("scope_wrong")} < pages
