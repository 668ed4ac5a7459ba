"""How the work tells the outside what happens, without knowing who listens."""

from __future__ import annotations

from typing import Protocol


class Listener(Protocol):
    """Whoever wants to show a run. Must return at once and never raise: the run does not wait for it."""

    def changed(self, run_id: str) -> None:
        """Something about the run is new; read it from the store."""


class Silent:
    """Nobody listens: a single channel of a round has no card, the round has it."""

    def changed(self, run_id: str) -> None:
        """Do nothing."""
