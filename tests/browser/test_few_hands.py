"""Human actions of a whole setup: clicks, fields and page loads, counted in a real browser.

The module :mod:`tests.browser.walks` says which actions are counted.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest

from practice.page.host import PracticeSpace
from tests.browser.walks import MOST, Count, CountedMouse, Setup, counted, posted


@pytest.fixture
def space(browser: Any, tmp_path: Any) -> Iterator[PracticeSpace]:
    """Practice space of its own for each setup."""
    running = PracticeSpace(tmp_path / "run", 0)
    running.open()
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.mark.parametrize("profile", MOST)
def test_a_setup_takes_few_hands(visit: Any, space: PracticeSpace, profile: str):
    """A setup takes at most the allowed number of human actions.

    Nobody presses a button for a fact that the bot can read. The actions that stay for safety (the
    sign-in, the approvals and the one-time page) are all taken and counted.
    """
    hands = visit(hands=CountedMouse)
    Setup(hands, profile=profile).play()
    count: Count = hands.count
    sys.stdout.write(f"\n{count.table(f'Setup, {profile}')}\n{counted(posted(space))}\n")
    assert count.sum <= MOST[profile], count.table(profile)
    kept = {
        "administrator: sign-in": ("loads", 3),  # the bot's page, Microsoft's, the result
        "approver: plan and tenant": ("clicks", 2),
        "requester: one-time page": ("clicks", 3),  # the link, the button, Copy
    }
    assert {name: count.steps[name][kind] for name, (kind, _) in kept.items()} == {
        name: number for name, (_, number) in kept.items()
    }
