"""Data shared by several cards, such as the known damage of an incident."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from jobs.model import Access, ConnectChange, Evidence, RunKind, State, Text, Turn


@dataclass(frozen=True, slots=True)
class Damage:
    """Number of mails that did not reach an agent, and the time of the first of them.

    ``kept`` means that all of them are known to be in the mailbox. ``bounced`` is the number of those
    that were returned to their senders as undeliverable.
    """

    mails: int
    since: datetime
    kept: bool = False
    bounced: int = 0


@dataclass(frozen=True, slots=True)
class Header:
    """Data for the kicker: the run and its stage.

    The stages are 1 to 7: details, sign-in, plan, changes, consent, connect, proof. ``kind`` is
    ``setup``, ``fix`` or ``undo``. Only a setup has stages. ``people`` are the addresses of those who
    are known to act for the run. ``started`` says who started it, and ``asked`` who asks the reader
    and where; only one of them is set.
    """

    run: str
    mailbox: str
    stage: int
    kind: RunKind = RunKind.SETUP
    people: dict[Turn, str] = field(default_factory=dict)
    started: Text | None = None
    asked: Text | None = None


@dataclass(frozen=True, slots=True)
class Trouble:
    words: Text
    code: str = ""
    at: datetime | None = None
    remedy: Text | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    typed: str
    reason: Text


@dataclass(frozen=True, slots=True)
class Proof:
    row: str
    words: Text
    at: datetime


@dataclass(frozen=True, slots=True)
class ChangeLine:
    change: ConnectChange
    suspect: Text | None = None


@dataclass(frozen=True, slots=True)
class CheckLine:
    """One finding of a check.

    ``explained_by`` is the row of its cause if it is a symptom. ``proof`` is what would prove a
    possible cause. ``page`` is the address of a page that explains the cause, or empty.
    ``step`` is the name of the finding's step. ``changed`` says who changed the object last, and
    when.
    """

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
    page: str = ""
    step: str = ""
    changed: Text | None = None
