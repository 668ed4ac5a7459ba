"""Command /cancel: stop a run; completed changes stay and are listed."""

from __future__ import annotations

from adaptive_cards.cards.notice import NoticeView
from adaptive_cards.glyphs import SKIPPED
from bot.cards.presenters.ended import left, undo_button
from bot.chat.context import ChatContext
from bot.chat.permissions import AccessPolicy
from bot.commands import Command
from jobs.access import mailbox_login
from jobs.clock import now
from jobs.model import Text
from jobs.runs.run import Event, Kind, Run
from jobs.storage.vault import Sealed


def run(ctx: ChatContext, argument: str) -> None:
    """Cancel the only run of this space, the run of the mailbox, or the run with the given id."""
    open_runs = [each for each in ctx.services.store.runs_in_space(ctx.room) if not each.ended]
    wanted = [
        each
        for each in open_runs
        if not argument or argument.lower() in {each.channel.mailbox, each.id.lower()}
    ]
    if len(wanted) == 1:
        if cancel(ctx, wanted[0]):
            _told(ctx, wanted[0])
        return
    which = "which" if wanted else "nothing"
    ctx.notify(
        NoticeView(
            Text("notice.cancel_kicker"),
            Text(f"notice.cancel_{which}_title"),
            Text(f"notice.cancel_{which}_words"),
        )
    )


def _told(ctx: ChatContext, run: Run) -> None:
    """Answer the command, whose message may be far from the run's card.

    In another room ``/undo`` does not know the channel, so there is no button.
    """
    run = ctx.services.store.refresh(run)
    ctx.notify(
        NoticeView(
            Text("notice.cancel_kicker"),
            Text("notice.cancelled_title", {"run": run.id}),
            left(run),
            glyph=SKIPPED.glyph,
            buttons=undo_button(run) if ctx.room == run.origin.room else (),
            at=now(),
        )
    )


def cancel(ctx: ChatContext, run: Run) -> bool:
    """End the run if this person is a participant, and return whether it was ended now.

    The run's card says so; it says what stays changed, and offers to undo it.
    """
    services = ctx.services
    if not AccessPolicy(services.bot, services.webex).is_participant(ctx.person, run):
        ctx.refuse(Text("refused.not_part"))
        return False
    run = services.store.refresh(run)
    if not services.store.end(run, Event(Kind.CANCELLED, now(), by=ctx.person.email)):
        ctx.refuse(Text("refused.over"), title="refused.nothing")
        return False
    for sealed in (Sealed.ADMIN_SESSION, Sealed.CLIENT_SECRET):
        services.vault.drop(sealed.of(run.id))
    mailbox_login.close(services.vault, run.id)
    services.cards.request(run.id)
    return True


COMMAND = Command("cancel", "runs", run, "[ADDRESS]")
