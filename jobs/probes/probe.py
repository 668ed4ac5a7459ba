"""Base class of the probes, each of which has a row in ``probes.toml``."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import ClassVar

import msgspec

from jobs.engine import step
from jobs.engine.diagnosis import Diagnosis

ROWS = tomllib.loads((files(__package__) / "probes.toml").read_text("utf-8"))


class Probe(step.Probe):
    """Probe whose article's row, conditions, permissions and diagnosis are in the table."""

    weighed_by: ClassVar[type[Diagnosis]] = Diagnosis

    def __init_subclass__(cls) -> None:
        """Take the values from the table if the class has a name of its own."""
        if "name" in vars(cls):
            row = ROWS[cls.name]
            cls.article_row = row["row"]
            cls.needs, cls.reads = (tuple(row.get(each, ())) for each in ("needs", "reads"))
            cls.diagnosis = msgspec.convert(row, cls.weighed_by)
