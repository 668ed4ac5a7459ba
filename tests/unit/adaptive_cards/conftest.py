"""The examples and the parts of a card, for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from adaptive_cards import Card
from tests.unit.adaptive_cards import verdict_examples
from tests.unit.adaptive_cards.all_examples import CARDS


@pytest.fixture
def examples() -> dict[str, Card]:
    """All examples by name."""
    return CARDS


@pytest.fixture
def make_verdict() -> ModuleType:
    """The module of examples of checks, to make one more."""
    return verdict_examples


@pytest.fixture
def nodes() -> Any:
    """A function that walks every object of a card, parents first."""
    return walk


def walk(node: Any) -> Iterator[dict[str, Any]]:
    """Every object below and including ``node``."""
    if isinstance(node, dict):
        yield node
        node = list(node.values())
    if isinstance(node, list):
        for item in node:
            yield from walk(item)
