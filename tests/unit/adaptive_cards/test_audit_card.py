"""Tests of the contents of the audit trail's card in each state."""

from __future__ import annotations

from typing import Any

from adaptive_cards import Card
from adaptive_cards.texts import has_text
from jobs.runs.audit_entries import NOT_RECORDED
from jobs.runs.run import Kind


def shown(card: Card, nodes: Any) -> str:
    """Return every text of a card."""
    return "\n".join(
        str(node.get("text") or node.get("value") or "") for node in nodes(card.content)
    )


def test_the_band_says_whether_it_is_whole(examples: dict[str, Card]):
    """The card's band says whether the audit trail is intact, not begun, or broken at an entry.

    If the trail is broken, the band says who has to look at it.
    """
    bands = {name: card.text for name, card in examples.items() if name.startswith("audit")}
    assert bands == {
        "audit": ("41 entries here. The trail is intact. The file in this thread has all of them."),
        "audit-space": (
            "30000 entries here. The trail is intact. The file in this thread has all of them."
        ),
        "audit-one": (
            "1 entry here. The trail is intact. The file in this thread has all of them."
        ),
        "audit-none": "Nothing is recorded here yet. The trail begins with the first run.",
        "audit-broken": (
            "The trail is broken at entry 17. Ask the bot's operator to run python -m bot doctor."
        ),
    }


def test_ten_rows_and_the_file(examples: dict[str, Card], nodes: Any):
    """The card shows ten entries of the audit trail, and the attached file has the rest.

    If the file is cut off, the card says where all entries are.
    """
    said = shown(examples["audit-space"], nodes)
    assert (
        said.count("anna@contoso.com"),
        "the newest 20000 entries" in said,
        "python -m bot audit" in said,
    ) == (10, True, True)


def test_every_kind_of_event_has_its_words():
    """Every recorded kind of event has a text, so it is never shown by its code name."""
    assert [
        kind for kind in Kind if kind not in NOT_RECORDED and not has_text(f"audit.what.{kind}")
    ] == []
