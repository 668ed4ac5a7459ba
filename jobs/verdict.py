"""The root cause of a check: the wrong findings that no other wrong finding explains (DESIGN.md, the words)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache

from jobs.model import Finding, State, Station
from jobs.step import Step

WAY = tuple(Station)
VAGUE = frozenset({"", "mail_not_delivered", "sign_in_failed", "connect_login_failed", "connect_smtp_failed"})


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


def judge(steps: Mapping[str, Step], findings: Mapping[str, Finding], *, done: bool = True) -> Verdict:
    """From what was found, and from which fact explains which.

    A failure that has gone well since is history, and left out; before the check is ``done`` a failure is no cause while
    something that could explain it was not looked at.
    """
    looked_at = findings.keys()
    findings = {name: finding for name, finding in findings.items() if not _healed(name, steps, findings)}
    findings = blamed(steps, findings)
    wrong = [name for name in _by(findings, State.WRONG) if steps[name].essential]
    above = {
        name: _nearest(name, wrong, steps, findings) for name in sorted(wrong, key=lambda each: _order(steps[each], findings[each], steps))
    }
    causes = _once(tuple(name for name, parent in above.items() if not parent and (done or ancestors(name, steps) <= looked_at)), findings)
    return Verdict(
        causes=causes,
        symptoms={name: _root(name, above) for name, parent in above.items() if parent},
        possible=_by(findings, State.POSSIBLE),
        warnings=_by(findings, State.WARNING) + tuple(name for name in _by(findings, State.WRONG) if not steps[name].essential),
        skipped=_by(findings, State.SKIPPED, State.UNKNOWN),
        stops=station(steps[causes[0]], findings[causes[0]]) if causes else None,
        since=min(filter(None, (_moment(findings[name], "since") for name in above)), default=None),
    )


def blamed(steps: Mapping[str, Step], findings: Mapping[str, Finding]) -> dict[str, Finding]:
    """What is only possible is the cause where something is wrong that it expressly explains: an incident of the provider's own.

    One that shows elsewhere by its own name is proven by that name alone: a shared mailbox's blocked account by a sign-in that says
    so. Mail stops then where the first thing that it explains stops it.
    """
    wrong = [name for name in _by(findings, State.WRONG) if steps[name].essential]
    found = dict(findings)
    for name in _by(findings, State.POSSIBLE):
        own, explains = findings[name].cause, steps[name].explains
        proofs = explains & {own} or explains
        able = [each for each in wrong if findings[each].cause in proofs and name in ancestors(each, steps)]
        if able:
            stops = min((station(steps[each], findings[each]) for each in able), key=WAY.index)
            found[name] = replace(findings[name], state=State.WRONG, facts=findings[name].facts | {"station": str(stops)})
    return found


def _by(findings: Mapping[str, Finding], *states: State) -> tuple[str, ...]:
    return tuple(name for name, finding in findings.items() if finding.state in states)


def _healed(name: str, steps: Mapping[str, Step], findings: Mapping[str, Finding]) -> bool:
    """Whether what failed is known to have gone well since."""
    later = [findings[each] for each in steps[name].healed_by if each in findings and findings[each].state is State.OK]
    failed = _moment(findings[name], "since")
    return failed is not None and any((well := _moment(each, "at")) is not None and well > failed for each in later)


def _nearest(name: str, wrong: Collection[str], steps: Mapping[str, Step], findings: Mapping[str, Finding]) -> str:
    """The wrong finding that explains this one, the earliest on the mail's way, or the empty string.

    It explains only what it can bring about: its own cause seen from elsewhere, one of its ``explains``, or a failure without a code.
    """
    code = findings[name].cause
    able = {each for each in ancestors(name, steps) & set(wrong) if code in VAGUE or code in {findings[each].cause, *steps[each].explains}}
    return min(able, key=lambda each: _order(steps[each], findings[each], steps), default="")


def _root(name: str, above: Mapping[str, str]) -> str:
    while above[name]:
        name = above[name]
    return name


def ancestors(name: str, steps: Mapping[str, Step]) -> set[str]:
    """Every fact that explains this one, near or far. What a step merely needs to be looked at explains nothing."""
    return set(_ancestors(name, tuple((n, s.because) for n, s in steps.items())))


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


def station(step: Step, finding: Finding) -> Station:
    """Where mail stops: what was found may say so more exactly than the step (a blocked sign-in stops answers, not arrivals)."""
    return Station(finding.facts["station"]) if "station" in finding.facts else step.station


def _order(step: Step, finding: Finding, steps: Mapping[str, Step]) -> tuple[int, int]:
    return WAY.index(station(step, finding)), list(steps).index(step.name)


def _moment(finding: Finding, fact: str) -> datetime | None:
    try:
        return datetime.fromisoformat(finding.facts.get(fact, ""))
    except ValueError:
        return None
