"""Which message traces were asked of a tenant lately: a second look within five minutes must not knock where the first has used them up."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from redis import Redis

from jobs.store import new_id

KEPT_S = 300
"""How far back Microsoft counts, in seconds (facts/microsoft.md 2.5)."""


@dataclass(frozen=True, slots=True)
class TraceLedger:
    """Calls by their time, shared by all workers (:class:`jobs.microsoft.pace.Ledger`)."""

    redis: Redis
    tenant: str

    def ages(self) -> list[float]:
        """How many seconds ago each call of the last five minutes ended."""
        now = time.time()
        rows: Any = self.redis.zrangebyscore(self._key, now - KEPT_S, "+inf", withscores=True)
        return [now - float(score) for _, score in rows]

    def note(self) -> None:
        """One more call has ended."""
        now = time.time()
        with self.redis.pipeline() as together:
            together.zadd(self._key, {new_id() + new_id(): now})
            together.zremrangebyscore(self._key, 0, now - KEPT_S)
            together.expire(self._key, KEPT_S)
            together.execute()

    @property
    def _key(self) -> str:
        return f"tenant:{self.tenant.lower()}:traces"
