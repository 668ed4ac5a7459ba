"""Command ``python -m bot rekey``: encrypts every value under an older key again under the newest.

The report is plain text for the person who operates the bot. It says whether the older keys may be
removed from ENCRYPTION_KEYS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from redis import Redis
from redis.exceptions import RedisError

from jobs.runs.rekeying import Rekeying, Result, What

PAGE = "docs/operations.md, Rotate the keys"
DONE = (
    "Everything is under the first key. OLD can be removed from ENCRYPTION_KEYS=NEW,OLD: set NEW alone"
    " for web and worker, and restart them."
)
ONE_KEY = "ENCRYPTION_KEYS has one key, and everything is under it: no other key is needed."
FOREIGN = (
    "{count} of the values in Redis were made under none of ENCRYPTION_KEYS. They were not signed, and"
    f" they do not count. Do not remove a key before you know why: {PAGE}."
)
LEFT = (
    "{count} values were written under an older key meanwhile, so a process still has another first"
    " key. Restart web and worker with ENCRYPTION_KEYS=NEW,OLD, then run this command again."
)
CUT_OFF = (
    "Not finished ({why}). What was written again stays so, and every key of ENCRYPTION_KEYS is still"
    " needed: run this command again."
)


def main(redis: Redis, encryption_keys: Sequence[str], say: Callable[[str], None]) -> int:
    """Encrypt every value again under the first key, survey all values, and report both results.

    Return 0 if every value is under the first key, otherwise 1.
    """
    rekeying = Rekeying(redis, encryption_keys)
    try:
        renewed = rekeying.renew()
        left = rekeying.survey()
    except RedisError as error:
        say(CUT_OFF.format(why=type(error).__name__))
        return 1
    except KeyboardInterrupt:
        say(CUT_OFF.format(why="interrupted"))
        return 1
    problems = tuple(_problems(left))
    for line in (*_counts(renewed), *problems):
        say(line)
    if problems:
        return 1
    say(DONE if len(encryption_keys) > 1 else ONE_KEY)
    return 0


def _counts(renewed: Result) -> tuple[str, ...]:
    """Return a line for each kind of value, with how many were written again."""
    return tuple(
        f"{what}: {renewed.older[what]} written again, {renewed.newest[what]} already under the first key"
        for what in What
    )


def _problems(left: Result) -> Iterator[str]:
    """Yield a line for each value that no key has signed, and the advice about all that is left."""
    for place in left.foreign:
        yield f"NOT SIGNED  {place}"
    if left.foreign:
        yield FOREIGN.format(count=len(left.foreign))
    if older := left.older.total():
        yield LEFT.format(count=older)
