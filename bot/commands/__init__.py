"""Slash commands and card buttons, which are discovered, and what every button of a run needs.

The registry, ``/help`` and the permission checks are based on the commands. A module may have a
``COMMAND``, ``OTHER_COMMANDS``, and a mapping ``ACTIONS`` from a button's verb to a function.

The run of a button must exist and must not have ended, and the person must be a participant. Only
one press on a run is carried out at a time. Each press is carried out once, although its event is
handled again if the worker dies.
"""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache, partial, wraps
from types import ModuleType

from redis.exceptions import LockError

from adaptive_cards.answers import HelpEntry
from adaptive_cards.locale import languages
from adaptive_cards.texts import own_text
from bot.chat.context import ChatContext, RefusedError
from bot.chat.permissions import is_concerned, is_participant
from jobs.channel.form import LONGEST, InvalidInputError
from jobs.clock import now
from jobs.model import Text
from jobs.runs.event_log import ForeignRunError, distrust
from jobs.runs.run import Event, Kind, Run, RunEndedError
from jobs.storage.locks import LockKind, LockName, renewed_lock

Action = Callable[[ChatContext, dict[str, str]], None]
GROUPS = ("setup", "trouble", "runs", "more")


@dataclass(frozen=True, slots=True, kw_only=True)
class Command(HelpEntry):
    """Slash command; the help omits it for a person who may not run it, and it refuses, too."""

    run: Callable[[ChatContext, str], None]
    may: Callable[[ChatContext], bool] = lambda _: True


@cache
def by_typed_name() -> dict[str, Command]:
    """Return every command by its name and the words of its ``typed_as.NAME``, in any language."""
    return {
        typed: command
        for name, command in commands().items()
        for language in languages()
        for typed in (name, *own_text(f"typed_as.{name}", language).split())
    }


def typed_words(name: str) -> set[str]:
    """Return the words for an argument, such as ``all``, in any language of the bot."""
    every = (own_text(f"typed_argument.{name}", language) for language in languages())
    return {name, *every} - {""}


def language_of(typed: str, command: Command) -> str:
    key = f"typed_as.{command.name}"
    found = [each for each in languages() if typed in own_text(key, each).split()]
    return found[0] if typed != command.name and len(found) == 1 else ""


@cache
def _modules() -> list[ModuleType]:
    found = pkgutil.iter_modules(__path__)
    return [importlib.import_module(f"{__name__}.{each.name}") for each in found]


@cache
def commands() -> dict[str, Command]:
    found: list[Command] = [
        each
        for module in _modules()
        if hasattr(module, "COMMAND")
        for each in (module.COMMAND, *getattr(module, "OTHER_COMMANDS", ()))
    ]
    found.sort(key=lambda each: (GROUPS.index(each.group), each.name != "setup-email", each.name))
    return {command.name: command for command in found}


@cache
def actions() -> dict[str, Action]:
    found = [getattr(module, "ACTIONS", {}).items() for module in _modules()]
    return {verb: action for each in found for verb, action in each}


OnRun = Callable[[ChatContext, dict[str, str], Run], None]
May = Callable[[ChatContext, Run], bool]
LONGEST_S = 15.0
"""Seconds that a press on a run waits for an earlier press; after that its event is retried."""
MEANWHILE = timedelta(minutes=1)


def on_run(
    answer: OnRun, may: May = is_participant, *, states: bool = False, repeats: bool = False
) -> Action:
    """Wrap ``answer`` so that it needs a run that has not ended and a person who ``may`` press.

    A press that the run has recorded already only has the run go on, unless ``answer`` repeats it.
    So does one that only ``states`` what the proof of a run that ends meanwhile has shown. Every
    other press on the run is kept away: otherwise two at the same time would both see the old state
    and both count.
    """

    @wraps(answer)
    def checked(ctx: ChatContext, inputs: dict[str, str]) -> None:
        store = ctx.services.store
        try:
            run = store.load(inputs.get("run", ""))
        except ForeignRunError:
            raise RefusedError(Text("turn_words.foreign_event", {"event": "1"})) from None
        except LookupError:
            raise RefusedError(Text("refused.unknown")) from None
        name = LockName(LockKind.PRESS, run.id)
        with renewed_lock(ctx.services.redis, name, LONGEST_S, wait_s=LONGEST_S + 1) as held:
            if held is None:
                raise LockError("another press on the run takes long")
            run = store.refresh(run)
            if ctx.action_id in run.requests or (states and _has_just_finished(run)):
                if repeats:
                    answer(ctx, inputs, run)
                else:
                    ctx.services.carry_on(run.id)
                return
            if run.ended:
                raise RefusedError(distrust(run) or Text("refused.over"))
            if not may(ctx, run):
                raise RefusedError(Text("refused.not_part"), "refused.button", "next_part")
            try:
                answer(ctx, inputs, run)
            except RunEndedError:
                raise RefusedError(Text("refused.over")) from None

    return checked


def _has_just_finished(run: Run) -> bool:
    at = run.ended_at if run.ended is Kind.FINISHED else None
    return at is not None and now() - at < MEANWHILE


for_everybody = partial(on_run, may=is_concerned)
"""Decorator of a button for everybody in the run's own space, even an agent or the mailbox user.

Elsewhere the person must be a participant, or an agent or the mailbox user who was asked 1:1.
"""


def require(holds: object, key: str = "refused.old") -> None:
    if not holds:
        raise RefusedError(Text(key))


def save_answer(ctx: ChatContext, run: Run, question: str, value: str) -> None:
    finish(ctx, run, ctx.answered(question, value))


def refused_input(ctx: ChatContext, question: str, typed: str, wrong: InvalidInputError) -> Event:
    """Return the event of an address that is not accepted, which the cards show with the reason."""
    data = {"question": question, "cause": wrong.fault, "code": typed[:LONGEST]}
    return ctx.event(Kind.PROBLEM, data=data)


def finish(ctx: ChatContext, run: Run, *events: Event) -> None:
    """Save all events of a press together, the last one with its id, and continue the run."""
    *earlier, last = events
    ctx.services.carry_on(run.id, *earlier, replace(last, request=ctx.action_id))
