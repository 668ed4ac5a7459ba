"""Context that a step uses while it inspects or changes a channel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from jobs.clock import now, paced
from jobs.clouds.rate_limit import SingleFlight
from jobs.mail.message_trace import Trace
from jobs.microsoft.exchange import InvokeCommand
from jobs.microsoft.graph import Graph
from jobs.model import Access, Channel, RunKind
from jobs.runs.channel_index import ChannelIndex
from jobs.runs.run import Run
from jobs.runs.run_store import RunStore
from jobs.settings import Settings
from jobs.storage.vault import Vault


@dataclass(slots=True)
class StepContext:
    """Everything that a step may use.

    ``run`` is the current state of the run; the engine replaces it after every event. ``access`` is
    the access that Microsoft is read with. ``reads`` caches what the steps or the channels of one
    check share, and ``many`` is whether these are many channels, so that each must need few
    requests.
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
    reads: SingleFlight = field(default_factory=SingleFlight)
    many: bool = False

    @property
    def channel(self) -> Channel:
        return self.run.channel

    @property
    def channels(self) -> ChannelIndex:
        return self.store.channels

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
        return made is not None and now() - made.begun < time

    def pause(self, step: str, seconds: tuple[float, ...]) -> float:
        """Return the n-th of these pauses, or the last one, before the next inspection."""
        return paced(seconds[min(self.run.waits.get(step, 0), len(seconds) - 1)])
