"""Tests of the table of causes: no misspelled name gets in, and it says what the code does."""

from __future__ import annotations

import ast
import inspect
import re
from functools import cache
from pathlib import Path
from types import ModuleType

import msgspec
import pytest

from adaptive_cards.locale import languages
from adaptive_cards.texts import keys
from jobs.causes import cause as module
from jobs.causes.cause import CAUSES, load
from jobs.engine.step import rows_of
from jobs.probes import all_probes
from jobs.steps import all_steps

ROOT = Path(__file__).parents[4]
TABLE = (ROOT / "jobs" / "causes" / "causes.toml").read_text(encoding="utf-8")
EVERYTHING = {**all_steps(), **all_probes()}
LINE = 'service_unavailable = { acts = "time", kind = "transient", shared = "everybody" }\n'
SHOWN = sorted((entry.shown_by, cause) for cause, entry in CAUSES.items() if entry.shown_by)


@pytest.mark.parametrize(
    "line",
    [
        LINE.replace("service_", "servise_"),
        LINE.replace("acts", "act"),
        LINE.replace('"time"', '"times"'),
        LINE.replace('"everybody"', '"all"'),
        LINE.replace("shared", "page"),
        "",
    ],
)
def test_a_misspelled_table_cannot_be_loaded(line: str):
    """A cause, a field, a person or a page that does not exist is refused, and so is a gap."""
    assert (LINE in TABLE, load(TABLE)) == (True, CAUSES)
    with pytest.raises((msgspec.ValidationError, KeyError)):
        load(TABLE.replace(LINE, line))


@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("family", ["cause", "remedy"])
def test_each_cause_has_its_texts(family: str, language: str):
    """Every cause has a sentence that names it and one that says what to do, and no other has."""
    named = {key.partition(".")[2] for key in keys(language) if key.startswith(f"{family}.")}
    assert named == CAUSES.keys()


def named_in(source: str) -> set[str]:
    """Return the causes that a source names."""
    return {
        node.attr.lower()
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "Cause"
    }


@cache
def named_by(each: ModuleType) -> set[str]:
    """Return the causes that a module names. Each module is read once."""
    return named_in(inspect.getsource(each))


def own_words(step: str) -> set[str]:
    """Return the names in a step's row of the table, with the causes among them."""
    return set(re.findall(r"\w+", str(rows_of("jobs.steps").get(step))))


@pytest.mark.parametrize(("steps", "cause"), SHOWN)
def test_what_shows_a_cause_names_it(steps: tuple[str, ...], cause: str):
    """A step or probe that shows a cause names it, as its row or an imported module does."""
    for step in steps:
        own = inspect.getmodule(type(EVERYTHING[step]))
        assert own is not None
        near = {
            value if inspect.ismodule(value) else inspect.getmodule(value)
            for value in vars(own).values()
            if callable(value) or inspect.ismodule(value)
        }
        ours = {each for each in near if each and each.__name__.startswith("jobs.")}
        named = {*own_words(step), *(c for each in {own, *ours} - {module} for c in named_by(each))}
        assert cause in named, step


def shown_in(kind: type) -> set[str]:
    """Return the causes of the findings that a class makes."""
    return {
        each
        for node in ast.walk(ast.parse(inspect.getsource(kind)))
        if isinstance(node, ast.keyword) and node.arg == "cause"
        for each in named_in(ast.unparse(node.value))
    }


@pytest.mark.parametrize("step", EVERYTHING)
def test_a_step_is_listed_where_it_shows_a_cause(step: str):
    """The table names each step and probe whose class makes a finding with the cause."""
    shown = shown_in(type(EVERYTHING[step]))
    assert {cause for cause in shown if step not in CAUSES[cause].shown_by} == set()


def test_a_finding_names_its_cause_by_the_member():
    """No finding or error spells its cause as a text, so that mypy finds every misspelled one."""
    spelled = [
        f"{path.name}:{node.value.lineno}"
        for folder in ("bot", "jobs")
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.keyword)
        and node.arg == "cause"
        and isinstance(node.value, ast.Constant)
        and node.value.value
    ]
    assert spelled == []
