"""Examples of a fix's plan that changes nothing, with and without the findings of a check."""

from __future__ import annotations

import adaptive_cards as cards
from adaptive_cards.components import Header
from jobs.model import Finding, RunKind, State
from jobs.runs.run import Brief, FixBrief
from tests.unit.adaptive_cards.examples import AT, MAILBOX, planned

HEADER = Header(MAILBOX, 3, RunKind.FIX)


def examples() -> dict[str, cards.Card]:
    """Return the example cards, by a name that says the state."""
    return {
        "plan-fix-nothing": _plan(),
        "plan-fix-named": _plan("transport_rule_blocks"),
        "plan-fix-incident": _plan("exchange_incident"),
    }


def _plan(*causes: str) -> cards.Card:
    brief = Brief(fix=FixBrief(manual_causes=causes, checked_at=AT))
    right = Finding("outbound_policy", State.OK)
    return planned((), right, head=HEADER, kind=RunKind.FIX, brief=brief)
