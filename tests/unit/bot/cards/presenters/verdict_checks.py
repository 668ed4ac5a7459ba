"""Finished checks and their findings, for the tests of the verdict's presenter."""

from datetime import UTC, datetime

from msgspec.structs import replace

from jobs.model import Channel, Finding, Person, RunKind, State
from jobs.runs.run import Run

AT = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)

CHANNEL = Channel("support@contoso.com", "https://uk.webexconnect.io/callback", "x@y.example")

CONNECT = {"url": "https://uk.webexconnect.io"}


def check_of(*found: Finding, channel: Channel = CHANNEL) -> Run:
    """Return a finished check with these findings."""
    findings, times = {each.step: each for each in found}, {each.step: AT for each in found}
    run = Run(
        "R1",
        channel,
        Person("p", "anna@contoso.com"),
        AT,
        RunKind.CHECK,
        detailed=True,
        findings=findings,
        found_at=times,
    )
    return replace(run, checked=AT)


def wrong(step: str, cause: str) -> Finding:
    """Return a wrong finding of this step, with this cause."""
    return Finding(step, State.WRONG, cause=cause)


def ok(*steps: str) -> tuple[Finding, ...]:
    """Return findings of these steps that hold."""
    return tuple(Finding(step, State.OK) for step in steps)
