"""Root cause of a check: the wrong findings that no other wrong finding explains.

docs/glossary.md has the terms.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache

from jobs.causes.cause import Cause
from jobs.checks.weighing import pending, weigh
from jobs.engine.inspector import needs_sign_in
from jobs.engine.step import Step
from jobs.model import Finding, Signals, State, Station

MAIL_PATH = tuple(Station)
PROOFS = ("copies", "answers")
UNSPECIFIC = frozenset(
    {
        Cause.MAIL_NOT_DELIVERED,
        Cause.SIGN_IN_FAILED,
        Cause.CONNECT_LOGIN_FAILED,
        Cause.CONNECT_SMTP_FAILED,
    }
) | {""}


@dataclass(frozen=True, slots=True)
class Verdict:
    """Result of a check, as names of findings.

    ``causes`` are ordered: the cause that stops mail earliest comes first. ``symptoms`` maps each
    symptom to the cause that explains it. ``since`` is when the first cause, or one of its
    symptoms, began. ``weighed`` are the findings after weighing (:mod:`jobs.checks.weighing`).
    """

    causes: tuple[str, ...]
    symptoms: dict[str, str]
    possible: tuple[str, ...]
    warnings: tuple[str, ...]
    skipped: tuple[str, ...]
    stops: Station | None
    since: datetime | None
    weighed: dict[str, Finding] = field(default_factory=dict)


def judge(
    steps: Mapping[str, Step], findings: Mapping[str, Finding], *, done: bool = True
) -> Verdict:
    """Return the verdict from the findings, and from the steps, which know their own symptoms.

    Before the check is ``done``, a failure is not yet a cause if a finding is missing that could
    explain it or show that it is over.
    """
    count = promote_possible(steps, weigh(steps, findings))
    above = _explained(_wrong(steps, count), steps, count)
    roots = _root_causes(above)
    certain = (
        roots
        if done
        else tuple(
            name
            for name in roots
            if (ancestors(name, steps) | pending(name, steps, findings)) <= findings.keys()
        )
    )
    causes = _unique(certain, count)
    possible = _explained(_by(count, State.POSSIBLE), steps, count)
    symptoms = _symptoms(above | possible)
    warnings = _by(count, State.WARNING) + tuple(
        name for name in _by(count, State.WRONG) if not steps[name].diagnosis.stops_mail
    )
    return Verdict(
        causes=causes,
        symptoms=symptoms,
        possible=_root_causes(possible),
        warnings=warnings,
        skipped=_by(count, State.SKIPPED, State.UNKNOWN),
        stops=station(steps[causes[0]], count[causes[0]]) if causes else None,
        since=_since(causes[:1], symptoms, count),
        weighed=count | _settling(causes, steps, count) | _not_read(causes, steps, count),
    )


def mail_flows(findings: Mapping[str, Finding]) -> bool:
    """Return whether copies were seen to reach Webex Connect, and answers to leave."""
    return all(name in findings and proves(findings[name]) for name in PROOFS) and not any(
        map(has_overdue_mail, findings.values())
    )


def proves(finding: Finding) -> bool:
    """Return whether the finding shows that mail passed and that no mail is overdue."""
    return finding.state is State.OK and not has_overdue_mail(finding)


def has_overdue_mail(finding: Finding) -> bool:
    """Return whether mail is waiting that should have passed by now."""
    return finding.signals.unanswered is not None or finding.signals.unproven is not None


def promote_possible(
    steps: Mapping[str, Step], findings: Mapping[str, Finding]
) -> dict[str, Finding]:
    """Return the findings, with possible causes made certain if they explain a wrong finding.

    A possible cause becomes certain if something is wrong that it explicitly explains, for example
    an incident of the provider. A possible cause that also appears elsewhere under its own name is
    proven only by that name, for example a shared mailbox's blocked account by a sign-in that
    reports it. Mail then stops at the first finding that it explains. With the fact ``proven`` it
    takes the cause of that finding. A failure without a specific code proves no possible cause by
    name. It is attributed to the only finding that may explain it.
    """
    wrong, found = _wrong(steps, findings), dict(findings)
    for name in _by(findings, State.POSSIBLE):
        if able := _proving(name, wrong, steps, findings):
            proof = able[0] if findings[name].signals.proven else name
            found[name] = _blame(able, findings[proof].cause, findings[name], steps, findings)
    return found | _only_explanation(wrong, steps, found)


def _proving(
    name: str, wrong: Iterable[str], steps: Mapping[str, Step], findings: Mapping[str, Finding]
) -> list[str]:
    """Return the wrong findings whose cause codes prove that a possible finding is the cause."""
    explains = steps[name].diagnosis.explains
    proofs = (explains & {findings[name].cause} or explains) - UNSPECIFIC
    return [
        each for each in wrong if findings[each].cause in proofs and name in ancestors(each, steps)
    ]


def _blame(
    able: Collection[str],
    cause: str,
    finding: Finding,
    steps: Mapping[str, Step],
    findings: Mapping[str, Finding],
) -> Finding:
    stops = min((station(steps[each], findings[each]) for each in able), key=MAIL_PATH.index)
    return replace(
        finding, state=State.WRONG, cause=cause, signals=finding.signals | Signals(station=stops)
    )


def _only_explanation(
    wrong: Collection[str], steps: Mapping[str, Step], findings: Mapping[str, Finding]
) -> dict[str, Finding]:
    """Return the possible findings that alone may explain a failure without a specific code.

    None of the findings that may explain the failure is certain, unread, or still missing.
    """
    found: dict[str, Finding] = {}
    for name in _root_causes(_explained(wrong, steps, findings)):
        for only in _single_possible(_may_explain(name, steps, findings), findings):
            found[only] = _blame([name], findings[only].cause, findings[only], steps, findings)
    return found


def _single_possible(able: Collection[str], findings: Mapping[str, Finding]) -> list[str]:
    """Return the only possible finding of these, none if one could not be read."""
    possible = in_state(able, findings, State.POSSIBLE)
    read = findings.keys() >= set(able) and not _has_unread(able, findings)
    return possible if read and len(possible) == 1 else []


def _may_explain(
    name: str, steps: Mapping[str, Step], findings: Mapping[str, Finding]
) -> list[str]:
    """Return the steps that say they explain a failure without a specific code."""
    code = findings[name].cause
    return [
        each
        for each in ancestors(name, steps)
        if code in UNSPECIFIC & steps[each].diagnosis.explains
    ]


def _unread(finding: Finding) -> bool:
    """Return whether a person with more permissions could read the fact of this finding."""
    return finding.state is State.UNKNOWN or needs_sign_in(finding)


def _not_read(
    causes: Collection[str], steps: Mapping[str, Step], findings: Mapping[str, Finding]
) -> dict[str, Finding]:
    """Return the causes without a specific code whose possible explanation was not read.

    Each gets the cause ``what_stops_mail_not_read``, because it cannot be treated as a separate cause.
    """
    return {
        name: replace(findings[name], cause=Cause.WHAT_STOPS_MAIL_NOT_READ)
        for name in causes
        if _has_unread(_may_explain(name, steps, findings), findings)
    }


def _has_unread(names: Iterable[str], findings: Mapping[str, Finding]) -> bool:
    return any(_unread(findings[name]) for name in names if name in findings)


def _settling(
    causes: Collection[str], steps: Mapping[str, Step], findings: Mapping[str, Finding]
) -> dict[str, Finding]:
    """Return the causes whose explanation has been fixed, with the cause for that case.

    Such a failure is older than the fix, or the change has not been replicated everywhere yet.
    """
    told: dict[str, Finding] = {}
    for name in causes:
        if instead := _name_while_settling(name, steps, findings):
            told[name] = replace(findings[name], cause=instead)
    return told


def _name_while_settling(
    name: str, steps: Mapping[str, Step], findings: Mapping[str, Finding]
) -> str:
    """Return the cause that a failure gets if the step that may explain it is right by now.

    The result is an empty string if no such step gives a cause.
    """
    right = in_state(ancestors(name, steps), findings, State.OK)
    names = (steps[each].diagnosis.settling.get(findings[name].cause) for each in right)
    return next(filter(None, names), "")


def _wrong(steps: Mapping[str, Step], findings: Mapping[str, Finding]) -> list[str]:
    """Return the essential findings that are wrong, in the order of the mail's path."""
    wrong = (name for name in _by(findings, State.WRONG) if steps[name].diagnosis.stops_mail)
    return sorted(wrong, key=lambda each: _order(steps[each], findings[each], steps))


def _explained(
    names: Iterable[str], steps: Mapping[str, Step], findings: Mapping[str, Finding]
) -> dict[str, str]:
    """Return each name with the wrong finding that explains it, or ''."""
    wrong = _wrong(steps, findings)
    return {name: _nearest(name, wrong, steps, findings) for name in names}


def _root_causes(above: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(name for name, parent in above.items() if not parent)


def _symptoms(above: Mapping[str, str]) -> dict[str, str]:
    return {name: _root(name, above) for name, parent in above.items() if parent}


def _by(findings: Mapping[str, Finding], *states: State) -> tuple[str, ...]:
    return tuple(name for name, finding in findings.items() if finding.state in states)


def in_state(names: Iterable[str], findings: Mapping[str, Finding], *states: State) -> list[str]:
    return [name for name in names if name in findings and findings[name].state in states]


def _since(
    causes: tuple[str, ...], symptoms: Mapping[str, str], findings: Mapping[str, Finding]
) -> datetime | None:
    """Return when the first of these causes, or of their symptoms, began."""
    own_symptoms = (name for name, root in symptoms.items() if root in causes)
    theirs = (*causes, *in_state(own_symptoms, findings, State.WRONG))
    return min(filter(None, (findings[name].signals.since for name in theirs)), default=None)


def _nearest(
    name: str, wrong: Collection[str], steps: Mapping[str, Step], findings: Mapping[str, Finding]
) -> str:
    """Return the wrong finding that explains this one, or an empty string if none does.

    If several do, the result is the earliest on the mail's path. A finding explains only three
    kinds of causes: its own cause seen from elsewhere, one of its ``explains``, and a failure
    without a specific code. A possible or disprovable finding is not a second cause if the same
    cause is certain elsewhere.
    """
    above = ancestors(name, steps).intersection(wrong)
    able = {each for each in above if findings[name].cause in _brings_about(each, steps, findings)}
    if findings[name].state is State.POSSIBLE or findings[name].signals.disproved_by is not None:
        same = {each for each in wrong if findings[each].cause == findings[name].cause}
        able |= {each for each in same - {name} if name not in ancestors(each, steps)}
    return min(able, key=lambda each: _order(steps[each], findings[each], steps), default="")


def _brings_about(
    name: str, steps: Mapping[str, Step], findings: Mapping[str, Finding]
) -> frozenset[str]:
    """Return the causes that a failure produces in other findings.

    They are its own cause, those that it explains, and a failure without a code.
    """
    own = findings[name].cause
    return UNSPECIFIC | {own} | steps[name].diagnosis.causes_elsewhere(own)


def _root(name: str, above: Mapping[str, str]) -> str:
    while above[name]:
        name = above[name]
    return name


def ancestors(name: str, steps: Mapping[str, Step]) -> set[str]:
    """Return every step that explains this one, directly or indirectly.

    A step that is only a precondition for reading another one explains nothing.
    """
    return set(_ancestors(name, tuple((n, s.diagnosis.caused_by) for n, s in steps.items())))


@cache
def _ancestors(name: str, graph: tuple[tuple[str, tuple[str, ...]], ...]) -> frozenset[str]:
    edges, seen, todo = dict(graph), set[str](), [name]
    while todo:
        fresh = [each for each in edges.get(todo.pop(), ()) if each in edges and each not in seen]
        seen.update(fresh)
        todo += fresh
    return frozenset(seen - {name})


def _unique(causes: tuple[str, ...], findings: Mapping[str, Finding]) -> tuple[str, ...]:
    """Return each cause once, at its first position."""
    by_cause: dict[str, str] = {}
    for name in causes:
        by_cause.setdefault(findings[name].cause or name, name)
    return tuple(by_cause.values())


def station(step: Step, finding: Finding) -> Station:
    """Return where mail stops; a finding may know better: a blocked sign-in stops answers."""
    return finding.signals.station or step.diagnosis.station


def _order(step: Step, finding: Finding, steps: Mapping[str, Step]) -> tuple[int, int]:
    return MAIL_PATH.index(station(step, finding)), list(steps).index(step.name)
