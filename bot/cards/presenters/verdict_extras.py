"""What a check's card says beside its verdict: the damage, what the providers say of themselves, the mail through Webex Connect."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from adaptive_cards.views import Damage, Proof
from jobs.checks.verdict import MAIL_PATH, Verdict
from jobs.clock import parse
from jobs.model import NO_SIGNALS, Finding, Signals, State, Station, Text
from jobs.runs.run import Run
from jobs.settings import Settings

OUTSIDE = frozenset({"exchange_health", "entra_health", "webex_status"})
"""What the providers say of themselves."""
COUNTED = ("copies", "mail_to_task")
"""Who knows how many mails were missed and since when, the one earliest on the way first."""


def damage(run: Run, verdict: Verdict, found: Mapping[str, Finding]) -> Damage | None:
    """Only where mail is known to stop before an agent, and the trace was read."""
    if verdict.stops is None or MAIL_PATH.index(verdict.stops) > MAIL_PATH.index(Station.AGENT):
        return None
    before = MAIL_PATH.index(verdict.stops) <= MAIL_PATH.index(Station.MAILBOX)
    told = (_refused(found) if before else None) or next(
        filter(None, (_missed(found[name].signals) for name in COUNTED if name in found)), None
    )
    if told is None:
        return None
    keeps = found["forwarding"].state if "forwarding" in found else State.UNKNOWN
    return Damage(*told, kept=run.channel.keep_copy and keeps is State.OK and not before)


def _refused(found: Mapping[str, Finding]) -> tuple[int, datetime] | None:
    """What came into no mailbox; nothing says whether a full one forwards, so a copy that went on since tells that agents have them."""
    refused = found["arrivals"].signals if "arrivals" in found else NO_SIGNALS
    copied = found["copies"].signals.at if "copies" in found else None
    if not refused.failed or refused.since is None or (copied is not None and copied >= refused.since):
        return None
    return refused.failed, refused.since


def _missed(signals: Signals) -> tuple[int, datetime] | None:
    since = signals.missed_since or signals.since
    return (signals.missed, since) if signals.missed and since else None


def no_incident(run: Run, found: Mapping[str, Finding]) -> list[Proof]:
    """A line where all three were read and none has an incident."""
    seen = [found[name] for name in sorted(OUTSIDE) if name in found and found[name].state is State.OK]
    whole = len(seen) == len(OUTSIDE)
    return [Proof("MS", Text("verdict.no_incident"), min(run.found_at[each.step] for each in seen))] if whole else []


def secret_expires(found: Mapping[str, Finding]) -> datetime | None:
    """The day on which somebody has to act; one that is near is a warning already."""
    secret = found.get("client_secret")
    known = secret is not None and secret.state is State.OK and secret.facts.get("expires")
    return parse(known) if known else None


def may_send(run: Run, settings: Settings) -> bool:
    """Whether the card offers a mail through Webex Connect: where a key is there, and this check has not sent one."""
    return run.checked is not None and bool(settings.connect_url) and not run.brief.test_recipient
