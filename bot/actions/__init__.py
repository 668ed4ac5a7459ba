"""Actions of the card buttons.

Every module in this package has a mapping ``ACTIONS`` from a button's verb to a function.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, wraps

from redis.exceptions import LockError

from bot.chat.context import ChatContext
from bot.chat.permissions import AccessPolicy
from jobs.clock import now
from jobs.model import Text
from jobs.runs.event_log import distrust
from jobs.runs.run import Event, ForeignRunError, Kind, Run, RunEndedError
from jobs.storage.locks import LockKind, LockName, renewed_lock

Action = Callable[[ChatContext, dict[str, str]], None]


@cache
def actions() -> dict[str, Action]:
    modules = [
        importlib.import_module(f"{__name__}.{found.name}")
        for found in pkgutil.iter_modules(__path__)
    ]
    return {
        verb: action
        for module in modules
        for verb, action in getattr(module, "ACTIONS", {}).items()
    }


OnRun = Callable[[ChatContext, dict[str, str], Run], None]
LONGEST_S = 15.0
"""Seconds that a press on a run waits for an earlier press; after that its event is retried."""


def on_run(answer: OnRun) -> Action:
    """Wrap ``answer`` so that it needs a run that has not ended and a participant of that run."""
    return _checked(
        answer,
        lambda ctx, run: AccessPolicy(ctx.services.bot, ctx.services.webex).is_participant(
            ctx.person, run
        ),
    )


def to_cancel(answer: OnRun) -> Action:
    """Wrap ``answer`` so that it needs a run that has not ended, and a person who may cancel it.

    If the event of the press is handled again, ``answer`` does what is left to do.
    """
    return _checked(
        answer,
        lambda ctx, run: AccessPolicy(ctx.services.bot, ctx.services.webex).may_cancel(
            ctx.person, run
        ),
        again=answer,
    )


def for_everybody(answer: OnRun) -> Action:
    """Wrap ``answer`` so that everybody in the run's own space may press the button.

    In that space even an agent and the mailbox user may press it. Outside that space the person
    must be a participant, or an agent or the mailbox user who was asked 1:1.
    """
    return _checked(answer, _is_concerned)


def _is_concerned(ctx: ChatContext, run: Run) -> bool:
    """Return whether the person is in the run's space, takes part in the run or was asked 1:1."""
    access = AccessPolicy(ctx.services.bot, ctx.services.webex)
    asked = access.is_participant(ctx.person, run) or access.was_asked(ctx.person, run)
    return ctx.room == run.origin.room or asked


def _go_on(ctx: ChatContext, _: dict[str, str], run: Run) -> None:
    """Continue the run and draw its cards, but record nothing more."""
    ctx.services.record(run.id)


def _checked(
    answer: OnRun, may: Callable[[ChatContext, Run], bool], again: OnRun = _go_on
) -> Action:
    """Wrap ``answer`` so that it needs an open run and a person who ``may`` press the button.

    ``again`` handles a press that the run has recorded already.
    """

    @wraps(answer)
    def checked(ctx: ChatContext, inputs: dict[str, str]) -> None:
        run = _loaded(ctx, inputs)
        if run is None:
            return
        with _only_press(ctx, run) as current:
            _answered(ctx, inputs, current)

    def _answered(ctx: ChatContext, inputs: dict[str, str], run: Run) -> None:
        if ctx.action_id in run.requests:
            again(ctx, inputs, run)
        elif run.ended:
            ctx.refuse(distrust(run) or Text("refused.over"), title="refused.nothing")
        elif not may(ctx, run):
            ctx.refuse(Text("refused.not_part"), title="refused.button", then="next_part")
        else:
            with _refusing_if_over(ctx):
                answer(ctx, inputs, run)

    return checked


def _loaded(ctx: ChatContext, inputs: dict[str, str]) -> Run | None:
    """Return the run of the button, or refuse the press if there is no run that can be trusted."""
    try:
        return ctx.services.store.load(inputs.get("run", ""))
    except ForeignRunError:
        ctx.refuse(Text("turn_words.foreign_event", {"event": "1"}), title="refused.nothing")
    except LookupError:
        ctx.refuse(Text("refused.unknown"), title="refused.nothing")
    return None


@contextmanager
def _only_press(ctx: ChatContext, run: Run) -> Iterator[Run]:
    """Keep every other press on the run away, and yield the run as it is now.

    Otherwise two simultaneous presses would both see the old state and both count.
    """
    name = LockName(LockKind.PRESS, run.id)
    with renewed_lock(ctx.services.redis, name, LONGEST_S, wait_s=LONGEST_S + 1) as held:
        if held is None:
            raise LockError("another press on the run takes long")
        yield ctx.services.store.refresh(run)


@contextmanager
def _refusing_if_over(ctx: ChatContext) -> Iterator[None]:
    try:
        yield
    except RunEndedError:
        ctx.refuse(Text("refused.over"), title="refused.nothing")


def record(ctx: ChatContext, run: Run, question: str, value: str) -> None:
    """Save the answer to a question as the only event of a press, and continue the run."""
    finish(ctx, run, answered(ctx, question, value))


def answered(ctx: ChatContext, question: str, value: str) -> Event:
    data = {"question": question, "value": value}
    return Event(Kind.ANSWERED, now(), by=ctx.person.email, data=data)


def finish(ctx: ChatContext, run: Run, *events: Event) -> None:
    """Save all events of a press together, and continue the run.

    The last event has the id of the press.
    """
    *earlier, last = events
    ctx.services.record(run.id, *earlier, replace(last, request=ctx.action_id))
