"""/fix: mend just what is wrong, after approval, and prove it."""

from __future__ import annotations

from adaptive_cards import typed_wrong
from adaptive_cards.views import NoticeView, TypedWrongView
from bot.commands import Command, check
from bot.commands.setup_email import begin_known
from bot.talk import Talk
from jobs.clock import now
from jobs.details import TypedWrongError, read_address
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
    begin_known(talk, record.channel, "fix")


def mailbox_of(talk: Talk, command: str, argument: str) -> str:
    """The address that was typed after a command; where it cannot be read, that is said, and there is none."""
    try:
        return read_address(argument)
    except TypedWrongError as wrong:
        talk.say(typed_wrong(TypedWrongView(f"/{command} {argument}", wrong.why, argument, wrong.meant, now())))
        return ""


def unknown(talk: Talk, mailbox: str) -> None:
    """Nothing is known of the mailbox here, whether it is known elsewhere or not."""
    title = Words("notice.unknown_channel_title", {"mailbox": mailbox})
    talk.tell(NoticeView(Words("notice.check_kicker"), title, Words("notice.unknown_channel_words"), at=now()))


COMMAND = Command("fix", "trouble", run, "ADDRESS")
