# ruff: noqa: INP001  (a script, not a package)
"""Write docs/troubleshooting.md and docs/troubleshooting.de.md from the causes (make docs).

Each cause has its sentence, its numbers and the first sentence of its remedy, which says who acts
and how. A test keeps the pages up to date.
"""

import re
import tomllib
from pathlib import Path
from typing import Any

from adaptive_cards.texts import keys, own_text
from jobs.causes.cause import page_of
from jobs.causes.patterns import patterns

ROOT = Path(__file__).resolve().parents[1]
PAGES = {"en": "troubleshooting.md", "de": "troubleshooting.de.md"}
"""File names of the troubleshooting page in docs/, by language."""
CAUSE = "cause."
SENTENCE = re.compile(r"(?<=[.!?]) (?=[^a-zäöü])")
FAMILIES = (
    (
        "smtp",
        r"smtp_|send|mail_loop|mailbox|forward|tenant_sending|trans\w+_rule|remote_domain|not_forw",
    ),
    (
        "webex",
        r"connect_|asset_|entry_point|form_|webex_|no_task|copy_|queue_|agents_|profile_|skill_|tasks_|contact_|nobody_",
    ),
    ("other", r""),
)
"""Sections after the sign-in section, each with a pattern for the names of its causes.

The last section takes all other causes.
"""


def page(language: str = "en") -> str:
    """Return the whole troubleshooting page in a language."""
    words = sentences(language)
    codes: dict[str, list[int]] = {}
    for number, meaning in patterns().codes["entra"].items():
        codes.setdefault(meaning.cause, []).append(number)
    families: dict[str, list[str]] = {name: [] for name in ("sign_in", *dict(FAMILIES))}
    for key in sorted(keys()):
        if key.startswith(CAUSE):
            cause = key.removeprefix(CAUSE)
            families["sign_in" if cause in codes else _family(cause)].append(cause)
    parts = [str(words["intro"])]
    for name, causes in families.items():
        rows = sorted(_row(cause, codes.get(cause, []), language) for cause in causes)
        parts.append(f"\n## {words[name]}\n\n{''.join(rows)}")
    return "".join(parts)


def sentences(language: str) -> dict[str, Any]:
    """Return the head and the titles of the page in a language."""
    path = ROOT / "tools/troubleshooting.toml"
    found: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))[language]
    return found


def _family(cause: str) -> str:
    return next(name for name, pattern in FAMILIES if re.match(pattern, cause))


def _row(cause: str, numbers: list[int], language: str) -> str:
    said = _shown(own_text(f"{CAUSE}{cause}", language))
    listed = ", ".join(f"AADSTS{number}" for number in sorted(numbers))
    first = SENTENCE.split(_shown(own_text(f"remedy.{cause}", language)))[0]
    link = page_of(cause)
    linked = f"[{first}]({link})" if link and "[" not in first else first
    return f"- **{said}** {f'({listed}) ' if listed else ''}{linked}\n"


def _shown(text: str) -> str:
    """Return a text for a line of a list; a value in braces is shown as an ellipsis."""
    shown = re.sub(r"\{\w+\}", "...", " ".join(text.split()))
    return shown.replace("<", "&lt;").replace("*", "\\*")


if __name__ == "__main__":
    for each, name in PAGES.items():
        (ROOT / "docs" / name).write_text(page(each), encoding="utf-8")
