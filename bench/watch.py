"""Benches of the watch (``make watch``), which is the bot's regular look at connected channels.

They are a simulated quarter, the named faults, and 500 channels every 15 minutes. The tables say
which parts of each are real. WATCH_DAYS, WATCH_CHANNELS, WATCH_TENANTS and WATCH_SEED choose
another size of the quarter.
"""

import os

from bench import watch_judge, watch_quarter
from bench.many import own_redis
from bot import logs
from practice.ports import free_port

DAYS, CHANNELS, TENANTS, SEED = 90, 12, 3, 1


def quarter() -> bool:
    """Simulate the quarter on a Redis of its own, and return whether the targets are met."""
    logs.configure("CRITICAL")
    sizes = (
        int(os.environ.get(f"WATCH_{name}", usual))
        for name, usual in (
            ("SEED", SEED),
            ("DAYS", DAYS),
            ("CHANNELS", CHANNELS),
            ("TENANTS", TENANTS),
        )
    )
    with own_redis(free_port()) as redis:
        played = watch_quarter.simulate(redis, *sizes)
        return watch_judge.show(played, watch_judge.judge(played))
