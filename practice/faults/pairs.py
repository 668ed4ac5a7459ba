"""Two faults at once: which go together, and a seeded choice of them."""

from __future__ import annotations

import random
from collections.abc import Iterable
from itertools import combinations
from typing import Final

from practice.faults.model import Fault, Level

#: What a broken object hides or explains: a fault there cannot be told from the other, so the two are no pair.
HIDES: Final = {
    "user": "smtp_auth forwarding copy policy restricted grant token account access form secret principal app redirect smtp_server",
    "app": "secret redirect permissions principal grant token form exchange_sp",
    "principal": "grant token form exchange_sp",
    "exchange_sp": "grant token form",
    "secret": "form token",
    "grant": "form token",
    "redirect": "form",
    "account": "token access form grant smtp_auth",
    "access": "token form account smtp_auth",
    "token": "form account access",
    "smtp_server": "smtp_auth access account",
    "service": "app principal secret grant token form account access redirect exchange_sp permissions smtp_auth user forwarding policy "
    "remote_domain rules restricted",
    "forwarding": "restricted",
    "policy": "restricted",
    "remote_domain": "restricted",
    "rules": "restricted",
}


def compatible(one: Fault, other: Fault) -> bool:
    """Whether both are causes that can be seen beside each other."""
    apart = one.on != other.on and other.on not in HIDES.get(one.on, "").split() and one.on not in HIDES.get(other.on, "").split()
    return one.level is other.level is Level.CAUSE and apart


def pairs(faults: Iterable[Fault], count: int, seed: int) -> list[tuple[Fault, Fault]]:
    """So many pairs, always the same for a seed."""
    every = [pair for pair in combinations(faults, 2) if compatible(*pair)]
    return random.Random(seed).sample(every, min(count, len(every)))  # noqa: S311 - a repeatable choice, no secret
