"""Faults of the services themselves and of the check's own reading.

Source: platforms/microsoft.md 5, 7 and 3.5.
"""

import json
from collections.abc import Callable
from typing import Final

from practice.faults.fault_context import FaultContext
from practice.faults.model import described
from practice.faults.policy import applying
from practice.hooks import Fault as Hook

BUSY: Final = json.dumps(
    {
        "error": "temporarily_unavailable",
        "error_description": "AADSTS90033: A transient error has occurred. Please try again.",
        "error_codes": [90033],
    }
)
TOO_MANY: Final = json.dumps(
    {"error": {"code": "TooManyRequests", "message": "Too many requests."}}
)
NUL: Final = "\0" * 4096
REFUSALS: Final = 4
"""Number of answers that refuse too many requests before Exchange answers normally again."""
TOO_MANY_AT_ONCE: Final = (
    "You have reached the maximum number of concurrent requests per tenant. "
    "Please wait and try again"
)


def _entra_down(ground: FaultContext) -> None:
    for tenant in (ground.tenant.id, "organizations", "common"):
        ground.answer(f"/{tenant}/", 503, BUSY)


def _tokens_down(ground: FaultContext) -> None:
    ground.answer(f"/{ground.tenant.id}/oauth2/v2.0/token", 503, BUSY, "POST")


def _busy_in_words(ground: FaultContext) -> None:
    headers = {"Content-Type": "text/plain"}
    body = TOO_MANY_AT_ONCE.encode()
    ground.hooks.add(Hook("/adminapi/", times=REFUSALS, status=400, headers=headers, body=body))
    applying(ground).update(AutoForwardingMode="Off")


def _answers(prefix: str, status: int, body: str, **headers: str) -> Callable[[FaultContext], None]:
    return lambda ground: ground.answer(prefix, status, body, **headers)


FAULTS: Final = described(
    {
        "entra_down": _entra_down,
        "entra_tokens_down": _tokens_down,
        "graph_throttled": _answers("/graph/v1.0/policies", 429, TOO_MANY, Retry_After="1"),
        "graph_down": _answers("/graph/", 503, "{}"),
        "exchange_forbidden": _answers("/adminapi/", 403, NUL, Content_Encoding="gzip"),
        "exchange_busy_in_words": _busy_in_words,
        "exchange_html": _answers(
            "/adminapi/", 502, "<html>Bad gateway</html>", Content_Type="text/html"
        ),
    }
)
