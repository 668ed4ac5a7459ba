"""Tests of the kills and pauses that a seed gives, and of the verdict on a disturbed run."""

import itertools
import json
from collections import Counter
from dataclasses import replace

import pytest

from practice.chaos import judge
from practice.chaos.command import Row
from practice.chaos.judge import Left
from practice.chaos.kills import EFFECTS, MOST, Between, Victim, When, runs
from practice.chaos.lane import Outcome

RIGHT = Left(
    {"rules": ["r"], "dehydrated": False},
    Counter({"graph.create_application A": 1, "graph.create_grant S": 1}),
    Counter({"Webex Connect": 1}),
    1,
    told=False,
)


def test_every_side_effect_is_hit_in_every_way():
    """Every side effect of a run gets a kill of every kind once before any kill comes again.

    Some runs have five kills at any time instead.
    """
    every = len(EFFECTS) * len(When) * len(Victim)
    drawn = list(itertools.islice(runs(7), every + every // 16))
    single = Counter(
        (kills[0].name, kills[0].when, kills[0].victim) for kills in drawn if len(kills) == 1
    )
    assert (len(single), set(single.values())) == (every, {1})
    assert {len(kills) for kills in drawn} == {1, MOST}
    assert all(
        0 <= kill.pause <= 3 and kill.effect is None
        for kills in drawn
        if len(kills) == MOST
        for kill in kills
    )


def test_what_follows_an_end_is_counted(redis):
    """Every event that comes after the end of its run is counted, for all runs in Redis.

    The end itself does not count.
    """
    histories = {
        "A": ["opened", "finished"],
        "B": ["opened", "changing"],
        "C": ["opened", "cancelled", "changed", "found"],
        "D": ["opened", "failed", "failed"],
    }
    for run, kinds in histories.items():
        redis.rpush(f"run:{run}:events", *(json.dumps({"kind": kind}) for kind in kinds))
    assert judge.after_ends(redis) == 3


def test_the_same_tenant_is_right():
    """An equal tenant, even without an unneeded grant, has no doubles, orphans or differences."""
    assert [
        judge.doubles(RIGHT, RIGHT),
        judge.orphans(RIGHT, RIGHT),
        judge.differences(RIGHT, RIGHT),
    ] == [0, 0, []]
    assert (
        judge.differences(replace(RIGHT, made=Counter({"graph.create_application A": 1})), RIGHT)
        == []
    )


def test_what_is_wrong_is_counted_and_named():
    """Doubled and superfluous objects are counted, and each difference is named.

    The differences here are a missing rule and a missing app.
    """
    found = Left(
        {"rules": [], "dehydrated": False},
        Counter({"graph.create_application A": 2}),
        Counter({"Webex Connect": 2}),
        2,
        told=True,
    )
    assert (judge.doubles(found, RIGHT), judge.orphans(found, RIGHT)) == (2, 1)
    assert judge.differences(found, RIGHT) == ["rules: [] instead of ['r']"]
    assert judge.differences(replace(RIGHT, made=Counter()), RIGHT) == [
        "missing: graph.create_application A"
    ]


@pytest.mark.parametrize(
    ("seconds", "outcome", "good"),
    [
        (1.0, Outcome(()), True),
        (31.0, Outcome(()), False),
        (None, Outcome(()), False),
        (1.0, Outcome((), doubles=1), False),
        (1.0, Outcome((), orphans=1), False),
        (1.0, Outcome((), late=1), False),
        (1.0, Outcome((), between=Between.UNDO), True),
        (31.0, Outcome((), between=Between.UNDO), False),
        (1.0, Outcome((), told=False), False),
        (1.0, Outcome((), trouble="not seen"), False),
    ],
)
def test_a_row_is_good_or_not(seconds, outcome, good):
    """A row of the table is good only if each of its columns is good."""
    row = Row("E1 app")
    row.add(seconds, outcome)
    assert row.good is good
