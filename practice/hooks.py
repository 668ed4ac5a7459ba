"""Faults on demand: the next calls to a path get the response that a test has chosen.

Examples are a 429, HTML, garbage or no answer.
"""

import base64
import threading
from dataclasses import dataclass, field
from typing import Any

KEYS = (
    "prefix",
    "method",
    "cmdlet",
    "times",
    "skip",
    "status",
    "headers",
    "body",
    "body_base64",
    "delay_s",
    "late_s",
    "reset",
    "process",
)


@dataclass(slots=True)
class Fault:
    """Response to the next ``times`` calls under ``prefix``.

    It follows ``skip`` undisturbed calls and comes after ``delay_s`` seconds. ``reset`` breaks the
    connection instead of answering. ``process`` lets the cloud do the work first, so that only the
    answer is lost. A ``status`` of 0 changes nothing but the delay. ``late_s`` is the time in
    seconds between the work and its answer. ``cmdlet`` limits the fault to one Exchange cmdlet (the
    ``X-CmdletName`` of the call).
    """

    prefix: str
    method: str = ""
    cmdlet: str = ""
    times: int = 1
    skip: int = 0
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    delay_s: float = 0.0
    late_s: float = 0.0
    reset: bool = False
    process: bool = False

    def public(self) -> dict[str, Any]:
        """Return the fault as JSON."""
        return {
            "prefix": self.prefix,
            "method": self.method,
            "times": self.times,
            "skip": self.skip,
            "status": self.status,
        }


def from_json(values: dict[str, Any]) -> Fault:
    """Return the fault described by a control call.

    Raises:
        ValueError: when a key is unknown or ``prefix`` is not a path.
    """
    if unknown := set(values) - set(KEYS):
        raise ValueError(f"a fault has no {', '.join(sorted(unknown))}; it has {', '.join(KEYS)}")
    if not str(values.get("prefix", "")).startswith("/"):
        raise ValueError("prefix must be a path")
    given = {key: values[key] for key in KEYS if key in values and not key.startswith("body")}
    body = (
        base64.b64decode(values["body_base64"])
        if "body_base64" in values
        else str(values.get("body", "")).encode()
    )
    return Fault(**given, body=body)


class Faults:
    """Pending faults, in the order in which they were added."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Add a fault to the end of the pending faults."""
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        """Remove all pending faults."""
        with self._lock:
            self._faults.clear()

    def pending(self) -> list[Fault]:
        """Return the pending faults."""
        with self._lock:
            return list(self._faults)

    def take(self, method: str, path: str, cmdlet: str = "") -> Fault | None:
        """Return the fault for this call and count its use, or return None."""
        with self._lock:
            for fault in self._faults:
                wanted = fault.method.upper() in {"", method} and fault.cmdlet.lower() in {
                    "",
                    cmdlet.lower(),
                }
                if wanted and path.lower().startswith(fault.prefix.lower()):
                    return self._use(fault)
        return None

    def _use(self, fault: Fault) -> Fault | None:
        if fault.skip > 0:
            fault.skip -= 1
            return None
        fault.times -= 1
        if fault.times <= 0:
            self._faults.remove(fault)
        return fault
