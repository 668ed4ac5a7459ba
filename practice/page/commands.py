"""Commands of the bot for the text box: the modules and their catalog text, both read as data."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def known() -> list[dict[str, str]]:
    """Return the name and text of every command, in the catalog's order."""
    there = {path.stem.replace("_", "-") for path in (ROOT / "bot" / "commands").glob("[a-z]*.py")}
    return [{"name": name, "words": words} for name, words in _words().items() if name in there]


def _words() -> dict[str, str]:
    found: dict[str, str] = {}
    for path in sorted((ROOT / "adaptive_cards" / "texts" / "en").glob("*.toml")):
        found |= tomllib.loads(path.read_text("utf-8")).get("command", {})
    return found
