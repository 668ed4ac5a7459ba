"""Graph's limits for single kinds of calls, kept only where the settings ask for it (facts/microsoft.md 7)."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from practice.microsoft.graph.call import Call, GraphError


@dataclass(frozen=True, slots=True)
class Limit:
    """So many calls of a tenant in so long; some kinds of calls say when to come back, some do not."""

    name: str
    most: int
    span: timedelta
    says_when: bool


REPORTS: Final = Limit("reports", 5, timedelta(seconds=10), says_when=True)
CONDITIONAL_ACCESS: Final = Limit("conditionalAccess", 1, timedelta(seconds=1), says_when=False)


def admit(call: Call, limit: Limit) -> None:
    """Count the call; raises 429 where it is one too many."""
    if not call.world.settings.limits:
        return
    now, calls = call.world.now(), call.tenant.limited.setdefault(limit.name, deque())
    while calls and now - calls[0] >= limit.span:
        calls.popleft()
    if len(calls) >= limit.most:
        seconds = (limit.span - (now - calls[0])).total_seconds()
        headers = {"Retry-After": str(int(seconds) + 1)} if limit.says_when else {}
        raise GraphError(429, "TooManyRequests", f"Too many requests for {limit.name}.", headers)
    calls.append(now)
