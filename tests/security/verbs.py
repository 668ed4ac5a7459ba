"""Verbs of the buttons, by the people who may send them (verbs.toml), and odd values."""

import tomllib
from pathlib import Path
from typing import Any

LISTED = tomllib.loads(Path(__file__).with_name("verbs.toml").read_text("utf-8"))
TAKES_PART, IN_ITS_SPACE, OF_NO_RUN, ONLY_THE_RUN = (
    {*LISTED[name]} for name in ("takes_part", "in_its_space", "of_no_run", "only_the_run")
)
FIELDS = tuple(LISTED["fields"])
OF_A_RUN = sorted(TAKES_PART | IN_ITS_SPACE)
LARGE = "x" * 100_000
HOSTILE = "\r\n\x00\x1b[31m**b**[a](http://evil.example)<at>all</at>\u202e${run}|`"
STRANGE: dict[str, tuple[Any, ...]] = {
    "large": (LARGE,),
    "hostile": (HOSTILE,),
    "no text": (7, None, True, ["a", {"b": [1]}], {"run": {"run": "run"}}),
}
"""Values for the fields, in turn. The bot makes text of all others in one place (``as_text``)."""
