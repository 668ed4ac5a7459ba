"""Weight of a finding compared to the others: history, harmless, or more serious than it seems.

The step's :class:`jobs.engine.diagnosis.Diagnosis` names the other steps that may disprove it, and
the finding's :class:`jobs.model.Signals` says since when. A failure that is uncertain
(:meth:`jobs.engine.diagnosis.Diagnosis.is_uncertain`) counts as possible.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from jobs.engine.step import Step
from jobs.model import Finding, State

Steps = Mapping[str, Step]
Findings = Mapping[str, Finding]


def weigh(steps: Steps, findings: Findings) -> dict[str, Finding]:
    """Return the findings that count, without those that are history.

    Possible findings are changed if another finding disproves them.
    """
    return {
        name: _reconsider(name, steps, findings)
        for name in findings
        if not _superseded(name, steps, findings)
    }


def pending(name: str, steps: Steps, findings: Findings) -> set[str]:
    """Return the steps that could still show that this finding is history or harmless.

    Before they are inspected, nothing is certain.
    """
    return {
        each
        for each in (*steps[name].diagnosis.superseded_by, *_disproof(name, steps, findings))
        if each in steps
    }


def _reconsider(name: str, steps: Steps, findings: Findings) -> Finding:
    finding = _as_certain(name, steps, findings)
    if _can_be_disproved(finding) and (
        _any_succeeded_since(_disproof(name, steps, findings), name, steps, findings)
        or _superseded_nearer(name, steps, findings)
    ):
        return steps[name].diagnosis.disproved(finding)
    return finding


def _as_certain(name: str, steps: Steps, findings: Findings) -> Finding:
    """Return the finding as it counts: a failure that is uncertain becomes only possible."""
    finding = steps[name].diagnosis.among(findings[name], findings)
    uncertain = finding.state is State.WRONG and steps[name].diagnosis.is_uncertain(
        finding, findings
    )
    return replace(finding, state=State.POSSIBLE) if uncertain else finding


def _can_be_disproved(finding: Finding) -> bool:
    return finding.state is State.POSSIBLE or (
        finding.state is State.WRONG and finding.signals.disproved_by is not None
    )


def _superseded_nearer(name: str, steps: Steps, findings: Findings) -> bool:
    """Return whether the same cause nearer to the source is history, and so this one."""
    seen = (each for each in steps[name].diagnosis.caused_by if each in findings)
    return any(
        _is_same_failure(findings[each], findings[name]) and _superseded(each, steps, findings)
        for each in seen
    )


def _is_same_failure(nearer: Finding, finding: Finding) -> bool:
    return nearer.state is State.WRONG and nearer.cause == finding.cause


def _disproof(name: str, steps: Steps, findings: Findings) -> tuple[str, ...]:
    named = findings[name].signals.disproved_by
    return steps[name].diagnosis.disproved_by if named is None else named


def _superseded(name: str, steps: Steps, findings: Findings) -> bool:
    failed = findings[name].signals.harmless_after or findings[name].signals.since
    later = steps[name].diagnosis.superseded_by if failed else ()
    return _any_succeeded_since(later, name, steps, findings)


def _any_succeeded_since(
    healers: Iterable[str], name: str, steps: Steps, findings: Findings
) -> bool:
    return any(_succeeded_since(each, name, steps, findings) for each in healers)


def _succeeded_since(healer: str, name: str, steps: Steps, findings: Findings) -> bool:
    """Return whether ``healer`` succeeded late enough after the failure.

    A finding without a time was tested in this very check, so it is newer than any other. An answer
    may still leave with a token that has expired since, so the step's ``lags`` is added. If the
    token lives, the success proves it at once, unless a mail waits for an answer.
    """
    good = findings.get(healer)
    if good is None or good.state is not State.OK:
        return False
    return good.signals.at is None or _is_late_enough(
        good, findings[name], findings, steps[healer].diagnosis.grace
    )


def _is_late_enough(good: Finding, failed: Finding, findings: Findings, grace: timedelta) -> bool:
    """Return whether a success is enough newer than a failure to disprove it.

    Any later time is enough if the token in use works and no mail waits.
    """
    begun = _begun(failed, findings)
    well = good.signals.at if failed.signals.shown_by == "at" else good.signals.generated_at
    if begun is None or well is None:
        return False
    if failed.signals.token_lives:
        return well > begun and good.signals.unanswered is None
    return well > begun + grace


def _begun(failed: Finding, findings: Findings) -> datetime | None:
    """Return the time after which a success disproves the failure, or None if it is not known."""
    if failed.signals.as_of:
        told = findings.get(failed.signals.as_of)
        return told.signals.elsewhere_since if told else None
    return failed.signals.harmless_after or failed.signals.since
