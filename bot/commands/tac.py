"""Command /tac: collect the data that Cisco TAC asks for in one file."""

from __future__ import annotations

from dataclasses import dataclass

from adaptive_cards.cards.notice import tac
from bot.chat.context import ChatContext
from bot.chat.parsing import read_known
from bot.chat.permissions import is_visible
from bot.commands import Command
from jobs.clock import now
from jobs.model import Text
from jobs.storage import codec, keys
from jobs.storage.vault import Sealed, VaultName

KEPT_S = 3600
"""Seconds that a case stays open and its screenshot is kept."""


@dataclass(frozen=True, slots=True)
class Case:
    """Case of a thread or a 1:1 space: the mailbox it is about and the person who opened it.

    ``place`` is where the search for missing mail is now, or empty outside a search. ``notes`` are
    the places that were looked at, with what the person or the bot saw there.
    """

    mailbox: str
    person: str
    place: str = ""
    notes: tuple[tuple[str, str], ...] = ()


def run(ctx: ChatContext, argument: str) -> None:
    if case := opened(ctx, argument):
        ctx.say(tac(case.mailbox, now(), direct=ctx.direct))


def opened(ctx: ChatContext, argument: str) -> Case | None:
    """Open a case, or answer that the channel is not known here and return None."""
    mailbox = read_known(ctx, "tac", argument, Text("notice.tac_kicker"), is_visible)
    if not mailbox:
        return None
    ctx.services.vault.drop(screenshot_name(ctx))
    case = Case(mailbox, ctx.person.id)
    save(ctx, case)
    return case


def asked(ctx: ChatContext) -> Case | None:
    raw = ctx.services.redis.get(keys.tac_case(where(ctx)))
    return codec.load(raw, Case) if isinstance(raw, bytes) else None


def save(ctx: ChatContext, case: Case) -> None:
    ctx.services.redis.set(keys.tac_case(where(ctx)), codec.dump(case), ex=KEPT_S)


def screenshot_name(ctx: ChatContext) -> VaultName:
    return Sealed.TAC_SCREENSHOT.of(where(ctx))


def where(ctx: ChatContext) -> str:
    # A 1:1 space counts as a whole, because people do not reply in threads there.
    return ctx.room if ctx.direct else ctx.thread


COMMAND = Command("tac", "trouble", run, "ADDRESS")
