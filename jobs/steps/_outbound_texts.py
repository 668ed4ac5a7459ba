"""Texts of the plan for the outbound policy (M4).

They name the other senders, the removed conditions and the parameters of the commands.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from jobs.microsoft.exchange import ExchangeRow
from jobs.microsoft.outbound_spam import bare, covers, gone
from jobs.microsoft.powershell import quoted
from jobs.model import Text


def text_after(mailbox: str, rule: str, repaired: dict[str, object]) -> Text:
    """Return the rule after the change: its other senders, and the conditions that go."""
    before = recorded_row(rule)
    senders = covers(ExchangeRow({**before, **repaired}))
    if cleared := _cleared(before, repaired):
        return Text(
            "after.outbound_policy_cleared", {"senders": ", ".join(senders), "cleared": cleared}
        )
    alone = not before or list(map(bare, senders)) == [mailbox.lower()]
    return (
        Text("after.outbound_policy")
        if alone
        else Text("after.outbound_policy_shared", {"senders": ", ".join(senders)})
    )


def _cleared(before: ExchangeRow, repaired: dict[str, object]) -> str:
    return "; ".join(
        f"{name} {', '.join(values)}" for name, values in gone(before, repaired).items()
    )


def recorded_row(recorded: str | None) -> ExchangeRow:
    return ExchangeRow(json.loads(recorded or "{}"))


def move_note(rules: int) -> Text | None:
    """Return a note that a rule on top moves others down, or None (facts/microsoft.md 2.3)."""
    if not rules:
        return None
    return Text("note.rules_move", {"count": str(rules)})


def parameters_text(parameters: Mapping[str, object]) -> str:
    return "".join(f" -{name} {_value(value)}" for name, value in parameters.items())


def _value(value: object) -> str:
    if value is None or isinstance(value, bool):
        return {None: "$null", True: "$true", False: "$false"}[value]
    values = value if isinstance(value, list) else [value]
    return ", ".join(quoted(str(each)) for each in values)
