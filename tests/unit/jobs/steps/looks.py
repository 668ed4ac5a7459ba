"""Row of the table of looks: what the clouds answer a step, and whether it then holds.

A row is written as ``"STATE CAUSE: sentence": {...}``, with the answers of the clouds by request,
and with what is special about the run (see the fixture ``given``). The whole finding, the plan and
what it writes are in ``__snapshots__``.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from jobs.clock import now
from jobs.model import Finding
from jobs.runs.run import Event, Kind
from tests.unit.jobs.conftest import MAILBOX

REFUSED = (403, {"error": {"code": "x"}})
GONE = (404, {"error": {"code": "x"}})
CHECK = {"kind": "check"}
AGENT = "agent@contoso.com"
TARGET = "x1@mail.webexconnect.io"


class Look(NamedTuple):
    """Row of the table."""

    step: str
    told: str
    sentence: str
    script: dict[str, Any]
    run: dict[str, Any]


def rows(step: str, looks: dict[str, dict[str, Any]], **run: Any) -> list[Look]:
    """Return the rows of a step; ``run`` is the same in all of them unless a row says otherwise."""
    found = []
    for line, given in looks.items():
        told, _, sentence = line.partition(": ")
        script = {
            name: value
            for name, value in given.items()
            if name.startswith(("GET ", "Get-", "PATCH ", "POST "))
        }
        more = {name: value for name, value in given.items() if name not in script}
        found.append(Look(step, told, sentence, script, run | more))
    return found


def answered(question: str, minutes: float = 0) -> dict[str, Any]:
    """Return a run with an answer that was given so many minutes before the test."""
    return {"answered": (question, minutes)}


def found(step: str, state, **more: Any) -> dict[str, Any]:
    """Return a run with a finding of another step."""
    finding = Finding(step, state, **more)
    return {"events": (Event(Kind.FOUND, now(), step=step, finding=finding),)}


USER = f"GET /users/{MAILBOX}"
MADE = datetime(2026, 11, 25, 9, 5, tzinfo=UTC)
"""Time at which a client secret was made."""


def sign_in(minutes: float, code: int = 0, user: str = "user-1", **more: Any) -> dict[str, Any]:
    """Return a person's sign-in so many minutes after the secret was created."""
    stamp = (MADE + timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")
    status = {"errorCode": code, "failureReason": "said"}
    basic = {"appId": "app-1", "id": f"{minutes}", "isInteractive": True, "userId": user}
    names = {"userPrincipalName": f"{user}@contoso.com", "resourceDisplayName": ""}
    return {**basic, **names, "createdDateTime": stamp, "status": status, **more}
