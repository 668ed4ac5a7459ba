"""The names of the keys: each different, all behind one prefix, RQ's among them."""

from __future__ import annotations

import inspect

import pytest

from jobs.storage import keys

FUNCTIONS = [
    function
    for _, function in inspect.getmembers(keys, inspect.isfunction)
    if function.__annotations__.get("return") == "Key"
]


def arguments(function: object) -> list[str]:
    """A value for each parameter, and its name at that."""
    return [f"<{name}>" for name in inspect.signature(function).parameters]  # type: ignore[arg-type]  # a function


def test_each_key_has_a_name_of_its_own(monkeypatch: pytest.MonkeyPatch):
    """No two functions give the same name, whatever they are asked for, and each begins with the prefix."""
    plain = [
        function(*arguments(function)) for function in FUNCTIONS if function.__name__ != "_key"
    ]
    monkeypatch.setattr(keys, "PREFIX", "bot-1:")
    assert len(set(plain)) == len(plain) > 40
    assert [
        function(*arguments(function)) for function in FUNCTIONS if function.__name__ != "_key"
    ] == [f"bot-1:{key}" for key in plain]


@pytest.mark.parametrize(
    ("text", "good"),
    [("", True), ("Bot-1:a_b:", True), ("bot*", False), ("two words", False), ("é", False)],
)
def test_what_a_prefix_may_hold(text: str, good: bool):
    """Letters, digits, colons, hyphens and underscores: nothing that a pattern or RQ's templates would read in their own way."""
    assert keys.is_prefix(text) is good
