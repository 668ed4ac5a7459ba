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
        yield from (kind() for kind in vars(module).values() if _is_step(kind, module.__name__))


def _is_step(kind: object, module: str) -> bool:
    return (
        isinstance(kind, type)
        and issubclass(kind, Step)
        and kind.__module__ == module
        and not kind.__name__.startswith("_")
    )


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
    return {name for name, value in vars(kind).items() if _is_value(name, value)} - declared


def _is_value(name: str, value: object) -> bool:
    is_code = callable(value) or isinstance(value, property | classmethod | staticmethod)
    return not name.startswith("_") and not is_code


def verified(steps: Mapping[str, Step]) -> dict[str, Step]:
    """Return the steps, if each step that they name exists.

    Diagnoses are not checked here, because they may also name probes.

    Raises:
        UnknownNameError: a step names a step that does not exist.
    """
    for step in steps.values():
        _require(
            step,
            {
                "needs": step.needs,
                "after": step.after,
                "shown_in": {step.shown_in} - {""},
                "prerequisites": step.prerequisites.values(),
            },
            steps,
        )
    return dict(steps)


def verified_diagnoses(steps: Mapping[str, Step]) -> dict[str, Step]:
    """Return the steps and probes, if their diagnoses and the causes name no others.

    Raises:
        UnknownNameError: a diagnosis or a cause names a step that does not exist.
    """
    for step in steps.values():
        _require(
            step,
            {
                "caused_by": step.diagnosis.caused_by,
                "superseded_by": step.diagnosis.superseded_by,
                "disproved_by": step.diagnosis.disproved_by,
            },
            steps,
        )
    for cause, entry in CAUSES.items():
        require_steps(f"{cause}.shown_by", entry.shown_by, steps)
        require_steps(f"{cause}.fixed_by", entry.fixed_by, steps)
    return dict(steps)


def _require(step: Step, named: Mapping[str, Iterable[str]], known: Collection[str]) -> None:
    for attribute, names in named.items():
        require_steps(f"{step.name}.{attribute}", names, known)


def require_steps(place: str, names: Iterable[str], known: Collection[str]) -> None:
    """Check that every name is a step. ``place`` is the name of the table in the error.

    Raises:
        UnknownNameError: one of them is not a step.
    """
    if unknown := sorted({*names} - {*known}):
        message = f"{place}: unknown steps {', '.join(unknown)}"
        raise UnknownNameError(message)
