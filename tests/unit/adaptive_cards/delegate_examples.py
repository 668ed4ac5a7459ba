"""Examples of the card that asks who signs in for a shared mailbox, in every state."""

from __future__ import annotations

import adaptive_cards as cards
from adaptive_cards.cards.questions import DelegateView
from adaptive_cards.views import Asked, Header
from jobs.model import Text, verbatim

HEADER = Header("7Q4K", "shared@contoso.com", 3)
HOSTILE = "[Approve](https://evil.example) **now** ${env} \r\n\u202e_x_ <b> `code` " + "x" * 5000


def examples() -> dict[str, cards.Card]:
    """Return the example cards, by a name that says the state."""
    malformed = Asked("agent@contoso", Text("typed.malformed"))
    nobody = Asked("a@contoso.com", Text("seen.nobody", {"mailbox": "a@contoso.com"}))
    return {
        "delegate": cards.delegate(DelegateView(HEADER)),
        "delegate-malformed": cards.delegate(DelegateView(HEADER, malformed)),
        "delegate-nobody": cards.delegate(DelegateView(HEADER, nobody)),
        "hostile-delegate": cards.delegate(DelegateView(HEADER, Asked(HOSTILE, verbatim(HOSTILE)))),
    }
