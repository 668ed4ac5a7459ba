"""Tests of the kills and pauses that a seed gives, and of the verdict on a disturbed run."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from dataclasses import replace

import pytest
from redis import Redis

from practice.chaos import judge
from practice.chaos.command import Row, Score, table
from practice.chaos.judge import Left
from practice.chaos.killer import Hit
from practice.chaos.kills import (
    EFFECTS,
    MOST,
    PLACES,
    Between,
    Kill,
    Pause,
    Victim,
    When,
    pauses,
    runs,
)
from practice.chaos.lane import Outcome
from practice.hooks import from_json

RIGHT = Left(
    {"rules": ["r"], "dehydrated": False},
    Counter({"graph.create_application A": 1, "graph.create_grant S": 1}),
    Counter({"Webex Connect": 1}),
    1,
    told=False,
)


def test_a_seed_draws_the_same_kills_again():
    """The same seed draws the same kills again, and another seed draws others."""
    first, again, other = (list(itertools.islice(runs(seed), 40)) for seed in (1, 1, 2))
    assert (first == again, first == other) == (True, False)


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


def test_every_place_is_paused_at_in_every_way():
    """Every side effect and question for the lease of a run gets a pause of every kind once.

    The exception is the last secret during a setup, because it comes when a canceled setup is over.
    """
    every = len(PLACES) * len(Between) - 1
    drawn = list(itertools.islice(pauses(7), every))
    ways = {(pause.kill.name, pause.between) for pause in drawn}
    assert (len(ways), drawn == list(itertools.islice(pauses(7), every))) == (every, True)
    assert (EFFECTS[-1].name, Between.SETUP) not in ways
    assert {pause.kill.victim for pause in drawn} == {Victim.HOST}


def test_what_follows_an_end_is_counted(redis: Redis):
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


@pytest.mark.parametrize("when", When)
def test_the_practice_cloud_knows_every_fault(when: When):
    """Each kill has a fault that the practice cloud understands.

    A kill before the call prevents its effect, and one inside or after it leaves the call carried
    out.
    """
    faults = [from_json(Kill(Victim.WORKER, effect, when).fault()) for effect in EFFECTS]
    assert {(bool(f.delay_s), bool(f.late_s), f.reset) for f in faults} == {
        {
            When.BEFORE: (True, False, True),
            When.INSIDE: (True, False, False),
            When.AFTER: (False, True, False),
        }[when]
    }


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
def test_a_row_is_good_or_not(seconds: float | None, outcome: Outcome, good: bool):
    """A row of the table is good only if each of its columns is good."""
    row = Row("E1 app")
    row.add(seconds, outcome)
    assert row.good is good


def test_pauses_follow_the_kills(capsys: pytest.CaptureFixture[str]):
    """Pauses come after the kills, and are in the same table with a column of their own."""
    pause = Pause(Kill(Victim.HOST, EFFECTS[0]), Between.UNDO)
    score = Score(1, runs(1), 1, iter([pause]))
    score.add(Outcome((Hit(Kill(Victim.ALL, EFFECTS[0]), 2.0),)))
    assert score.next() == pause
    score.add(Outcome((Hit(pause.kill, 13.0),), late=2, between=pause.between))
    assert (score.next(), table(score).splitlines()[-1].split()) == (
        None,
        ["2", "runs", "1", "1", "2", "13.0", "0", "0", "2", "0", "0"],
    )
    assert "WRONG     0 s  a press is read before paused, in between undo 13.0 s" in (
        capsys.readouterr().out
    )
