"""Golden cards: every example of a card, in each language, as it is sent to Webex.

``make golden`` writes them again; the difference shows what a change does to what people see.
"""

from __future__ import annotations

from syrupy.extensions.json import JSONSnapshotExtension

from tests.unit.adaptive_cards.all_examples import CARDS, OTHERS


def test_card(snapshot, subtests):
    """Each card is the same as its golden one."""
    golden = snapshot.use_extension(JSONSnapshotExtension)
    for language, cards in {"en": CARDS, **OTHERS}.items():
        for name in CARDS:
            with subtests.test(name, language=language):
                assert cards[name].content == golden(name=f"{name}-{language}")
