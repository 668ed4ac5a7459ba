"""Longest chain of dependent calls, which overlapping cannot shorten.

A call depends on another one that was answered before it began, and
* belongs to the same step (a step's own calls follow each other),
* or to a step that its step needs or follows (the graph of :mod:`jobs.steps`),
* or to the head: the calls that led to the work (the fetch of the press, the code's redemption).
The tail, which is the card, depends on the head and on the steps that it reports.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.calls import Call
from jobs.engine.step import Step


@dataclass(frozen=True, slots=True)
class Span:
    """Part of a run, with its calls and the elapsed seconds.

    The calls are those before the steps (``head``), those of the steps (``work``), and the one that
    shows the card. ``told`` are the steps that the card reports.
    """

    head: tuple[Call, ...]
    work: tuple[Call, ...]
    card: Call
    told: frozenset[str]
    wall: float

    def chain(self, steps: dict[str, Step]) -> list[Call]:
        """Return the longest chain of dependent calls."""
        nodes = [*self.head, *self.work, self.card]
        return longest(nodes, lambda earlier, later: self._depends(earlier, later, steps))

    @property
    def total(self) -> float:
        """Return the sum of the seconds of all calls.

        A script that makes the calls one after the other takes this time.
        """
        return sum(call.seconds for call in (*self.head, *self.work, self.card))

    def _depends(self, earlier: Call, later: Call, steps: dict[str, Step]) -> bool:
        if earlier in self.head or later in self.head:
            return earlier in self.head
        if later is self.card:
            return bool(earlier.steps & self.told)
        before = {name for step in later.steps for name in (step, *_before(step, steps))}
        return bool(earlier.steps & before)


def longest(calls: Sequence[Call], depends: Callable[[Call, Call], bool]) -> list[Call]:
    """Return the chain that ends with the last call and takes the most seconds."""
    best: dict[int, list[Call]] = {}
    for number, call in enumerate(calls):
        before = [
            best[n]
            for n, other in enumerate(calls[:number])
            if other.precedes(call) and depends(other, call)
        ]
        best[number] = [*max(before, key=_seconds, default=[]), call]
    return best[len(calls) - 1]


def _seconds(chain: list[Call]) -> float:
    return sum(call.seconds for call in chain)


def _before(name: str, steps: dict[str, Step]) -> tuple[str, ...]:
    step = steps.get(name)
    return (*step.needs, *step.after) if step else ()
