"""Tests of the names of the Redis keys: all are different and begin with one prefix."""

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
    """Return one value for each parameter of the function, made of the parameter's name."""
    parameters = inspect.signature(function).parameters  # type: ignore[arg-type]  # a function
    return [f"<{name}>" for name in parameters]


def test_each_key_has_a_name_of_its_own(monkeypatch: pytest.MonkeyPatch):
    """No two functions return the same key, and each key begins with the prefix."""
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
    """A prefix may hold letters, digits, colons, hyphens and underscores.

    Other characters could have a meaning in a key pattern or in RQ's templates.
    """
    assert keys.is_prefix(text) is good
