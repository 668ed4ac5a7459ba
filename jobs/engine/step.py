"""What a step is: one fact that must be true about the channel.

A new step is one module in :mod:`jobs.steps`, its texts, and its test. The engine, the plan, the progress card, the list of
permissions and the docs page find it by themselves.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import ClassVar

from jobs.clock import now
from jobs.clouds.errors import CloudError
from jobs.clouds.single_flight import ReadCache, SingleFlight
from jobs.mail.message_trace import Trace
from jobs.microsoft.discovery_cache import DiscoveryCache
from jobs.microsoft.exchange import CmdletRunner
from jobs.microsoft.graph import Graph
from jobs.model import Access, Change, Channel, Finding, Profile, Scope, State, Station, Text, Turn, verbatim
from jobs.runs.channel_index import ChannelIndex
from jobs.runs.run import RecordedChange, Run
from jobs.runs.run_store import RunStore
from jobs.settings import Settings
from jobs.storage.vault import Vault

REQUIRED_ELSEWHERE = Text("seen.demanded")
"""What is there before a change that a cloud asked for, although its step's own look found nothing to do."""


@dataclass(slots=True)
class StepContext:
    """What a step may use. ``run`` is where the run stands now; the engine replaces it after every event.

    ``access`` is with whose eyes Microsoft is seen; ``once`` are reads that several channels of one round make once.
    ``documents`` are Microsoft's public documents, as far as they are known.
    """

    run: Run
    settings: Settings
    store: RunStore
    vault: Vault
    graph: Graph
    exchange: CmdletRunner
    trace: Callable[[], Trace]
    looking: bool = False
    access: Access = Access.ADMIN
    reads: SingleFlight = field(default_factory=SingleFlight)
    documents: DiscoveryCache = field(default_factory=DiscoveryCache)

    @property
    def channel(self) -> Channel:
        """The channel the run is about."""
        return self.run.channel

    @property
    def channels(self) -> ChannelIndex:
        """Who holds which channel, and what was proven."""
        return self.store.channels

    @property
    def many(self) -> bool:
        """Whether many channels are looked at in one go: what is asked for each of them has to be little."""
        return isinstance(self.reads, ReadCache)

    def fact(self, name: str) -> str:
        """A value that an earlier step found."""
        return self.run.fact(name)

    def pause(self, step: str, seconds: tuple[float, ...]) -> float:
        """How long to wait before the next look: the n-th of the pauses, and the last one from then on."""
        return seconds[min(self.run.waits.get(step, 0), len(seconds) - 1)]


class Step(ABC):
    """One fact. Subclasses say what it is; only :meth:`inspect` may call it done.

    ``needs`` are steps that must hold before this one can even be looked at; ``after`` are steps that must be settled before
    this one is changed. One that ``foresees`` is looked at for a plan also where what it needs is not there yet. ``reads`` and ``writes`` are the permissions it takes, machine-readable (docs/permissions.md is made
    of them). ``automatic`` is false for what only a person can do or prove: such a step is no part of a plan. ``free`` is true for
    a step whose :meth:`apply` changes nothing in the tenant and needs no approval. ``asks`` names a question that must be answered
    before the step is changed, beside the approval, ``anew`` one whose answer asks for the change once more. ``demands`` says by
    which cause a cloud refuses the change until another step's is made, whatever that one's look has said. ``line`` names the step
    in whose line of the progress card this one is shown. Where ``carries_answers``, no answer leaves without it: a fix that changes it
    proves itself by a login and an answer. For ``/undo``: ``final`` is what can be made anew, but never as it was, and of what is
    ``noted`` the plan says more than its old value.

    For ``/check``: ``checked`` says that it is looked at there, ``access`` what that takes, ``station`` where on its way the mail
    stops if it does not hold; one that is not ``essential`` only warns, and so do the cause codes in ``harmless``, with which mail
    flows all the same (:meth:`weighed`). ``because`` are facts that may explain it, ``explains`` the cause codes that it brings about
    elsewhere, and a failure from before something in ``healed_by`` went well is history. What only may be the cause is none
    where something in ``disproved_by`` holds, and counts as ``once_disproved``; what is :meth:`doubted` only may be one. ``lags`` is how
    long after a token has died this may still go well, by what the token bought before. ``settling`` tells what a failure by one of
    these causes is called where this holds by now: set right takes its time.
    """

    name: ClassVar[str]
    article_row: ClassVar[str]
    group: ClassVar[str]
    needs: ClassVar[tuple[str, ...]] = ()
    after: ClassVar[tuple[str, ...]] = ()
    inspect_unmet: ClassVar[bool] = False
    profiles: ClassVar[frozenset[Profile]] = frozenset(Profile)
    reads: ClassVar[tuple[str, ...]] = ()
    writes: ClassVar[tuple[str, ...]] = ()
    automatic: ClassVar[bool] = True
    unapproved: ClassVar[bool] = False
    required_answer: ClassVar[str] = ""
    repeat_on: ClassVar[str] = ""
    prerequisites: ClassVar[Mapping[str, str]] = {}
    shown_in: ClassVar[str] = ""
    carries_answers: ClassVar[bool] = False
    irreversible: ClassVar[bool] = False
    undo_note: ClassVar[bool] = False
    checked: ClassVar[bool] = False
    essential: ClassVar[bool] = True
    harmless: ClassVar[frozenset[str]] = frozenset()
    access: ClassVar[Access] = Access.ADMIN
    station: ClassVar[Station] = Station.ANSWER
    because: ClassVar[tuple[str, ...]] = ()
    healed_by: ClassVar[tuple[str, ...]] = ()
    disproved_by: ClassVar[tuple[str, ...]] = ()
    once_disproved: ClassVar[State] = State.OK
    lags: ClassVar[timedelta] = timedelta(0)
    explains: ClassVar[frozenset[str]] = frozenset()
    settling: ClassVar[Mapping[str, str]] = {}

    @abstractmethod
    async def inspect(self, ctx: StepContext) -> Finding:
        """Look at the fact; change nothing.

        Raises:
            CloudError: the cloud could not be asked; the engine turns it into a finding.
        """

    def plan(self, ctx: StepContext, finding: Finding) -> tuple[Change, ...]:
        """What :meth:`apply` would change, given what was found. Empty: this step cannot mend it, or needs no approval."""
        return ()

    async def apply(self, ctx: StepContext, finding: Finding) -> None:
        """Make the fact true. Safe to repeat: look first, natural keys.

        Raises:
            CloudError: as for :meth:`inspect`.
        """
        raise NotImplementedError

    async def inspect_undo(self, ctx: StepContext, past: RecordedChange) -> Finding:
        """Whether what the channel's runs changed is back as it was: ok; wrong where :meth:`undo` would put it back.

        A warning where somebody else has changed it since, skipped where it cannot or must not be put back: both stay as they are.

        Raises:
            CloudError: as for :meth:`inspect`.
        """
        return self.skipped(Text(f"skipped.undo_{self.name}"))

    def undo_command(self, ctx: StepContext, past: RecordedChange) -> str:
        """What :meth:`undo` does, in PowerShell or Graph, for the plan."""
        raise NotImplementedError

    async def undo(self, ctx: StepContext, past: RecordedChange) -> None:
        """Put back what was there, or remove what was made. Safe to repeat, as :meth:`apply` is.

        Raises:
            CloudError: as for :meth:`inspect`.
        """
        raise NotImplementedError

    def compare_with_recorded(self, past: RecordedChange, values: dict[str, str], seen: str, made: dict[str, str]) -> Finding:
        """For :meth:`undone`: the values as they are now (``seen`` in words), against how they were and how the runs left them.

        ``made`` are the values that :meth:`apply` sets: where no run read back what it had left, they count in its place.
        Some as they were and the others as the runs left them is an undo that was cut off halfway, not somebody else's change.
        """
        left = past.values_after or made
        if values == past.values_before:
            return self.ok(Text("seen.undo_back", {"seen": seen}))
        if any(value not in {left.get(name), past.values_before.get(name)} for name, value in values.items()):
            return self.left_alone(Text("seen.undo_changed_since", {"seen": seen}))
        return self.wrong(past.change.after if past.values_after else verbatim(seen))

    def left_alone(self, seen: Text) -> Finding:
        """For :meth:`undone`: somebody else has changed it since, so it stays."""
        return Finding(self.name, State.WARNING, seen=seen)

    def explain_error(self, ctx: StepContext, error: CloudError) -> Finding | None:
        """What an error of :meth:`apply` means where this step knows better than the engine."""
        return None

    def causes_elsewhere(self, cause: str) -> frozenset[str]:
        """The cause codes elsewhere that this fact explains where it is wrong for this ``cause``."""
        return self.explains

    def is_uncertain(self, finding: Finding, findings: Mapping[str, Finding]) -> bool:
        """Whether what is wrong only may be the channel's, as long as no other finding says so, too."""
        return False

    def disproved(self, finding: Finding) -> Finding:
        """What it counts as where something shows that it is no cause."""
        return replace(finding, state=self.once_disproved)

    def as_check_result(self, finding: Finding) -> Finding:
        """What a check makes of it: what is not as it was asked for but does not stop mail is a warning. A setup and a fix mend it."""
        flows = not self.essential or finding.cause in self.harmless
        return replace(finding, state=State.WARNING) if flows and finding.state is State.WRONG else finding

    def change(self, before: Text, after: Text, scope: Scope, command: str) -> Change:
        """One reversible line of the plan about this step's object."""
        return Change(self.name, self.article_row, Text(f"step.{self.name}"), before, after, scope, command)

    def ok(self, seen: Text | None = None, **facts: str) -> Finding:
        """The fact holds."""
        return Finding(self.name, State.OK, seen=seen, facts=facts)

    def wrong(self, seen: Text, *, cause: str = "", **facts: str) -> Finding:
        """The fact does not hold; what was expected stands in the catalogue under the step's name."""
        return Finding(self.name, State.WRONG, seen=seen, expected=Text(f"expected.{self.name}"), cause=cause, facts=facts)

    def possible(self, seen: Text, cause: str, **facts: str) -> Finding:
        """It may explain that mail stops, but need not: no setup is held up by it, and a check looks for what would prove it."""
        return replace(self.wrong(seen, cause=cause, **facts), state=State.POSSIBLE)

    def waits_for(self, turn: Turn, seen: Text | None = None, *, cause: str = "", again_s: float = 0, **facts: str) -> Finding:
        """A person is waited for, or the clock; ``again_s`` is when to look again by ourselves, in seconds."""
        until: datetime | None = now() + timedelta(seconds=again_s) if again_s else None
        return Finding(self.name, State.WAITING, seen=seen, cause=cause, waiting_for=turn, until=until, facts=facts)

    def skipped(self, reason: Text) -> Finding:
        """The fact is left out, with a reason; never counted as ok."""
        return Finding(self.name, State.SKIPPED, seen=reason)


class Probe(Step):
    """Looked at by ``/check`` alone."""

    group: ClassVar[str] = "probe"
    automatic: ClassVar[bool] = False
    checked: ClassVar[bool] = True
