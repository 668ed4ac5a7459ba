"""First facts of a run: the place in Webex that asked for it, and its facts from earlier runs.

Nothing here is secret, because both are in the run's first event and in the audit trail.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Origin:
    """Space and thread in Webex in which a run shows itself.

    ``direct`` is true in a 1:1 conversation. ``message`` is the id of the message, or of the press
    on a card, that asked for the run.
    """

    room: str = ""
    thread: str = ""
    direct: bool = False
    message: str = ""


@dataclass(frozen=True, slots=True)
class FixBrief:
    """Part of the newest check's verdict that a fix cannot find by itself.

    ``consent_missing`` is true if the check did not see the administrator's consent.
    ``token_cause`` is the cause code that only a new token ends, or an empty string.
    ``manual_causes`` are the cause codes that only a person can fix. ``checked_at`` is when the
    check ended. ``wrong`` are the steps that the fix will probably change, so that its sign-in asks
    for their permissions. The plan decides which steps are changed.
    """

    consent_missing: bool = False
    token_cause: str = ""
    manual_causes: tuple[str, ...] = ()
    checked_at: datetime | None = None
    wrong: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Brief:
    """Facts that a check, a fix or a bulk check gets before it starts.

    ``client_id`` is the app that Webex Connect got its token with. ``token_at`` is the last
    Generate Token. ``upn`` is the mailbox user. It is empty for a ``shared`` mailbox, for which
    another user signs in: ``delegate`` names that user, or is empty. ``changed_at`` is when the bot
    last changed the target of the copies. ``mailboxes`` are the channels of a bulk check.
    ``fix`` is set only for a fix.

    ``by_hand`` means that nobody set the channel up here, so the values that only a setup records
    are not known. ``discover`` means that the check must find the channel first, because none is
    known here. ``keep`` means that the channel is kept once it is found (``/adopt``).
    """

    client_id: str = ""
    upn: str = ""
    shared: bool = False
    delegate: str = ""
    token_at: datetime | None = None
    changed_at: datetime | None = None
    mailboxes: tuple[str, ...] = ()
    fix: FixBrief | None = None
    by_hand: bool = False
    discover: bool = False
    keep: bool = False
