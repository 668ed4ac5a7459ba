"""Tests that documentation, citations, site and bill of materials fit the code."""

import ast
import json
import pkgutil
import posixpath
import re
import subprocess
import tomllib
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml

from adaptive_cards.texts import keys, own_text
from bot.commands import commands
from jobs.probes import all_probes
from jobs.steps import all_steps
from practice.environment import Ports, product_env
from tests.browser.walks import BY_HAND, FORM, MOST, NEW_APP
from tests.fixtures.parsed import ROOT, files, nodes, table, tool

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
NAME = re.compile(r"^(?:# )?([A-Z][A-Z_]+)=", re.MULTILINE)
ROW = re.compile(r"^\| `([A-Z][A-Z_]+)` \|", re.MULTILINE)
COMMAND = re.compile(r"^\| `/([a-z-]+)", re.MULTILINE)
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")
TARGET = re.compile(r"`make ([a-z-]+)`")
OPTIONAL = set(table("settings")["optional"])


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
def test_the_pages_made_from_code_are_up_to_date(name):
    """docs/permissions.md and docs/architecture.md are what `make docs` writes."""
    assert text(f"docs/{name}.md") == tool(name).page(), "run `make docs`"


@pytest.mark.parametrize("language", ["en", "de"])
def test_the_glossary_has_every_step_and_every_probe(language):
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
def test_the_list_of_messages_has_every_cause(language):
    """The list of messages of each language is exactly the page that ``make docs`` writes.

    Each cause of the catalog has a row.
    """
    troubleshooting = tool("troubleshooting")
    page = text(f"docs/{troubleshooting.PAGES[language]}")
    assert page == troubleshooting.page(language), "run `make docs`"
    causes = [key for key in keys() if key.startswith("cause.")]
    assert len(re.findall(r"^- \*\*", page, re.MULTILINE)) == len(causes) > 100


@pytest.mark.parametrize(("page", "language"), [("", "en"), (".de", "de")])
def test_the_first_incident_names_buttons_as_the_cards_do(page, language):
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
    pages = {f"docs/{page.name}": page.read_text(encoding="utf-8") for page in PAGES}
    said = {name for name, words in pages.items() if "made by `make docs`" in words}
    told, recipe = (
        re.search(pattern, text("Makefile"), re.MULTILINE)
        for pattern in (r"make docs .*", r"^docs: .*\n((?:\t.*\n)+)")
    )
    assert set(re.findall(r"docs/\w+\.md", told[0])) == said
    assert len(recipe[1].splitlines()) == len(said)


def imported(known, *folders: str) -> set[str]:
    """Return the packages that the files of the folders import, by their names on PyPI."""
    modules = set[str]()
    for node in (node for path in files(*folders) for node in nodes(path)):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            modules.add(str(node.module))
    tops = {module.partition(".")[0] for module in modules}
    return {name.lower().replace("_", "-") for top in tops for name in known.get(top, ())}


@pytest.mark.slow
def test_what_is_imported_is_asked_for():
    """pyproject.toml lists exactly the packages that the product imports.

    Its group ``dev`` has the other packages that the tests and tools import.
    """
    project = tomllib.loads(text("pyproject.toml"))["project"]
    run, dev = wanted(project["dependencies"]), wanted(project["optional-dependencies"]["dev"])
    known = packages_distributions()
    assert imported(known, "bot", "jobs", "adaptive_cards") == run
    assert imported(known, "practice", "bench", "tools", "tests") - run - dev == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_targets_exist(page):
    """Every link within the project leads to a file, and every make target that is named exists."""
    words = page.read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", text("Makefile"), re.MULTILINE))
    assert [link for link in LINK.findall(words) if not (page.parent / link).exists()] == []
    if page.name.endswith(".de.md"):
        twins = [f"{link[:-3]}.de.md" for link in LINK.findall(words) if link.endswith(".md")]
        assert [each for each in twins if (page.parent / each).exists() and each != page.name] == []
    assert set(TARGET.findall(words)) - targets == set()


SITE_LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]*)(?:#[^)\s]*)?\)")
FENCE = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
OTHER_LANGUAGE = re.compile(r'<a href="([^"]+)">')


SITE = tool("site")
PLACES = sorted(SITE.pages())


def _menu(entry: object) -> list[str]:
    """Return the pages of the menu, with those of its sections."""
    if isinstance(entry, dict):
        entry = list(entry.values())
    return [entry] if isinstance(entry, str) else [page for each in entry for page in _menu(each)]


def test_every_page_has_a_place_in_the_menu():
    """The menu of the site has each English page once, and nothing else."""
    lines = text("tools/mkdocs.yml").replace("!!python/name:", "")
    menu = _menu(yaml.safe_load(lines)["nav"])
    assert sorted(menu) == [place for place in PLACES if not place.endswith(".de.md")]


@pytest.mark.parametrize("place", PLACES)
def test_every_link_leads_to_a_page_or_a_picture(place):
    """Every link of the site leads to a page or a picture of the site.

    A link to another file of the project becomes plain text, because the site does not have the
    file.
    """
    there = {*SITE.pages(), *SITE.files()}
    page = FENCE.sub("", SITE.written(place))
    found = {
        posixpath.normpath(posixpath.join(posixpath.dirname(place), link))
        for link in SITE_LINK.findall(page)
        if link
    }
    assert found - there == set()


def test_a_page_leads_to_its_other_language():
    """A page has a link to the same page in the other language.

    The link is relative to the built page.
    """
    english, german = (SITE.written(place) for place in ("glossary.md", "glossary.de.md"))
    assert OTHER_LANGUAGE.findall(english)[0] == "../de/glossary/"
    assert OTHER_LANGUAGE.findall(german)[0] == "../../glossary/"


def test_a_picture_has_a_light_and_a_dark_form(monkeypatch):
    """If a picture has a light and a dark form, the site shows the one of the reader's theme."""
    files = {
        f"pictures/cards-en-{theme}.webp": f"docs/pictures/cards-en-{theme}.webp"
        for theme in ("light", "dark")
    }
    monkeypatch.setattr(SITE, "files", lambda: files)
    monkeypatch.setattr(
        SITE.Path, "read_text", lambda *_, **__: "![Cards](pictures/cards-en-light.webp)"
    )
    assert SITE.written("practice.md") == (
        "![Cards](pictures/cards-en-light.webp){ .only-light }"
        "![Cards](pictures/cards-en-dark.webp){ .only-dark }"
    )


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
    return frozenset(re.findall(r"^#+ (.+)$", text(f"docs/{page}"), re.MULTILINE))


def broken(name: str, said: str) -> list[str]:
    """Return the citations of a text that lead nowhere."""
    items = tomllib.loads(text("tests/security/checklist.toml"))
    found = [f"{name}: {word}" for word in GONE.findall(said)]
    found += [
        f"{name}: {page}.md {number}"
        for page, numbers in SECTION.findall(said)
        for number in re.findall(r"\d(?:\.\d)?", re.sub(ROWS, "", numbers))
        if not any(line.startswith(f"{number} ") for line in headings(f"platforms/{page}.md"))
    ]
    found += [f"{name}: {item}" for item in ITEM.findall(said) if item not in items]
    found += [
        f"{name}: docs/{page} {heading}"
        for page, heading in PAGE.findall(said)
        if not (ROOT / "docs" / page).exists() or heading not in {"", *headings(page)}
    ]
    return found


NAMED = re.compile(r":\w+:`~?((?:bot|jobs|adaptive_cards|practice|bench)\.[\w.]+)`")
OWN_FILE = re.compile(r"(?<![\w/])(?:bot|jobs|adaptive_cards|practice)/[\w/]+\.(?:py|toml)\b")
MADE_UP = {"bot/commands/whoami.py", "jobs/steps/litigation_hold.py"}
"""Files that a page tells a reader to make."""


def tracked() -> dict[str, str]:
    """Return the text of each file that can cite something, by its name."""
    return {name: text(name) for name in NAMES if (ROOT / name).exists()}


def exists(name: str) -> bool:
    """Return whether a dotted name is a module of the project, or a name in one."""
    try:
        pkgutil.resolve_name(name)
    except (ImportError, AttributeError):
        return False
    return True


def test_every_name_and_file_that_is_mentioned_exists():
    """A docstring or a page names no module, function or file that has moved or is gone."""
    texts = tracked()
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
    texts = tracked()
    kept = {name: text for name, text in texts.items() if name != "tests/unit/test_docs.py"}
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
def test_a_citation_that_leads_nowhere_is_found(text):
    """Each kind of broken citation is found."""
    assert broken("x.py", text) != []


LOCK = text("requirements.txt")


@pytest.fixture(scope="module")
def bill():
    """Return the bill of materials of the project."""
    return json.loads(text("deploy/sbom.cdx.json"))


def test_the_file_is_up_to_date():
    """The bill of materials is exactly the file that ``make sbom`` writes now."""
    assert text("deploy/sbom.cdx.json") == tool("sbom").page(), "run `make sbom`"


def test_its_components_are_the_locked_packages(bill):
    """The bill of materials has each locked package once.

    Each has its version and every hash that pip accepts.
    """
    pinned = sorted(re.findall(r"^([a-z0-9._-]+)==([^ ;\\\n]+)", LOCK, re.MULTILINE))
    hashes = {
        each["content"]
        for one in bill["components"]
        for reference in one["externalReferences"]
        for each in reference["hashes"]
    }
    assert sorted((each["name"], each["version"]) for each in bill["components"]) == pinned
    assert len(pinned) > 30
    assert hashes == set(re.findall(r"sha256:(\w+)", LOCK))
    assert all(
        each["purl"] == f"pkg:pypi/{each['name']}@{each['version']}" for each in bill["components"]
    )
