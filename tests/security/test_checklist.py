"""Items of the checklist in checklist.toml, each with its tests."""

import ast
import tomllib
from functools import cache
from pathlib import Path

TESTS = Path(__file__).parents[1]
LISTED = tomllib.loads(Path(__file__).with_name("checklist.toml").read_text(encoding="utf-8"))
ITEMS = {
    f"{letter}{number}"
    for letter, most in (("W", 9), ("J", 11), ("O", 10), ("S", 6), ("A", 7))
    for number in range(1, most + 1)
}


@cache
def defined_in(path):
    """Return the names of the tests in a file, or an empty set if the file does not exist."""
    file = TESTS / path
    nodes = ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if file.exists() else ()
    return {
        node.name
        for node in nodes
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
    }


def test_every_item_has_its_tests():
    """Every item of the checklist names a test, or the reason why there is none."""
    assert LISTED.keys() == ITEMS
    assert [name for name, row in LISTED.items() if not row["tests"] and not row["exempt"]] == []


def test_every_test_that_is_named_exists():
    """Every test that the checklist names exists in the file that is named."""
    named = [test.partition("::") for row in LISTED.values() for test in row["tests"]]
    assert len(named) > len(ITEMS)
    assert [
        f"{path}::{name}"
        for path, _, name in named
        if not (name in defined_in(path) if name else defined_in(path))
    ] == []
