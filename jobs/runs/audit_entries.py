"""Audit entries of a run: every event that somebody could be asked about, for every kind of run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from jobs.clock import now
from jobs.model import RunKind
from jobs.redact import Redactor
from jobs.runs.audit import AuditEntry
from jobs.runs.run import Brief, Event, Kind, Origin

NOT_RECORDED = frozenset(
    {Kind.RUNNING, Kind.FOUND, Kind.CHECKED, Kind.SEARCHED, Kind.SILENT, Kind.UNREADABLE}
)
"""Kinds of events that only inspect. All other kinds, including new ones, are recorded."""
BOT = "bot"
_CHANGE = ("object", "before", "after", "scope", "command", "reversible")
_REDACTOR = Redactor()


@dataclass(frozen=True, slots=True)
class About:
    """Description of a run in each of its entries, which grows as more is known."""

    run: str
    kind: str = ""
    mailbox: str = ""
    room: str = ""
    asked_by: str = ""
    tenant: str = ""
    account: str = ""


def recorded(events: Iterable[Event]) -> tuple[Event, ...]:
    return tuple(event for event in events if event.kind not in NOT_RECORDED)


def updated(about: About, event: Event) -> About:
    if event.kind is Kind.OPENED:
        room = event.origin.room if event.origin else ""
        kind = str(event.run_kind or RunKind.SETUP)
        about = replace(about, kind=kind, room=room, asked_by=event.by)
    if event.channel is not None:
        mailbox, tenant = event.channel.mailbox, event.channel.tenant_id
        about = replace(about, mailbox=mailbox or about.mailbox, tenant=tenant or about.tenant)
    if event.account is not None:
        about = replace(about, tenant=event.account.tenant_id, account=event.account.upn)
    return about


def entries_of(about: About, events: Iterable[Event]) -> Iterator[tuple[AuditEntry, About]]:
    """Yield an entry for each event, with the description of the run at that point."""
    for event in events:
        about = updated(about, event)
        changes = map(msgspec.to_builtins, event.changes)
        own = {
            "at": event.at.isoformat(),
            "by": event.by or BOT,
            "step": event.step,
            "data": event.data,
            "changes": [{name: each[name] for name in _CHANGE} for each in changes],
            "origin": _filled(event.origin),
            "brief": _filled(event.brief),
            "facts": event.finding.facts | event.finding.signals.texts() if event.finding else {},
            "channel": event.channel,
            "account_ids": event.account,
        }
        yield entry(str(event.kind), about, **own), about


def entry(what: str, about: About | None = None, **more: Any) -> AuditEntry:
    """Return one entry: the event's name, the description of its run, and additional data.

    Empty values and everything that looks like a secret are removed.
    """
    whole = {"at": now().isoformat(), "by": BOT, "what": what}
    whole |= msgspec.to_builtins(about) if about else {}
    whole |= msgspec.to_builtins(more)
    filled = {name: value for name, value in whole.items() if value not in ("", None, [], {})}
    clean: AuditEntry = _REDACTOR.data(filled)
    return clean


def _filled(part: Origin | Brief | None) -> dict[str, Any]:
    """Return the fields that are not empty, or no fields if the event has no such part."""
    fields = msgspec.to_builtins(part) if part else {}
    return {name: value for name, value in fields.items() if value}
