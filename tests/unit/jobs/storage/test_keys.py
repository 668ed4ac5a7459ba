"""Tests of the names of the Redis keys: all are different and begin with one prefix."""

import re
from pathlib import Path

import pytest

from jobs.storage import keys

NAMED = re.findall(r'(?m)^(\w+) = _named\("(.+)"\)$', Path(keys.__file__).read_text("utf-8"))
"""Names and templates of all keys."""


def test_each_key_has_a_name_of_its_own(monkeypatch):
    """No two keys have the same template, and each key begins with the prefix."""
    templates = [template for _, template in NAMED]
    assert len(set(templates)) == len(templates) > 60
    monkeypatch.setattr(keys, "PREFIX", "bot-1:")
    for name, template in NAMED:
        parts = ["a{}b"] * template.count("{}")
        assert getattr(keys, name)(*parts) == "bot-1:" + template.replace("{}", "a{}b")
        with pytest.raises(TypeError):
            getattr(keys, name)(*parts, "one more")


@pytest.mark.parametrize(
    ("text", "good"),
    [("", True), ("Bot-1:a_b:", True), ("bot*", False), ("two words", False), ("é", False)],
)
def test_what_a_prefix_may_hold(text, good):
    """A prefix may hold letters, digits, colons, hyphens and underscores.

    Other characters could have a meaning in a key pattern or in RQ's templates.
    """
    assert keys.is_prefix(text) is good
