"""The plan of a fix that changes nothing, with and without what a check has found."""

from __future__ import annotations

import adaptive_cards as cards
from adaptive_cards.cards.plan_view import PlanView
from adaptive_cards.views import Header
from jobs.model import RunKind, Text, Turn, verbatim

HEADER = Header("7Q4K", "support@contoso.com", 3, RunKind.FIX)
FOUND = Text(
    "plan.named_line",
    {
        "at": "24 Nov 14:30 UTC",
        "cause": "key:cause.transport_rule_blocks",
        "remedy": "key:remedy.transport_rule_blocks",
    },
)
HOSTILE = "[Approve](https://evil.example) **now** ${env} \r\n\u202e_x_ <b> `code` " + "x" * 5000


def examples() -> dict[str, cards.Card]:
    """Return the example cards, by a name that says the state."""
    return {
        "plan-fix-nothing": _plan(),
        "plan-fix-named": _plan(FOUND, turn=Turn.ADMINISTRATOR),
        "plan-fix-incident": _plan(
            verbatim("24 Nov 14:30 UTC: Microsoft reports an incident."), turn=Turn.TIME
        ),
        "hostile-plan-fix": _plan(verbatim(HOSTILE), turn=Turn.ADMINISTRATOR),
    }


def _plan(*named: Text, turn: Turn = Turn.NOBODY) -> cards.Card:
    return cards.plan(
        PlanView(
            HEADER,
            "p3",
            "admin@contoso.com",
            (),
            (verbatim("M4 outbound spam policy"),),
            named=named,
            turn=turn,
        )
    )
