"""Model of a fault: a change of the practice world, and the result that a check should give."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Final

from practice.faults.fault_context import FaultContext

TRACED: Final = "trace"
"""Object of the faults that only the trace of a mail shows.

Almost every other fault hides such faults, so they are not used in pairs.
"""
NDR: Final = "learn.microsoft.com/exchange/troubleshoot/email-delivery/ndr"
"""Source of bounce codes that docs/platforms lacks: Microsoft's pages on non-delivery reports."""


class Level(StrEnum):
    """Result that a check can give for a fault.

    * CAUSE: the first line of the card names the fault.
    * NOTED: mail flows, or the cause is not certain, and the card names the fault below.
    * UNSEEN: the fault is inside Webex Connect and cannot be seen from outside. The check must
      neither call the channel proven nor blame anything else.
    * NOTHING: the channel is healthy, and the check must not say otherwise.
    """

    CAUSE = "cause"
    NOTED = "noted"
    UNSEEN = "unseen"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Fault:
    """Named cause of broken mail flow, or a healthy variation.

    ``source`` is from docs/platforms. ``expects`` holds the correct cause codes, the best one
    first. ``stops`` is the station at which mail stops (empty: mail continues). ``on`` is the
    broken object (see :mod:`practice.faults.pairs`). ``set_up`` holds the answers on the first
    card, if the fault needs a differently configured channel. ``alone`` means that the check runs
    without a sign-in. ``changed`` is the action that Webex Connect's audit log shows of the
    fault, if a person caused it there: the check must name it as a suspect. ``by_hand`` means that
    people made the channel, and the bot knows none.
    """

    name: str
    source: str
    what: str
    apply: Callable[[FaultContext], None]
    expects: tuple[str, ...] = ()
    stops: str = ""
    on: str = ""
    level: Level = Level.CAUSE
    set_up: dict[str, str] = field(default_factory=dict)
    alone: bool = False
    by_hand: bool = False
    changed: str = ""

    def public(self) -> dict[str, Any]:
        """Return the fault as JSON for the control routes and the docs page."""
        return {name: value for name, value in asdict(self).items() if name != "apply"}
