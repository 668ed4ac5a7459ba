"""Tests that text from outside is made harmless."""

from __future__ import annotations

import pytest

from adaptive_cards.escape import fact, markdown, no_template, plain, repair_cut, shorten, tame


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("[Approve](https://evil.example)", "\\[Approve\\](https://evil.example)"),
        ("**now** `x` <b> ~s~", "\\*\\*now\\*\\* \\`x\\` \\<b\\> \\~s\\~"),
        ("_x_ offline_access SMTP_Send", "\\_x\\_ offline_access SMTP_Send"),
        ("- item", "\\- item"),
        ("1. item", "1\\. item"),
        ("12) item", "12\\) item"),
        ("# head &lt; a&b", "\\# head \\&lt; a&b"),
        ("back\\slash", "back\\\\slash"),
        ("Set-Mailbox 'a - b' -Priority 0", "Set-Mailbox 'a - b' -Priority 0"),
    ],
)
def test_markdown_is_escaped(written, shown):
    """Every character that could be Markdown gets a backslash.

    Commands, scopes and addresses keep their looks.
    """
    assert markdown(written) == shown


def test_plain_is_one_line():
    """Line ends become one space, and control characters and direction marks are removed.

    Surrogates are removed as well, and letters of any script stay.
    """
    assert plain("a\r\n\r\nb\u202e\u200fc\x00\x1b\ud800 \u05d0\u05d1") == "a bc \u05d0\u05d1"
    assert plain("x" * 5000, 10) == "x" * 9 + "\u2026"


def test_an_address_keeps_its_domain():
    """A long address keeps its beginning and its domain when it is shortened.

    Other values lose their middle.
    """
    assert (
        shorten("4475e4a8d1f03b6c8a108d26d8beea04@mail-us.imiconnect.io", 32)
        == "4475e4a8\u2026@mail-us.imiconnect.io"
    )
    assert shorten("a" * 20 + "b" * 20, 11) == "aaaaaa\u2026bbbb"
    assert shorten("short", 5) == "short"


@pytest.mark.parametrize("length", [12, 24, 33, 40, 160])
@pytest.mark.parametrize(
    "value",
    [
        "x" * 5000,
        f"{'x' * 99}@{'y' * 99}",
        f"a@{'y' * 99}",
        f"{'x' * 99}@b.io",
        f"say {'x' * 99}@b.io",
    ],
)
def test_shortened_is_short(value, length):
    """A shortened text is never longer than ``length``."""
    assert len(shorten(value, length)) <= length


def test_tame_shortens_only_what_cannot_break():
    """Words and hyphenated ids stay whole, and one long word is shortened in its place."""
    guid = "5d1e8a90-7c44-4f0b-a2b6-91c3f0d47e28"
    assert tame(f"app {guid} {'x' * 41}.") == f"app {guid} {'x' * 20}\u2026{'x' * 18}."


def test_facts_and_templates_are_taken_apart_unseen():
    """An invisible character breaks up text that a client would show as a link or expand."""
    assert fact("[a](b)") == "[a]\u2060(b)"
    assert no_template("${x} $x {x}") == "$\u2060{x} $x {x}"


def test_a_cut_leaves_no_markup():
    """A Markdown character whose backslash was cut off gets a new one.

    A cut at another place changes nothing.
    """
    assert [
        repair_cut(text) for text in ("a\u2026*\\* b", "a\u2026[b\\]", "a\u2026\\[b", "a\u2026b")
    ] == ["a\u2026\\*\\* b", "a\u2026\\[b\\]", "a\u2026\\[b", "a\u2026b"]
