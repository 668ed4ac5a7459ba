"""Model of a fault: a change of the practice world, and the result that a check should give."""

import tomllib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from practice.faults.fault_context import FaultContext

TRACED: Final = "trace"
"""Object of the faults that only the trace of a mail shows.

Almost every other fault hides such faults, so they are not used in pairs.
"""


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


TABLE: Final = {
    name: row
    for path in sorted((Path(__file__).parent / "tables").glob("*.toml"))
    for name, row in tomllib.loads(path.read_text(encoding="utf-8")).items()
}
"""What is known of each fault and healthy variation, by its name, except what it does."""


def described(does: dict[str, Callable[[FaultContext], None]]) -> tuple[Fault, ...]:
    """Return the faults of the table that do this."""
    return tuple(_described(name, apply, **TABLE[name]) for name, apply in does.items())


def _described(
    name: str,
    apply: Callable[[FaultContext], None],
    *,
    expects: Sequence[str] = (),
    level: str = Level.CAUSE,
    **more: Any,
) -> Fault:
    return Fault(name, apply=apply, expects=tuple(expects), level=Level(level), **more)
