"""Tests that every language has every text, with its placeholders and plural forms.

No text is left in English.
"""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from adaptive_cards.actions import TITLE_MOST
from adaptive_cards.locale import SOURCE, Locale, drawn_for, languages
from adaptive_cards.texts import keys, own_text
from bot.commands import commands
from practice.cardtext import texts as texts_of
from tests.fixtures import parsed
from tests.fixtures.english import ENGLISH, without_names
from tests.unit.adaptive_cards import all_examples
from tests.unit.adaptive_cards.conftest import walk

OTHERS = [each for each in languages() if each != SOURCE]
OWN = ("typed_as.", "typed_argument.")
"""Families of texts that each language has for itself: names of commands and their arguments."""
PLURALS = {"zero", "one", "two", "few", "many", "other"}
VERBATIM = ("command_of.",)
"""Family of texts that are commands of PowerShell and Graph, which stay in English."""


@cache
def catalog(language: str) -> dict[str, str]:
    """Return the texts of a language."""
    return {key: own_text(key, language) for key in sorted(keys(language))}


@cache
def families(language: str) -> dict[str, dict[str, str]]:
    """Return the forms of each text by plural form, ``""`` for a text that has no plural."""
    found: dict[str, dict[str, str]] = {}
    english = catalog(SOURCE)
    for key, told in catalog(language).items():
        family, _, form = key.rpartition(".")
        counted = form in PLURALS and {f"{family}.one", f"{family}.other"} <= english.keys()
        found.setdefault(family if counted else key, {})[form if counted else ""] = told
    return {key: forms for key, forms in found.items() if not key.startswith(OWN)}


def placeholders(told: str) -> set[str]:
    """Return the names in the braces of a text, except ``count``.

    A plural form may write its number as a word.
    """
    return set(re.findall(r"\{(\w+)\}", told)) - {"count"}


@pytest.fixture(params=OTHERS)
def language(request) -> str:
    """Return each language except English in turn."""
    return str(request.param)


def test_every_key(language):
    """Every language has the same keys.

    No key is missing, and none belongs to a text that no longer exists.
    """
    assert families(language).keys() == families(SOURCE).keys()


def test_every_placeholder(language):
    """A text names the same values in every language, so that no fact is lost or made up."""
    english = families(SOURCE)
    wrong = {
        key: told
        for key, forms in families(language).items()
        for told in forms.values()
        if placeholders(told) != placeholders(next(reversed(english[key].values())))
    }
    assert wrong == {}


def test_the_number_is_named(language):
    """The plural form of a text names its number if the English form does."""
    english = families(SOURCE)
    assert {
        key
        for key, forms in families(language).items()
        for form in forms
        if form in {"", "other"}
        and ("{count}" in forms[form]) != ("{count}" in next(reversed(english[key].values())))
    } == set()


@pytest.mark.parametrize("spoken", languages())
def test_plural_forms(spoken):
    """A text with a number has exactly the forms of its language (Unicode's CLDR, in Babel)."""
    forms = {*Locale(spoken).babel.plural_form.tags, "other"}
    assert {
        key: sorted(found)
        for key, found in families(spoken).items()
        if "" not in found and found.keys() != forms
    } == {}


@pytest.mark.parametrize("spoken", languages())
def test_buttons_fit(spoken):
    """The title of a button is short enough for a card that is 320 px wide."""
    assert {
        key: told
        for key, told in catalog(spoken).items()
        if key.startswith(("button.", "fix.")) and len(told.replace("{count}", "10")) > TITLE_MOST
    } == {}


def test_buttons_fit_on_every_card(language):
    """The title of each button on the example cards is short enough, whatever its key is."""
    assert {
        node["title"]
        for card in all_examples.OTHERS[language].values()
        for node in walk(card.content)
        if node.get("type", "").startswith("Action.") and len(node["title"]) > TITLE_MOST
    } == set()


@pytest.mark.parametrize("spoken", languages())
def test_tone(spoken):
    """No text has exclamation marks, emoji, apologies or Markdown.

    The texts that begin with ``heard.`` are words of people.
    """
    sign = r"[!\[\]*`<>\u2600-\u27bf\u3000-\U0010ffff]|\b[Ss]orry\b|\b[Pp]lease\b"
    assert {
        key: told
        for key, told in catalog(spoken).items()
        if re.search(sign, told) and not key.startswith("heard.")
    } == {}


def test_no_text_is_left_english(language):
    """A text with two of the words that every English sentence has counts as not translated."""
    assert {
        key: told
        for key, told in catalog(language).items()
        if not key.startswith(VERBATIM) and len(ENGLISH.findall(without_names(told))) > 1
    } == {}


def test_no_card_is_left_english(language):
    """No line of a card in another language is English, except for the values of the examples.

    So no sentence is written in the code instead of the catalog. A shortened line may be cut inside
    a word, which leaves "it" of "mit".
    """
    left = {
        (name, line)
        for name, card in all_examples.OTHERS[language].items()
        for line in texts_of(card.content)
        if "\u2026" not in line
        if ENGLISH.search(_without_values(without_names(line))) and "://" not in line
    }
    assert left == set()


def _without_values(line: str) -> str:
    """Return the line without the values of the examples."""
    for value in values():
        line = line.replace(value, " ")
    return line


@cache
def values() -> tuple[str, ...]:
    """Return the texts of the examples and their tables that a card may show, longest first."""
    sources = [parsed.tree(Path(str(module.__file__))) for module in all_examples.MODULES]
    tables = [ast.parse(repr(parsed.table(name))) for name in ("changes", "verdicts")]
    found = {
        piece
        for source in (*sources, *tables)
        for node in ast.walk(source)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for piece in _pieces(node.value)
    }
    return tuple(sorted(found, key=len, reverse=True))


def _pieces(value: str):
    """Yield a value as a card may show it: whole, without its period, or with a capital.

    The reply in a message trace is shown alone, too.
    """
    for line in [*value.splitlines(), *re.findall(r"LED=(.+?)\. AS", value)]:
        told = line.strip()
        if " " not in told:
            continue
        yield from (told, told.removesuffix("."), told[:1].upper() + told[1:])


@pytest.mark.parametrize("name", ["setup-email", "check", "fix", "undo", "help", "cancel"])
def test_commands_have_german_names(name):
    """Each everyday command has a German name, too."""
    assert own_text(f"typed_as.{name}", "de")
    assert own_text(f"typed_as.{name}", SOURCE) == ""


def test_every_name_is_of_a_command(language):
    """Every translated name of a command belongs to a command that exists.

    A name for another one would never be understood.
    """
    named = {
        key.removeprefix("typed_as.") for key in catalog(language) if key.startswith("typed_as.")
    }
    assert named - commands().keys() == set()


def test_the_examples_are_drawn_in_the_language():
    """The German example cards really are in German, with German dates."""
    german = all_examples.OTHERS["de"]
    assert "Das kann der Bot" in german["help"].text
    with drawn_for(Locale("de", "Europe/Berlin")):
        assert "24. Nov., 11:42 MEZ" in " ".join(texts_of(german["verdict-broken"].content))
