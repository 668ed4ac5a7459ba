"""Public error reports of strangers: what the reader reads right, wrong, and into noise."""

from __future__ import annotations

import pytest

from bench.error_reports import RIGHT_FEWEST, Judged, figures, judged, reports, share_right
from jobs.clouds.cause_codes import CAUSE_CODES


@pytest.fixture(scope="module")
def results() -> list[Judged]:
    """Every report, read."""
    return [judged(each) for each in reports()]


def test_the_reports_are_many():
    """At least 150 different ones, 40 of them noise or ambiguous."""
    found = reports()
    open_ones = [each for each in found if each.kind != "clear"]
    assert (len(found) >= 150, len(open_ones) >= 40) == (True, True)
    assert len({each.id for each in found}) == len({each.text for each in found}) == len(found)


def test_the_reports_are_true():
    """Each has a source and real causes, and noise has no cause."""
    found = reports()
    assert [each.id for each in found if not each.source or each.causes - CAUSE_CODES] == []
    assert [each.id for each in found if each.kind == "noise" and each.causes] == []


@pytest.mark.slow
def test_the_figures_of_the_reports(results: list[Judged]):
    """95 % of the clear ones are right, nothing is wrong, and noise gets no cause."""
    counts = figures(results)
    print(f"{share_right(results):.1%} right", {kind: dict(each) for kind, each in counts.items()})  # noqa: T201  the figures
    wrong = [
        (each.report.id, each.certain, each.possible) for each in results if each.result == "wrong"
    ]
    assert wrong == []
    assert share_right(results) >= RIGHT_FEWEST


@pytest.mark.slow
def test_every_cause_of_a_reading_is_a_cause(results: list[Judged]):
    """A misspelled cause would have no sentence."""
    assert {cause for each in results for cause in (*each.certain, *each.possible)} <= CAUSE_CODES
