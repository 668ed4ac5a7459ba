"""Tests that every language has every text, with its placeholders and plural forms.

No text is left in English.
"""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

import adaptive_cards
from adaptive_cards.elements import TITLE_MOST
from adaptive_cards.locale import SOURCE, Locale, drawn_for, languages
from adaptive_cards.texts import has_text, keys, own_text, plural, remedy_key, render, text
from bot.commands import commands
from jobs.causes.patterns import patterns
from jobs.model import Access, Profile, RunKind, Scope, State, Station, Text, Turn, verbatim
from jobs.runs.event_log import NOT_RECORDED
from jobs.runs.run import Kind
from practice.cardtext import texts as texts_of
from practice.webex.cards import parts
from tests.fixtures import parsed
from tests.fixtures.english import ENGLISH, without_names
from tests.unit.adaptive_cards import all_examples

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
        for node in parts(card.content)
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
    line = line.replace("\u200b", "")
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


PACKAGE = Path(adaptive_cards.__file__).parent


HOUSE = (PACKAGE, PACKAGE.parent / "bot", PACKAGE.parent / "jobs")


KEY = re.compile(r"[a-z_]+(\.[a-z0-9_-]*[a-z0-9])+")


BEGINNING = re.compile(r"[a-z_]+\.[a-z_.]*")
# Families whose keys are put together from a table of names.
OPEN = ("turn.", "command.", "notice.", "permission.", "help.group.", "finding.", "remedy_")


def constants(*folders: Path):
    """Yield every string in the folders that looks like a key, and whether it is only a prefix."""
    for path in (path for folder in folders for path in folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant):
                yield str(node.values[0].value).removeprefix("key:"), True
            elif (
                isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and KEY.fullmatch(node.value.removeprefix("key:"))
            ):
                yield node.value.removeprefix("key:"), False


@cache
def whole(*folders: Path) -> set[str]:
    """Return the keys that the code names whole, with both forms of texts with a number."""
    named = {value for value, begins in constants(*folders) if not begins}
    return {
        form
        for key in named
        for form in ((f"{key}.one", f"{key}.other") if has_text(f"{key}.one") else (key,))
    }


@cache
def beginnings() -> set[str]:
    """Return the prefixes that a value completes to a key, for example ``stage.``."""
    return {value for value, begins in constants(*HOUSE) if begins and BEGINNING.fullmatch(value)}


def test_every_key_in_the_code_exists():
    """Every key that a card module names is in the catalog.

    A missing key would be a KeyError when a card is sent.
    """
    named = whole(PACKAGE, PACKAGE.parent / "bot" / "cards")
    assert named - keys() == set()
    assert len(named) > 150


@pytest.mark.slow
def test_every_text_is_used():
    """Every text of the catalog is used: some code names its key or a prefix of the key.

    The example for a field is used if the field's label is.
    """
    used = whole(*HOUSE) | {f"{label}_example" for label in whole(*HOUSE)}
    spare = {key for key in keys() - used if not key.startswith((*OPEN, *beginnings()))}
    assert spare == set()


def causes_of_errors() -> set[str]:
    """Return the causes that the patterns of error texts name."""
    known = patterns()
    named = {each.meaning.cause for words in known.words.values() for each in words}
    return named | {meaning.cause for codes in known.codes.values() for meaning in codes.values()}


def test_every_cause_can_be_named():
    """Every cause and remedy with a text is named in the code, or by the pattern of an error text.

    The practice page shows two more, which no check can see. Their keys are built from parts, so an unused one would not be noticed otherwise.
    """
    named = causes_of_errors()
    folders = (*HOUSE, PACKAGE.parent / "practice" / "faults")
    rows = [PACKAGE.parent / "jobs" / f"{each}/{each}.toml" for each in ("steps", "probes")]
    for path in (*rows, *(path for folder in folders for path in folder.rglob("*.py"))):
        if path.name != "cause.py":
            named |= set(re.findall(r"\w+", path.read_text(encoding="utf-8").lower()))
    families = ("cause", "remedy", "remedy_within", "typed")
    parts = [key.partition(".") for key in keys()]
    assert {name for family, _, name in parts if family in families} - named == set()


def test_keys_put_together_exist():
    """Every text whose key the code builds from parts exists.

    So no kind of event, state, station or ending is shown by its code name.
    """
    made = {f"turn.{turn}" for turn in Turn} | {f"stage.{number}" for number in range(1, 8)}
    made |= {f"state.{state}" for state in State if state not in {State.OK, State.WAITING}}
    made |= {f"done.profile_{profile}" for profile in Profile}
    made |= {f"status.ended_{ended}" for ended in ("done", "failed", "cancelled")}
    made |= {f"station.{row}" for row in ("v1", "m3", "v2", "v3", *Station)}
    made |= {f"access.{access}" for access in Access}
    made |= {f"audit.what.{kind}" for kind in Kind if kind not in NOT_RECORDED}
    made |= {f"audit.kind.{kind}" for kind in RunKind}
    made |= {f"audit.scope.{scope}" for scope in (Scope.TENANT, Scope.MAILBOX)}
    assert {key for key in made if not has_text(key)} == set()


def test_no_remedy_names_the_scope_of_one_cloud_alone():
    """No remedy names a host of the public cloud, because that would be wrong in a national cloud.

    The card with the values for Webex Connect has the channel's own addresses.
    """
    remedies = {key: told for key, told in catalog(SOURCE).items() if key.startswith("remedy")}
    assert {
        key: told
        for key, told in remedies.items()
        if re.search(r"outlook\.office|login\.microsoftonline|graph\.microsoft", told)
    } == {}


def test_say_fills_in_values_and_looks_up_nested_keys():
    """A value may be a key itself. Braces, unknown keys and endless times stay as typed."""
    typed = ("key:no.such {0} {turn}", "span:inf", "every:1e30", "clock:9999-12-31T23:59:59-10:00")
    told = [render(Text("status.line", {"who": "key:turn.agent", "words": each})) for each in typed]
    assert told == [f"Agent: {each}" for each in typed]


def test_say_leaves_the_words_of_others_alone():
    """Words that are marked as verbatim are neither looked up nor formatted."""
    assert render(verbatim("key:turn.agent {x}")) == "key:turn.agent {x}"


@pytest.mark.parametrize("words", [Text("no.such"), Text("kicker.run"), Text("turn")])
def test_say_raises(words):
    """An unknown key or a missing value is a bug, and raises KeyError."""
    with pytest.raises(KeyError):
        render(words)


def test_a_remedy_fits_where_it_stands():
    """A remedy that says to run ``/fix`` has a second text for use within a run.

    No second text says so, and each belongs to a cause that exists. The license's names a button
    that only a run's card has.
    """
    elsewhere = {
        key.removeprefix("remedy.")
        for key, told in catalog(SOURCE).items()
        if key.startswith("remedy.") and "un /fix" in told
    } | {"licence_missing"}
    within = {
        key.removeprefix("remedy_within.") for key in keys() if key.startswith("remedy_within.")
    }
    assert elsewhere == within
    assert [cause for cause in within if "/fix" in text(remedy_key(cause, "within"))] == []
    assert remedy_key("entra_busy", "within") == "remedy.entra_busy"


@pytest.mark.parametrize(("language", "told"), [("en", "1,234 mails"), ("de", "1.234 E-Mails")])
def test_a_count_is_written_as_in_the_language(language, told):
    """A large count has the separator of its language, as the history page has it."""
    with drawn_for(Locale(language)):
        assert plural("verdict.mails", 1234) == told
