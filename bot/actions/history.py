"""Button that shows the history of a channel's last days."""

from __future__ import annotations

from bot.chat.context import ChatContext
from bot.commands import history


def _history(ctx: ChatContext, inputs: dict[str, str]) -> None:
    """Do the same as the typed command ``/history ADDRESS``."""
    history.run(ctx, inputs.get("channel", ""))


ACTIONS = {"history": _history}
