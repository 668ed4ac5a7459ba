"""Extra parts of a check's card, such as the damage and the providers' status."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from adaptive_cards.views import ChangeLine, Damage, Proof
from bot.cards.presenters._common import is_ok, known_text
from jobs.causes.cause import Cause
from jobs.checks.verdict import MAIL_PATH, Verdict
from jobs.clock import parse
from jobs.model import NO_SIGNALS, Finding, Signals, Station, Text
from jobs.runs.run import Run

OUTSIDE = frozenset({"exchange_health", "entra_health", "webex_status"})
"""Steps that report the status that the providers publish about themselves."""
COUNTED = ("copies", "mail_to_task")
"""Steps that count missed mails, with the facts for the number and the start.

The earliest step on the mail path comes first.
"""

CHANGES = "connect_changes"
"""Step whose suspected changes have a section of their own on the card."""
EXPLAINED = {
    "deleteapp": Cause.CONNECT_ADDRESS_GONE,
    "deleteflow": Cause.CONNECT_FLOW_NOT_LIVE,
    "deleterule": Cause.CONNECT_FLOW_NOT_LIVE,
    "updaterulestatus": Cause.CONNECT_FLOW_NOT_LIVE,
    "updatewfstatusonupdaterule": Cause.CONNECT_FLOW_NOT_LIVE,
}
"""Cause inside Webex Connect that an action in the audit log explains.

An update of an app may explain many causes.
"""


def damage(run: Run, verdict: Verdict, found: Mapping[str, Finding]) -> Damage | None:
    """Return how much mail was missed and since when, or None if that is unknown.

    The damage is known only if mail stops before an agent and the message trace was read.
    """
    stop = stop_of(verdict)
    if stop > MAIL_PATH.index(Station.AGENT):
        return None
    before = stop <= MAIL_PATH.index(Station.MAILBOX)
    told = _lost(found, before=before)
    if told is None:
        return None
    return Damage(*told) if before else _damage_of_copies(run, found, *told)


def _damage_of_copies(
    run: Run, found: Mapping[str, Finding], mails: int, since: datetime
) -> Damage:
    """Return the damage of mail that has reached the mailbox, but no agent."""
    bounced = min(_signals(found, "copies").failed, mails)
    return Damage(
        mails, since, kept=run.channel.keep_copy and is_ok(found, "forwarding"), bounced=bounced
    )


def stop_of(verdict: Verdict) -> int:
    """Return the index in MAIL_PATH at which mail stops, or its length if none is known."""
    return MAIL_PATH.index(verdict.stops) if verdict.stops else len(MAIL_PATH)


def _lost(found: Mapping[str, Finding], *, before: bool) -> tuple[int, datetime] | None:
    """Return the number of lost mails and since when, or None.

    ``before`` means that mail stops before the mailbox, so refused mail counts first.
    """
    return (_refused(found) if before else None) or _first_missed(found)


def _first_missed(found: Mapping[str, Finding]) -> tuple[int, datetime] | None:
    return next(filter(None, (_missed(_signals(found, name)) for name in COUNTED)), None)


def _signals(found: Mapping[str, Finding], step: str) -> Signals:
    return found[step].signals if step in found else NO_SIGNALS


def _refused(found: Mapping[str, Finding]) -> tuple[int, datetime] | None:
    """Return the number of mails that reached no mailbox and the start, or None.

    It is not documented whether a full mailbox still forwards. A copy that was forwarded since then
    shows that agents have the mails, so nothing is reported.
    """
    refused = _signals(found, "arrivals")
    if not refused.failed or refused.since is None or _has_copied(found, refused.since):
        return None
    return refused.failed, refused.since


def _has_copied(found: Mapping[str, Finding], since: datetime) -> bool:
    copied = _signals(found, "copies").at
    return copied is not None and copied >= since


def _missed(signals: Signals) -> tuple[int, datetime] | None:
    since = signals.missed_since or signals.since
    return (signals.missed, since) if signals.missed and since else None


def no_incident(run: Run, found: Mapping[str, Finding]) -> list[Proof]:
    """Return one line if all three sources of service status were read without an incident."""
    if not all(is_ok(found, name) for name in OUTSIDE):
        return []
    return [
        Proof(
            "MS",
            Text("verdict.no_incident"),
            min(run.found_at[found[name].step] for name in OUTSIDE),
        )
    ]


def secret_expires(found: Mapping[str, Finding]) -> datetime | None:
    """Return the date on which the client secret expires, or None.

    A date that is near is left out, because the card shows it as a warning already.
    """
    return _expiry(found["client_secret"]) if is_ok(found, "client_secret") else None


def secret_ends(found: Mapping[str, Finding]) -> datetime | None:
    secret = found.get("client_secret")
    if secret is None or secret.cause != Cause.CLIENT_SECRET_EXPIRES_SOON:
        return None
    return _expiry(secret)


def _expiry(secret: Finding) -> datetime | None:
    known = secret.facts.get("expires")
    return parse(known) if known else None


def renewal(run: Run, ends: datetime | None) -> tuple[str, dict[str, str]] | None:
    return ("button.renew_secret", {"do": "fix", "channel": run.channel.mailbox}) if ends else None


def others(verdict: Verdict) -> tuple[str, ...]:
    """Return the possible causes, without the changes in Webex Connect."""
    return tuple(name for name in verdict.possible if name != CHANGES)


def changes(verdict: Verdict) -> tuple[ChangeLine, ...]:
    if CHANGES not in verdict.possible:
        return ()
    found = verdict.weighed[CHANGES].signals.changes
    return tuple(
        ChangeLine(each, known_text(f"cause.{EXPLAINED.get(each.event.lower(), '')}"))
        for each in found
    )
