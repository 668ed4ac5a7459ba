"""Reader of the verdict on a check's card, and judge that compares it with the applied faults.

The sentences are read from the catalog as data.
"""

import itertools
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from practice import cardtext
from practice.faults import Fault, Level

Json = dict[str, Any]
TEXTS: Final = Path(__file__).parents[1] / "adaptive_cards" / "texts" / "en"
BAND: Final = "▌"
MARKS: Final = " ✓✗✔✘!?•…→⚠▲·\u2013\u2014\u00a0"


CALM: Final = (
    "well",
    "nothing_wrong",
    "last_proven",
    "login_works",
    "login_only",
    "unproven",
    "not_checked",
    "not_read",
)
"""Last parts of the text keys of first lines that name no fault."""
AMBER: Final = {"client_secret_expires_soon": "secret_ends"}
"""Text key of the first line, by the cause, if the cause does not stop mail yet."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Verdict as a check's card shows it.

    It has the first line, the number of further causes, the codes of the named causes, and whether
    other observations are listed.
    """

    first: str
    named: frozenset[str]
    alarm: bool
    more: int
    noticed: bool
    text: str


@dataclass(frozen=True, slots=True)
class Judgment:
    """Judgment of a card: whether it was right, and the reason if not."""

    right: bool
    why: str = ""


@cache
def catalogue() -> Json:
    """Return all English texts of the cards as nested tables."""
    found: Json = {}
    for path in sorted(TEXTS.glob("*.toml")):
        for table, values in tomllib.loads(path.read_text(encoding="utf-8")).items():
            if isinstance(values, dict):
                found.setdefault(table, {}).update(values)
    return found


@cache
def sentences() -> dict[str, str]:
    """Return the sentence of every cause by the cause's code, without its period."""
    return {code: str(words).removesuffix(".") for code, words in catalogue()["cause"].items()}


def read(card: Json) -> Seen:
    """Return the verdict that a check's card shows."""
    lines = [line for line in cardtext.lines(card) if line.strip()]
    band = [line.removeprefix(BAND).strip(MARKS) for line in lines if line.startswith(BAND)]
    first = band[0] if band else ""
    told = cardtext.texts(card)
    alarm = not any(_says(first, key) for key in CALM)
    noticed = bool(_heads("noticed", "noticed_alone") & set(told))
    return Seen(
        first,
        _named(first, _root_causes_section(told)),
        alarm,
        _more(band),
        noticed,
        "\n".join(told),
    )


def _named(first: str, roots: set[str]) -> frozenset[str]:
    """Return the codes of the causes in the first line and in the section of root causes."""
    return frozenset(
        code for code, words in sentences().items() if words in roots or first.startswith(words)
    )


def _heads(*keys: str) -> set[str]:
    """Return the verdict's texts with these keys."""
    return {str(catalogue()["verdict"][key]) for key in keys}


def _says(line: str, key: str) -> bool:
    """Return whether a line is the verdict's text with this key, in any of its plural forms."""
    known = catalogue()["verdict"][key]
    forms = known.values() if isinstance(known, dict) else (known,)
    return any(_pattern(str(form)).fullmatch(line) for form in forms)


@cache
def _pattern(form: str) -> re.Pattern[str]:
    """Return the pattern of a text whose placeholders may have any value."""
    parts = re.split(r"\{\w+\}", form.removesuffix("."))
    return re.compile(".+".join(map(re.escape, parts)))


def texts(card: Json) -> str:
    """Return all texts of a card, one per line."""
    return "\n".join(cardtext.texts(card))


def judge(seen: Seen, fault: Fault) -> Judgment:
    """Judge whether the card is right about a single fault."""
    if fault.level is Level.CAUSE:
        return _cause(seen, fault)
    if fault.level is Level.NOTED:
        return _noted(seen, fault)
    if fault.level is Level.UNSEEN:
        return _unseen(seen, fault)
    return _nothing(seen)


def judge_pair(seen: Seen, faults: Iterable[Fault]) -> Judgment:
    """Judge whether the card is right about several faults.

    The card must name each of them and nothing else.
    """
    pair = tuple(faults)
    missed = [fault.name for fault in pair if not seen.named & set(fault.expects)]
    extra = seen.named - {code for fault in pair for code in fault.expects}
    too_many = seen.more + 1 > len(pair)
    why = [
        *(f"missed {name}" for name in missed),
        *(f"symptom {code}" for code in sorted(extra)),
        *(["too many causes"] if too_many else []),
    ]
    return Judgment(not why, "; ".join(why))


def _cause(seen: Seen, fault: Fault) -> Judgment:
    if any(seen.first.startswith(sentences()[code]) for code in fault.expects):
        return Judgment(right=True)
    return Judgment(right=False, why=f"expected {fault.expects[0]}")


def _noted(seen: Seen, fault: Fault) -> Judgment:
    """Judge the card for a fault with which mail still flows.

    The card must mention the fault. The first line must not be an alarm; it may name the fault only
    if the fault will stop mail soon.
    """
    if seen.alarm:
        if any(_says(seen.first, AMBER[code]) for code in fault.expects if code in AMBER):
            return Judgment(right=True)
        return Judgment(right=False, why=f"false alarm: {seen.first}")
    told = seen.noticed or any(sentences()[code] in seen.text for code in fault.expects)
    return Judgment(told, "" if told else "not noted")


def _unseen(seen: Seen, fault: Fault) -> Judgment:
    """Judge the card for a fault inside Webex Connect.

    The card must not call the channel proven, and it must not name another cause. If the fault is a
    person's change in Webex Connect, the card must name it as a suspect.
    """
    if fault.stops and seen.first in _heads("well"):
        return Judgment(right=False, why="called proven")
    if fault.changed and not (_suspects(seen) and fault.changed in seen.text):
        return Judgment(right=False, why=f"{fault.changed} not named as a suspect")
    wrong = sorted(seen.named - set(fault.expects))
    return Judgment(not wrong, ", ".join(wrong))


def _nothing(seen: Seen) -> Judgment:
    """Judge the card for a healthy channel.

    The card must show no alarm, and no change in Webex Connect as a suspect.
    """
    if seen.alarm:
        return Judgment(right=False, why=f"false alarm: {seen.first}")
    return Judgment(not _suspects(seen), "false suspect" if _suspects(seen) else "")


def _suspects(seen: Seen) -> bool:
    """Return whether the card names changes in Webex Connect as suspects."""
    return bool(_heads("changed") & set(seen.text.splitlines()))


def _root_causes_section(texts: list[str]) -> set[str]:
    """Return the texts of the card's section of root causes."""
    heads = _heads("root_cause", "root_causes")
    section = itertools.dropwhile(lambda text: text not in heads, texts)
    return {
        text.strip() for text in itertools.takewhile(_is_inside, itertools.islice(section, 1, None))
    }


def _is_inside(text: str) -> bool:
    """Return whether a text belongs to the section of root causes and is not its end."""
    explained = str(catalogue()["verdict"]["explained"]).partition("{")[0]
    ends = _heads("changed", "noticed", "noticed_alone", "proven", "not_looked")
    return text not in ends and not text.startswith(explained)


def _more(band: list[str]) -> int:
    """Return the number of further causes that the card's band announces."""
    others = catalogue()["verdict"]["others"]
    one, many = str(others["one"]), str(others["other"]).partition("{count}")[2]
    for line in band:
        if one in line:
            return 1
        if many in line:
            number = line.partition(many)[0].split()[-1:]
            return int(number[0]) if number and number[0].isdecimal() else 1
    return 0
