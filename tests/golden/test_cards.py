"""Golden cards: every example of a card, in each language, as it is sent to Webex.

``make golden`` writes them again; the difference shows what a change does to what people see.
"""

from __future__ import annotations

import pytest
from syrupy.extensions.json import JSONSnapshotExtension

from tests.unit.adaptive_cards.all_examples import CARDS, OTHERS

BY_LANGUAGE = {"en": CARDS, **OTHERS}


@pytest.mark.parametrize(
    ("name", "language"), [(name, language) for name in CARDS for language in BY_LANGUAGE]
)
def test_card(name, language, snapshot):
    """A card is the same as its golden one."""
    card = BY_LANGUAGE[language][name].content
    assert card == snapshot(extension_class=JSONSnapshotExtension)
