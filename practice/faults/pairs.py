"""Pairs of faults: the faults that can be combined, and a seeded choice of pairs."""

import random
from collections.abc import Iterable
from itertools import combinations
from typing import Final

from practice.faults.model import TRACED, Fault, Level

#: Objects that only a login as the mailbox checks, in order: a fault in one hides those after it.
LOGIN: Final = (
    "service",
    "exchange_sp",
    "user",
    "app",
    "principal",
    "secret",
    "grant",
    "account",
    "token",
    "access",
    "smtp_server",
    "smtp_auth",
    "reply",
)
#: Other objects that a broken object hides or explains: the two faults are indistinguishable, so no pair.
HIDES: Final = {
    "user": "forwarding copy policy restricted redirect refused",
    "app": "redirect permissions",
    "service": "forwarding policy remote_domain rules restricted redirect permissions refused",
    "exchange_sp": "forwarding policy remote_domain rules restricted redirect permissions refused",
    "redirect": "form renewal",
    "forwarding": "restricted refused",
    "policy": "restricted refused",
    "remote_domain": "restricted refused",
    "rules": "restricted refused",
    "restricted": "refused",
}
#: Objects that are read from a setting, so that a failed login does not hide them.
READ: Final = frozenset({"secret", "grant", "app", "principal", "smtp_auth", "smtp_server"})


def compatible(one: Fault, other: Fault) -> bool:
    """Return whether both faults are causes that can be seen at the same time."""
    causes = one.level is other.level is Level.CAUSE
    return causes and _is_usual(one) and _is_usual(other) and _are_apart(one, other)


def _is_usual(fault: Fault) -> bool:
    """Return whether a check of the usual kind shows the fault on a channel of the usual kind."""
    return not (fault.alone or fault.set_up or fault.by_hand)


def _are_apart(one: Fault, other: Fault) -> bool:
    """Return whether the faults concern two objects, of which neither hides the other."""
    return (
        one.on != other.on
        and TRACED not in {one.on, other.on}
        and not any(
            _hides(first.on, second.on) or _stops_before_answer(first, second)
            for first, second in ((one, other), (other, one))
        )
    )


def _hides(one: str, other: str) -> bool:
    if other in HIDES.get(one, "").split() or (one in LOGIN and other in {"form", "renewal"}):
        return True
    return one in LOGIN and other in LOGIN and _hides_at_login(one, other)


def _hides_at_login(one: str, other: str) -> bool:
    """Return whether a login that fails at one object leaves the other one unseen."""
    if LOGIN.index(one) > LOGIN.index(other):
        return False
    return (
        other not in READ
        or one in {"service", "exchange_sp", "user"}
        or {one, other} <= {"app", "principal", "secret", "grant"}
    )


def _stops_before_answer(one: Fault, other: Fault) -> bool:
    """Return whether the first fault hides the second one, because no mail is answered.

    Without an answer Webex Connect does not renew its token, so a fault that only a renewal shows
    cannot be seen.
    """
    return one.stops not in {"", "answer"} and other.on == "renewal"


def pairs(faults: Iterable[Fault], count: int, seed: int) -> list[tuple[Fault, Fault]]:
    """Return ``count`` pairs of compatible faults, always the same for a seed."""
    every = [pair for pair in combinations(faults, 2) if compatible(*pair)]
    chooser = random.Random(seed)  # noqa: S311  a repeatable choice, no secret
    return chooser.sample(every, min(count, len(every)))
