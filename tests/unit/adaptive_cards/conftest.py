"""The examples and the parts of a card, for the tests of this folder."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from adaptive_cards import Card


def _module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"card_{name}", Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


EXAMPLES, VERDICTS = map(_module, ("examples", "verdict_examples"))
OTHERS = [_module(name) for name in ("tac_examples", "audit_examples", "fix_examples")]
CARDS: dict[str, Card] = {name: card for module in (EXAMPLES, VERDICTS, *OTHERS) for name, card in module.examples().items()}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for ``card`` runs once for every example."""
    if "card" in metafunc.fixturenames:
        metafunc.parametrize("card", CARDS.values(), ids=list(CARDS))


@pytest.fixture
def examples() -> dict[str, Card]:
    """All examples by name."""
    return CARDS


@pytest.fixture
def make() -> ModuleType:
    """The module of examples, to make one more."""
    return EXAMPLES


@pytest.fixture
def make_verdict() -> ModuleType:
    """The module of examples of checks, to make one more."""
    return VERDICTS


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
