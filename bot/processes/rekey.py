"""Command ``python -m bot rekey``: encrypts every value under an older key again under the newest.

The report is plain text for the person who operates the bot. It says whether the older keys may be
removed from ENCRYPTION_KEYS.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from jobs.runs.rekeying import Rekeying, Result, What

SENTENCES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))


def main(redis: Redis, encryption_keys: Sequence[str], say: Callable[[str], None]) -> int:
    """Encrypt every value again under the first key, survey all values, and report both results.

    Return 0 if every value is under the first key, otherwise 1.
    """
    rekeying = Rekeying(redis, encryption_keys)
    try:
        renewed = rekeying.renew()
        left = rekeying.survey()
    except (RedisError, KeyboardInterrupt) as error:
        why = type(error).__name__ if isinstance(error, RedisError) else "interrupted"
        say(SENTENCES["cut_off"].format(why=why))
        return 1
    problems = tuple(_problems(left))
    for line in (*_counts(renewed), *problems):
        say(line)
    if problems:
        return 1
    say(SENTENCES["done" if len(encryption_keys) > 1 else "one_key"])
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
        yield SENTENCES["foreign"].format(count=len(left.foreign))
    if older := left.older.total():
        yield SENTENCES["left"].format(count=older)
