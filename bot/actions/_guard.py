"""What every button of a run checks first: the run is known and goes on, this person takes part; one press on a run at a time."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from redis.exceptions import LockError

from bot.actions import Action
from bot.chat.context import ChatContext
from bot.chat.permissions import AccessPolicy
from jobs.clock import now
from jobs.model import Text
from jobs.runs.run import Event, Kind, Run
from jobs.storage.locks import LockKind, LockName, renewed_lock

OnRun = Callable[[ChatContext, dict[str, str], Run], None]
LONGEST_S = 15.0
"""How long the next press on a run waits for one that is being carried out, in seconds; then its event is tried again."""


def on_run(answer: OnRun) -> Action:
    """The answer, for a run that goes on and a person who takes part in it."""
    return _checked(answer, lambda ctx, run: AccessPolicy(ctx.services.bot, ctx.services.webex).is_participant(ctx.person, run))


def for_everybody(answer: OnRun) -> Action:
    """The answer, for whoever the bot serves in the run's own space: an agent, the mailbox user."""
    return _checked(
        answer,
        lambda ctx, run: ctx.room == run.origin.room or AccessPolicy(ctx.services.bot, ctx.services.webex).is_participant(ctx.person, run),
    )


def _checked(answer: OnRun, may: Callable[[ChatContext, Run], bool]) -> Action:
    @wraps(answer)
    def checked(ctx: ChatContext, inputs: dict[str, str]) -> None:
        try:
            run = ctx.services.store.load(inputs.get("run", ""))
        except LookupError:
            ctx.refuse(Text("refused.unknown"), title="refused.nothing")
            return
        # Two presses that come at once would each see the run as it is before the other, and both would count.
        name = LockName(LockKind.PRESS, run.id)
        with renewed_lock(ctx.services.redis, name, LONGEST_S, wait_s=LONGEST_S + 1) as held:
            if held is None:
                raise LockError("another press on the run takes long")
            _answered(ctx, inputs, ctx.services.store.refresh(run))

    def _answered(ctx: ChatContext, inputs: dict[str, str], run: Run) -> None:
        if run.ended:
            ctx.refuse(Text("refused.over"), title="refused.nothing")
        elif not may(ctx, run):
            ctx.refuse(Text("refused.not_part"), title="refused.button")
        else:
            answer(ctx, inputs, run)

    return checked


def record(ctx: ChatContext, run: Run, question: str, value: str) -> None:
    """Keep what was said, and let the run go on."""
    data = {"question": question, "value": value}
    ctx.services.record(run.id, Event(Kind.ANSWERED, now(), by=ctx.person.email, data=data))
