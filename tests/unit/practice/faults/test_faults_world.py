"""Tests that every fault stops a real mail at its station, and a healthy variation stops none."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from practice.faults import FAULTS, HEALTHY, Fault, Level
from practice.faults.pairs import compatible, pairs

ROOT = Path(__file__).parents[4]
FACTS = re.compile(r"(microsoft|connect)\.md \d|learn\.microsoft\.com/|status\.webex\.com/")
STATIONS = {"", "sender", "mailbox", "forward", "connect", "agent", "answer"}


def _id(fault: Fault) -> str:
    return fault.name


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS, ids=_id)
def test_mail_stops_where_the_fault_says(channel, fault):
    """A mail ends at the station that the fault names.

    Without a fault it goes the whole way, as the healthy variations show, the first of them with
    nothing changed.
    """
    assert channel.post(f"fault/{fault.name}").json()["name"] == fault.name
    assert channel.stops("After") == fault.stops


@pytest.mark.parametrize("variation", HEALTHY, ids=_id)
def test_a_variation_that_is_right_stops_nothing(channel, variation):
    """After a healthy variation of the setup, mail still goes both ways."""
    channel.post(f"fault/{variation.name}")
    assert channel.stops("After") == ""


@pytest.mark.parametrize(
    "pair", pairs(FAULTS, 12, 7), ids=lambda pair: f"{pair[0].name}+{pair[1].name}"
)
def test_two_faults_stop_mail_where_the_first_of_them_does(channel, pair):
    """With two faults at once, mail stops at the station of the fault that is first on its way."""
    for fault in pair:
        assert channel.post(f"fault/{fault.name}").status_code == 200
    order = ["mailbox", "forward", "connect", "agent", "answer", ""]
    assert channel.stops("After") == min((fault.stops for fault in pair), key=order.index)


def test_every_fault_has_a_source_a_cause_and_a_name_of_its_own():
    """Every fault has a unique name, a source, a station, and causes with a text and a remedy."""
    texts = [
        tomllib.loads(path.read_text(encoding="utf-8"))
        for path in (ROOT / "adaptive_cards/texts/en").glob("*.toml")
    ]
    told = {
        kind: {key for each in texts for key in each.get(kind, {})} for kind in ("cause", "remedy")
    }
    for fault in FAULTS:
        assert FACTS.match(fault.source), fault.name
        assert fault.stops in STATIONS, fault.name
        assert bool(fault.expects) is (fault.level is not Level.NOTHING), fault.name
        assert set(fault.expects) <= told["cause"] & told["remedy"], fault.name
    names = [fault.name for fault in (*FAULTS, *HEALTHY)]
    assert len(names) == len(set(names))


def test_the_list_covers_what_the_issue_asks_for():
    """There are at least 50 faults and 20 healthy variations.

    Together the faults cover every row of Microsoft's cause table except the row of app-only
    access.
    """
    sources = " ".join(fault.source for fault in FAULTS)
    rows = {int(row) for row in re.findall(r"microsoft\.md 8 row (\d+)", sources)}
    assert (len(FAULTS) >= 50, len(HEALTHY) >= 20) == (True, True)
    assert rows == set(range(1, 15)) - {11}


def test_pairs_are_the_same_for_a_seed_and_compatible():
    """A seed gives the same hundred pairs of faults each time, and no fault hides its partner."""
    chosen = pairs(FAULTS, 100, 1)
    assert chosen == pairs(FAULTS, 100, 1) != pairs(FAULTS, 100, 2)
    assert len(chosen) == 100
    assert all(compatible(*pair) for pair in chosen)
