"""Work of reading an error text: it grows with the length of the text, whatever the text is."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, strategies as st

from jobs.causes.cleaning import LONGEST, clean
from jobs.causes.reader import read

TRIES = 3
SHORT, LONG = LONGEST // 32, LONGEST // 4
PIECES = (
    *("<style>", "</style>", "<!--", "-->", "<script a>", "</script >", "<head>", "</head>"),
    *("a", " b ", "535 5.7.3", "\n"),
)
GROWTH = 2.0
"""Factor of linear growth that the work may reach if the text is eight times as long.

With a part that is looked at once for each character, the work grows more than that.
"""


def seconds(text: str) -> float:
    """Return the seconds of this process's own work, whatever else the machine does."""
    began = time.process_time()
    read(text)
    return time.process_time() - began


@pytest.mark.slow
@pytest.mark.parametrize(
    "piece",
    [
        *("<!--", "<style>", "<script>x", "<head><style><!--", "<spark-mention>", "<a "),
        *("550-5.7.1 a\n", "535 5.7.3 ", "AADSTS50034 ", "&lt;!--", "a+b+c+d+", "https://login\n"),
    ],
)
def test_eight_times_the_text_is_eight_times_the_work(piece: str):
    """A long hostile text does not hold a worker for longer than a long harmless one."""
    short, long = ((piece * size)[:size] for size in (SHORT, LONG))
    most = GROWTH * (LONG / SHORT) * max(min(seconds(short) for _ in range(TRIES)), 0.00125)
    assert any(seconds(long) < most for _ in range(TRIES))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a<style>b</style>c", "a c"),
        ("a<STYLE media='x'>b</Style >c", "a c"),
        ("a<!-- b <style> -->c</style>d", "a c</style>d"),
        ("a<script>b<!-- c</script>d-->e", "a d-->e"),
        ("a<head>b</style>c</head>d", "a d"),
        ("a<style>b", "a<style>b"),
        ("a<!-- b", "a<!-- b"),
        ("a<header>b</header>c", "a\nb\nc"),
        (f"a<style>{'b' * 20_001}</style>c", f"a<style>{'b' * 20_001}</style>c"),
        (f"a<!--{'<!--' * 9_000}b--> c<style>d</style>e", None),
    ],
)
def test_parts_that_are_not_shown(text: str, shown: str | None):
    """Comments, styles, scripts and heads are left out if they end, and no other part is."""
    found = clean(text).flat
    assert found.endswith("c e") if shown is None else found == " ".join(shown.split())


@given(st.lists(st.sampled_from(PIECES), max_size=30))
def test_a_part_that_is_not_shown_ends_at_its_first_end(pieces: list[str]):
    """Text after the end of the last hidden part is always shown, whatever came before it."""
    assert clean("".join(pieces) + "--></style></script></head>AADSTS50034").flat.endswith(
        "AADSTS50034"
    )
