"""/check: what is broken, who can mend it, and how."""

from __future__ import annotations

from adaptive_cards import channels
from adaptive_cards.cards.channels import ChannelsView
from adaptive_cards.cards.notice import NoticeView
from bot.cards import delivery
from bot.cards.presenters.bulk_check import line_of
from bot.chat.addresses import mailbox_of
from bot.chat.context import Talk
from bot.chat.permissions import known
from bot.commands import Command
from jobs.checks import check
from jobs.clock import now
from jobs.model import Channel, Words

ROUND_S = 3600
"""How long a round that does not end is waited for before another may begin, in seconds."""


def run(talk: Talk, argument: str) -> None:
    """One channel by its address, ``all`` of them, or the list of this space."""
    if not argument:
        listed(talk)
    elif argument.lower() == "all" and known(talk):
        everything(talk)
    elif argument.lower() == "all":
        listed(talk)
    else:
        one(talk, argument)


def one(talk: Talk, argument: str) -> None:
    """Check one channel."""
    mailbox = mailbox_of(talk, "check", argument)
    if not mailbox:
        return
    if mailbox not in known(talk):
        title = Words("notice.unknown_channel_title", {"mailbox": mailbox})
        talk.tell(NoticeView(Words("notice.check_kicker"), title, Words("notice.unknown_channel_words"), at=now()))
        return
    begin(talk, mailbox)


def begin(talk: Talk, mailbox: str, **more: str) -> None:
    """Open the check, show that it has begun, and let a worker look; ``more`` is what this one check is told beside."""
    record = talk.desk.store.record(mailbox)
    channel = record.channel if record else Channel(mailbox)
    opened = talk.desk.store.check(channel, talk.asker, {**talk.place, **check.facts_for(talk.desk.store, mailbox), **more})
    talk.desk.advance(opened.id)
    talk.desk.changed(opened.id)


def everything(talk: Talk) -> None:
    """Check every channel that this person may ask about here. One round of a space at a time: its card is posted anew instead."""
    store, key = talk.desk.store, f"space:{talk.room}:round"
    under_way = _under_way(talk, key)
    if under_way:
        delivery.forget(talk.desk, under_way, "channels")
        talk.desk.changed(under_way)
        return
    place = {**talk.place, "kind": "round", "mailboxes": " ".join(known(talk))}
    opened = store.check(Channel(""), talk.asker, place)
    talk.desk.redis.set(key, opened.id, ex=ROUND_S)
    talk.desk.advance(opened.id)
    talk.desk.changed(opened.id)


def _under_way(talk: Talk, key: str) -> str:
    """The space's round that has not ended, or the empty string."""
    before = talk.desk.redis.get(key)
    try:
        run = talk.desk.store.load(before.decode() if isinstance(before, bytes) else "")
    except LookupError:
        return ""
    return "" if run.checked or run.ended else run.id


def listed(talk: Talk) -> None:
    """The channels of this space with their newest verdicts, in the card's order: worst first."""
    talk.say(channels(ChannelsView(tuple(line_of(mailbox, talk.desk.store.last_check(mailbox)) for mailbox in known(talk)), now())))


COMMAND = Command("check", "trouble", run, "ADDRESS")
