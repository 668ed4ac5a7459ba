"""Items of the checklist in docs/security.md, each with its test."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
ITEMS = {
    f"{letter}{number}"
    for letter, most in (("W", 9), ("J", 11), ("O", 10), ("S", 6), ("A", 7))
    for number in range(1, most + 1)
}
ROW = re.compile(r"^\| ([A-Z]\d+) \| (.+?) \| (.+) \|$", re.MULTILINE)
NAMED = re.compile(r"`([\w/]+\.py)(?:::(\w+))?`")
EXEMPT = "exempt: "


@cache
def defined_in(path: str) -> set[str]:
    """Return the names of the tests in a file, or an empty set if the file does not exist."""
    file = ROOT / "tests" / path
    nodes = ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if file.exists() else ()
    return {
        node.name
        for node in nodes
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
    }


def page() -> str:
    """Return the text of docs/security.md."""
    return (ROOT / "docs/security.md").read_text(encoding="utf-8")


def test_every_item_has_its_line() -> None:
    """Every item of the checklist has exactly one row in docs/security.md.

    The row names a test, or the reason why there is none.
    """
    rows = [(item, NAMED.findall(held), EXEMPT in held) for item, _, held in ROW.findall(page())]
    assert sorted(item for item, _, _ in rows) == sorted(ITEMS)
    assert [item for item, named, exempt in rows if not named and not exempt] == []


def test_every_test_that_is_named_exists() -> None:
    """Every test that docs/security.md names exists in the file that is named."""
    named = NAMED.findall(page())
    assert len(named) > len(ITEMS)
    gone = {
        f"{path}::{name}"
        for path, name in named
        if not path.startswith(("jobs/", "bot/"))
        and not (defined_in(path) if not name else name in defined_in(path))
    }
    assert gone == set()
