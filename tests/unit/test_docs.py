"""Tests that the documentation fits the code: settings, permissions, packages and links."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from adaptive_cards.texts import keys, own_text
from bot.commands import commands
from jobs.probes import all_probes
from jobs.steps import all_steps
from practice.environment import Ports, product_env
from tests.browser.walks import BY_HAND, FORM, MOST, NEW_APP
from tests.fixtures.parsed import tool

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
NAME = re.compile(r"^(?:# )?([A-Z][A-Z_]+)=", re.MULTILINE)
ROW = re.compile(r"^\| `([A-Z][A-Z_]+)` \|", re.MULTILINE)
COMMAND = re.compile(r"^\| `/([a-z-]+)", re.MULTILINE)
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")
TARGET = re.compile(r"`make ([a-z-]+)`")
OPTIONAL = {
    "ALLOWED_ORG_IDS",
    "APPROVERS",
    "DEFAULT_LANGUAGE",
    "DEFAULT_TIMEZONE",
    "METRICS_TOKEN",
    "WATCH_INTERVAL",
    "WATCH_PING_URL",
    "WATCH_SPACE",
    "WATCH_TEST_MAIL",
    "MICROSOFT_CLIENT_CERTIFICATE",
    "MICROSOFT_CLIENT_SECRET_EXPIRES",
    "MICROSOFT_FEDERATED_TOKEN_FILE",
}


def text(name: str) -> str:
    """Return the text of a file of the project."""
    return (ROOT / name).read_text(encoding="utf-8")


def packages(requirements: str) -> set[str]:
    """Return the names of the packages that a requirements file pins."""
    return {
        line.partition("==")[0].strip()
        for line in text(requirements).splitlines()
        if re.match(r"[a-z0-9]", line)
    }


def wanted(names: list[str]) -> set[str]:
    """Return the names in a list of requirements, without extras and versions."""
    return {re.split(r"[\[<>=~; ]", name)[0].lower() for name in names}


def test_one_list_of_settings():
    """docs/settings.md, .env.example and the practice stack know the same variables."""
    known = set(
        product_env(
            Ports(1, 2, 3, 4, 5),
            {f"PRACTICE_BOT_{n}": "" for n in ("TOKEN", "CLIENT_ID", "CLIENT_SECRET")},
            Path("ca.pem"),
        )
    )
    page = set(ROW.findall(text("docs/settings.md")))
    assert page == set(NAME.findall(text(".env.example")))
    assert page == known | OPTIONAL


def test_the_actions_in_the_readme_are_those_that_a_test_counts():
    """README.md compares sums that are counted in the same way, and names those without the form."""
    part = text("README.md").partition("### How many actions?")[2].partition("\n## ")[0]
    same = [MOST[profile] + NEW_APP + len(FORM) for profile in ("article", "least")]
    assert [int(number) for number in re.findall(r"\| (\d+) \|$", part, re.MULTILINE)] == [
        BY_HAND,
        *same,
    ]
    assert f"{MOST['article']} and {MOST['least']}" in part


def test_the_table_of_commands_is_the_registry():
    """README.md lists every command and no other."""
    assert set(COMMAND.findall(text("README.md"))) == commands().keys()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["permissions", "architecture"])
def test_the_pages_made_from_code_are_up_to_date(name: str):
    """docs/permissions.md and docs/architecture.md are what `make docs` writes."""
    assert text(f"docs/{name}.md") == tool(name).page(), "run `make docs`"


@pytest.mark.parametrize("language", ["en", "de"])
def test_the_glossary_has_every_step_and_every_probe(language: str):
    """The glossary of each language is exactly the page that ``make docs`` writes.

    Each step and each probe has an id, a name and a sentence.
    """
    glossary = tool("glossary")
    page, known = (
        text(f"docs/{glossary.PAGES[language]}"),
        [*all_steps().values(), *all_probes().values()],
    )
    ids = re.findall(r"^- ([A-Z]+\d?) \*\*[^*]+\*\*: .+\.$", page, re.MULTILINE)
    assert page == glossary.page(language), "run `make docs`"
    assert sorted(ids) == sorted([*(step.article_row for step in known), "T1", "T2", "T3"])
    assert glossary.sentences(language)["step"].keys() == {step.name for step in known}


@pytest.mark.parametrize("language", ["en", "de"])
def test_the_list_of_messages_has_every_cause(language: str):
    """The list of messages of each language is exactly the page that ``make docs`` writes.

    Each cause of the catalog has a row.
    """
    troubleshooting = tool("troubleshooting")
    page = text(f"docs/{troubleshooting.PAGES[language]}")
    assert page == troubleshooting.page(language), "run `make docs`"
    causes = [key for key in keys() if key.startswith("cause.")]
    assert len(re.findall(r"^- \*\*", page, re.MULTILINE)) == len(causes) > 100


@pytest.mark.parametrize(("page", "language"), [("", "en"), (".de", "de")])
def test_the_first_incident_names_buttons_as_the_cards_do(page: str, language: str):
    """Each bold word on the page of the first incident is a text of a card or the practice page."""
    bold = re.findall(r"\*\*(.+?)\*\*", text(f"docs/first-incident{page}.md"), re.DOTALL)
    known = {own_text(key, language) for key in keys() if not key.endswith((".one", ".other"))}
    shown = known | {"Faults", "Fehler"}
    assert [each for each in (" ".join(each.split()) for each in bold) if each not in shown] == []
    assert len(bold) > 3


def test_a_term_of_the_glossary_is_in_both_languages():
    """Both languages of the glossary explain the same number of terms, in whole sentences."""
    english, german = (tool("glossary").sentences(language)["term"] for language in ("en", "de"))
    assert len(english) == len(german) > 25
    assert [each for each in (*english.values(), *german.values()) if not each.endswith(".")] == []


def test_german_has_one_word_for_each_thing():
    """No German text has a word for which the glossary names a better one."""
    instead_of = tool("glossary").sentences("de")["instead_of"]
    replaced = [word for words in instead_of.values() for word in words]
    known = {key: own_text(key, "de") for key in keys("de")}
    known |= {page.name: page.read_text("utf-8") for page in PAGES if page.name.endswith(".de.md")}
    known["page"] = text("practice/page/static/language.js")
    assert [(key, word) for key, told in known.items() for word in replaced if word in told] == []
    assert len(replaced) > 15


def test_every_package_is_pinned_with_its_hashes():
    """The requirements files pin every package of pyproject.toml, with hashes.

    They contain no web addresses.
    """
    project = tomllib.loads(text("pyproject.toml"))["project"]
    run, dev = wanted(project["dependencies"]), wanted(project["optional-dependencies"]["dev"])
    assert run - packages("requirements.txt") == set()
    assert (run | dev) - packages("requirements-dev.txt") == set()
    site = wanted(tomllib.loads(text("pyproject.toml"))["dependency-groups"]["site"])
    assert site - packages("deploy/requirements-site.txt") == set()
    for name in ("requirements.txt", "requirements-dev.txt", "deploy/requirements-site.txt"):
        assert text(name).count("==") <= text(name).count("--hash=sha256:")
        assert re.findall(r"https?:|file:|--index|--find-links", text(name)) == []


def test_make_docs_makes_the_pages_that_say_so():
    """The help line of ``make docs`` names every page that says it is made so.

    The Makefile has a command for each of these pages.
    """
    said = {
        f"docs/{page.name}"
        for page in PAGES
        if "made by `make docs`" in page.read_text(encoding="utf-8")
    }
    told, recipe = (
        re.search(pattern, text("Makefile"), re.MULTILINE)
        for pattern in (r"make docs .*", r"^docs: .*\n((?:\t.*\n)+)")
    )
    assert told is not None
    assert recipe is not None
    assert (set(re.findall(r"docs/\w+\.md", told[0])), len(recipe[1].splitlines())) == (
        said,
        len(said),
    )


def statements(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield every statement of a module; expressions are left out because they hold no import."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        yield (node := waiting.pop())
        for block in ("body", "orelse", "finalbody", "handlers", "cases"):
            waiting.extend(getattr(node, block, ()))


def modules_of(tree: ast.Module) -> Iterator[str]:
    """Yield every module that a file imports, at any depth."""
    for node in statements(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def imported(*folders: str) -> set[str]:
    """Return the packages that the files of the folders import, by their names on PyPI."""
    paths = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    modules = {module for path in paths for module in modules_of(ast.parse(text(str(path))))}
    known = packages_distributions()
    tops = {module.partition(".")[0] for module in modules}
    return {name.lower().replace("_", "-") for top in tops for name in known.get(top, ())}


@pytest.mark.slow
def test_what_is_imported_is_asked_for():
    """pyproject.toml lists exactly the packages that the product imports.

    Its group ``dev`` has the other packages that the tests and tools import.
    """
    project = tomllib.loads(text("pyproject.toml"))["project"]
    run, dev = wanted(project["dependencies"]), wanted(project["optional-dependencies"]["dev"])
    assert imported("bot", "jobs", "adaptive_cards") == run
    assert imported("practice", "bench", "tools", "tests") - run - dev == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_targets_exist(page: Path):
    """Every link within the project leads to a file, and every make target that is named exists."""
    words = page.read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", text("Makefile"), re.MULTILINE))
    assert [link for link in LINK.findall(words) if not (page.parent / link).exists()] == []
    if page.name.endswith(".de.md"):
        twins = [f"{link[:-3]}.de.md" for link in LINK.findall(words) if link.endswith(".md")]
        assert [each for each in twins if (page.parent / each).exists() and each != page.name] == []
    assert set(TARGET.findall(words)) - targets == set()
