"""Which rows of Entra's sign-in log are the bot's own: each check renews a token of the email app, as Webex Connect does.

Kept as long as the log is looked back on. A row is known by the number that the request had. Nothing promises that the log tells that
number: where it tells none, or knows none of ours, a row is known by its second.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from redis import Redis

from jobs.clock import now
from jobs.microsoft.sign_in_log import SignIn

KEPT = timedelta(days=8)
NEAR = timedelta(seconds=2)
"""The log tells seconds, and the two clocks may differ."""
_ID = re.compile(r"request-id=(\S+)")


@dataclass(frozen=True, slots=True)
class OwnSignIns:
    """The numbers of our requests, in lower case, and when they were made."""

    numbers: frozenset[str]
    moments: tuple[datetime, ...]

    def others(self, rows: Iterable[SignIn]) -> list[SignIn]:
        """The rows without ours. By the second only what nobody did in person is ours, unless the row has no number at all."""
        every = list(rows)
        numbered = any(self._numbers(row) & self.numbers for row in every)
        return [
            row for row in every if not (self._numbers(row) & self.numbers or (self._unsure(row, numbered=numbered) and self._near(row)))
        ]

    def _unsure(self, row: SignIn, *, numbered: bool) -> bool:
        return not self._numbers(row) or not (numbered or row.interactive)

    def _near(self, row: SignIn) -> bool:
        return any(abs(row.at - moment) <= NEAR for moment in self.moments)

    def _numbers(self, row: SignIn) -> set[str]:
        return {number.lower() for number in (row.correlation_id, row.id) if number}


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
