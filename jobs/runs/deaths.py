"""Deaths of the processes that work on a run, such as those for lack of memory (SIGKILL).

A dead process says nothing, so every attempt is counted before it begins, and the count is dropped
when it ends. The run itself may cause deaths in a row without a newly settled step in between.
After the first few deaths the next attempt begins at once. After more deaths it waits for growing
pauses, and then the run is given up. Otherwise the run would kill the workers in a loop.
"""

from __future__ import annotations

from redis import Redis

from jobs.clock import now
from jobs.runs.run import Run
from jobs.storage import keys

PAUSES_S = {4: 15.0, 5: 60.0, 6: 300.0}
"""Seconds to wait after the last attempt began, by the number of killed processes in a row."""
MOST = 7
"""Number of killed processes in a row after which the run is given up."""
KEPT_S = 24 * 3600


class DiedTooOftenError(Exception):
    """Error because every process that worked on the run was killed."""


def begin(redis: Redis, run: Run) -> float:
    """Count an attempt and return 0, or return the seconds for which the attempt has to wait.

    Raises:
        DiedTooOftenError: the run is to be given up.
    """
    key, settled = keys.run_mark(run.id, "deaths"), sum(map(run.settled, run.findings))
    count, at, before = (float(each or 0) for each in redis.hmget(key, ["count", "at", "settled"]))
    deaths = int(count) if settled <= before else 0
    if deaths >= MOST:
        raise DiedTooOftenError(f"{deaths} processes in a row that worked on the run were killed")
    moment = now().timestamp()
    if (wait := at + PAUSES_S.get(deaths, 0.0) - moment) > 0 and deaths in PAUSES_S:
        return wait
    with redis.pipeline() as pipe:
        pipe.hset(key, mapping={"count": deaths + 1, "at": moment, "settled": settled})
        pipe.expire(key, KEPT_S)
        pipe.execute()
    return 0.0


def end(redis: Redis, run_id: str) -> None:
    """Drop the count, because the attempt has ended by itself, with or without an error."""
    redis.delete(keys.run_mark(run_id, "deaths"))
