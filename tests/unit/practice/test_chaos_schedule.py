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
    HERE,
    MOST,
    PLACES,
    Between,
    Kill,
    Pause,
    Victim,
    When,
    pauses,
    runs,
    sample,
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


def test_another_host_takes_over_in_runs_with_one_kill():
    """Only a run with a single kill can stop the whole host.

    A run with several kills needs workers on this host to kill.
    """
    drawn = list(itertools.islice(runs(7), 200))
    several = {kill.victim for kills in drawn if len(kills) > 1 for kill in kills}
    assert (several <= set(HERE), Victim.HOST in {kills[0].victim for kills in drawn}) == (
        True,
        True,
    )


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


def test_a_kill_at_any_time_has_no_fault():
    """A kill at any time has no fault, because it waits for no call."""
    with pytest.raises(ValueError, match="needs no fault"):
        Kill(Victim.ALL).fault()


def test_the_sample_is_three_kills_in_the_order_of_a_setup():
    """The sample has three kills: at the app, at something that needs the app, and at a secret."""
    for seed in range(20):
        first, second, third = (kill.name for kill in sample(seed))
        assert (
            first,
            second in {"service principal", "E2 or E4, the first", "E5 grant, the first"},
            third,
        ) == ("E1 app", True, "E3 secret")


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


def test_the_table_has_a_line_for_each_and_the_sum(capsys: pytest.CaptureFixture[str]):
    """The last line of the table has the slowest time of all runs.

    The line of each run is printed when that run ends.
    """
    score = Score(2, runs(1))
    for kill, seconds in (
        (Kill(Victim.ALL, EFFECTS[0]), 2.0),
        (Kill(Victim.WORKER, pause=1.0), 3.5),
    ):
        score.add(Outcome((Hit(kill, seconds),), seconds=9.0))
    lines = table(score).splitlines()
    assert (len(lines), lines[-1].split()) == (
        len(PLACES) + 3,
        ["2", "runs", "2", "0", "2", "3.5", "0", "0", "0", "0", "0"],
    )
    assert (score.next(), capsys.readouterr().out.count("right")) == (None, 2)


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
