"""Reader of the verdict on a check's card, and judge that compares it with the applied faults.

The sentences are read from the catalog as data.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from practice import cardtext
from practice.faults import Fault, Level

Json = dict[str, Any]
TEXTS: Final = Path(__file__).parents[1] / "adaptive_cards" / "texts"
BAND: Final = "▌"
MARKS: Final = " ✓✗✔✘!?•…→⚠·\u2013\u2014\u00a0"


@dataclass(frozen=True, slots=True)
class Seen:
    """Content of a card.

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
class Judgement:
    """Judgment of a card: whether it was right, and the reason if not."""

    right: bool
    why: str = ""


@cache
def catalogue() -> Json:
    """Return all texts as nested tables."""
    found: Json = {}
    for path in sorted(TEXTS.glob("*.toml")):
        for table, values in tomllib.loads(path.read_text(encoding="utf-8")).items():
            if isinstance(values, dict):
                found.setdefault(table, {}).update(values)
    return found


@cache
def sentences() -> dict[str, str]:
    """Return the sentence of every cause by code, without its period."""
    return {code: str(words).removesuffix(".") for code, words in catalogue()["cause"].items()}


def read(card: Json) -> Seen:
    """Return the verdict from a card's content."""
    lines = [line for line in cardtext.lines(card) if line.strip()]
    band = [line.removeprefix(BAND).strip(MARKS) for line in lines if line.startswith(BAND)]
    first = band[0] if band else ""
    told = cardtext.texts(card)
    roots = _roots(told)
    named = frozenset(
        code for code, words in sentences().items() if words in roots or first.startswith(words)
    )
    calm = {str(catalogue()["verdict"][key]).removesuffix(".") for key in ("well", "unproven")}
    noticed = bool(
        {str(catalogue()["verdict"][key]) for key in ("noticed", "noticed_alone")} & set(told)
    )
    return Seen(first, named, first not in calm, _more(band), noticed, "\n".join(told))


def texts(card: Json) -> str:
    """Return all texts of a card, one per line."""
    return "\n".join(cardtext.texts(card))


def judge(seen: Seen, fault: Fault) -> Judgement:
    """Judge the card for a single fault."""
    if fault.level is Level.CAUSE:
        return _cause(seen, fault)
    wrong = seen.named - set(fault.expects)
    if fault.level is Level.NOTED:
        return _noted(seen, fault)
    if fault.level is Level.UNSEEN:
        claims = bool(fault.stops) and seen.first == str(catalogue()["verdict"]["well"])
        return Judgement(
            not claims and not wrong, "called proven" if claims else ", ".join(sorted(wrong))
        )
    return Judgement(not seen.alarm, "" if not seen.alarm else f"false alarm: {seen.first}")


def judge_pair(seen: Seen, faults: Iterable[Fault]) -> Judgement:
    """Judge the card for several faults: it must name each of them and nothing else."""
    pair = tuple(faults)
    missed = [fault.name for fault in pair if not seen.named & set(fault.expects)]
    extra = seen.named - {code for fault in pair for code in fault.expects}
    too_many = seen.more + 1 > len(pair)
    why = [
        *(f"missed {name}" for name in missed),
        *(f"symptom {code}" for code in sorted(extra)),
        *(["too many causes"] if too_many else []),
    ]
    return Judgement(not why, "; ".join(why))


def _cause(seen: Seen, fault: Fault) -> Judgement:
    if any(seen.first.startswith(sentences()[code]) for code in fault.expects):
        return Judgement(right=True)
    return Judgement(right=False, why=f"expected {fault.expects[0]}")


def _noted(seen: Seen, fault: Fault) -> Judgement:
    """Judge a fault with which mail still flows.

    The card must mention it, and the first line must not be an alarm, not even about this fault.
    """
    if seen.alarm:
        return Judgement(right=False, why=f"false alarm: {seen.first}")
    told = seen.noticed or any(sentences()[code] in seen.text for code in fault.expects)
    return Judgement(told, "" if told else "not noted")


def _roots(texts: list[str]) -> set[str]:
    """Return the texts of the section of root causes."""
    verdict = catalogue()["verdict"]
    heads = {str(verdict[key]) for key in ("root_cause", "root_causes")}
    begins = [place for place, text in enumerate(texts) if text in heads]
    ends = {str(verdict[key]) for key in ("noticed", "noticed_alone", "proven", "not_looked")}
    found: set[str] = set()
    for text in texts[begins[0] + 1 :] if begins else []:
        if text in ends or text.startswith(str(verdict["explained"]).partition("{")[0]):
            break
        found.add(text.strip())
    return found


def _more(band: list[str]) -> int:
    """Return the number of further causes that the band announces."""
    others = catalogue()["verdict"]["others"]
    one, many = str(others["one"]), str(others["many"]).partition("{count}")[2]
    for line in band:
        if one in line:
            return 1
        if many in line:
            number = line.partition(many)[0].split()[-1:]
            return int(number[0]) if number and number[0].isdecimal() else 1
    return 0
