"""Public error reports of strangers, and how many of them the reader reads right."""

from __future__ import annotations

import pytest

from bench.error_reports import RIGHT_FEWEST, Judged, figures, judged, reports, share_right
from jobs.causes.cause import CAUSES


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
