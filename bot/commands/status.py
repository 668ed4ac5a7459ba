"""Command /status: the runs of this space, and whose turn it is."""

from __future__ import annotations

from adaptive_cards import status
from adaptive_cards.cards.channels import RunLine, StatusView
from bot.cards.living import with_doubts
from bot.chat.context import ChatContext
from bot.commands import Command
from jobs.clock import now
from jobs.next_action import ENDED, next_action, stage_of, wait_of
from jobs.runs.run import Run


def run(ctx: ChatContext, _argument: str) -> None:
    """List the runs, open and new ones first. Runs beyond the limit are only counted."""
    known = ctx.services.store.runs_in_space(ctx.room)
    runs = tuple(map(_run_line, known))
    more = max(ctx.services.channels.count_in_space(ctx.room) - len(runs), 0)
    ctx.say(with_doubts(status(StatusView(runs, now(), more, direct=ctx.direct)), known))


def _run_line(run: Run) -> RunLine:
    turn, wait = next_action(run), wait_of(run)
    return RunLine(
        run.id,
        run.channel.mailbox,
        stage_of(run),
        turn.turn,
        turn.words,
        run.opened,
        ENDED[run.ended],
        run.kind,
        wait.who if wait else "",
    )


COMMAND = Command("status", "runs", run)
