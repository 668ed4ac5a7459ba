"""Graph's rate limits for single kinds of calls, enforced only if the settings ask for it.

Source: platforms/microsoft.md 7.
"""

from collections import deque
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from practice.microsoft.graph.call import Call, GraphError


@dataclass(frozen=True, slots=True)
class Limit:
    """Rate limit of a tenant: at most ``most`` calls in ``span``.

    ``says_when`` means that the response has a Retry-After header, which not every kind of call
    has.
    """

    name: str
    most: int
    span: timedelta
    says_when: bool


REPORTS: Final = Limit("reports", 5, timedelta(seconds=10), says_when=True)
CONDITIONAL_ACCESS: Final = Limit("conditionalAccess", 1, timedelta(seconds=1), says_when=False)


def admit(call: Call, limit: Limit) -> None:
    """Count the call for its rate limit.

    Raises:
        GraphError: with status 429 when the limit is exceeded.
    """
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
