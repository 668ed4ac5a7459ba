"""Data shared by several cards, such as the known damage of an incident."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from jobs.model import RunKind, Text, Turn


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
