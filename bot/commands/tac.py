"""/tac: collect what Cisco TAC asks for, and make one file of it."""

from __future__ import annotations

from dataclasses import dataclass

from adaptive_cards import tac
from adaptive_cards.cards.notice import NoticeView
from adaptive_cards.cards.tac import TacView
from bot.chat import permissions
from bot.chat.addresses import read_mailbox
from bot.chat.context import ChatContext
from bot.commands import Command
from jobs.clock import now
from jobs.model import Text
from jobs.storage import codec, keys
from jobs.storage.vault import Sealed, VaultName

KEPT_S = 3600
"""How long a case is open, and its screenshot kept, in seconds."""


@dataclass(frozen=True, slots=True)
class Case:
    """What a thread, or a 1:1 conversation, collects: for which mailbox, and who asked for it."""

    mailbox: str
    person: str


def run(ctx: ChatContext, argument: str) -> None:
    """Show the guide to the debug console, and wait for its answers in this thread; a channel unknown here is not spoken of."""
    mailbox = read_mailbox(ctx, "tac", argument)
    if not mailbox:
        return
    if mailbox not in permissions.visible_channels(ctx):
        title = Text("notice.unknown_channel_title", {"mailbox": mailbox})
        ctx.notify(NoticeView(Text("notice.tac_kicker"), title, Text("notice.unknown_channel_words"), at=now()))
        return
    ctx.services.vault.drop(screenshot_name(ctx))
    ctx.services.redis.set(keys.tac_case(_where(ctx)), codec.dump(Case(mailbox, ctx.person.id)), ex=KEPT_S)
    ctx.say(tac(TacView(mailbox, now(), direct=ctx.direct)))


def asked(ctx: ChatContext) -> Case | None:
    """The case that this thread collects for, or None."""
    raw = ctx.services.redis.get(keys.tac_case(_where(ctx)))
    return codec.load(raw, Case) if isinstance(raw, bytes) else None


def screenshot_name(ctx: ChatContext) -> VaultName:
    """Under which name the vault keeps the thread's screenshot."""
    return Sealed.TAC_SCREENSHOT.of(_where(ctx))


def _where(ctx: ChatContext) -> str:
    """A 1:1 conversation as a whole: nobody replies in threads there."""
    return ctx.room if ctx.direct else ctx.thread


COMMAND = Command("tac", "trouble", run, "ADDRESS")
