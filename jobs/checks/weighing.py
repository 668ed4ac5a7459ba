"""What a finding counts for beside the others: history, harmless, or more than it looks.

A finding says by its facts what only it knows: ``since`` is from when on something fails, where that is known; ``harmless_after`` is
from when on a success disproves it, where that is another moment; ``disproved_by`` are the names of what does, where that depends on what was found,
also of what is wrong until then; ``shown_by`` is the fact of that success which tells when, where it is not ``at``; ``as_of`` names the finding
whose ``elsewhere_since`` says from when on, and without which nothing does;
``token_lives`` is set where what failed leaves the token in use alone (a person's own attempt, a server that only the bot cannot reach).
What is wrong and doubted (:meth:`jobs.engine.step.Step.doubted`) counts as possible.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from jobs import clock
from jobs.engine.step import Step
from jobs.model import Finding, State

Steps = Mapping[str, Step]
Findings = Mapping[str, Finding]


def weigh(steps: Steps, findings: Findings) -> dict[str, Finding]:
    """The findings that count, without those that are history, and with what is only possible judged by what disproves it."""
    return {name: _reconsider(name, steps, findings) for name in findings if not _superseded(name, steps, findings)}


def pending(name: str, steps: Steps, findings: Findings) -> set[str]:
    """What could still show that this is history, or harmless: before that nothing is certain."""
    return {each for each in (*steps[name].healed_by, *_disproof(name, steps, findings)) if each in steps}


def moment(finding: Finding, fact: str) -> datetime | None:
    """The moment in a fact, or None where there is none."""
    return clock.parse(finding.facts.get(fact))


def _reconsider(name: str, steps: Steps, findings: Findings) -> Finding:
    finding = findings[name]
    if finding.state is State.WRONG and steps[name].is_uncertain(finding, findings):
        finding = replace(finding, state=State.POSSIBLE)
    if finding.state is not State.POSSIBLE and (finding.state is not State.WRONG or "disproved_by" not in finding.facts):
        return finding
    well = any(_succeeded_since(each, name, steps, findings) for each in _disproof(name, steps, findings)) or _superseded_nearer(
        name, steps, findings
    )
    return steps[name].disproved(finding) if well else finding


def _superseded_nearer(name: str, steps: Steps, findings: Findings) -> bool:
    """Whether the same is history where it is seen from nearer: then it is here, too."""
    same = (each for each in steps[name].because if each in findings and findings[each].cause == findings[name].cause)
    return any(findings[each].state is State.WRONG and _superseded(each, steps, findings) for each in same)


def _disproof(name: str, steps: Steps, findings: Findings) -> tuple[str, ...]:
    named = findings[name].facts.get("disproved_by")
    return steps[name].disproved_by if named is None else tuple(named.split())


def _superseded(name: str, steps: Steps, findings: Findings) -> bool:
    """Whether what failed is known to have gone well since."""
    failed = {"since", "harmless_after"} & findings[name].facts.keys()
    return bool(failed) and any(_succeeded_since(each, name, steps, findings) for each in steps[name].healed_by)


def _succeeded_since(healer: str, name: str, steps: Steps, findings: Findings) -> bool:
    """Whether that holds, and late enough: what says no moment was tried at this very look, and is newer than anything.

    An answer may still leave by a token that has died since; where the token lives, it proves at once, unless a mail waits for one.
    """
    good, failed = findings.get(healer), findings[name]
    if good is None or good.state is not State.OK:
        return False
    if "at" not in good.facts:
        return True
    begun, well = _begun(failed, findings), moment(good, failed.facts.get("shown_by", "at"))
    if begun is None or well is None:
        return False
    if "token_lives" in failed.facts:
        return well > begun and "unanswered" not in good.facts
    return well > begun + steps[healer].lags


def _begun(failed: Finding, findings: Findings) -> datetime | None:
    """From when on a success tells."""
    if "as_of" in failed.facts:
        told = findings.get(failed.facts["as_of"])
        return moment(told, "elsewhere_since") if told else None
    return moment(failed, "harmless_after") or moment(failed, "since")
