"""/tac: collect what Cisco TAC asks for, and make one file of it."""

from __future__ import annotations

from dataclasses import dataclass

from adaptive_cards import tac
from adaptive_cards.cards.notice import NoticeView
from adaptive_cards.cards.tac import TacView
from bot.chat import permissions
from bot.chat.addresses import mailbox_of
from bot.chat.context import Talk
from bot.commands import Command
from jobs.clock import now
from jobs.model import Words
from jobs.storage import codec

KEPT_S = 3600
"""How long a case is open, and its screenshot kept, in seconds."""


@dataclass(frozen=True, slots=True)
class Case:
    """What a thread, or a 1:1 conversation, collects: for which mailbox, and who asked for it."""

    mailbox: str
    person: str


def run(talk: Talk, argument: str) -> None:
    """Show the guide to the debug console, and wait for its answers in this thread; a channel unknown here is not spoken of."""
    mailbox = mailbox_of(talk, "tac", argument)
    if not mailbox:
        return
    if mailbox not in permissions.known(talk):
        title = Words("notice.unknown_channel_title", {"mailbox": mailbox})
        talk.tell(NoticeView(Words("notice.tac_kicker"), title, Words("notice.unknown_channel_words"), at=now()))
        return
    talk.desk.vault.drop(screenshot_name(talk))
    talk.desk.redis.set(f"tac:{_where(talk)}", codec.dump(Case(mailbox, talk.person.id)), ex=KEPT_S)
    talk.say(tac(TacView(mailbox, now(), direct=talk.direct)))


def asked(talk: Talk) -> Case | None:
    """The case that this thread collects for, or None."""
    raw = talk.desk.redis.get(f"tac:{_where(talk)}")
    return codec.load(raw, Case) if isinstance(raw, bytes) else None


def screenshot_name(talk: Talk) -> str:
    """Under which name the vault keeps the thread's screenshot."""
    return f"tac-screenshot:{_where(talk)}"


def _where(talk: Talk) -> str:
    """A 1:1 conversation as a whole: nobody replies in threads there."""
    return talk.room if talk.direct else talk.thread


COMMAND = Command("tac", "trouble", run, "ADDRESS")
