"""Ratchets of the project's size: each figure has its present value, and may only fall.

Whoever makes a figure smaller writes the new value here. Code lines are those that are neither
blank nor comment nor docstring.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PRODUCT = ("bot", "jobs", "adaptive_cards")
RATCHETS: dict[tuple[str, ...], dict[str, float]] = {
    PRODUCT: {
        "files": 466,
        "code": 37_812,
        "functions": 4_469,
        "used once, %": 21.4,
        "borders, %": 28.5,
        "docstrings, %": 33.7,
    },
    ("practice",): {"code": 16_627},
    ("tests",): {"code": 65_836},
    ("bench", "tools"): {"code": 3_806},
}
"""Greatest value of each figure, by the folders that it counts."""
Lines = set[int]


def of_docstrings(tree: ast.AST) -> Lines:
    """Return the lines of docstrings and of texts after constants."""
    bodies = [node.body for node in ast.walk(tree) if isinstance(getattr(node, "body", None), list)]
    return {
        number
        for body in bodies
        for each in body
        if isinstance(each, ast.Expr)
        and isinstance(each.value, ast.Constant)
        and isinstance(each.value.value, str)
        for number in range(each.lineno, (each.end_lineno or each.lineno) + 1)
    }


def of_borders(tree: ast.AST) -> Lines:
    """Return the lines of imports and of the signatures of functions."""
    lines: Lines = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            lines |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines |= set(range(node.lineno, node.body[0].lineno))
    return lines


def of_comments(source: str) -> Lines:
    """Return the lines that have nothing but a comment."""
    lines = source.splitlines()
    return {
        token.start[0]
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT and lines[token.start[0] - 1].lstrip().startswith("#")
    }


def figures(folders: tuple[str, ...]) -> dict[str, float]:
    """Return how much there is to read in these folders."""
    code = docs = borders = functions = 0
    names, private = Counter[str](), list[str]()
    paths = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    for path in paths:
        source = path.read_text(encoding="utf-8")
        tree = ast.parse(source)
        said = of_docstrings(tree)
        full = {n for n, line in enumerate(source.splitlines(), 1) if line.strip()}
        held = full - said - of_comments(source)
        defined = [
            n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)
        ]
        functions += len(defined)
        private += [name for name in defined if re.match(r"_[a-z]", name)]
        names.update(re.findall(r"\b_[a-z]\w*\b", source))
        code, docs = code + len(held), docs + len(said)
        borders += len((of_borders(tree) - said) & held)
    once = sum(names[name] == 2 for name in private)
    return {
        "files": len(paths),
        "code": code,
        "functions": functions,
        "used once, %": round(100 * once / functions, 1),
        "borders, %": round(100 * borders / code, 1),
        "docstrings, %": round(100 * docs / code, 1),
    }


@pytest.mark.parametrize("folders", RATCHETS, ids=" ".join)
def test_nothing_grows(folders: tuple[str, ...]):
    """No figure is greater than its value in the table."""
    found = figures(folders)
    grown = {
        name: (found[name], most) for name, most in RATCHETS[folders].items() if found[name] > most
    }
    assert grown == {}
