"""/setup-email: connect a mailbox to Webex Contact Center."""

from __future__ import annotations

from adaptive_cards import intake
from adaptive_cards.cards.intake import IntakeView
from adaptive_cards.cards.notice import NoticeView
from adaptive_cards.texts import has
from adaptive_cards.views import Header
from bot.cards import delivery
from bot.chat import permissions
from bot.chat.addresses import mailbox_of
from bot.chat.context import Talk
from bot.commands import Command
from bot.webex.client import WebexAnswerError
from jobs.clock import now
from jobs.model import Channel, Words
from jobs.next_action import whose
from jobs.runs.run import Event, Kind, Run
from jobs.runs.store import AlreadyRunningError, Record

FIRST = "intake"
"""The card that a run begins with: an answer to the command, and never edited."""


def run(talk: Talk, argument: str) -> None:
    """Begin with the first card; a channel that is connected, or being connected, is pointed to instead."""
    if not argument:
        begin(talk, "")
        return
    mailbox = mailbox_of(talk, "setup-email", argument)
    if mailbox:
        setup(talk, mailbox)


def setup(talk: Talk, mailbox: str) -> None:
    """Set a mailbox up, unless it is."""
    record = talk.desk.store.record(mailbox)
    if record is not None and not talk.desk.store.running(mailbox):
        already(talk, mailbox, record)
        return
    begin(talk, mailbox)


def look(talk: Talk, mailbox: str) -> None:
    """A connected channel, looked at anew with the addresses that are known; nothing of it is used where it is not known."""
    record = talk.desk.store.record(mailbox)
    if record is None or mailbox not in permissions.known(talk):
        begin(talk, mailbox)
        return
    begin_known(talk, record.channel, "setup")


def begin_known(talk: Talk, channel: Channel, kind: str, *events: Event, **told: str) -> None:
    """Open a run of a channel whose details are known, and let a worker go on; ``told`` is what it is told beside.

    The same message or press opens one run.
    """
    try:
        opened = talk.desk.store.open(channel, talk.asker, {**told, **talk.place, "kind": kind})
    except AlreadyRunningError as busy:
        opened = talk.desk.store.load(busy.run)
        if opened.detailed or opened.place.get("message") != talk.place["message"]:
            point_to(talk, opened)
            return
    talk.desk.store.append(opened.id, Event(Kind.DETAILS, now(), by=talk.person.email, channel=channel), *events)
    talk.desk.advance(opened.id)
    talk.desk.changed(opened.id)


def begin(talk: Talk, mailbox: str) -> None:
    """Open a run, and ask for what only Webex Connect knows. The same message or press opens one run, however often it is delivered."""
    opened = _opened(talk, mailbox)
    if opened is not None:
        card = intake(IntakeView(Header(opened.id, mailbox, 1), _known(talk, mailbox), ask_mailbox=not mailbox))
        if talk.say(card, shows=(opened.id, FIRST)).id:
            delivery.answered(talk.desk, opened.id, FIRST)


def _opened(talk: Talk, mailbox: str) -> Run | None:
    """The run whose first card is shown; None where it is at work already, and was pointed to.

    Where Webex has never taken the first card, who asks again gets it, or elsewhere a run of that place, and the one before ends.
    """
    try:
        return talk.desk.store.open(Channel(mailbox), talk.asker, talk.place)
    except AlreadyRunningError as busy:
        other = talk.desk.store.load(busy.run)
    unseen = not delivery.was_answered(talk.desk, other.id, FIRST)
    mine = unseen and other.requester.id == talk.person.id and other.kind == "setup"
    here = other.place.get("message") == talk.place["message"] or (mine and other.place.get("room") == talk.room)
    if other.detailed or not (here or mine):
        point_to(talk, other)
        return None
    if here:
        return other
    talk.desk.store.end(other, Event(Kind.CANCELLED, now(), by=talk.person.email))
    return _opened(talk, mailbox)


def already(talk: Talk, mailbox: str, record: Record) -> None:
    """It is connected: say since when, and change nothing."""
    words = Words("notice.done_words", {"day": f"{record.at:%d %b %Y}", "run": record.run})
    buttons = tuple((f"button.{do}", {"do": do, "mailbox_meant": mailbox}) for do in ("setup_again", "setup_change"))
    title = Words("notice.done_title", {"mailbox": mailbox})
    talk.tell(NoticeView(Words("notice.done_kicker"), title, words, tone="good", glyph="✓", buttons=buttons))


def point_to(talk: Talk, other: Run) -> None:
    """It is at work already: say by which run and what that does, where that shows itself, and whose turn it is there."""
    turn = whose(other)
    of_kind = f"notice.running_title_{other.kind}"
    title = Words(of_kind if has(of_kind) else "notice.running_title", {"mailbox": other.channel.mailbox, "run": other.id})
    facts = (("label.turn", Words(f"turn.{turn.turn}")), ("label.since", Words("verbatim", {"text": f"{other.opened:%d %b %H:%M} UTC"})))
    buttons = (("button.status", {"do": "status"}),)
    talk.tell(NoticeView(Words("notice.running_kicker"), title, _where(talk, other), facts=facts, buttons=buttons))


def _where(talk: Talk, other: Run) -> Words:
    """Where the run's newest card is. Webex documents no link to a space: it is named, to who is in it."""
    room = other.place.get("room", talk.room)
    title = ""
    if room != talk.room and other.place.get("type") == "group":
        try:
            title = talk.desk.webex.room_title(room) if talk.desk.webex.membership(room, talk.person.id) else ""
        except WebexAnswerError:  # the bot is not in that space any more
            title = ""
    return Words("notice.running_words_space", {"space": title}) if title else Words("notice.running_words")


def _known(talk: Talk, mailbox: str) -> dict[str, str]:
    """What an earlier run of the channel was told, so that nobody types it twice; nothing where the channel is not known to this person."""
    record = talk.desk.store.record(mailbox) if mailbox and mailbox in permissions.known(talk) else None
    if record is None:
        return {}
    channel = record.channel
    known = {"callback_url": channel.callback_url, "forwarding_address": channel.forwarding_address, "profile": str(channel.profile)}
    return known | {"lifetime": str(channel.lifetime_months), "keep_copy": "yes" if channel.keep_copy else "no"}


COMMAND = Command("setup-email", "setup", run, "ADDRESS")
