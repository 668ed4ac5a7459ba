"""Base class of steps: a step is one fact that must be true about the channel.

A new step consists of a row and a module in :mod:`jobs.steps`, its texts, and its test. The engine,
the plan, the progress card, the list of permissions and the docs page discover it.
"""

from __future__ import annotations

import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, TypedDict, Unpack, get_type_hints

import msgspec

from jobs.causes.cause import Cause
from jobs.clock import now
from jobs.clouds.errors import CloudError
from jobs.engine.context import StepContext
from jobs.engine.diagnosis import NOT_CHECKED, Diagnosis
from jobs.model import Change, Evidence, Finding, Profile, Reason, Scope, Signals, State, Text, Turn


class _Facts(TypedDict, total=False):
    """Further parts of a finding."""

    cause: str
    evidence: tuple[Evidence, ...]
    facts: dict[str, str]
    values: dict[str, str]
    signals: Signals


class _Line(TypedDict, total=False):
    """Further parts of a line of the plan."""

    note: Text | None
    warning: bool
    reversible: bool
    overwrites: bool


@dataclass(frozen=True, slots=True)
class Line:
    """Line of the plan, as far as it is the same for every channel.

    ``before`` and ``after`` are keys of texts. Without them the line shows the finding's own words
    and the text ``after.NAME``. With ``note`` it has the text ``note.NAME``. ``undo`` is the
    command of an undo.
    """

    scope: Scope = Scope.APP
    command: str = ""
    before: str = ""
    after: str = ""
    note: bool = False
    warning: bool = False
    reversible: bool = True
    undo: str = ""


GROUPS = {"E": "entra", "M": "microsoft", "C": "connect", "V": "connect"}
"""Parts of the progress card, by the first letter of the article's rows in it."""


class Step(ABC):
    """Fact about a channel that must be true, as a step of a run.

    A subclass defines the fact; only :meth:`inspect` may report it as done. A step that can be
    undone derives from :class:`jobs.engine.undo.Undoable`, and a step that only a check
    inspects from :class:`Probe`. The attribute :attr:`diagnosis` says how a check weighs its
    findings.
    """

    name: str
    article_row: str
    """Row of the article that the step belongs to. It decides the step's place in the order."""
    needs: tuple[str, ...] = ()
    """Steps that must hold before this one can be looked at."""
    after: tuple[str, ...] = ()
    """Steps that must be settled before this one is changed."""
    reads: tuple[str, ...] = ()
    """Permissions that a look at the step needs (docs/permissions.md is made of them)."""
    writes: tuple[str, ...] = ()
    """Permissions that the step's change needs."""
    profiles: frozenset[Profile] = frozenset(Profile)
    diagnosis: Diagnosis = NOT_CHECKED
    """Weighing of the step's findings; without it the step is not part of ``/check``."""

    automatic: bool = True
    """False if only a person can do or prove the step. Such a step is no part of a plan."""
    unapproved: bool = False
    """True if :meth:`apply` changes nothing in the tenant, so that the step needs no approval."""
    required_answer: str = ""
    """A question that must be answered before the change, in addition to the approval."""
    asks: str = "look"
    """Kind of action (:mod:`jobs.next_action`) that a person is asked for while the step waits."""
    asks_if_stuck: str = ""
    """The same if a known cause has stopped the step's mail or answer; empty if it is the same."""
    returns_with: str = ""
    """Question that is answered when somebody has done what the step waits for.

    The answer is a press of a button, or a browser that came back from Microsoft. Until the step is
    looked at again, nobody is asked for the same action once more.
    """
    repeat_on: str = ""
    """Question whose answer requests the change once more."""
    inspect_unmet: bool = False
    """True if a plan looks at the step even if the object that the step needs is not there yet."""
    prerequisites: Mapping[str, str] = MappingProxyType({})
    """Step that a cloud requires to be changed first, by the cause with which the cloud refuses."""
    doubted_by: frozenset[Cause] = frozenset()
    """Causes with which other steps fail if this fact stops being true; then it is read again."""
    passes: tuple[str, ...] = ()
    """Settled steps whose facts the mail passes, read again before it and while it is due."""
    deleted_cause: str = ""
    """Cause if somebody deleted the object that the run made; empty if nobody looks for that."""
    shown_in: str = ""
    """Step in whose line of the progress card this step is shown."""
    replicates: bool = False
    """True if the change makes an object in Exchange, which is a 404 for some minutes."""
    baselines: tuple[str, ...] = ()
    """Rules of security baselines that the step's change contradicts.

    Sources: CIPP-API Invoke-CIPPStandardDisableBasicAuthSMTP, CIS Microsoft 365 Foundations, CISA
    ScubaGear baselines/exo.md. CIPP's EXODisableAutoForwarding changes the Default policy only.
    """
    line: Line | None = None
    """Line of the plan; None for a step that is not in a plan, or makes its lines itself."""
    carries_answers: bool = False
    """True if no answer leaves without this fact, so a fix proves it by a login and an answer."""

    def __init_subclass__(cls, row: str = "") -> None:
        """Name a step, and set what its row in ``steps.toml`` of its package says."""
        super().__init_subclass__()
        if row:
            cls.name, types = row, get_type_hints(cls)
            for name, value in rows_of(cls.__module__.rpartition(".")[0])[row].items():
                setattr(cls, name, msgspec.convert(value, types[name]))

    @property
    def group(self) -> str:
        """Return the part of the progress card that shows the step."""
        return GROUPS[self.article_row[0]]

    @abstractmethod
    async def inspect(self, ctx: StepContext) -> Finding:
        """Inspect the fact and change nothing; the engine turns a CloudError into a finding."""

    def plan(self, ctx: StepContext, finding: Finding) -> tuple[Change, ...]:
        """Return the changes of :meth:`apply`; none if it cannot, or needs no approval."""
        return (self.planned(finding),) if self.line else ()

    async def apply(self, ctx: StepContext, finding: Finding) -> None:
        """Make the fact true; idempotent, because it looks first and uses natural keys."""
        raise NotImplementedError

    def explain_error(self, ctx: StepContext, error: CloudError) -> Finding | None:
        """Return a finding for an error that this step understands better, or None."""
        return None

    def change(
        self, before: Text | None, after: Text, scope: Scope, command: str, **more: Unpack[_Line]
    ) -> Change:
        """Return a line of the plan; without ``before`` nothing is there yet."""
        before, what = before or Text("seen.none"), Text(f"step.{self.name}")
        return Change(self.name, self.article_row, what, before, after, scope, command, **more)

    def planned(
        self, finding: Finding, command: str = "", after: Text | None = None, **values: str
    ) -> Change:
        """Return the line of the table, with these values in its text ``after``."""
        line = self.line or Line()
        return self.change(
            Text(line.before) if line.before else finding.seen,
            after or Text(line.after or f"after.{self.name}", values),
            line.scope,
            command or line.command,
            note=Text(f"note.{self.name}") if line.note else None,
            warning=line.warning,
            reversible=line.reversible,
        )

    def _finding(self, state: State, seen: Text | Reason | None, **more: Unpack[_Facts]) -> Finding:
        reason, words = (seen, seen.text()) if isinstance(seen, Reason) else (None, seen)
        more["facts"] = dict(more.get("facts", {}))
        return Finding(self.name, state, words, reason=reason, **more)

    def ok(self, seen: Text | None = None, **more: Unpack[_Facts]) -> Finding:
        return self._finding(State.OK, seen, **more)

    def wrong(self, seen: Text | Reason, **more: Unpack[_Facts]) -> Finding:
        """Return that the fact does not hold; the catalog expects it by the step's name."""
        found = self._finding(State.WRONG, seen, **more)
        return replace(found, expected=Text(f"expected.{self.name}"))

    def possible(self, seen: Text | Reason, **more: Unpack[_Facts]) -> Finding:
        """Return that the fact may stop mail: a setup goes on, and a check looks for proof."""
        return replace(self.wrong(seen, **more), state=State.POSSIBLE)

    def waits_for(
        self,
        turn: Turn,
        seen: Text | Reason | None = None,
        *,
        again_s: float = 0,
        **more: Unpack[_Facts],
    ) -> Finding:
        """Return that the step waits, to be read again in ``again_s`` seconds; 0 means not."""
        until = now() + timedelta(seconds=again_s) if again_s else None
        found = self._finding(State.WAITING, seen, **more)
        return replace(found, waiting_for=turn, until=until)

    def skipped(self, why: Text | Reason, **more: Unpack[_Facts]) -> Finding:
        """Return the finding that the step was skipped; it never counts as OK."""
        return self._finding(State.SKIPPED, why, **more)

    def left_alone(self, seen: Text) -> Finding:
        """Return a warning that an object stays: somebody changed it, or it may not be removed."""
        return self._finding(State.WARNING, seen)


class Probe(Step):
    """Step that only ``/check`` inspects."""

    group = "probe"
    automatic = False
    diagnosis = Diagnosis()


@cache
def rows_of(package: str) -> dict[str, dict[str, Any]]:
    """Return the rows of the package's table of steps, by name."""
    table: dict[str, dict[str, Any]] = msgspec.toml.decode(
        (files(package) / "steps.toml").read_bytes()
    )
    return table


def collected(package: str, path: Iterable[str]) -> dict[str, Step]:
    """Return the steps of a package's modules by name: each class that has a name of its own."""
    modules = [
        importlib.import_module(f"{package}.{each.name}") for each in pkgutil.iter_modules(path)
    ]
    steps = (
        kind()
        for module in modules
        for kind in vars(module).values()
        if isinstance(kind, type)
        and kind.__module__ == module.__name__
        and issubclass(kind, Step)
        and "name" in vars(kind)
    )
    return {step.name: step for step in sorted(steps, key=lambda step: step.name)}
