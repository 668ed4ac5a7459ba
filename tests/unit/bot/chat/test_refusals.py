"""Next step in a refusal, which names a person who is there and no button that is missing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adaptive_cards.texts import text
from bot.chat import limits
from bot.chat.permissions import Denial
from jobs.model import Text
from tests.unit.bot.commands.typed_commands import cards

NEXT = ("next_outsider", "next_outsider_direct", "next_part", "next_approver")


def next_steps(shown: str) -> list[str]:
    """Return the next steps that the card names."""
    return [key for key in NEXT if repr(text(f"refused.{key}")) in shown]


@pytest.mark.parametrize("why", Denial)
@pytest.mark.parametrize(
    ("direct", "then"), [(False, "next_outsider"), (True, "next_outsider_direct")]
)
def test_the_next_step_of_a_stranger(anna, webex_script, why, *, direct, then):
    """The next step fits the kind of room, and names no button that is missing."""
    limits.refuse(replace(anna, direct=direct), why, "refused.message")
    shown = cards(webex_script)
    assert (text(f"refused.{why}") in shown, next_steps(shown)) == (True, [then])


@pytest.mark.parametrize("then", ["next_part", "next_approver", ""])
def test_the_next_step(anna, webex_script, then):
    """A refusal names the next step, unless the reason already does."""
    anna.refuse(Text("refused.space"), then=then)
    shown = cards(webex_script)
    assert (text("refused.space") in shown, text("refused.reference") in shown) == (True, True)
    assert next_steps(shown) == [then] * bool(then)
