"""Memory of the end of the audit trail in one process, which reveals that the trail was set back.

An earlier end with its true seal is as good as the present one to a process that has seen neither.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from redis import Redis
from redis.client import Pipeline

from jobs.clock import now, paced
from jobs.runs.audit_chain import DOUBTED, LOST, START, AuditEntry, Head, Mark, read
from jobs.storage import codec, keys

SETTLES = timedelta(seconds=paced(30))
"""Time after which Redis itself loses an entry no more.

An append-only file loses the last second, and a failover a few. So an entry is settled if it was
seen again after this time.
"""
LATEST = 1_000
"""Number of newest entries among which another process's entry about the loss is looked for."""


class Memory:
    """Places in the chain that this process has seen: the newest one, and the newest settled one."""

    def __init__(self) -> None:
        self.newest, self._settled = START, START
        self._waiting, self._since = START, datetime.min.replace(tzinfo=UTC)
        self._looked = self._since

    def saw(self, end: Mark, *, settled: bool = False) -> None:
        """Remember the end of the trail, which continues from everything that was seen before.

        With ``settled`` it counts as settled at once, and nothing before it is remembered.
        """
        moment = now()
        if settled or moment - self._since >= SETTLES:
            self._settled = end if settled else self._waiting
            self._waiting, self._since = end, moment
        self.newest, self._looked = end, moment

    def doubt(self, reader: Redis | Pipeline, head: Head) -> list[AuditEntry]:
        """Return the entry to add if the trail with this head lacks an entry that was seen.

        There is none if another process has added it since this one last looked. A settled entry
        can only be set back by somebody, and then no entry before the added one is believed.
        """

        def holds(mark: Mark) -> bool:
            if mark.n <= head.cleared.n or mark == head.end:
                return True
            line = reader.lindex(keys.audit_entries(), mark.n - head.n - 1)
            return mark.n < head.n and read(codec.as_bytes(line or b"")).get("hash") == mark.hash

        if holds(self.newest):
            return []
        latest = map(codec.as_bytes, reader.lrange(keys.audit_entries(), -LATEST, -1))
        if any(map(self._is_told_by, map(read, latest))):
            self.saw(head.end, settled=True)
            return []
        what = LOST if holds(self._settled) else DOUBTED
        data = {"entry": str(self.newest.n), "hash": self.newest.hash}
        return [{"at": now().isoformat(), "by": "bot", "what": what, "data": data}]

    def _is_told_by(self, entry: AuditEntry) -> bool:
        told = entry.get("what") in {DOUBTED, LOST}
        return told and str(entry.get("at")) > self._looked.isoformat()
