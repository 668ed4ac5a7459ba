"""Registry of steps and probes, which are discovered: a new one is a new module in its folder."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Collection, Iterable, Iterator, Mapping

from jobs.causes.cause import CAUSES
from jobs.engine.step import Step


class UnknownNameError(ValueError):
    """Error because a table of the code names a step that does not exist."""


def found_in(package: str, path: Iterable[str]) -> Iterator[Step]:
    """Yield a module's steps; a class with an underscore is a base class for others."""
    for each in pkgutil.iter_modules(path):
        module = importlib.import_module(f"{package}.{each.name}")
        for kind in vars(module).values():
            is_step = isinstance(kind, type) and issubclass(kind, Step)
            if is_step and kind.__module__ == module.__name__ and kind.__name__[0] != "_":
                yield kind()


def by_name(steps: Iterable[Step]) -> dict[str, Step]:
    """Return the steps by their name, in the same order.

    Raises:
        UnknownNameError: a name is used twice, a step has no article row, or a class sets an
            attribute that steps do not have, such as a misspelled one.
    """
    found: dict[str, Step] = {}
    for step in steps:
        if step.name in found:
            raise UnknownNameError(f"{step.name}: two steps have this name")
        if not getattr(step, "article_row", ""):
            raise UnknownNameError(f"{step.name}: article_row is missing")
        if odd := _unknown_attributes(type(step)):
            raise UnknownNameError(f"{step.name}: unknown attributes {', '.join(sorted(odd))}")
        found[step.name] = step
    return found


def _unknown_attributes(kind: type[Step]) -> set[str]:
    """Return the public values that a class sets without declaring them by a type."""
    *bases, _object = kind.__mro__
    declared = {name for base in bases for name in base.__annotations__}
    code = (property, classmethod, staticmethod)
    return {
        name
        for name, value in vars(kind).items()
        if not (name.startswith("_") or callable(value) or isinstance(value, code))
    } - declared


def verified(steps: Mapping[str, Step]) -> dict[str, Step]:
    """Return the steps, if each step that they name exists.

    Diagnoses are not checked here, because they may also name probes.
    """
    for step in steps.values():
        for attribute in ("needs", "after"):
            require_steps(f"{step.name}.{attribute}", getattr(step, attribute), steps)
        require_steps(f"{step.name}.shown_in", {step.shown_in} - {""}, steps)
        require_steps(f"{step.name}.prerequisites", step.prerequisites.values(), steps)
    return dict(steps)


def verified_diagnoses(steps: Mapping[str, Step]) -> dict[str, Step]:
    """Return the steps and probes, if their diagnoses and the causes name no others."""
    for step in steps.values():
        for attribute in ("caused_by", "superseded_by", "disproved_by"):
            names = getattr(step.diagnosis, attribute)
            require_steps(f"{step.name}.{attribute}", names, steps)
    for cause, entry in CAUSES.items():
        require_steps(f"{cause}.shown_by", entry.shown_by, steps)
        require_steps(f"{cause}.fixed_by", entry.fixed_by, steps)
    return dict(steps)


def require_steps(place: str, names: Iterable[str], known: Collection[str]) -> None:
    """Check that every name is a step. ``place`` is the name of the table in the error."""
    if unknown := sorted({*names} - {*known}):
        message = f"{place}: unknown steps {', '.join(unknown)}"
        raise UnknownNameError(message)
