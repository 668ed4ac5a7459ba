"""/check: what is broken, who can mend it, and how."""

from __future__ import annotations

from adaptive_cards import channels, typed_wrong
from adaptive_cards.views import ChannelLine, ChannelsView, NoticeView, TypedWrongView
from bot.commands import Command
from bot.faces.verdict import line_of
from bot.talk import Talk
from jobs.clock import now
from jobs.details import TypedWrongError, read_address
from jobs.model import Channel, Words
from jobs.run import Run


def run(talk: Talk, argument: str) -> None:
    """One channel by its address, ``all`` of them, or the list of this space."""
    if not argument:
        listed(talk)
    elif argument.lower() == "all":
        for mailbox in known(talk):
            begin(talk, mailbox)
        listed(talk, checking=len(known(talk)))
    else:
        one(talk, argument)


def one(talk: Talk, argument: str) -> None:
    """Check one channel."""
    try:
        mailbox = read_address(argument)
    except TypedWrongError as wrong:
        talk.say(typed_wrong(TypedWrongView(f"/check {argument}", wrong.why, argument, wrong.meant, now())))
        return
    if mailbox not in known(talk):
        title = Words("notice.unknown_channel_title", {"mailbox": mailbox})
        talk.tell(NoticeView(Words("notice.check_kicker"), title, Words("notice.unknown_channel_words"), at=now()))
        return
    begin(talk, mailbox)


def begin(talk: Talk, mailbox: str) -> None:
    """Open the check, show that it has begun, and let a worker look."""
    record = talk.desk.store.record(mailbox)
    channel = record.channel if record else Channel(mailbox)
    opened = talk.desk.store.check(channel, talk.asker, {**talk.place, **_known_facts(talk, record.run if record else "")})
    talk.desk.advance(opened.id)
    talk.desk.changed(opened.id)


def listed(talk: Talk, *, checking: int = 0) -> None:
    """The channels of this space, worst first, with their newest verdicts."""
    lines = [(mailbox, talk.desk.store.last_check(mailbox)) for mailbox in known(talk)]
    found = tuple(sorted((line_of(mailbox, last) for mailbox, last in lines), key=_worst_first))
    talk.say(channels(ChannelsView(found, now(), checking)))


def known(talk: Talk) -> tuple[str, ...]:
    """The channels that this person may ask about here: those of the space, and in a 1:1 also the person's own."""
    return talk.desk.store.channels(talk.room, talk.person.id if talk.direct else "")


def _worst_first(line: ChannelLine) -> tuple[int, str]:
    order = ("wrong", "possible", "warning", "unknown", None, "ok")
    return order.index(line.state and str(line.state)), line.mailbox


def _known_facts(talk: Talk, run_id: str) -> dict[str, str]:
    """What the setup found out and a check needs without a sign-in: ids and a time, nothing secret."""
    try:
        setup: Run = talk.desk.store.load(run_id)
    except LookupError:
        return {}
    token = setup.answers.get("token_saved")
    facts = {"upn": setup.fact("upn"), "client_id": setup.fact("client_id"), "token_at": token.at.isoformat() if token else ""}
    return {name: value for name, value in facts.items() if value}


COMMAND = Command("check", "trouble", run, "ADDRESS")
