"""/fix: mend just what is wrong, after approval, and prove it."""

from __future__ import annotations

from adaptive_cards import typed_wrong
from adaptive_cards.views import NoticeView, TypedWrongView
from bot.commands import Command, check, setup_email
from bot.talk import Talk
from jobs.clock import now
from jobs.details import TypedWrongError, read_address
from jobs.model import Words
from jobs.run import Event, Kind
from jobs.store import AlreadyRunningError


def run(talk: Talk, argument: str) -> None:
    """Open a run that plans only what does not hold; it goes on by sign-in and approval, as a setup does."""
    try:
        mailbox = read_address(argument)
    except TypedWrongError as wrong:
        talk.say(typed_wrong(TypedWrongView(f"/fix {argument}", wrong.why, argument, wrong.meant, now())))
        return
    record = talk.desk.store.record(mailbox)
    if record is None or mailbox not in check.known(talk):
        title = Words("notice.unknown_channel_title", {"mailbox": mailbox})
        talk.tell(NoticeView(Words("notice.check_kicker"), title, Words("notice.unknown_channel_words"), at=now()))
        return
    try:
        opened = talk.desk.store.open(record.channel, talk.asker, {**talk.place, "kind": "fix"})
    except AlreadyRunningError as busy:
        setup_email.point_to(talk, talk.desk.store.load(busy.run))
        return
    talk.desk.store.append(opened.id, Event(Kind.DETAILS, now(), by=talk.person.email, channel=record.channel))
    talk.desk.advance(opened.id)
    talk.desk.changed(opened.id)


COMMAND = Command("fix", "trouble", run, "ADDRESS")
