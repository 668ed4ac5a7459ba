"""Loader of texts/*.toml: the words, numbers and codes of error texts, and their meaning.

The expressions are compiled at the first use, because that takes a tenth of a second and a process
that meets no error needs none of them. The worker calls :func:`patterns` before it forks.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from jobs.causes.cause import CAUSES, ErrorKind, Meaning

_FILES = Path(__file__).with_name("texts")
_CODES = ("entra", "smtp", "smtp_shared", "connect", "oauth")
_GROUPS = ("page", "reply", "cloud", "network", "open")


Strength = StrEnum("Strength", "ALWAYS OWN USUAL SHARED LOOSE")
"""How much words say about who speaks; texts/mail.toml describes each of them."""
BY_THEMSELVES = frozenset({Strength.ALWAYS, Strength.OWN, Strength.USUAL})
"""Strengths of words that count even if nothing says who speaks."""


class Words(NamedTuple):
    """Words with their meaning."""

    pattern: re.Pattern[str]
    meaning: Meaning
    strength: Strength
    answer: str = ""  # the service whose own answers they also judge
    near: str = ""  # the pattern that must be near if the text has a sign of a service


class Patterns(NamedTuple):
    """Content of the files; the names are those of their tables."""

    signs: re.Pattern[str]
    words: Mapping[str, tuple[Words, ...]]
    named: Mapping[str, re.Pattern[str]]
    codes: Mapping[str, Mapping[Any, Meaning]]
    groups: Mapping[str, frozenset[Any]]
    beside: Mapping[str, tuple[str, ...]]
    follows: Mapping[str, frozenset[str]]
    narrower: Mapping[str, frozenset[str]]


@cache
def patterns() -> Patterns:
    """Return the patterns, compiled.

    Raises:
        ValueError: a file has an unknown kind or field, or a wrong expression.
        KeyError: a table or a cause is missing.
    """
    texts = (file.read_text(encoding="utf-8") for file in sorted(_FILES.glob("*.toml")))
    data = {name: table for text in texts for name, table in tomllib.loads(text).items()}
    return Patterns(
        signs=_either(f"(?P<{who}>{'|'.join(each)})" for who, each in data["signs"].items()),
        words={name: tuple(words_of(data[name])) for name in _GROUPS},
        named={name: _either(each) for name, each in data["named"].items()},
        codes={name: _by_code(name) for name in _CODES},
        groups={name: frozenset(each) for name, each in data["groups"].items()},
        beside={name: tuple(each) for name, each in data["beside"].items()},
        follows={name: frozenset(each) for name, each in data["follows"].items()},
        narrower={name: frozenset(each) for name, each in data["narrower"].items()},
    )


def meaning_of(cause: str, kind: str = "") -> Meaning:
    """Return the meaning of a cause, whose kind is that of its entry unless given."""
    return Meaning(cause, ErrorKind(kind) if kind else CAUSES[cause].kind)


def answer_of(service: str, *texts: str) -> Meaning | None:
    """Return the meaning of the words in an answer of Graph or Exchange, or None."""
    known = (each for each in patterns().words["cloud"] if each.answer == service)
    return next((each.meaning for each in known if any(map(each.pattern.search, texts))), None)


def _either(alternatives: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(alternatives), re.IGNORECASE)


def words_of(rows: list[dict[str, Any]]) -> Iterable[Words]:
    """Yield the words of each row; words of several causes are yielded once for each."""
    for row in rows:
        causes = row.get("causes") or [row["cause"]]
        if unknown := row.keys() - {"cause", "causes", "kind", "answer", "near", *Strength}:
            raise ValueError(f"{causes[0]}: {', '.join(sorted(unknown))}")
        named = [row.get(name, "") for name in ("answer", "near")]
        for strength in filter(row.get, Strength):
            pattern = _either(row[strength])
            for cause in causes:
                yield Words(pattern, meaning_of(cause, row.get("kind", "")), strength, *named)


def _by_code(field: str) -> dict[Any, Meaning]:
    codes = ((code, cause) for cause, entry in CAUSES.items() for code in getattr(entry, field))
    return {code: meaning_of(cause) for code, cause in codes}
