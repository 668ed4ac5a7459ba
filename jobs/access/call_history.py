"""History of the calls that all workers make to a tenant.

Microsoft limits some kinds of calls per tenant. A second look at a tenant must not begin as if
nobody had asked a moment ago.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from redis import Redis

from jobs.clouds.rate_limit import Limit
from jobs.runs.reference import new_id
from jobs.storage import keys
from jobs.storage.keys import Key


@dataclass(frozen=True, slots=True)
class TenantCallHistory:
    """Times of a tenant's calls under one limit, shared by all workers.

    Implements :class:`jobs.clouds.rate_limit.CallHistory`.
    """

    redis: Redis
    tenant: str
    limit: Limit

    def ages(self) -> list[float]:
        now = time.time()
        since = now - self.limit.seconds
        rows: Any = self.redis.zrangebyscore(self._key, since, "+inf", withscores=True)
        return [now - float(score) for _, score in rows]

    def record(self) -> None:
        now = time.time()
        with self.redis.pipeline() as together:
            together.zadd(self._key, {new_id() + new_id(): now})
            together.zremrangebyscore(self._key, 0, now - self.limit.seconds)
            together.pexpire(self._key, round(self.limit.seconds * 1000))
            together.execute()

    @property
    def _key(self) -> Key:
        return keys.tenant_calls(self.tenant.lower(), self.limit.kind)
