"""Kinds of kills and pauses, and the order in which a seed draws them.

A run has one kill, sometimes five, or one pause.
"""

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

Json = dict[str, Any]
HOLD_S: Final = 1.5
SINGLES: Final = 16
MOST: Final = 5
LONGEST_PAUSE_S: Final = 3.0
MOST_ASKED: Final = 40
"""Number of questions for the lease from which a pause is drawn; an approved plan asks more often."""
GRAPH, CARDS, PRESSES = "/graph/v1.0", "/webex/v1/messages", "/webex/v1/attachment/actions"
AT_ANY_TIME: Final = "at any time"


class When(StrEnum):
    """Moment of the worker's death, relative to the call that it makes.

    The call is never carried out, it is carried out after the death, or its answer is lost.
    """

    BEFORE = "before"
    INSIDE = "inside"
    AFTER = "after"


class Victim(StrEnum):
    """Processes that a kill ends.

    * WORKER is the RQ worker that has a job.
    * ALL is everything of ``python -m bot worker``, which is started again.
    * HOST is the same as ALL, but another host takes over.
    """

    WORKER = "worker"
    ALL = "all"
    HOST = "host"


HERE: Final = (Victim.WORKER, Victim.ALL)
"""Kinds of killed processes after which the same host continues."""


class Between(StrEnum):
    """Event between the pause of a worker and the end of the pause.

    * NOTHING means that another worker goes on with the run, and the paused worker goes on in the
      middle of it.
    * UNDO means that the run ends and is undone before the paused worker goes on.
    * SETUP means that the run is canceled, and a second setup of the mailbox reaches its proof
      before the paused worker goes on.
    """

    NOTHING = "nothing"
    UNDO = "undo"
    SETUP = "second setup"


@dataclass(frozen=True, slots=True)
class Effect:
    """Side effect of a setup, identified by its call.

    ``skip`` earlier calls of the same kind are ignored.
    """

    name: str
    method: str
    prefix: str
    cmdlet: str = ""
    skip: int = 0

    @property
    def changes(self) -> bool:
        """Return whether the call changes something at Microsoft."""
        return self.prefix.startswith(("/graph", "/adminapi"))


EFFECTS: Final = (
    Effect("a press is read", "GET", PRESSES),
    Effect("a card is posted", "POST", CARDS),
    Effect("a card is edited", "PUT", CARDS),
    Effect("E1 app", "PATCH", f"{GRAPH}/applications("),
    Effect("M2 SMTP AUTH", "POST", "/adminapi", "Set-CASMailbox"),
    Effect("M3 forwarding", "POST", "/adminapi", "Set-Mailbox"),
    Effect("M5 customization", "POST", "/adminapi", "Enable-OrganizationCustomization"),
    Effect("M4 policy", "POST", "/adminapi", "New-HostedOutboundSpamFilterPolicy"),
    Effect("M4 rule", "POST", "/adminapi", "New-HostedOutboundSpamFilterRule"),
    Effect("service principal", "POST", f"{GRAPH}/servicePrincipals"),
    Effect("E2 or E4, the first", "PATCH", f"{GRAPH}/applications/"),
    Effect("E2 or E4, the second", "PATCH", f"{GRAPH}/applications/", skip=1),
    Effect("E5 grant, the first", "POST", f"{GRAPH}/oauth2PermissionGrants"),
    Effect("E5 grant, the second", "POST", f"{GRAPH}/oauth2PermissionGrants", skip=1),
    Effect("E3 secret", "POST", f"{GRAPH}/applications/"),
    Effect("C6 secret", "POST", f"{GRAPH}/applications/", skip=1),
)


@dataclass(frozen=True, slots=True)
class Question:
    """Command of Redis with which a worker asks for its run's lease before a change, or the answer.

    ``command`` is its place in the question (:data:`practice.chaos.relay.COMMANDS`). ``skip``
    earlier ones are ignored.
    """

    name: str
    command: int
    answer: bool
    skip: int = 0


QUESTIONS: Final = tuple(
    Question(f"lease: {name}, {'answer' if answer else 'command'}", command, answer)
    for command, name in enumerate(("renewal", "run put off", "end of the run"))
    for answer in (False, True)
)
PLACES: Final[tuple[Effect | Question, ...]] = (*EFFECTS, *QUESTIONS)


@dataclass(frozen=True, slots=True)
class Kill:
    """Kill of processes at a side effect or at a question for the lease.

    Without both it is ``pause`` seconds after the previous kill.
    """

    victim: Victim
    effect: Effect | None = None
    when: When = When.BEFORE
    pause: float = 0.0
    question: Question | None = None

    @property
    def name(self) -> str:
        """Return the name of the kill's row in the table."""
        at = self.effect or self.question
        return at.name if at else AT_ANY_TIME

    def fault(self) -> Json:
        """Return the fault that makes the practice cloud hold the call until the kill happens.

        Raises:
            ValueError: when the kill is not at a side effect.
        """
        if self.effect is None:
            raise ValueError("a kill at any time needs no fault")
        call = {
            "prefix": self.effect.prefix,
            "method": self.effect.method,
            "cmdlet": self.effect.cmdlet,
            "skip": self.effect.skip,
        }
        held = {
            When.BEFORE: {"delay_s": HOLD_S, "reset": True},
            When.INSIDE: {"delay_s": HOLD_S},
            When.AFTER: {"late_s": HOLD_S},
        }
        return {"times": 1, **call, **held[self.when]}


@dataclass(frozen=True, slots=True)
class Pause:
    """Stop (SIGSTOP) of all processes of a worker at a side effect or a question for the lease.

    The pause is longer than the worker's lease.
    """

    kill: Kill
    between: Between


def pauses(seed: int) -> Iterator[Pause]:
    """Yield one pause after another, without end: every place in turn, in every way.

    The places are the side effects and the questions for the lease. A setup is canceled only at the
    effects of its approved plan. The last secret comes after it.
    """
    rng = random.Random(seed)  # noqa: S311 - the draw is not secret
    while True:
        ways = list(itertools.product(PLACES, Between))
        rng.shuffle(ways)
        for place, between in ways:
            if isinstance(place, Question):
                asked = replace(place, skip=rng.randrange(MOST_ASKED))
                yield Pause(Kill(Victim.HOST, question=asked), between)
            elif place is not EFFECTS[-1] or between is not Between.SETUP:
                yield Pause(Kill(Victim.HOST, place, rng.choice(list(When))), between)


def sample(seed: int) -> tuple[Kill, ...]:
    """Return three kills of one run, for a test that must be short.

    They are at the app, at an object that needs the app, and at a secret.
    """
    rng = random.Random(seed)  # noqa: S311 - the draw is not secret
    parts = (
        ("E1 app",),
        ("service principal", "E2 or E4, the first", "E5 grant, the first"),
        ("E3 secret",),
    )
    named = {effect.name: effect for effect in EFFECTS}
    return tuple(
        Kill(rng.choice(HERE), named[rng.choice(part)], rng.choice(list(When))) for part in parts
    )


def runs(seed: int) -> Iterator[tuple[Kill, ...]]:
    """Yield the kills of one run after another, without end.

    Every side effect is killed in every way, and sometimes a run has five kills at random times.
    """
    rng = random.Random(seed)  # noqa: S311 - the draw is not secret
    while True:
        ways = list(itertools.product(EFFECTS, When, Victim))
        rng.shuffle(ways)
        for number, (effect, when, victim) in enumerate(ways, 1):
            yield (Kill(victim, effect, when),)
            if number % SINGLES == 0:
                yield tuple(
                    Kill(rng.choice(HERE), pause=rng.uniform(0, LONGEST_PAUSE_S))
                    for _ in range(MOST)
                )
