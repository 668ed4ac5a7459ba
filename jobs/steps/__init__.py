"""The facts of the article, one module each, found by themselves: a new step is a new module here."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from jobs.model import Profile
from jobs.run import Run
from jobs.step import Step

ORDER = ("C1", "C2", "E1", "E2", "E3", "E4", "E5", "E6", "E7", "M1", "M2", "M3", "M4", "M5", "C3", "C4", "C5", "C6", "C7", "V1", "V2", "V3")
"""The article's rows in its order; every row from C1 to V3 has at least one step."""
FORM = frozenset({"mailbox_fields", "app_fields", "address_fields", "token"})


@cache
def all_steps() -> dict[str, Step]:
    """Every step by its name, in the order of the article's rows."""
    modules = (importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__))
    steps = [kind() for module in modules for kind in vars(module).values() if _is_step(kind, module.__name__)]
    return {step.name: step for step in sorted(steps, key=lambda step: (ORDER.index(step.row), step.name))}


def steps_for(profile: Profile) -> dict[str, Step]:
    """The steps of a permission profile."""
    return {name: step for name, step in all_steps().items() if profile in step.profiles}


def steps_of(run: Run) -> dict[str, Step]:
    """The steps of a run: all of them for a setup; for a fix what can be mended, the form if there is a new secret, and the proof."""
    steps = steps_for(run.channel.profile)
    if run.kind != "fix":
        return steps
    renewed = run.plan is not None and any(change.step == "client_secret" for change in run.plan.changes)
    wanted = {"test_mail"} | (FORM if renewed else set())
    return {name: step for name, step in steps.items() if (step.automatic and not step.asks) or name in wanted}


def _is_step(kind: object, module: str) -> bool:
    return isinstance(kind, type) and issubclass(kind, Step) and kind.__module__ == module and not kind.__name__.startswith("_")
