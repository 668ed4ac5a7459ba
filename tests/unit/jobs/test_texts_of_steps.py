"""Tests that steps and texts match: each row of the article has a step, and each key has a text."""

import ast
from functools import cache
from string import Formatter

import pytest

from adaptive_cards.texts import has_text, keys, own_text
from jobs.model import Profile
from jobs.probes import all_probes
from jobs.steps import all_steps, steps_for
from tests.fixtures.parsed import ROOT, files, nodes

ARTICLE = {
    f"{letter}{number}"
    for letter, last in (("C", 7), ("E", 7), ("M", 5), ("V", 3))
    for number in range(1, last + 1)
}
EVERYTHING = {**all_steps(), **all_probes()}


@cache
def words() -> tuple[tuple[str, ast.Call], ...]:
    """Return every call of ``Text`` in bot/ and jobs/ with its place. The files are parsed once."""
    calls = (
        (path, n) for path in files("bot", "jobs") for n in nodes(path) if isinstance(n, ast.Call)
    )
    return tuple(
        (f"{path.relative_to(ROOT)}:{node.lineno}", node)
        for path, node in calls
        if isinstance(node.func, ast.Name) and node.func.id == "Text" and node.args
    )


def named(call: ast.Call) -> str | None:
    """Return the key of the text if the call writes it out, or None.

    The key ``verbatim`` gives None.
    """
    key = call.args[0]
    return key.value if isinstance(key, ast.Constant) and key.value != "verbatim" else None


def begun(call: ast.Call) -> str | None:
    """Return the beginning of a key that is put together at run time, or None."""
    key = call.args[0]
    first = key.values[0] if isinstance(key, ast.JoinedStr) else None
    return str(first.value) if isinstance(first, ast.Constant) else None


def given(call: ast.Call) -> set[str] | None:
    """Return the names of the values if the call writes them out, or None."""
    if len(call.args) == 1:
        return set()
    table = call.args[1]
    names = table.keys if isinstance(table, ast.Dict) else [None]
    return (
        {str(key.value) for key in names if isinstance(key, ast.Constant)} if all(names) else None
    )


def raw(key: str) -> str:
    """Return the text from the catalog, or its general form if it has plural forms."""
    return own_text(key, "en") or own_text(f"{key}.other", "en")


def test_every_row_has_a_step():
    """The steps of the article's profile have exactly the rows C1 to V3 of the article."""
    assert {step.article_row for step in steps_for(Profile.ARTICLE).values()} == ARTICLE


def test_least_privilege_leaves_out_three_steps():
    """The least-privilege profile has no implicit grant, app permission or consent (E2, E4, E5)."""
    missing = steps_for(Profile.ARTICLE).keys() - steps_for(Profile.LEAST).keys()
    assert missing == {"implicit_grant", "mail_send", "admin_consent"}


@pytest.mark.parametrize("name", sorted(EVERYTHING))
def test_a_step_has_its_texts(name):
    """Every step and probe has a text for its title and a text for the expected state."""
    assert [key for key in (f"step.{name}", f"expected.{name}") if not has_text(key)] == []


def test_every_line_of_the_progress_card_has_its_text():
    """Every step with its own line in the progress card has a title, in both profiles."""
    lines = {
        name
        for profile in Profile
        for name, step in steps_for(profile).items()
        if step.shown_in not in steps_for(profile)
    }
    assert {name for name in lines if not has_text(f"line.{name}")} == set()


@pytest.mark.slow
def test_keys_written_out_exist():
    """Every text key in bot/ and jobs/ is in the catalog.

    A missing key would raise KeyError while the bot answers in a space.
    """
    found = {where: key for where, call in words() if (key := named(call))}
    assert {where: key for where, key in found.items() if not has_text(key)} == {}
    assert len(found) > 100


@pytest.mark.slow
def test_keys_put_together_can_exist():
    """A key whose end is known only at run time has at least one text with the same beginning."""
    found = {where: start for where, call in words() if (start := begun(call))}
    known = keys()
    assert [each for each in found.items() if not any(k.startswith(each[1]) for k in known)] == []


def test_texts_get_their_values():
    """A call that writes out its values gives every value that its text names."""
    missing = {
        where: (key, sorted(lacking))
        for where, call in words()
        if (key := named(call)) and has_text(key) and (values := given(call)) is not None
        if (lacking := {field for _, field, _, _ in Formatter().parse(raw(key)) if field} - values)
    }
    assert missing == {}
