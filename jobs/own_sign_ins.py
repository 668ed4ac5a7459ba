"""Which rows of Entra's sign-in log are the bot's own: each check renews a token of the email app, as Webex Connect does.

Kept as long as the log is looked back on. A row is known by the number that the request had; where the log tells none, by its second.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from redis import Redis

from jobs.clock import now

KEPT = timedelta(days=8)
NEAR = timedelta(seconds=2)
"""The log tells seconds, and the two clocks may differ."""
_ID = re.compile(r"request-id=(\S+)")


@dataclass(frozen=True, slots=True)
class OwnSignIns:
    """The numbers of our requests, in lower case, and when they were made."""

    numbers: frozenset[str]
    moments: tuple[datetime, ...]

    def has(self, at: datetime, *numbers: object) -> bool:
        """Whether a row of that moment, with these numbers, is ours."""
        told = {str(number).lower() for number in numbers if number}
        return bool(told & self.numbers) or (not told and any(abs(at - moment) <= NEAR for moment in self.moments))


def note(redis: Redis, mailbox: str, made: Iterable[str]) -> None:
    """Remember the calls to Entra, as :func:`jobs.microsoft.calls.noted` tells them."""
    at = now().timestamp()
    numbers = {number.lower(): at for line in made if line.startswith("entra ") for number in _ID.findall(line)}
    if not numbers:
        return
    with redis.pipeline() as together:
        together.zadd(_key(mailbox), numbers)
        together.zremrangebyscore(_key(mailbox), 0, at - KEPT.total_seconds())
        together.expire(_key(mailbox), KEPT)
        together.execute()


def known(redis: Redis, mailbox: str) -> OwnSignIns:
    """What is remembered of the mailbox's checks."""
    rows: Any = redis.zrange(_key(mailbox), 0, -1, withscores=True)
    return OwnSignIns(
        frozenset(number.decode() for number, _ in rows), tuple(datetime.fromtimestamp(float(score), UTC) for _, score in rows)
    )


def _key(mailbox: str) -> str:
    return f"channel:{mailbox}:own-sign-ins"
