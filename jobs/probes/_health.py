"""Common part of the probes of the providers' health. An open incident may explain a failure.

An incident alone is only a possible cause, because some incident is nearly always open while mail
flows. The verdict makes it the cause if it explains something that is wrong
(:func:`jobs.checks.verdict.promote_possible`).
"""

from __future__ import annotations

from dataclasses import replace

from jobs.contact_center.incidents import Incident
from jobs.engine.step import Step
from jobs.model import Evidence, Finding, Signals, Text


def health_finding(step: Step, found: tuple[Incident, ...], cause: str) -> Finding:
    """Return a finding with the newest incident's id, title and start, and the number of others."""
    if not found:
        return step.ok(Text("seen.no_incident"))
    newest, more = found[0], len(found) - 1
    evidence = tuple(
        Evidence(step.name, " ".join(filter(None, (each.id, each.title)))) for each in found
    )
    values = {"id": newest.id, "title": newest.title}
    seen = (
        Text("seen.incidents", values | {"count": str(more)})
        if more
        else Text("seen.incident", values)
    )
    return replace(
        step.possible(seen, cause=cause, signals=Signals(since=newest.since)),
        evidence=evidence,
    )
