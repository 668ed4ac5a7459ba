"""What a fault is: a cause of the facts as a change of the practice world, and what a check should make of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Final

from practice.faults.fault_context import Ground

TRACED: Final = "trace"
"""The object of what shows by the trace of a mail alone: nearly everything else keeps it from being seen, so it is no half of a pair."""
NDR: Final = "learn.microsoft.com/exchange/troubleshoot/email-delivery/ndr"
"""Where the codes of a bounce stand that facts/ does not have: the pages on non-delivery reports in Exchange Online."""


class Level(StrEnum):
    """What a check can make of it.

    CAUSE: the first line names it. NOTED: mail flows, or nobody can be certain; the card names it below. UNSEEN: it lies inside
    Webex Connect where nothing outside shows it; the check must neither call the channel proven nor blame anything else.
    NOTHING: the channel is right, and the check must not say otherwise.
    """

    CAUSE = "cause"
    NOTED = "noted"
    UNSEEN = "unseen"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Fault:
    """A cause under a name.

    ``source`` is the place in facts/, ``expects`` the cause codes that are right, the best one first, ``stops`` the station of
    the mail's way where mail ends (empty: it goes on), ``on`` the object that is broken (see :mod:`practice.faults.pairs`),
    ``set_up`` what was answered on the first card, where the channel has to be another one for this. ``alone`` says that nobody signs in
    to the check.
    """

    name: str
    source: str
    what: str
    apply: Callable[[Ground], None]
    expects: tuple[str, ...] = ()
    stops: str = ""
    on: str = ""
    level: Level = Level.CAUSE
    set_up: dict[str, str] = field(default_factory=dict)
    alone: bool = False

    def public(self) -> dict[str, Any]:
        """For the control routes and the docs page."""
        return {name: value for name, value in asdict(self).items() if name != "apply"}
