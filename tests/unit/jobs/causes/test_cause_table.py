"""Tests of the table of causes: no misspelled name gets in, and its pages are known."""

import ast
import inspect
import re
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest

from adaptive_cards.locale import languages
from adaptive_cards.texts import keys
from jobs.causes import cause as module
from jobs.causes.cause import CAUSES, ENTRA_CODE_PAGE, load, page_of
from jobs.engine.step import rows_of
from jobs.probes import all_probes
from jobs.steps import all_steps
from tests.fixtures.parsed import table

REPORTS = table("error_texts")

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
def test_a_misspelled_table_cannot_be_loaded(line):
    """A cause, a field, a person or a page that does not exist is refused, and so is a gap."""
    assert (LINE in TABLE, load(TABLE)) == (True, CAUSES)
    with pytest.raises((msgspec.ValidationError, KeyError)):
        load(TABLE.replace(LINE, line))


@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("family", ["cause", "remedy"])
def test_each_cause_has_its_texts(family, language):
    """Every cause has a sentence that names it and one that says what to do, and no other has."""
    named = {key.partition(".")[2] for key in keys(language) if key.startswith(f"{family}.")}
    assert named == CAUSES.keys()


def named_in(source: str) -> set[str]:
    return {
        node.attr.lower()
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "Cause"
    }


@cache
def named_by(each) -> set[str]:
    """Return the causes that a module names. Each module is read once."""
    return named_in(inspect.getsource(each))


def own_words(step: str) -> set[str]:
    """Return the names in a step's row of the table, with the causes among them."""
    rows = rows_of("jobs.steps") | rows_of("jobs.probes")
    return set(re.findall(r"\w+", str(rows[step])))


@pytest.mark.parametrize(("steps", "cause"), SHOWN)
def test_what_shows_a_cause_names_it(steps, cause):
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
def test_a_step_is_listed_where_it_shows_a_cause(step):
    """The table names each step and probe whose class makes a finding with the cause."""
    shown = shown_in(type(EVERYTHING[step]))
    assert {cause for cause in shown if step not in CAUSES[cause].shown_by} == set()


@pytest.mark.slow
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


LISTED = table("learn_more_pages")["page"]


def test_every_page_is_in_the_list_of_the_facts():
    """A page that no fact names is not linked, and a page that nothing links is not listed."""
    pages = {page_of(cause) for cause in CAUSES} - {""}
    kinds = {ENTRA_CODE_PAGE if page.startswith(ENTRA_CODE_PAGE) else page for page in pages}
    assert {each["url"] for each in LISTED} == kinds


@pytest.mark.parametrize("page", LISTED, ids=lambda page: page["document"][-40:])
def test_a_page_is_the_document_of_its_fact(page):
    """The address of a page is Microsoft's or Cisco's, and it contains the name of the document.

    The page names the fact that it belongs to.
    """
    address = urlsplit(page["url"])
    assert address.scheme == "https"
    assert page["document"].lower() in page["url"].lower()
    assert address.netloc in {
        "aka.ms",
        "help.webex.com",
        "help.webexconnect.io",
        "learn.microsoft.com",
        "login.microsoftonline.com",
    }
    assert page["fact"].startswith(("microsoft.md ", "connect.md ", "recordings/"))


@pytest.mark.parametrize("cause", CAUSES)
def test_the_number_of_a_cause_means_that_cause(cause):
    """A cause has Microsoft's page of a number only if the bot reads the number as that cause."""
    number = page_of(cause).rpartition(ENTRA_CODE_PAGE)[2]
    assert not number.isdigit() or int(number) in CAUSES[cause].entra


def test_a_number_means_one_cause():
    """No AADSTS number is that of two causes."""
    numbers = [number for entry in CAUSES.values() for number in entry.entra]
    assert sorted(numbers) == sorted(set(numbers))


@pytest.mark.parametrize(("cause", "page"), REPORTS["pages"])
def test_the_page_of_a_cause(cause, page):
    """A cause has the page that explains it; a cause without a known page has none."""
    assert page_of(cause) == page
