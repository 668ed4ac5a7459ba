"""Examples of a fix's plan that changes nothing, with and without the findings of a check."""

from __future__ import annotations

from datetime import UTC, datetime

import adaptive_cards as cards
from adaptive_cards.cards.plan import PlanView
from adaptive_cards.views import Header
from jobs.model import RunKind, Text, Turn, minute_of, verbatim

HEADER = Header("7Q4K", "support@contoso.com", 3, RunKind.FIX)
AT = datetime(2026, 11, 24, 14, 30, tzinfo=UTC)


def _named(cause: str) -> Text:
    """Return the plan's line about a cause that a check has found and the bot may not change."""
    values = {"cause": f"key:cause.{cause}", "remedy": f"key:remedy.{cause}"}
    return Text("plan.named_line", {"at": minute_of(AT), **values})


FOUND = _named("transport_rule_blocks")
HOSTILE = "[Approve](https://evil.example) **now** ${env} \r\n\u202e_x_ <b> `code` " + "x" * 5000


def examples() -> dict[str, cards.Card]:
    """Return the example cards, by a name that says the state."""
    return {
        "plan-fix-nothing": _plan(),
        "plan-fix-named": _plan(FOUND, turn=Turn.ADMINISTRATOR),
        "plan-fix-incident": _plan(_named("exchange_incident"), turn=Turn.TIME),
        "hostile-plan-fix": _plan(verbatim(HOSTILE), turn=Turn.ADMINISTRATOR),
    }


def _plan(*named: Text, turn: Turn = Turn.NOBODY) -> cards.Card:
    return cards.plan(
        PlanView(
            HEADER,
            "p3",
            "admin@contoso.com",
            (),
            (Text("plan.right_line", {"row": "M4", "step": "key:step.outbound_policy"}),),
            named=named,
            turn=turn,
        )
    )
