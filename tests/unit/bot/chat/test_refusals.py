"""Next step in a refusal, which names a person who is there and no button that is missing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from adaptive_cards.texts import text
from bot.chat.context import ChatContext
from jobs.model import Text
from tests.unit.bot.commands.typed_commands import cards


@pytest.mark.parametrize(
    ("why", "direct", "then"),
    [
        ("refused.organization", False, "refused.next_outsider"),
        ("refused.organization", True, "refused.next_outsider_direct"),
        ("refused.not_a_person", False, "refused.next_outsider"),
        ("refused.not_part", False, "refused.next_part"),
        ("notice.cancel_not_part", False, "refused.next_part"),
        ("audit.not_yours", True, "refused.next_approver"),
        ("refused.space", False, ""),
    ],
)
def test_the_next_step(anna: ChatContext, webex_script: Any, why: str, *, direct: bool, then: str):
    """The next step in a refusal fits the reason and the kind of room.

    A reason that already says the next step gets no other.
    """
    replace(anna, direct=direct).refuse(Text(why))
    shown = cards(webex_script)
    assert (text(why) in shown, text("refused.reference") in shown) == (True, True)
    assert [
        key
        for key in ("next_outsider", "next_outsider_direct", "next_part", "next_approver")
        if repr(text(f"refused.{key}")) in shown
    ] == ([then.removeprefix("refused.")] if then else [])
