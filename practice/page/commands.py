"""Words for the page in its language: the bot's commands and causes, and the names of the faults.

The words are read as data, from the bot's catalog and from ``faults.de.toml``.
"""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXTS = ROOT / "adaptive_cards" / "texts"
LANGUAGES = ("en", "de")
"""Languages of the practice page. A browser that asks for another language gets the first one."""


def known(language: str = "en") -> list[dict[str, str]]:
    """Return the name and text of every command in a language, in the catalog's order.

    The name is the one under which the help shows the command in that language.
    """
    typed_as = _table("typed_as", language)
    return [
        {"name": typed_as.get(name, name).partition(" ")[0], "words": words}
        for name, words in (_table("command", "en") | _table("command", language)).items()
    ]


def causes(language: str = "en") -> dict[str, str]:
    """Return the sentence of every cause by code, as a verdict names it in a language."""
    return _table("cause", "en") | _table("cause", language)


def faults(language: str = "en") -> dict[str, str]:
    """Return the name of every fault in a language, by the fault's id.

    The result is empty for English, because the faults' own names are English.
    """
    path = Path(__file__).with_name(f"faults.{language}.toml")
    return tomllib.loads(path.read_text("utf-8")) if path.exists() else {}


def _table(name: str, language: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for path in sorted((TEXTS / language).glob("*.toml")):
        found |= tomllib.loads(path.read_text("utf-8")).get(name, {})
    return found
