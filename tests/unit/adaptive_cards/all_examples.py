"""Examples of every card that the product can send, in every state, with a name for each state."""

from adaptive_cards.locale import SOURCE, Locale, drawn_for, languages
from tests.unit.adaptive_cards import (
    answer_examples,
    examples,
    progress_examples,
    verdict_examples,
    watch_examples,
)

MODULES = (examples, progress_examples, answer_examples, verdict_examples, watch_examples)


def drawn(language: str):
    """Return every card in a language.

    A language other than English gets its own time zone, too.
    """
    zone = "UTC" if language == SOURCE else "Europe/Berlin"
    with drawn_for(Locale(language, zone)):
        return {name: card for module in MODULES for name, card in module.examples().items()}


CARDS = drawn(SOURCE)
OTHERS = {language: drawn(language) for language in languages() if language != SOURCE}
"""All example cards in each language besides English."""
