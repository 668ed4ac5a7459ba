"""Kinds of steps, each one fact that must be true about the channel, and what a step may use.

A new step consists of a row and a module in :mod:`jobs.steps`, or in :mod:`jobs.probes` if only a
check looks at it, its texts, and its test. The engine, the plan, the progress card, the list of
permissions and the docs page discover it.
"""

import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Iterable, Mapping, Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, TypedDict, Unpack, get_type_hints

import msgspec

from jobs.causes.cause import Cause
from jobs.clock import now, paced
from jobs.clouds.errors import AlreadyExists, CloudError
from jobs.clouds.rate_limit import SingleFlight
from jobs.mail.message_trace import Trace
from jobs.microsoft.exchange import InvokeCommand, command_text
from jobs.microsoft.graph import Graph
from jobs.model import (
    Access,
    Change,
    Channel,
    Evidence,
    Finding,
    Profile,
    Reason,
    RunKind,
    Scope,
    Signals,
    State,
    Station,
    Text,
    Turn,
)
from jobs.runs.run import RecordedChange, Run
from jobs.runs.run_store import RunStore
from jobs.settings import Settings
from jobs.storage.vault import Vault

Words = Text | Reason
"""What a finding says: a text, or a reason that code decides by, which has a text."""


@dataclass(slots=True)
class StepContext:
    """Everything that a step may use; the engine replaces ``run`` after every event.

    Microsoft is read with ``access``. ``memo`` has what the steps or channels of a check share.
    ``many`` is whether these are many channels, so that each must need few requests.
    """

    run: Run
    settings: Settings
    store: RunStore
    vault: Vault
    graph: Graph
    exchange: InvokeCommand
    trace: Callable[[], Trace]
    looking: bool = False
    access: Access = Access.ADMIN
    memo: SingleFlight = field(default_factory=SingleFlight)
    many: bool = False

    @property
    def channel(self) -> Channel:
        return self.run.channel

    @property
    def by_hand(self) -> bool:
        """Return whether people made the channel: what only a setup records is unknown."""
        return self.run.brief.by_hand

    @property
    def checks(self) -> bool:
        """Return whether the run only checks: it asks nobody, waits for nothing and warns."""
        return self.run.kind is RunKind.CHECK

    def fact(self, name: str) -> str:
        return self.run.fact(name)

    def answered_at(self, question: str) -> datetime | None:
        answer = self.run.answers.get(question)
        return answer.at if answer else None

    def began_within(self, step: str, time: timedelta) -> bool:
        made = self.run.changed.get(step)
        return made is not None and abs(now() - made.begun) < time

    def pause(self, step: str, seconds: tuple[float, ...]) -> float:
        """Return the n-th of these pauses, or the last one, before the next inspection."""
        return paced(seconds[min(self.run.waits.get(step, 0), len(seconds) - 1)])


class _Facts(TypedDict, total=False):
    cause: str
    evidence: tuple[Evidence, ...]
    facts: dict[str, str]
    values: dict[str, str]
    signals: Signals


@dataclass(frozen=True, slots=True)
class Line:
    """Line of the plan, as far as it is the same for every channel.

    ``before`` and ``after`` are keys of texts. Without them the line shows the finding's own words
    and the text ``after.NAME``. With ``note`` it has the text ``note.NAME``.
    """

    scope: Scope = Scope.APP
    command: str = ""
    before: str = ""
    after: str = ""
    note: bool = False
    warning: bool = False
    reversible: bool = True
    undo: str = ""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Place of a step in the search for a root cause; a subclass can judge by the finding."""

    checked: bool = True
    """True if ``/check`` looks at the step."""
    access: Access = Access.ADMIN
    """Kind of access that a look at the step needs."""
    station: Station = Station.ANSWER
    """Station on the mail's way at which mail stops if the fact does not hold."""
    stops_mail: bool = True
    """True if mail stops when the fact does not hold. If false, every failure is only a warning."""
    warnings: frozenset[str] = frozenset()
    """Causes that are only warnings; the empty code is a failure without a code."""
    caused_by: tuple[str, ...] = ()
    """Steps whose failure may explain a failure of this one."""
    explains: AbstractSet[Cause] = frozenset()
    """Causes of other steps that a failure of this one brings about."""
    alike: AbstractSet[Cause] = frozenset()
    """Causes of this step for which it explains only these causes."""
    superseded_by: tuple[str, ...] = ()
    """Steps whose later success shows that a failure of this step is over."""
    disproved_by: tuple[str, ...] = ()
    """Steps whose success shows that a merely possible cause is not the cause."""
    state_if_disproved: State = State.OK
    """State of a merely possible cause after a step in ``disproved_by`` has succeeded."""
    grace: timedelta = timedelta(0)
    """Time for which an access token from before the refresh token's end may be valid."""
    settling: Mapping[str, Cause] = field(default_factory=dict)
    """Causes of failures of other steps, with their names while this step's change spreads."""
    settled: Mapping[str, Cause] = field(default_factory=dict)
    """The same, with their names once the change must have spread (fact ``settled``)."""

    def as_check_result(self, finding: Finding) -> Finding:
        """Return the finding as a check counts it: what does not stop mail is a warning."""
        if finding.state is State.WRONG and (not self.stops_mail or finding.cause in self.warnings):
            return replace(finding, state=State.WARNING)
        return finding

    def causes_elsewhere(self, cause: str) -> AbstractSet[Cause]:
        """Return the causes of other steps that this one explains if it is wrong for ``cause``."""
        return self.alike if cause in self.alike else self.explains

    def is_uncertain(self, finding: Finding, findings: Mapping[str, Finding]) -> bool:
        """Return whether a failure counts as possible only, unless another finding confirms it."""
        return False

    def among(self, finding: Finding, findings: Mapping[str, Finding]) -> Finding:
        """Return the finding as it counts among the other findings, on which it may depend."""
        return finding

    def disproved(self, finding: Finding) -> Finding:
        return replace(finding, state=self.state_if_disproved)


GROUPS = {"E": "entra", "M": "microsoft", "C": "connect", "V": "connect"}
"""Parts of the progress card, by the first letter of the article's rows in it."""


_KINDS: "dict[tuple[str, str], type[Step]]" = {}
"""Classes of the steps, by package and name."""


class Step(ABC):
    """Fact about a channel that must be true; only :meth:`inspect` may report it as done."""

    name: str
    article_row: str
    """Row of the article that the step belongs to, which cards show."""
    needs: tuple[str, ...] = ()
    """Steps that must hold before this one can be looked at."""
    after: tuple[str, ...] = ()
    """Steps that must be settled before this one is changed."""
    reads: tuple[str, ...] = ()
    """Permissions that a look at the step needs (docs/permissions.md is made of them)."""
    writes: tuple[str, ...] = ()
    """Permissions that the step's change needs."""
    profiles: frozenset[Profile] = frozenset(Profile)
    diagnosis: Diagnosis = Diagnosis(checked=False)
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

    Until the step is looked at again, nobody is asked for the same action once more.
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
        """Name a step, and set what its row in the table of its package says."""
        super().__init_subclass__()
        if row:
            package, types = cls.__module__.rpartition(".")[0], get_type_hints(cls)
            cls.name, _KINDS[package, row] = row, cls
            for name, value in rows_of(package)[row].items():
                setattr(cls, name, msgspec.convert(value, types[name]))

    @property
    def group(self) -> str:
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

    def planned(
        self, finding: Finding, command: str = "", after: Text | None = None, **values: str
    ) -> Change:
        """Return the line of the table, with these values in its text ``after``."""
        line = self.line or Line()
        return Change(
            self.name,
            self.article_row,
            Text(f"step.{self.name}"),
            (Text(line.before) if line.before else finding.seen) or Text("seen.none"),
            after or Text(line.after or f"after.{self.name}", values),
            line.scope,
            command or line.command,
            note=Text(f"note.{self.name}") if line.note else None,
            warning=line.warning,
            reversible=line.reversible,
        )

    def _finding(self, state: State, seen: Words | None, **more: Unpack[_Facts]) -> Finding:
        reason, words = (seen, seen.text()) if isinstance(seen, Reason) else (None, seen)
        more["facts"] = dict(more.get("facts", {}))
        return Finding(self.name, state, words, reason=reason, **more)

    def ok(self, seen: Text | None = None, **more: Unpack[_Facts]) -> Finding:
        return self._finding(State.OK, seen, **more)

    def wrong(self, seen: Words, **more: Unpack[_Facts]) -> Finding:
        """Return that the fact does not hold; the catalog expects it by the step's name."""
        found = self._finding(State.WRONG, seen, **more)
        return replace(found, expected=Text(f"expected.{self.name}"))

    def possible(self, seen: Words, **more: Unpack[_Facts]) -> Finding:
        """Return that the fact may stop mail: a setup goes on, and a check looks for proof."""
        return replace(self.wrong(seen, **more), state=State.POSSIBLE)

    def waits_for(
        self, turn: Turn, seen: Words | None = None, *, again_s: float = 0, **more: Unpack[_Facts]
    ) -> Finding:
        """Return that the step waits, to be read again in ``again_s`` seconds; 0 means not."""
        until = now() + timedelta(seconds=again_s) if again_s else None
        return replace(self._finding(State.WAITING, seen, **more), waiting_for=turn, until=until)

    def skipped(self, why: Words, **more: Unpack[_Facts]) -> Finding:
        """Return the finding that the step was skipped; it never counts as OK."""
        return self._finding(State.SKIPPED, why, **more)

    def left_alone(self, seen: Text) -> Finding:
        """Return a warning that an object stays: somebody changed it, or it may not be removed."""
        return self._finding(State.WARNING, seen)


class Probe(Step):
    """Step that only ``/check`` inspects. Its ``article_row`` may be any name."""

    group = "probe"
    automatic = False
    diagnosis = Diagnosis()


class Undoable(Step):
    """Step whose change can be undone: ``inspect`` finds the values that ``apply`` changes."""

    irreversible: bool = False
    """True if the object can be made again, but never exactly as it was."""
    undo_note: bool = False
    """True if the line of the plan carries the text ``note.undo_NAME``."""

    @abstractmethod
    async def inspect_undo(self, ctx: StepContext, past: RecordedChange) -> Finding:
        """Return whether the changes of the channel's runs are undone.

        OK is as it was, and wrong can be restored by :meth:`undo`. What somebody else has changed
        since (a warning) or must not be restored (skipped) stays.
        """

    def undo_command(self, ctx: StepContext, past: RecordedChange) -> str:
        """Return the PowerShell or Graph command that :meth:`undo` runs, for the plan."""
        return self.line.undo.format(object_id=ctx.fact("object_id")) if self.line else ""

    @abstractmethod
    async def undo(self, ctx: StepContext, past: RecordedChange) -> None:
        """Restore the value from before the change, or remove the created object; idempotent."""

    def removed(self, past: RecordedChange, left: object) -> Finding:
        """Return whether nothing is left of an object that the runs made."""
        return self.wrong(past.change.after) if left else self.ok(Text("seen.undo_removed"))

    def compare_with_recorded(
        self, past: RecordedChange, values: dict[str, str], seen: str, made: dict[str, str]
    ) -> Finding:
        """Compare the current ``values``, whose text is ``seen``, with the recorded ones.

        ``made`` are the values that :meth:`apply` sets, in case no run has read them back. A mix of
        values from before and after the runs is an interrupted undo, not another person's change.
        """
        left, before = past.values_after or made, past.values_before
        if values == before:
            return self.ok(Text("seen.undo_back", {"seen": seen}))
        if any(value not in {left.get(name), before.get(name)} for name, value in values.items()):
            return self.left_alone(Text("seen.undo_changed_since", {"seen": seen}))
        return self.wrong(Text("seen.undo_now", {"seen": seen}))


Cmdlet = tuple[str, dict[str, object]]
"""Cmdlet of Exchange, and its parameters, of which an Identity comes first."""


class ExchangeStep(Undoable):
    """Step that runs cmdlets, which its line of the plan shows, too."""

    @abstractmethod
    def cmdlets(self, ctx: StepContext, finding: Finding) -> list[Cmdlet]:
        """Return the cmdlets that make the fact true."""

    @abstractmethod
    def undo_cmdlets(self, ctx: StepContext, past: RecordedChange) -> list[Cmdlet]:
        """Return the cmdlets that restore the values from before the change."""

    def plan(self, ctx: StepContext, finding: Finding) -> tuple[Change, ...]:
        return (self.planned(finding, shown(self.cmdlets(ctx, finding))),)

    def apply(self, ctx: StepContext, finding: Finding) -> Coroutine[Any, Any, None]:
        return self.run_cmdlets(ctx, self.cmdlets(ctx, finding))

    def undo_command(self, ctx: StepContext, past: RecordedChange) -> str:
        return shown(self.undo_cmdlets(ctx, past))

    def undo(self, ctx: StepContext, past: RecordedChange) -> Coroutine[Any, Any, None]:
        return self.run_cmdlets(ctx, self.undo_cmdlets(ctx, past))

    async def run_cmdlets(self, ctx: StepContext, cmdlets: list[Cmdlet]) -> None:
        """Run the cmdlets, which are not atomic: a second attempt completes the first."""
        for cmdlet, parameters in cmdlets:
            with suppress(AlreadyExists):
                await ctx.exchange.run(cmdlet, parameters)


def shown(cmdlets: list[Cmdlet]) -> str:
    """Return the cmdlets as a person may paste them, one a line."""
    return "\n".join(command_text(cmdlet, parameters) for cmdlet, parameters in cmdlets)


@cache
def reachable(name: str, graph: tuple[tuple[str, tuple[str, ...]], ...]) -> frozenset[str]:
    """Return the other names of the graph to which its edges lead from ``name``, step by step."""
    edges, seen, todo = dict(graph), set[str](), [name]
    while todo:
        fresh = [each for each in edges.get(todo.pop(), ()) if each in edges and each not in seen]
        seen.update(fresh)
        todo += fresh
    return frozenset(seen - {name})


@cache
def rows_of(package: str) -> dict[str, dict[str, Any]]:
    """Return the rows of ``steps.toml`` of ``jobs.steps``, or of ``probes.toml`` of the probes."""
    text = (files(package) / f"{package.rpartition('.')[2]}.toml").read_text()
    return msgspec.toml.decode(text, type=dict[str, dict[str, Any]])


def collected(package: str, path: Iterable[str]) -> dict[str, Step]:
    """Return the steps of all modules of the package by name, in the order of its table."""
    for each in pkgutil.iter_modules(path):
        importlib.import_module(f"{package}.{each.name}")
    return {name: _KINDS[package, name]() for name in rows_of(package)}
