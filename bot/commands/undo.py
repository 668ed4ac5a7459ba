"""Command /undo: undo one run of a channel, or disconnect the channel, after approval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from adaptive_cards.cards.notice import Offer, offer
from adaptive_cards.texts import listed, render
from bot.chat import permissions
from bot.chat.context import ChatContext
from bot.chat.offers import unknown_channel
from bot.chat.parsing import read_mailbox
from bot.commands import Command
from bot.commands.setup_email import begin_known
from jobs.clock import now
from jobs.engine.undo import known, recall
from jobs.model import Channel, RunKind, Text
from jobs.runs.run import UNDOES, Event, Kind, RecordedChange, Run
from jobs.steps import all_steps


def run(ctx: ChatContext, argument: str) -> None:
    # A setup that was canceled halfway can be undone too.
    mailbox = read_mailbox(ctx, "undo", argument, _known_here)
    if not mailbox:
        return
    runs = ctx.services.store.runs_of_mailbox(mailbox)
    if not _may_ask(ctx, mailbox, runs):
        unknown_channel(ctx, "undo", Text("notice.undo_kicker"), mailbox)
        return
    made = {name for past in recall(runs, all_steps()) for name in past.runs}
    changed = [each for each in runs if each.id in made]
    if not changed or changed[-1].kind is not RunKind.FIX:
        plan(ctx, mailbox, "")
    elif {each.kind for each in changed} == {RunKind.FIX}:
        plan(ctx, mailbox, changed[-1].id)  # the channel was made by hand
    else:
        _choose(ctx, changed[-1], recall(runs, all_steps(), changed[-1].id))


def plan(ctx: ChatContext, mailbox: str, only: str) -> None:
    # A button may name any run and mailbox. So nothing is planned for a mailbox that is not known
    # here, or for a run of another mailbox.
    runs = ctx.services.store.runs_of_mailbox(mailbox)
    runs = runs if _may_ask(ctx, mailbox, runs) else ()
    past = recall(runs, all_steps(), only)
    if not past:
        title = Text("notice.undo_nothing_title", {"mailbox": mailbox})
        kept = any(each.kept for each in runs)
        words = Text("notice.undo_kept_words" if kept else "notice.undo_nothing_words")
        ctx.tell(Text("notice.undo_kicker"), title, words)
        return
    undone = tuple(each for each in runs if each.id == only) or runs
    data = known((*runs, *undone)) | ({UNDOES: only} if only else {})
    recalled = Event(Kind.RECALLED, now(), by=ctx.person.email, data=data, past=past)
    begin_known(ctx, _channel(ctx, undone), RunKind.UNDO, recalled)


def _choose(ctx: ChatContext, fix: Run, changes: Sequence[RecordedChange]) -> None:
    mailbox = fix.channel.mailbox
    values = {
        "mailbox": mailbox,
        "run": fix.id,
        "done": listed(render(each.change.object) for each in changes),
    }
    pressed = {"do": "undo", "mailbox_meant": mailbox}
    offers = (
        Offer(Text("choice.button.undo_run", values), {**pressed, "undoes": fix.id}),
        Offer(Text("button.disconnect"), {**pressed, "undoes": ""}),
    )
    title = Text("choice.title.undo_which", values)
    lines = (Text("choice.undo_run", values), Text("plan.disconnect_words", values))
    ctx.say(offer(Text("notice.undo_kicker"), title, offers, now(), lines=lines))


def _known_here(ctx: ChatContext) -> tuple[str, ...]:
    runs = ctx.services.store.runs_in_space(ctx.room)
    changed = {run.channel.mailbox for run in runs if run.changed and run.channel.mailbox}
    return tuple(sorted({*permissions.visible_channels(ctx), *changed}))


def _may_ask(ctx: ChatContext, mailbox: str, runs: tuple[Run, ...]) -> bool:
    here = (permissions.was_asked_here(ctx, each) for each in runs)
    return mailbox in permissions.visible_channels(ctx) or any(here)


def _channel(ctx: ChatContext, runs: tuple[Run, ...]) -> Channel:
    """Return the channel of the newest run with a change, bound to the tenant of the change."""
    newest = next(each for each in reversed(runs) if each.changed)
    record = ctx.services.channels.record(newest.channel.mailbox)
    recorded = record.channel.tenant_id if record else ""
    return replace(newest.channel, tenant_id=recorded or newest.channel.tenant_id or newest.tenant)


COMMAND = Command("undo", "runs", run, "ADDRESS")
