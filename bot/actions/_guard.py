"""What every button of a run checks first: the run is known and goes on, this person takes part; one press on a run at a time."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from bot.actions import Answer
from bot.chat.context import Talk
from bot.chat.permissions import Gate
from jobs.clock import now
from jobs.model import Words
from jobs.runs.run import Event, Kind, Run

OnRun = Callable[[Talk, dict[str, str], Run], None]
LONGEST_S = 15.0
"""How long the next press on a run waits for one that is being carried out, in seconds; then its event is tried again."""


def on_run(answer: OnRun) -> Answer:
    """The answer, for a run that goes on and a person who takes part in it."""
    return _checked(answer, lambda talk, run: Gate(talk.desk.bot, talk.desk.webex).takes_part(talk.person, run))


def for_everybody(answer: OnRun) -> Answer:
    """The answer, for whoever the bot serves in the run's own space: an agent, the mailbox user."""
    return _checked(
        answer, lambda talk, run: talk.room == run.place["room"] or Gate(talk.desk.bot, talk.desk.webex).takes_part(talk.person, run)
    )


def _checked(answer: OnRun, may: Callable[[Talk, Run], bool]) -> Answer:
    @wraps(answer)
    def checked(talk: Talk, inputs: dict[str, str]) -> None:
        try:
            run = talk.desk.store.load(inputs.get("run", ""))
        except LookupError:
            talk.refuse(Words("refused.unknown"), title="refused.nothing")
            return
        # Two presses that come at once would each see the run as it is before the other, and both would count.
        # One that took longer than the lock lasts was carried out all the same: to raise here would have its event tried again.
        name, waits = f"run:{run.id}:press", LONGEST_S + 1
        with talk.desk.redis.lock(name, timeout=LONGEST_S, blocking_timeout=waits, raise_on_release_error=False):
            _answered(talk, inputs, talk.desk.store.newest(run))

    def _answered(talk: Talk, inputs: dict[str, str], run: Run) -> None:
        if run.ended:
            talk.refuse(Words("refused.over"), title="refused.nothing")
        elif not may(talk, run):
            talk.refuse(Words("refused.not_part"), title="refused.button")
        else:
            answer(talk, inputs, run)

    return checked


def record(talk: Talk, run: Run, question: str, value: str) -> None:
    """Keep what was said, and let the run go on."""
    data = {"question": question, "value": value}
    talk.desk.store.append(run.id, Event(Kind.ANSWERED, now(), by=talk.person.email, data=data))
    go_on(talk, run)


def go_on(talk: Talk, run: Run) -> None:
    """Let a worker carry the run on, and its cards be drawn."""
    talk.desk.advance(run.id)
    talk.desk.changed(run.id)
