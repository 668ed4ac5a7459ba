"""Causes of the error texts in tests/data/error_texts.toml, whose groups say what each shows."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from jobs.causes.meaning import Certainty
from jobs.causes.reader import read
from jobs.causes.speaker import Place

DATA = Path(__file__).parents[3] / "data" / "error_texts.toml"
GROUPS = tomllib.loads(DATA.read_text("utf-8"))["texts"]
ROWS = [(group, text, named) for group in GROUPS for text, *named in group["rows"]]


@pytest.mark.parametrize(("group", "text", "named"), ROWS, ids=[row[1][:60] for row in ROWS])
def test_a_text_names_its_causes(group: dict[str, Any], text: str, named: list[str]):
    text = group.get("form", "{}").replace("{}", text)
    reading = read(text, Place(group.get("place", "")))
    certain = [each.cause for each in reading.certain]
    every = [each.cause for each in reading.causes]
    claimed = [each for each in reading.causes if each.certainty is not Certainty.CONDITIONAL]
    holds = {
        "certain": certain == named,
        "codes": [word for each in reading.certain for word in (each.cause, each.code)] == named,
        "first": certain[:1] == named,
        "only": every == named,
        "among": set(named) <= set(every),
        "open": not certain and every[: len(named)] == named,
        "unknown": not every and [each.code for each in reading.unknown] == named,
        "none": not claimed,
        "foreign": not claimed and not reading.ours,
    }
    assert holds[group["kind"]], (group["about"], reading.causes)
