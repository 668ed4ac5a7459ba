"""Read-only checks that ``/check`` runs in addition to the setup steps."""

from functools import cache

from jobs.engine.step import Step, collected
from jobs.model import Access, Profile
from jobs.steps import steps_for


@cache
def all_probes() -> dict[str, Step]:
    return dict(sorted(collected(__name__, __path__).items()))


@cache
def checks_for(profile: Profile) -> dict[str, Step]:
    """Return the steps and probes that ``/check`` runs, by name.

    Probes that need no sign-in come first, because they answer first. The steps and the other
    probes follow.
    """
    steps = {name: step for name, step in steps_for(profile).items() if step.diagnosis.checked}
    every = {**all_probes(), **steps}.items()
    return dict(sorted(every, key=lambda each: each[1].diagnosis.access is not Access.NONE))
