"""Commands /status and /cancel: the runs of a space, and the end of one; its changes stay."""

from itertools import filterfalse
from operator import attrgetter

from adaptive_cards import NoticeView, notice
from adaptive_cards.components import OVER
from bot.cards import living
from bot.cards.presenters.card_state import end_title
from bot.cards.presenters.lists import status
from bot.chat.context import ChatContext
from bot.chat.permissions import may_cancel
from bot.commands import Command
from jobs.access import mailbox_login
from jobs.clock import now
from jobs.model import Text
from jobs.runs.run import Kind, Run
from jobs.storage.vault import Sealed

RUNS_MOST = 5
"""Number of runs, the newest ones, that are offered as buttons, of which a card takes five."""


def run(ctx: ChatContext, argument: str) -> None:
    """Cancel the only run of this space, the run of the mailbox, or the run with the given id.

    Words after that are ignored. If no run or more than one is meant, the open runs are offered. If
    this message has canceled a run already, only that is meant: the worker died before it answered.
    """
    named = argument.partition(" ")[0].rstrip(",;:").lower()
    runs = ctx.services.store.runs_in_space(ctx.room)
    canceled = [each for each in runs if ctx.request in each.requests]
    open_runs = canceled or list(filterfalse(attrgetter("ended"), runs))
    wanted = [each for each in open_runs if named in {"", each.channel.mailbox, each.id.lower()}]
    kicker = Text("notice.cancel_kicker")
    if len(wanted) == 1:
        if cancel(ctx, wanted[0]):  # the run's own card, which may be far away, says what stays
            key = "notice.cancelled_see" if wanted[0].changed else "living.cancelled_words"
            title = end_title(ctx.services.store.refresh(wanted[0]))
            view = NoticeView(kicker, title, Text(key), OVER, at=now())
            ctx.say(living.with_doubts(notice(view), runs))
    elif open_runs:
        unknown = Text("notice.cancel_unknown_title", {"typed": named})
        title = Text("notice.cancel_which_title") if wanted else unknown
        offered = (wanted or open_runs)[:RUNS_MOST]
        living.post_choice(ctx, living.with_doubts(living.choice(title, offered), runs), offered)
    else:
        title, words = Text("notice.cancel_nothing_title"), Text("notice.cancel_nothing_words")
        ctx.say(living.with_doubts(notice(NoticeView(kicker, title, words)), runs))


def cancel(ctx: ChatContext, run: Run) -> bool:
    """End the run if this person may cancel it, and return whether this request has ended it."""
    services = ctx.services
    if not may_cancel(ctx, run):
        ctx.refuse(Text("notice.cancel_not_part"), then="next_part")
        return False
    run = services.store.refresh(run)
    event = ctx.event(Kind.CANCELLED, request=ctx.request)
    if ctx.request not in run.requests and not services.store.end(run, event):
        ctx.refuse(Text("refused.over"), title="refused.nothing")
        return False
    services.vault.drop(Sealed.ADMIN_SESSION.of(run.id))
    services.vault.drop(Sealed.CLIENT_SECRET.of(run.id))
    mailbox_login.close(services.vault, run.id)
    services.watching.look_after(run)
    services.cards.request(run.id)
    return True


def show_status(ctx: ChatContext, _argument: str) -> None:
    """List the runs, open and new ones first. Runs beyond the limit are only counted."""
    known = ctx.services.store.runs_in_space(ctx.room)
    more = max(ctx.services.channels.count_in_space(ctx.room) - len(known), 0)
    ctx.say(living.with_doubts(status(known, now(), more, direct=ctx.direct), known))


COMMAND = Command("cancel", "runs", "[ADDRESS]", run=run)
OTHER_COMMANDS = (Command("status", "runs", run=show_status),)
