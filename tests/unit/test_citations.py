"""Tests that every citation in code, tests and data leads to a place in this project."""

from __future__ import annotations

import pkgutil
import re
import subprocess
import tomllib
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMES = subprocess.run(  # noqa: S603  git
    ["git", "-C", str(ROOT), "ls-files", "*.py", "*.toml", "*.md", "Makefile"],  # noqa: S607
    capture_output=True,
    text=True,
    check=False,
).stdout.split()
ROWS = r"(?:,? row \d+|,? rows \d+(?:(?:, | and )\d+(?![.\d]))*)?"
SECTION = re.compile(
    rf"\b(microsoft|connect|webex)\.md (\d(?:\.\d)?{ROWS}(?:(?:, and |, | and | to )\d(?:\.\d)?{ROWS})*)"
)
ITEM = re.compile(r"\bchecklist(?:\.toml)? ([A-Z]\d+)\b")
PAGE = re.compile(r"\bdocs/([\w/.-]+\.md)(?:, \"([^\"]+)\")?")
GONE = re.compile(
    r"\bfacts/|\bARTICLE\.md|\bDESIGN\.md|\bCHECKLIST\b|\bfindings/|\bPEERS\.md|\bMODELS\.md"
)


@cache
def headings(page: str) -> frozenset[str]:
    """Return the headings of a page of docs/."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return frozenset(re.findall(r"^#+ (.+)$", text, re.MULTILINE))


def broken(name: str, text: str) -> list[str]:
    """Return the citations of a text that lead nowhere."""
    items = tomllib.loads((ROOT / "tests/security/checklist.toml").read_text(encoding="utf-8"))
    found = [f"{name}: {word}" for word in GONE.findall(text)]
    found += [
        f"{name}: {page}.md {number}"
        for page, numbers in SECTION.findall(text)
        for number in re.findall(r"\d(?:\.\d)?", re.sub(ROWS, "", numbers))
        if not any(line.startswith(f"{number} ") for line in headings(f"platforms/{page}.md"))
    ]
    found += [f"{name}: {item}" for item in ITEM.findall(text) if item not in items]
    found += [
        f"{name}: docs/{page} {heading}"
        for page, heading in PAGE.findall(text)
        if not (ROOT / "docs" / page).exists() or heading not in {"", *headings(page)}
    ]
    return found


NAMED = re.compile(r":\w+:`~?((?:bot|jobs|adaptive_cards|practice|bench)\.[\w.]+)`")
OWN_FILE = re.compile(r"(?<![\w/])(?:bot|jobs|adaptive_cards|practice)/[\w/]+\.(?:py|toml)\b")
MADE_UP = {"bot/commands/whoami.py", "jobs/steps/litigation_hold.py"}
"""Files that a page tells a reader to make."""


def exists(name: str) -> bool:
    """Return whether a dotted name is a module of the project, or a name in one."""
    try:
        pkgutil.resolve_name(name)
    except (ImportError, AttributeError):
        return False
    return True


def test_every_name_and_file_that_is_mentioned_exists():
    """A docstring or a page names no module, function or file that has moved or is gone."""
    texts = {name: (ROOT / name).read_text("utf-8") for name in NAMES if (ROOT / name).exists()}
    gone = [(name, each) for name, text in texts.items() for each in NAMED.findall(text)]
    files = {
        (name, each)
        for name, text in texts.items()
        if name.endswith(".md")
        for each in OWN_FILE.findall(text)
        if each not in MADE_UP and not (ROOT / each).exists()
    }
    assert ([pair for pair in gone if not exists(pair[1])], files) == ([], set())


@pytest.mark.slow
def test_every_citation_leads_somewhere():
    """Every section, page and item of the checklist that a file names exists."""
    if not NAMES:
        pytest.skip("the project is in no repository here")
    texts = {name: (ROOT / name).read_text("utf-8") for name in NAMES if (ROOT / name).exists()}
    kept = {name: text for name, text in texts.items() if name != "tests/unit/test_citations.py"}
    assert [each for name, text in kept.items() for each in broken(name, text)] == []


@pytest.mark.parametrize(
    "text",
    [
        "(platforms/microsoft.md 2.9)",
        "microsoft.md 1.1, 9.9",
        "(facts/webex.md 1)",
        "checklist.toml J99",
        "docs/no-page.md",
        'docs/operations.md, "No heading"',
    ],
)
def test_a_citation_that_leads_nowhere_is_found(text: str):
    """Each kind of broken citation is found."""
    assert broken("x.py", text) != []
