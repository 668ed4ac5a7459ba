"""Public error reports of strangers, and how many of them the reader reads right."""

from __future__ import annotations

from itertools import cycle

import pytest

from bench.error_reports import RIGHT_FEWEST, Judged, figures, judged, reports, share_right
from jobs.causes.cause import CAUSES
from jobs.causes.reader import read
from jobs.causes.speaker import Place

PLACES = (Place.CHANNEL, Place.FORM, Place.EXCHANGE)


@pytest.fixture(scope="module")
def results() -> list[Judged]:
    """All error reports with the reader's results."""
    return [judged(each) for each in reports()]


def test_the_reports_are_many():
    """There are at least 150 different reports, and at least 40 of them are noise or ambiguous."""
    found = reports()
    open_ones = [each for each in found if each.kind != "clear"]
    assert (len(found) >= 150, len(open_ones) >= 40) == (True, True)
    assert len({each.id for each in found}) == len({each.text for each in found}) == len(found)


def test_the_reports_are_true():
    """Each report has a source and only known causes, and a report that is noise has no cause."""
    found = reports()
    assert [each.id for each in found if not each.source or each.causes - CAUSES.keys()] == []
    assert [each.id for each in found if each.kind == "noise" and each.causes] == []


@pytest.mark.slow
def test_the_figures_of_the_reports(results: list[Judged]):
    """At least 97 % of the clear reports are read right, and no report is read wrong.

    A report that is noise gets no cause.
    """
    counts = figures(results)
    print(f"{share_right(results):.1%} right", {kind: dict(each) for kind, each in counts.items()})  # noqa: T201  the figures
    wrong = [(each.report.id, each.causes) for each in results if each.result == "wrong"]
    assert wrong == []
    assert share_right(results) >= RIGHT_FEWEST


@pytest.mark.slow
def test_every_report_has_the_same_cause_everywhere(results: list[Judged]):
    """Every report has the same first cause in chat as in the form or in a trace, in turn.

    A text in which another product speaks has no cause in chat; only a place in which Exchange
    certainly speaks gives it one.
    """
    other = [
        (each.report.id, each.causes[0].cause, place)
        for each, place in zip(results, cycle(PLACES), strict=False)
        if each.causes
        and [found.cause for found in read(each.report.text, place).causes][:1]
        != [each.causes[0].cause]
    ]
    assert other == []
