# ruff: noqa: INP001  (a script, not a package)
"""Write docs/glossary.md and docs/glossary.de.md from the steps and probes in the code (make docs).

The names are those of the cards. The sentences are in tools/glossary_en.toml and tools/glossary_de.toml.
A test keeps the pages up to date.
"""

import tomllib
from pathlib import Path
from typing import Any

from adaptive_cards.locale import Locale, drawn_for
from adaptive_cards.texts import text
from jobs.probes import all_probes
from jobs.steps import all_steps

ROOT = Path(__file__).resolve().parents[1]
PAGES = {"en": "glossary.md", "de": "glossary.de.md"}
"""File names of the glossary in docs/, by language."""


SOFT_HYPHEN = "\u00ad"


def page(language: str = "en") -> str:
    """Return the whole glossary page in a language.

    Raises:
        KeyError: A step or a probe has no sentence in this language.
    """
    words = sentences(language)
    steps = [*all_steps().values(), *all_probes().values()]
    order = list(dict.fromkeys(step.article_row for step in all_steps().values()))
    rows = [step for step in steps if step.article_row in order]
    others = [step for step in steps if step.article_row not in order]
    with drawn_for(Locale(language)):
        rows_of_article = [
            _row(step.article_row, text(f"step.{step.name}"), words["step"][step.name])
            for step in sorted(rows, key=lambda step: order.index(step.article_row))
        ]
        rows_of_check = [
            _row(step.article_row, text(f"step.{step.name}"), words["step"][step.name])
            for step in sorted(others, key=lambda step: (step.article_row, step.name))
        ]
    console = [_row(name, row["name"], row["what"]) for name, row in words["console"].items()]
    terms = [f"- **{term}**: {meaning}\n" for term, meaning in words["term"].items()]
    head = words["head"]
    lists = (
        (head["article"], rows_of_article),
        (head["check"], rows_of_check),
        (head["console"], console),
        (head["terms"], terms),
    )
    return str(head["intro"]) + "".join(f"\n{about}\n{''.join(lines)}" for about, lines in lists)


def sentences(language: str) -> dict[str, Any]:
    """Return the glossary's sentences in a language, by table and name."""
    path = ROOT / f"tools/glossary_{language}.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _row(name: str, title: str, what: str) -> str:
    """Return a row of the glossary.

    Its title has no soft hyphens, which cards need, so that a reader can search for it.
    """
    return f"- {name} **{title.replace(SOFT_HYPHEN, '')}**: {what}\n"


if __name__ == "__main__":
    for each, name in PAGES.items():
        (ROOT / "docs" / name).write_text(page(each), encoding="utf-8")
