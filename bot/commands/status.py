"""/status: the runs of this space, and whose turn it is."""

from __future__ import annotations

from adaptive_cards import status
from adaptive_cards.cards.status import RunLine, StatusView
from bot.chat.context import Talk
from bot.commands import Command
from jobs.clock import now
from jobs.next_action import ENDED, stage, whose
from jobs.runs.run import Run


def run(talk: Talk, _argument: str) -> None:
    """List them, open ones first, newest first; the others are counted."""
    runs = tuple(_line(each) for each in talk.desk.store.of_space(talk.room))
    talk.say(status(StatusView(runs, now(), max(talk.desk.store.count_of_space(talk.room) - len(runs), 0))))


def _line(run: Run) -> RunLine:
    turn = whose(run)
    return RunLine(run.id, run.channel.mailbox, stage(run), turn.turn, turn.words, run.opened, ENDED.get(run.ended, ""), run.kind)


COMMAND = Command("status", "runs", run)
