"""The buttons of the verdict and of the channel list."""

from __future__ import annotations

from bot.commands import check, fix
from bot.talk import Talk


def check_again(talk: Talk, inputs: dict[str, str]) -> None:
    """As if ``/check`` had been typed."""
    check.run(talk, inputs.get("channel", ""))


def mend(talk: Talk, inputs: dict[str, str]) -> None:
    """As if ``/fix`` had been typed."""
    fix.run(talk, inputs.get("channel", ""))


ANSWERS = {"check": check_again, "fix": mend}
