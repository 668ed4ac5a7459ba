"""Spaces and people with languages and time zones of their own, through the real processes.

The settings say German and Berlin, so the cards of a space that has chosen nothing are German, too.
"""

from __future__ import annotations

import re
from typing import Any

import pytest

from practice.actors import ADMIN
from practice.client import Json, People, has
from practice.conversation import DIRECT, words

READER = "helpdesk@contoso.com"
BOTH_TIMES = re.compile(r"\d\d:\d\d (MEZ|MESZ) \(\d\d:\d\d UTC\)")


@pytest.fixture(scope="module")
def env() -> dict[str, str]:
    """Settings with German and Berlin for spaces and people who have chosen nothing."""
    return {"DEFAULT_LANGUAGE": "de", "DEFAULT_TIMEZONE": "Europe/Berlin"}


def test_a_space_that_has_chosen_nothing(new_walk: Any) -> None:
    """The cards of a space that has chosen nothing are as the settings say.

    The space understands commands in both languages.
    """
    walk = new_walk()
    told = words(walk.type("/hilfe"))
    assert ("Das kann der Bot" in told, "/prüfen ADRESSE" in told) == (True, True)
    assert "Hier läuft kein Vorgang" in words(walk.type("/status"))
    assert "Meinten Sie /prüfen support@contoso.com?" in words(
        walk.type("/prüfe support@contoso.com")
    )
    assert BOTH_TIMES.search(words(walk.type("/stand")))


def test_a_space_chooses_its_language(new_walk: Any) -> None:
    """From the answer to ``/language`` on, everything in the space is in the chosen language.

    An unknown language changes nothing.
    """
    walk = new_walk()
    assert "The cards are now in English" in words(walk.type("/language english"))
    assert "No run is in progress here" in words(walk.type("/status"))
    assert "Check support@contoso.com" in words(walk.type(f"/check {walk.mailbox}"))
    offered = walk.type("/language klingon")
    assert "no texts in the language klingon" in words(offered)
    assert "No run is in progress here" in words(walk.type("/status"))
    assert "Die Karten sind jetzt auf Deutsch" in words(
        walk.press(offered, "language", title="Deutsch")
    )
    check = words(walk.type(f"/prüfen {walk.mailbox}"))
    assert f"{walk.mailbox} prüfen" in check
    assert BOTH_TIMES.search(check)


def test_a_space_chooses_its_time_zone(new_walk: Any) -> None:
    """Times are in the space's zone with UTC next to them, or in UTC alone.

    An unknown zone changes nothing.
    """
    walk = new_walk()
    assert "keine Zeitzone" in words(walk.type("/timezone Mars/Olympus"))
    assert BOTH_TIMES.search(words(walk.type("/status")))
    assert "in America/New_York" in words(walk.type("/zeitzone america/new york"))
    there = words(walk.type("/status"))
    assert re.search(r"\d\d:\d\d \S+ \(\d\d:\d\d UTC\)", there)
    assert not BOTH_TIMES.search(there)
    walk.type("/timezone utc")
    told = words(walk.type("/status"))
    assert re.search(r"\d\d:\d\d UTC", told)
    assert "(" not in told.splitlines()[0]


def test_a_direct_message_is_in_the_language_of_its_reader(people: People, new_walk: Any) -> None:
    """Each 1:1 message is in its reader's language.

    The administrator reads English. The space, and people who chose nothing, read German.
    """
    mine = new_walk(room=DIRECT, requester=ADMIN)
    assert "The cards are now in English" in words(mine.type("/sprache en"))
    walk = new_walk()
    german, english = f"{walk.mailbox} einrichten", f"Set up {walk.mailbox}"
    assert german in words(walk.ask())
    card = walk.details()
    assert german in words(card)
    assert english in words(_handed(walk, card, ADMIN))
    assert german in words(_handed(walk, card, READER))
    assert german in words(people.messages[card["id"]])


def _handed(walk: Any, card: Json, who: str) -> Json:
    """Return the sign-in card that this person gets 1:1."""
    walk.people.look()
    before = walk.people.change
    walk.people.press(walk.requester, card, "ask_administrator", {"administrator": who})
    handed: Json = walk.people.wait_for(
        f"the sign-in card 1:1 for {who}", has(link=True, member=who), 40, before
    )
    return handed
