"""Facts that can only be looked at: what ``/check`` asks beside the steps of setup. One module each, found by themselves."""

from __future__ import annotations

from functools import cache

from jobs.engine.registry import found_in
from jobs.engine.step import Step
from jobs.model import Access, Profile
from jobs.steps import steps_for


@cache
def all_probes() -> dict[str, Step]:
    """Every probe by its name."""
    return {probe.name: probe for probe in sorted(found_in(__name__, __path__), key=lambda probe: probe.name)}


def checks_for(profile: Profile) -> dict[str, Step]:
    """What ``/check`` looks at: the probes that need no sign-in first, as they answer first, then steps and the other probes."""
    steps = {name: step for name, step in steps_for(profile).items() if step.checked}
    by_access = sorted({**all_probes(), **steps}.items(), key=lambda each: each[1].access is not Access.NONE)
    return dict(by_access)
