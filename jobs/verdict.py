"""The root cause of a check: the wrong findings that no other wrong finding explains (DESIGN.md, the words)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from jobs.model import Finding, State, Station
from jobs.step import Step

WAY = tuple(Station)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Names of findings. ``causes``: the one that stops mail first in front; ``symptoms``: each with the cause that explains it."""

    causes: tuple[str, ...]
    symptoms: dict[str, str]
    possible: tuple[str, ...]
    warnings: tuple[str, ...]
    skipped: tuple[str, ...]
    stops: Station | None
    since: datetime | None


def judge(steps: Mapping[str, Step], findings: Mapping[str, Finding]) -> Verdict:
    """From what was found, and from which fact explains which."""
    wrong = {name for name, finding in findings.items() if finding.state is State.WRONG and steps[name].essential}
    explained = {name: min(wrong & ancestors(name, steps), key=lambda each: _order(each, steps), default="") for name in wrong}
    causes = tuple(sorted((name for name in wrong if not explained[name]), key=lambda each: _order(each, steps)))
    roots = set(causes)
    symptoms = {name: _root(name, explained, roots) for name in sorted(wrong - roots, key=lambda each: _order(each, steps))}
    off = {name for name, finding in findings.items() if finding.state is State.WRONG and not steps[name].essential}
    return Verdict(
        causes=_once(causes, findings),
        symptoms=symptoms,
        possible=tuple(name for name, f in findings.items() if f.state is State.POSSIBLE),
        warnings=tuple(name for name, f in findings.items() if f.state is State.WARNING or name in off),
        skipped=tuple(name for name, f in findings.items() if f.state in {State.SKIPPED, State.UNKNOWN}),
        stops=steps[causes[0]].station if causes else None,
        since=min((moment for name in (*causes, *symptoms) if (moment := _since(findings[name]))), default=None),
    )


def ancestors(name: str, steps: Mapping[str, Step]) -> set[str]:
    """Every fact that this one follows from, near or far."""
    return set(_ancestors(name, tuple((n, (*s.needs, *s.after, *s.because)) for n, s in steps.items())))


@cache
def _ancestors(name: str, graph: tuple[tuple[str, tuple[str, ...]], ...]) -> frozenset[str]:
    edges, seen, todo = dict(graph), set[str](), [name]
    while todo:
        fresh = [each for each in edges.get(todo.pop(), ()) if each in edges and each not in seen]
        seen.update(fresh)
        todo += fresh
    return frozenset(seen - {name})


def _once(causes: tuple[str, ...], findings: Mapping[str, Finding]) -> tuple[str, ...]:
    """One cause that two probes saw is one cause: the first place is kept."""
    by_cause: dict[str, str] = {}
    for name in causes:
        by_cause.setdefault(findings[name].cause or name, name)
    return tuple(by_cause.values())


def _root(name: str, explained: Mapping[str, str], roots: set[str]) -> str:
    above = explained[name]
    return above if above in roots or not above else _root(above, explained, roots)


def _order(name: str, steps: Mapping[str, Step]) -> tuple[int, int]:
    return WAY.index(steps[name].station), list(steps).index(name)


def _since(finding: Finding) -> datetime | None:
    try:
        return datetime.fromisoformat(finding.facts.get("since", ""))
    except ValueError:
        return None
