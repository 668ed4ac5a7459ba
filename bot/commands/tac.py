"""Command /tac: collect the data that Cisco TAC asks for in one file."""

from __future__ import annotations

from dataclasses import dataclass

from adaptive_cards import tac
from adaptive_cards.cards.notice import TacView
from bot.chat import permissions
from bot.chat.context import ChatContext
from bot.chat.offers import unknown_channel
from bot.chat.parsing import read_mailbox
from bot.commands import Command
from jobs.clock import now
from jobs.model import Text
from jobs.storage import codec, keys
from jobs.storage.vault import Sealed, VaultName

KEPT_S = 3600
"""Seconds that a case stays open and its screenshot is kept."""


@dataclass(frozen=True, slots=True)
class Case:
    """Case of a thread or a 1:1 space: the mailbox it is about and the person who opened it."""

    mailbox: str
    person: str


def run(ctx: ChatContext, argument: str) -> None:
    # If the channel is not known here, the answer reveals nothing about it.
    mailbox = read_mailbox(ctx, "tac", argument, permissions.visible_channels)
    if not mailbox:
        return
    if mailbox not in permissions.visible_channels(ctx):
        unknown_channel(ctx, "tac", Text("notice.tac_kicker"), mailbox)
        return
    ctx.services.vault.drop(screenshot_name(ctx))
    ctx.services.redis.set(
        keys.tac_case(_where(ctx)), codec.dump(Case(mailbox, ctx.person.id)), ex=KEPT_S
    )
    ctx.say(tac(TacView(mailbox, now(), direct=ctx.direct)))


def asked(ctx: ChatContext) -> Case | None:
    raw = ctx.services.redis.get(keys.tac_case(_where(ctx)))
    return codec.load(raw, Case) if isinstance(raw, bytes) else None


def screenshot_name(ctx: ChatContext) -> VaultName:
    return Sealed.TAC_SCREENSHOT.of(_where(ctx))


def _where(ctx: ChatContext) -> str:
    # A 1:1 space counts as a whole, because people do not reply in threads there.
    return ctx.room if ctx.direct else ctx.thread


COMMAND = Command("tac", "trouble", run, "ADDRESS")
