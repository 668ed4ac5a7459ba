"""A probe: a step that can only be inspected (DESIGN.md, the words)."""

from __future__ import annotations

from typing import ClassVar

from jobs.step import Step


class Probe(Step):
    """Looked at by ``/check`` alone."""

    group: ClassVar[str] = "probe"
    automatic: ClassVar[bool] = False
    checked: ClassVar[bool] = True
