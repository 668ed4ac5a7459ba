"""Buttons of ``/language``, each of which chooses a language."""

from __future__ import annotations

from bot.chat.context import ChatContext
from bot.commands import language


def _choose(ctx: ChatContext, inputs: dict[str, str]) -> None:
    language.choose(ctx, inputs.get("language", ""))


ACTIONS = {"language": _choose}
