"""What a finding counts for beside the others: history, harmless, or more than it looks.

A step says by its :class:`jobs.engine.diagnosis.Diagnosis` which other steps may show that, and a finding by its
:class:`jobs.model.Signals` since when. A failure that is uncertain
(:meth:`jobs.engine.diagnosis.Diagnosis.is_uncertain`) counts as possible.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from jobs.engine.step import Step
from jobs.model import Finding, State

Steps = Mapping[str, Step]
Findings = Mapping[str, Finding]


def weigh(steps: Steps, findings: Findings) -> dict[str, Finding]:
    """The findings that count, without those that are history, and with what is only possible judged by what disproves it."""
    return {name: _reconsider(name, steps, findings) for name in findings if not _superseded(name, steps, findings)}


def pending(name: str, steps: Steps, findings: Findings) -> set[str]:
    """What could still show that this is history, or harmless: before that nothing is certain."""
    return {each for each in (*steps[name].diagnosis.superseded_by, *_disproof(name, steps, findings)) if each in steps}


def _reconsider(name: str, steps: Steps, findings: Findings) -> Finding:
    finding = findings[name]
    if finding.state is State.WRONG and steps[name].diagnosis.is_uncertain(finding, findings):
        finding = replace(finding, state=State.POSSIBLE)
    if finding.state is not State.POSSIBLE and (finding.state is not State.WRONG or finding.signals.disproved_by is None):
        return finding
    well = any(_succeeded_since(each, name, steps, findings) for each in _disproof(name, steps, findings)) or _superseded_nearer(
        name, steps, findings
    )
    return steps[name].diagnosis.disproved(finding) if well else finding


def _superseded_nearer(name: str, steps: Steps, findings: Findings) -> bool:
    """Whether the same is history where it is seen from nearer: then it is here, too."""
    same = (each for each in steps[name].diagnosis.caused_by if each in findings and findings[each].cause == findings[name].cause)
    return any(findings[each].state is State.WRONG and _superseded(each, steps, findings) for each in same)


def _disproof(name: str, steps: Steps, findings: Findings) -> tuple[str, ...]:
    named = findings[name].signals.disproved_by
    return steps[name].diagnosis.disproved_by if named is None else named


def _superseded(name: str, steps: Steps, findings: Findings) -> bool:
    """Whether what failed is known to have gone well since."""
    failed = findings[name].signals.harmless_after or findings[name].signals.since
    later = steps[name].diagnosis.superseded_by if failed else ()
    return any(_succeeded_since(each, name, steps, findings) for each in later)


def _succeeded_since(healer: str, name: str, steps: Steps, findings: Findings) -> bool:
    """Whether that holds, and late enough: what says no moment was tried at this very look, and is newer than anything.

    An answer may still leave by a token that has died since; where the token lives, it proves at once, unless a mail waits for one.
    """
    good, failed = findings.get(healer), findings[name]
    if good is None or good.state is not State.OK:
        return False
    if good.signals.at is None:
        return True
    begun, well = _begun(failed, findings), _shown(good, failed)
    if begun is None or well is None:
        return False
    if failed.signals.token_lives:
        return well > begun and good.signals.unanswered is None
    return well > begun + steps[healer].diagnosis.grace


def _shown(good: Finding, failed: Finding) -> datetime | None:
    """Return the moment of the success that tells about this failure."""
    return good.signals.at if failed.signals.shown_by == "at" else good.signals.generated_at


def _begun(failed: Finding, findings: Findings) -> datetime | None:
    """From when on a success tells."""
    if failed.signals.as_of:
        told = findings.get(failed.signals.as_of)
        return told.signals.elsewhere_since if told else None
    return failed.signals.harmless_after or failed.signals.since
