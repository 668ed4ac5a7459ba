"""Expected state of each run in the older data, as the version that wrote the data read it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from jobs.model import Signals, Station
from jobs.runs.origin import Brief, FixBrief, Origin


def moment(hour: int, minute: int) -> datetime:
    """Return a time on the day on which the older data was written."""
    return datetime(2026, 11, 20, hour, minute, tzinfo=UTC)


WHOLE = ("application", "client_secret", "customization", "smtp_auth")
RUNS: dict[str, tuple[Any, ...]] = {
    "OPENED": ("setup", None, 1, False, False, (), ()),
    "DETAIL": ("setup", None, 2, True, False, (), ()),
    "SIGNED": ("setup", None, 3, True, True, (), ()),
    "PLANND": ("setup", None, 9, True, True, (), ()),
    "APPRVD": ("setup", None, 11, True, True, ("mailbox", "tenant"), ()),
    "CHANGE": ("setup", None, 13, True, True, ("mailbox", "tenant"), ("application",)),
    "CNSENT": ("setup", None, 28, True, True, ("mailbox", "tenant"), WHOLE),
    "FORM22": ("setup", None, 31, True, True, ("mailbox", "tenant"), WHOLE),
    "TESTML": ("setup", None, 37, True, True, ("mailbox", "tenant"), WHOLE),
    "DONE22": ("setup", "finished", 40, True, True, ("mailbox", "tenant"), WHOLE),
    "BEFORE": ("setup", "finished", 40, True, True, ("mailbox", "tenant"), WHOLE),
    "CHECK2": ("check", None, 7, True, False, (), ()),
    "ROUND2": ("bulk_check", None, 4, True, False, (), ()),
    "FIXING": ("fix", None, 21, True, True, ("mailbox",), ("smtp_auth",)),
    "UNDO22": ("undo", None, 6, True, True, (), ()),
    "CANCEL": ("setup", "cancelled", 10, True, True, (), ()),
    "FAILED": ("setup", "failed", 5, True, True, (), ()),
    "NEWER2": ("setup", None, 4, True, True, (), ()),
    "READBL": ("setup", None, 3, True, False, (), ()),
    "DIRECT": ("check", None, 13, True, False, (), ()),
}
"""Expected properties of each run of the older data.

They are kind, end, number of events, details, signed in, approvals and changed steps.
"""
ORIGINS = {
    "CHECK2": Origin("room-1", "thread-c", message="message-CHECK2"),
    "ROUND2": Origin("room-1", "thread-c", message="message-ROUND2"),
    "DIRECT": Origin("room-2", direct=True, message="message-DIRECT"),
}
"""Expected origins of the runs that have no thread of their own."""
BRIEFS = {
    "CHECK2": Brief(
        "client-1", "done@contoso.com", token_at=moment(9, 20), changed_at=moment(9, 10)
    ),
    "ROUND2": Brief(mailboxes=("done@contoso.com", "undone@contoso.com")),
    "FIXING": Brief(
        "client-1",
        fix=FixBrief(True, "session_revoked", ("smtp_login",), moment(10, 0)),  # noqa: FBT003  as stored
    ),
    "DIRECT": Brief("client-1", shared=True, test_recipient="anna@contoso.com"),
}
"""Expected briefs of the runs that have one. Every other run has an empty brief."""
POLICY_CHANGED = datetime(2026, 11, 19, 8, 0, 0, 123456, UTC)
SIGNALS: dict[str, dict[str, Signals]] = {
    "CHECK2": {
        "smtp_login": Signals(
            since=moment(10, 0),
            shown_by="generated_at",
            disproved_by=("sign_ins", "answers"),
            as_of="conditional_access",
            token_lives=True,
            station=Station.ANSWER,
        ),
        "traces": Signals(harmless_after=moment(10, 30), missed=2, unanswered=moment(9, 30)),
    },
    "DIRECT": {
        "conditional_access": Signals(
            harmless_after=POLICY_CHANGED,
            by_place=True,
            disproved_by=("answers",),
            elsewhere_since=POLICY_CHANGED,
        ),
        "smtp_login": Signals(disproved_by=(), harmless_after=moment(8, 1)),
        "sign_ins": Signals(at=moment(8, 2), generated_at=moment(8, 3)),
        "authentication_policy": Signals(harmless_after=moment(8, 4), token_lives=True),
        "transport_rules": Signals(proven=True),
        "mailbox_user": Signals(station=Station.ANSWER),
        "arrivals": Signals(failed=3, since=moment(8, 5), at=moment(8, 6)),
        "copies": Signals(failed=1, station=Station.CONNECT, missed=14, missed_since=moment(8, 7)),
        "answers": Signals(at=moment(8, 8), unanswered=moment(8, 9)),
        "mail_to_task": Signals(at=moment(8, 10), unproven=moment(8, 11)),
    },
}
"""Expected signals of the findings that have any. Every other finding has none."""
