"""Error reports: how many reports of strangers the reader of error texts reads right.

Every report in tests/data has its source, the cause that was stated there, and the causes
that are right for its text. The target is that 97 % of the clear reports are read right, that
nothing is read wrong, and that no cause is named for an error that has nothing to do with this
channel.
"""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from bench.table import say, table, verdict
from jobs.causes.cause import Certainty, FoundCause
from jobs.causes.reader import read

REPORTS = Path(__file__).parents[1] / "tests/data/error_reports.json"
RIGHT_FEWEST = 0.97


@dataclass(frozen=True, slots=True)
class Report:
    """Public report of an error, with its text and source.

    ``causes`` are those that its text can mean; noise has none. ``kind`` is clear, ambiguous or
    noise.
    """

    id: str
    kind: str
    causes: frozenset[str]
    source: str
    text: str


@dataclass(frozen=True, slots=True)
class Judged:
    """Report with the causes that were found in it.

    ``result`` is right, missed, wrong or quiet. A result is quiet if there was no cause to name and
    none was named.
    """

    report: Report
    causes: tuple[FoundCause, ...]
    result: str


def reports() -> list[Report]:
    """Return every public error report of tests/data."""
    return [
        Report(each["id"], each["kind"], frozenset(each["causes"]), each["source"], each["text"])
        for each in json.loads(REPORTS.read_text(encoding="utf-8"))
    ]


def judged(report: Report) -> Judged:
    """Return a report with the causes that the reader finds in it, and whether they are right.

    In a report that is noise, a cause that is claimed as possible counts as wrong as well. A
    conditional cause claims nothing, because it says which service must have said the words.
    """
    causes = read(report.text).causes
    certain = {each.cause for each in causes if each.certain}
    claimed = {each.cause for each in causes if each.certainty is not Certainty.CONDITIONAL}
    if report.kind == "noise" or not report.causes:
        wrong = claimed if report.kind == "noise" else certain
        return Judged(report, causes, "wrong" if wrong else "quiet")
    if certain - report.causes:
        return Judged(report, causes, "wrong")
    found = report.causes & {each.cause for each in causes}
    return Judged(report, causes, "right" if found else "missed")


def figures(results: list[Judged]) -> dict[str, Counter[str]]:
    """Return for each kind how many reports have each result."""
    counts: dict[str, Counter[str]] = {kind: Counter() for kind in ("clear", "ambiguous", "noise")}
    for each in results:
        counts[each.report.kind][each.result] += 1
    return counts


def share_right(results: list[Judged]) -> float:
    """Return the share of the clear reports with a cause that were read right."""
    clear = [each for each in results if each.report.kind == "clear" and each.report.causes]
    return sum(each.result == "right" for each in clear) / len(clear)


def main() -> bool:
    """Read every report and print the figures, and each report that was not read right."""
    results = [judged(each) for each in reports()]
    counts = figures(results)
    names = ("right", "missed", "wrong", "quiet")
    table(
        "Public error reports (target: 97 % of the clear ones right, 0 wrong, 0 for noise)",
        ("kind", "reports", *names),
        [
            (kind, sum(count.values()), *(count[name] for name in names))
            for kind, count in counts.items()
        ],
    )
    for each in results:
        if each.result in {"wrong", "missed"}:
            expected = ", ".join(sorted(each.report.causes)) or "nothing"
            say(
                f"  {each.report.id} {each.result}: expected {expected}; got {[found.cause for found in each.causes]}"
            )
    wrong = sum(each.result == "wrong" for each in results)
    share = share_right(results)
    return verdict(f"{share:.1%} of the clear ones right", share >= RIGHT_FEWEST) and verdict(
        f"{wrong} wrong", wrong == 0
    )
