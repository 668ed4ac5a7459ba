"""What an incident has done, as far as it is known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from jobs.model import Access, Evidence, RunKind, State, Text


@dataclass(frozen=True, slots=True)
class Damage:
    """How many mails did not reach an agent, since the first of them; ``kept`` where all of them are known to lie in the mailbox."""

    mails: int
    since: datetime
    kept: bool = False


@dataclass(frozen=True, slots=True)
class Header:
    """The kicker: which run it is about, and the stage (1 to 7: details, sign-in, plan, changes, consent, connect, proof).

    ``kind`` is ``setup``, ``fix`` or ``undo``; only a setup has stages.
    """

    run: str
    mailbox: str
    stage: int
    kind: RunKind = RunKind.SETUP


@dataclass(frozen=True, slots=True)
class Asked:
    """Somebody else was to be asked, and cannot be: what was typed, and why not."""

    typed: str
    reason: Text


@dataclass(frozen=True, slots=True)
class Proof:
    """One proven line of the done card."""

    row: str
    words: Text
    at: datetime


@dataclass(frozen=True, slots=True)
class CheckLine:
    """One finding of a check. ``explained_by`` is the row of its cause where it is a symptom; ``proof`` says what would prove a possible one."""

    row: str
    title: Text
    state: State
    access: Access
    seen: Text | None = None
    expected: Text | None = None
    evidence: tuple[Evidence, ...] = ()
    explained_by: str = ""
    remedy: Text | None = None
    proof: Text | None = None
    command: str = ""
