"""Gauges that a worker measures: open runs, and the ends of secrets, without names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.processes import measure
from bot.queue.metrics import exposition
from bot.services import Services
from jobs.clock import now
from jobs.model import Finding, State
from jobs.runs.run import Event, Kind, Run
from jobs.storage import keys
from jobs.storage.counters import CHANNELS, DAYS_LEFT, RUNS_OPEN, SECRETS_ENDING, measured

Begin = Callable[..., Run]


def proven(services: Services, begin: Begin, days: float) -> None:
    """Finish a setup whose client secret expires in the given number of days."""
    end = now() + timedelta(days=days)
    secret = Finding("client_secret", State.OK, facts={"expires": end.isoformat()})
    run = begin(Event(Kind.FOUND, now(), step="client_secret", finding=secret))
    services.store.end(run, Event(Kind.FINISHED, now()))


def test_open_runs_by_kind_and_party(services: Services, begin: Begin):
    """Open runs are counted by their kind and by the party for whom they wait.

    A run without details waits for its requester, and a run without a sign-in for an administrator.
    """
    first = begin(detailed=False)
    measure.measure_runs(services)
    assert measured(services.redis, RUNS_OPEN) == {("setup", "requester"): 1, measure.UNREAD: 0}
    services.store.end(first, Event(Kind.CANCELLED, now()))
    begin(kind="fix")
    services.redis.delete(keys.figures(RUNS_OPEN.name))
    measure.measure_runs(services)
    assert measured(services.redis, RUNS_OPEN) == {("fix", "administrator"): 1, measure.UNREAD: 0}


def test_too_many_runs_are_counted_unread(
    services: Services, begin: Begin, monkeypatch: pytest.MonkeyPatch
):
    """If too many runs are open, the rest is counted without being read.

    A worker does not read thousands of runs every minute.
    """
    monkeypatch.setattr(measure, "MOST_RUNS", 1)
    begin()
    services.redis.zadd(keys.runs_open(), {"OLDER1": 1, "OLDER2": 2})
    measure.measure_runs(services)
    assert measured(services.redis, RUNS_OPEN) == {
        ("setup", "administrator"): 1,
        measure.UNREAD: 2,
    }


def test_ends_of_secrets(services: Services, begin: Begin):
    """The metrics count the channels and give the nearest end of a secret in days.

    They show no address.
    """
    proven(services, begin, 20)
    own = replace(
        services.settings,
        microsoft_client_secret_expires=f"{now() + timedelta(days=100):%Y-%m-%d}",
    )
    measure.measure_secrets(replace(services, settings=own))
    within = {
        int(days): count for (days,), count in measured(services.redis, SECRETS_ENDING).items()
    }
    left = measured(services.redis, DAYS_LEFT)
    assert measured(services.redis, CHANNELS) == {(): 1}
    assert within == {1: 0, 7: 0, 14: 0, 30: 1, 60: 1}
    assert (round(left["channels",]), 98 < left["bot",] < 102) == (20, True)
    assert b"@" not in exposition(services.redis)[0]


def test_one_worker_measures_for_all(services: Services, begin: Begin):
    """A worker leaves a value that another worker has just measured as it is."""
    measure.measure_secrets(services)
    proven(services, begin, 20)
    measure.measure_secrets(services)
    assert measured(services.redis, CHANNELS) == {(): 0}
