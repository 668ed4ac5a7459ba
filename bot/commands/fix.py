"""/fix: mend just what is wrong, after approval, and prove it."""

from __future__ import annotations

from adaptive_cards.views import NoticeView
from bot.commands import Command, check
from bot.commands.setup_email import begin_known
from bot.talk import Talk
from bot.typed import mailbox_of
from jobs import fixing
from jobs.clock import now
from jobs.model import Words


def run(talk: Talk, argument: str) -> None:
    """Open a run that plans only what does not hold; it goes on by sign-in and approval, as a setup does."""
    mailbox = mailbox_of(talk, "fix", argument)
    if not mailbox:
        return
    record = talk.desk.store.record(mailbox)
    if record is None or mailbox not in check.known(talk):
        unknown(talk, mailbox)
        return
    begin_known(talk, record.channel, "fix", **fixing.told(talk.desk.store, mailbox))


def unknown(talk: Talk, mailbox: str) -> None:
    """Nothing is known of the mailbox here, whether it is known elsewhere or not."""
    title = Words("notice.unknown_channel_title", {"mailbox": mailbox})
    talk.tell(NoticeView(Words("notice.check_kicker"), title, Words("notice.unknown_channel_words"), at=now()))


COMMAND = Command("fix", "trouble", run, "ADDRESS")
