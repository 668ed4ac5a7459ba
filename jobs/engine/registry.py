"""Steps and probes are found by themselves: a new one is a new module in its folder."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Iterator

from jobs.engine.step import Step


def found_in(package: str, path: Iterable[str]) -> Iterator[Step]:
    """One of each step that a module of the package defines; names that begin with an underscore are for the others to build upon."""
    for each in pkgutil.iter_modules(path):
        module = importlib.import_module(f"{package}.{each.name}")
        yield from (kind() for kind in vars(module).values() if _is_step(kind, module.__name__))


def _is_step(kind: object, module: str) -> bool:
    return isinstance(kind, type) and issubclass(kind, Step) and kind.__module__ == module and not kind.__name__.startswith("_")
