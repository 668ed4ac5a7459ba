"""Data of the card that shows the verdict of a check."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from adaptive_cards.views import ChangeLine, CheckLine, Damage, Proof
from jobs.model import Station, Text, Turn


@dataclass(frozen=True, slots=True)
class Stop:
    """Station on the path of the mail.

    ``passes`` is True if mail passed, False if mail stops there, and None if that is unknown.
    ``at`` is the time of the last mail.
    """

    station: Station
    passes: bool | None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class FoundChannel:
    """Channel that the check found by itself.

    ``values`` are (label key, value); an empty value was not found, and no values mean that nobody
    has signed in yet. ``may_keep`` offers to keep it. ``told`` says what that means, or why it
    cannot be kept. ``watched`` is how often it is watched, such as ``15m``; empty if it is not.
    """

    values: tuple[tuple[str, str], ...] = ()
    may_keep: bool = False
    kept: bool = False
    told: Text | None = None
    watched: str = ""


@dataclass(frozen=True, slots=True)
class VerdictView:
    """Data of a check, both while it runs and when it is done.

    ``looking`` is the number of findings still to come, and ``silent`` names the clouds that give no
    answer so far. ``causes`` are the root causes, starting
    with the one that stops mail first. If it is empty and ``looking`` is 0, nothing wrong was
    found.

    ``fix`` is (button text key, submit data), or (button text key, {"url": ...}) if a person must
    fix it elsewhere. If ``turn`` is not the approver's, it fixes another cause than the first.

    ``sign_in_url`` is set if a sign-in would allow more findings. If ``lacks_role`` is set, another
    person must sign in. ``grant_url`` is set if an administrator could give the bot its own read
    access. ``problem`` says why that failed, or that the access has ended. ``changes`` are the
    changes in Webex Connect shortly before mail stopped, newest first. ``found`` is set if the channel is not known here.

    ``unread`` is the number of findings that could not be read, and ``needs_administrator`` is true
    if a sign-in reads all of them. ``secret_ends`` is the end of a client secret that is to be renewed
    now. ``proven`` is when the bot's own test mail last went the whole way, and ``login`` is whether
    its login as the mailbox works now. ``accepts`` is the code of the first cause if an approver may
    accept it for a time.
    """

    run: str
    mailbox: str
    at: datetime
    looking: int
    causes: tuple[CheckLine, ...]
    symptoms: tuple[CheckLine, ...] = ()
    possible: tuple[CheckLine, ...] = ()
    changes: tuple[ChangeLine, ...] = ()
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
    secret_expires: datetime | None = None
    secret_ends: datetime | None = None
    unread: int = 0
    needs_administrator: bool = False
    proven: datetime | None = None
    login: bool = False
    silent: tuple[Text, ...] = ()
    accepts: str = ""
    found: FoundChannel | None = None

    @property
    def is_unknown(self) -> bool:
        """Return whether the channel is not known here, and not found yet."""
        return self.found is not None and not self.found.values

    @property
    def may_keep(self) -> bool:
        return self.found is not None and self.found.may_keep

    @property
    def is_ours(self) -> bool:
        """Return whether the other commands serve the channel in this space."""
        return self.found is None or self.found.kept
