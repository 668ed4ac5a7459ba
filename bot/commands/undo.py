"""Command /undo: restore what the runs of a channel have changed, after approval."""

from __future__ import annotations

from dataclasses import replace

from adaptive_cards.cards.notice import NoticeView
from bot.chat import permissions
from bot.chat.addresses import read_mailbox
from bot.chat.context import ChatContext
from bot.chat.offers import unknown_channel
from bot.commands import Command
from bot.commands.setup_email import begin_known
from jobs.clock import now
from jobs.engine.undo import known, recall
from jobs.model import Channel, RunKind, Text
from jobs.runs.run import Event, Kind, Run
from jobs.steps import all_steps


def run(ctx: ChatContext, argument: str) -> None:
    """Open a run that plans the undo; a setup that was canceled halfway can be undone too."""
    mailbox = read_mailbox(ctx, "undo", argument, _known_here)
    if not mailbox:
        return
    runs = ctx.services.store.runs_of_mailbox(mailbox)
    if not _may_ask(ctx, mailbox, runs):
        unknown_channel(ctx, "undo", Text("notice.undo_kicker"), mailbox)
        return
    past = recall(runs, all_steps())
    if not past:
        _nothing(ctx, mailbox, runs)
        return
    recalled = Event(Kind.RECALLED, now(), by=ctx.person.email, data=known(runs), past=past)
    begin_known(ctx, _channel(ctx, runs), RunKind.UNDO, recalled)


def _known_here(ctx: ChatContext) -> tuple[str, ...]:
    """Return the channels of this place, and the mailboxes of its runs that changed something."""
    runs = ctx.services.store.runs_in_space(ctx.room)
    changed = {run.channel.mailbox for run in runs if run.changed and run.channel.mailbox}
    return tuple(sorted({*permissions.visible_channels(ctx), *changed}))


def _may_ask(ctx: ChatContext, mailbox: str, runs: tuple[Run, ...]) -> bool:
    """Return whether the channel is known here, or one of its runs was requested here."""
    return mailbox in permissions.visible_channels(ctx) or any(_here(ctx, each) for each in runs)


def _here(ctx: ChatContext, run: Run) -> bool:
    """Return whether the run was requested in this space, or by this person in a 1:1 space."""
    return run.origin.room == ctx.room or (ctx.direct and run.requester.id == ctx.person.id)


def _nothing(ctx: ChatContext, mailbox: str, runs: tuple[Run, ...]) -> None:
    """Say that the runs of the channel have changed nothing that could be undone."""
    title = Text("notice.undo_nothing_title", {"mailbox": mailbox})
    kept = any(each.kept for each in runs)
    words = Text("notice.undo_kept_words" if kept else "notice.undo_nothing_words")
    ctx.notify(NoticeView(Text("notice.undo_kicker"), title, words, at=now()))


def _channel(ctx: ChatContext, runs: tuple[Run, ...]) -> Channel:
    """Return the channel of the newest run with a change, bound to the tenant of the change."""
    newest = next(each for each in reversed(runs) if each.changed)
    return replace(newest.channel, tenant_id=_tenant(ctx, newest))


def _tenant(ctx: ChatContext, run: Run) -> str:
    """Return the tenant of the channel from its record, or else as the run has seen it."""
    record = ctx.services.channels.record(run.channel.mailbox)
    recorded = record.channel.tenant_id if record else ""
    return recorded or run.channel.tenant_id or run.tenant


COMMAND = Command("undo", "runs", run, "ADDRESS")
