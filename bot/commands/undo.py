"""/undo: put back what the runs of a channel have changed, after approval."""

from __future__ import annotations

from dataclasses import replace

from adaptive_cards.cards.notice import NoticeView
from bot.chat import permissions
from bot.chat.addresses import mailbox_of
from bot.chat.context import Talk
from bot.commands import Command
from bot.commands.fix import unknown
from bot.commands.setup_email import begin_known
from jobs.clock import now
from jobs.engine.undo import known, recall
from jobs.model import Channel, Words
from jobs.runs.run import Event, Kind, Run
from jobs.steps import all_steps


def run(talk: Talk, argument: str) -> None:
    """Open a run that plans the way back. A setup that was cancelled halfway can be undone, too."""
    mailbox = mailbox_of(talk, "undo", argument)
    if not mailbox:
        return
    runs = talk.desk.store.of_mailbox(mailbox)
    if mailbox not in permissions.known(talk) and not any(_here(talk, each) for each in runs):
        unknown(talk, mailbox)
        return
    past = recall(runs, all_steps())
    if not past:
        title = Words("notice.undo_nothing_title", {"mailbox": mailbox})
        talk.tell(NoticeView(Words("notice.undo_kicker"), title, Words("notice.undo_nothing_words"), at=now()))
        return
    recalled = Event(Kind.RECALLED, now(), by=talk.person.email, data=known(runs), past=past)
    begin_known(talk, _channel(talk, runs), "undo", recalled)


def _here(talk: Talk, run: Run) -> bool:
    """Whether the run was asked for in this space, or by this person who asks 1:1 now."""
    return run.place.get("room") == talk.room or (talk.direct and run.requester.id == talk.person.id)


def _channel(talk: Talk, runs: tuple[Run, ...]) -> Channel:
    """As the newest run that changed something knew it, bound to the tenant where that was."""
    newest = next(each for each in reversed(runs) if each.changed)
    record = talk.desk.store.record(newest.channel.mailbox)
    tenant = (record.channel.tenant_id if record else "") or newest.channel.tenant_id or newest.tenant
    return replace(newest.channel, tenant_id=tenant)


COMMAND = Command("undo", "runs", run, "ADDRESS")
