from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from adaptive_cards.views import CheckLine, Damage, Proof
from jobs.model import Station, Text, Turn


@dataclass(frozen=True, slots=True)
class Stop:
    """A station of the mail's way: ``passes`` True where mail went on, False where it stops, None where nobody knows; ``at`` the last mail."""

    station: Station
    passes: bool | None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class VerdictView:
    """A check, while it runs (``looking`` findings are still to come) and when it is done.

    ``causes`` are the roots, the one that stops mail first in front; empty and not looking: nothing wrong was found.
    ``fix`` is (button text key, submit data), or (button text key, {"url": ...}) where only a person can mend it elsewhere; where it is not
    the approver's ``turn``, it mends another cause than the first. ``sign_in_url`` is there where more could be looked at after a sign-in,
    of somebody else where the one who did ``lacks_role``, ``grant_url`` where an administrator could let the bot look by itself;
    ``problem`` says why that was tried in vain, or that it has ended. ``connect_test`` offers a mail through Webex Connect.
    """

    run: str
    mailbox: str
    at: datetime
    looking: int
    causes: tuple[CheckLine, ...]
    symptoms: tuple[CheckLine, ...] = ()
    possible: tuple[CheckLine, ...] = ()
    warnings: tuple[CheckLine, ...] = ()
    skipped: tuple[CheckLine, ...] = ()
    lines: tuple[CheckLine, ...] = ()
    way: tuple[Stop, ...] = ()
    since: datetime | None = None
    turn: Turn = Turn.NOBODY
    fix: tuple[str, dict[str, str]] | None = None
    proofs: tuple[Proof, ...] = ()
    sign_in_url: str = ""
    lacks_role: bool = False
    grant_url: str = ""
    problem: Text | None = None
    problem_code: str = ""
    problem_at: datetime | None = None
    damage: Damage | None = None
    connect_test: bool = False
    secret_expires: datetime | None = None
