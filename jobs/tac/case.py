"""Contents of a case for Cisco TAC: the channel, a person's report, and the bot's findings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from jobs.model import Channel, Person, Text
from jobs.runs.run import Event, Run

Say = Callable[[Text], str]
"""Function that returns a text of the catalog, or an empty string for an unknown key."""


@dataclass(frozen=True, slots=True)
class Screenshot:
    """Screenshot as a person posted it; ``ending`` is png, jpg or gif."""

    ending: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Report:
    """Requester's report for Cisco TAC: IDs as Webex Connect shows them, and the symptoms.

    ``looked`` are the places of a search for missing mail, each with what was seen there.
    """

    by: Person
    resource_id: str = ""
    transaction_id: str = ""
    seen: str = ""
    looked: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class RunHistory:
    run: Run
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class TacCase:
    """All data of a case for Cisco TAC.

    ``check`` is the newest check, and ``setup`` the run that connected the mailbox. Each is None if
    it does not exist.
    """

    channel: Channel
    reported: Report
    at: datetime
    setup: RunHistory | None = None
    check: RunHistory | None = None
    picture: Screenshot | None = None

    @property
    def histories(self) -> dict[str, RunHistory | None]:
        return {"check": self.check, "setup": self.setup}

    @property
    def runs(self) -> dict[str, Run]:
        return {name: past.run for name, past in self.histories.items() if past}
