"""Ratchets of the project's size: each figure has its present value, and may only fall.

Whoever makes a figure smaller writes the new value here. Code lines are those that are neither
blank nor comment nor docstring.
"""

import ast
import io
import re
import tokenize
from collections import Counter

import pytest

from tests.fixtures.parsed import files, nodes

FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef
PRODUCT = ("bot", "jobs", "adaptive_cards")
RATCHETS: dict[tuple[str, ...], dict[str, float]] = {
    PRODUCT: {
        "files": 169,
        "code": 24_956,
        "functions": 2_694,
        "used once, %": 9.6,
        "borders": 5_347,
        "docstrings": 5_265,
    },
    ("practice",): {"code": 14_756},
    ("tests",): {"code": 41_730},
    ("bench", "tools"): {"code": 3_733},
}
"""Greatest value of each figure, by the folders that it counts."""


def lines_of(node) -> set[int]:
    """Return the lines of a node of the syntax tree."""
    return set(range(node.lineno, node.end_lineno + 1))


def of_docstrings(path) -> set[int]:
    """Return the lines of docstrings and of texts after constants."""
    return {
        number
        for body in (getattr(node, "body", None) for node in nodes(path))
        for each in (body if isinstance(body, list) else ())
        if isinstance(each, ast.Expr)
        and isinstance(each.value, ast.Constant)
        and isinstance(each.value.value, str)
        for number in lines_of(each)
    }


def of_borders(path) -> set[int]:
    """Return the lines of imports and of the signatures of functions."""
    lines: set[int] = set()
    for node in nodes(path):
        if isinstance(node, ast.Import | ast.ImportFrom):
            lines |= lines_of(node)
        elif isinstance(node, FUNCTIONS):
            lines |= set(range(node.lineno, node.body[0].lineno))
    return lines


def of_comments(path, source: str) -> set[int]:
    """Return the lines that have nothing but a comment.

    Only a file with a text in which such a line may be is tokenized, because that takes long.
    """
    found = {n for n, line in enumerate(source.splitlines(), 1) if line.lstrip().startswith("#")}
    texts = [node for node in nodes(path) if isinstance(node, ast.Constant | ast.JoinedStr)]
    if any(found & lines_of(node) for node in texts if node.end_lineno != node.lineno):
        tokens = tokenize.generate_tokens(io.StringIO(source).readline)
        found &= {token.start[0] for token in tokens if token.type == tokenize.COMMENT}
    return found


def figures(folders: tuple[str, ...]) -> dict[str, float]:
    """Return how much there is to read in these folders."""
    code = docs = borders = functions = 0
    names, private = Counter[str](), list[str]()
    paths = files(*folders)
    for path in paths:
        source = path.read_text(encoding="utf-8")
        said = of_docstrings(path)
        full = {n for n, line in enumerate(source.splitlines(), 1) if line.strip()}
        held = full - said - of_comments(path, source)
        defined = [node.name for node in nodes(path) if isinstance(node, FUNCTIONS)]
        functions += len(defined)
        private += [name for name in defined if re.match(r"_[a-z]", name)]
        names.update(re.findall(r"\b_[a-z]\w*\b", source))
        code, docs = code + len(held), docs + len(said)
        borders += len((of_borders(path) - said) & held)
    once = sum(names[name] == 2 for name in private)
    return {
        "files": len(paths),
        "code": code,
        "functions": functions,
        "used once, %": round(100 * once / functions, 1),
        "borders": borders,
        "docstrings": docs,
    }


@pytest.mark.slow
@pytest.mark.parametrize("folders", RATCHETS, ids=" ".join)
def test_nothing_grows(folders):
    """No figure is greater than its value in the table."""
    found = figures(folders)
    grown = {
        name: (found[name], most) for name, most in RATCHETS[folders].items() if found[name] > most
    }
    assert grown == {}
