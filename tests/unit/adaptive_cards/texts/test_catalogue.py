"""Tests of the catalog of texts: every key that the cards use exists, and every text is used."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

import adaptive_cards
from adaptive_cards.locale import SOURCE
from adaptive_cards.texts import has_text, keys, own_text, plural, remedy_within, render, text
from jobs.causes.patterns import patterns
from jobs.model import Access, Profile, RunKind, Scope, State, Station, Text, Turn, verbatim
from jobs.runs.event_log import NOT_RECORDED
from jobs.runs.run import Kind, word_for

PACKAGE = Path(adaptive_cards.__file__).parent
HOUSE = (PACKAGE, PACKAGE.parent / "bot", PACKAGE.parent / "jobs")
KEY = re.compile(r"[a-z_]+(\.[a-z0-9_-]*[a-z0-9])+")
BEGINNING = re.compile(r"[a-z_]+\.[a-z_.]*")
# Families whose keys are put together from a table of names.
OPEN = ("turn.", "command.", "notice.", "permission.", "progress.group.", "help.group.", "finding.")


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


@cache
def texts() -> dict[str, str]:
    """Return every text as it is in the files, without values filled in."""
    return {key: own_text(key, SOURCE) for key in keys()}


def test_every_key_in_the_code_exists():
    """Every key that a card module names is in the catalog.

    A missing key would be a KeyError when a card is sent.
    """
    named = whole(PACKAGE, PACKAGE.parent / "bot" / "cards")
    assert named - keys() == set()
    assert len(named) > 150


@pytest.mark.slow
def test_every_text_is_used():
    """Every text of the catalog is used: some code names its key or a prefix of the key."""
    spare = {key for key in keys() - whole(*HOUSE) if not key.startswith((*OPEN, *beginnings()))}
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
    made |= {f"audit.scope.{word_for(scope)}" for scope in Scope}
    assert {key for key in made if not has_text(key)} == set()


def test_no_remedy_names_the_scope_of_one_cloud_alone():
    """No remedy names a host of the public cloud, because that would be wrong in a national cloud.

    The card with the values for Webex Connect has the channel's own addresses.
    """
    remedies = {key: told for key, told in texts().items() if key.startswith("remedy")}
    assert {
        key: told
        for key, told in remedies.items()
        if re.search(r"outlook\.office|login\.microsoftonline|graph\.microsoft", told)
    } == {}


def test_say_fills_in_values_and_looks_up_nested_keys():
    """A value of a text may be a key itself. Braces and unknown keys in a value stay as typed."""
    assert (
        render(Text("status.line", {"who": "key:turn.agent", "words": "key:no.such {0} {turn}"}))
        == "Agent: key:no.such {0} {turn}"
    )


def test_say_leaves_the_words_of_others_alone():
    """Words that are marked as verbatim are neither looked up nor formatted."""
    assert render(verbatim("key:turn.agent {x}")) == "key:turn.agent {x}"


@pytest.mark.parametrize("words", [Text("no.such"), Text("kicker.run"), Text("turn")])
def test_say_raises(words):
    """An unknown key or a missing value is a bug, and raises KeyError."""
    with pytest.raises(KeyError):
        render(words)


def test_counted():
    """The number one has the singular form, and every other number has the plural form."""
    assert [plural("plan.changes", count) for count in (0, 1, 2)] == [
        "0 changes",
        "1 change",
        "2 changes",
    ]
    assert text("turn.you") == "Your turn"


def test_a_remedy_fits_where_it_stands():
    """A remedy that says to run ``/fix`` has a second text for use within a run.

    No second text says so, and each belongs to a cause that exists. The license's names a button
    that only a run's card has.
    """
    elsewhere = {
        key.removeprefix("remedy.")
        for key, told in texts().items()
        if key.startswith("remedy.") and "un /fix" in told
    } | {"licence_missing"}
    within = {
        key.removeprefix("remedy_within.") for key in keys() if key.startswith("remedy_within.")
    }
    assert elsewhere == within
    assert [cause for cause in within if "/fix" in text(remedy_within(cause))] == []
    assert remedy_within("entra_busy") == "remedy.entra_busy"
