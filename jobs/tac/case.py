"""What a case for Cisco TAC is about: the channel, what a person said, and what the bot saw."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from jobs.model import Channel, Person, Text
from jobs.runs.run import Event, Run

Say = Callable[[Text], str]
"""Gives a text of the catalogue; nothing for a key that it does not know."""


@dataclass(frozen=True, slots=True)
class Screenshot:
    """A screenshot as it was posted; ``ending`` is png, jpg or gif."""

    ending: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Report:
    """What the requester said: ids as Webex Connect shows them, and what was seen there."""

    by: Person
    resource_id: str = ""
    transaction_id: str = ""
    seen: str = ""


@dataclass(frozen=True, slots=True)
class RunHistory:
    """A run with its history."""

    run: Run
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class TacCase:
    """Everything that goes in. ``check`` is the newest one, ``setup`` the run that connected the mailbox; None where there is none."""

    channel: Channel
    reported: Report
    at: datetime
    setup: RunHistory | None = None
    check: RunHistory | None = None
    picture: Screenshot | None = None

    @property
    def histories(self) -> dict[str, RunHistory | None]:
        """Return both runs by what they are called in the file."""
        return {"check": self.check, "setup": self.setup}

    @property
    def runs(self) -> dict[str, Run]:
        """Return the runs that there are."""
        return {name: past.run for name, past in self.histories.items() if past}
