"""Findings that an approver has accepted until a day: notes until then, causes again afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from redis.client import Pipeline

from jobs.clock import now
from jobs.model import Finding, State, Text, day_of
from jobs.runs.run import Run
from jobs.runs.run_store import RunStore
from jobs.storage import codec, keys


@dataclass(frozen=True, slots=True)
class Accepted:
    """Cause that is known until a moment, with the reason and the approver's address."""

    until: datetime
    why: str
    by: str


def accept(store: RunStore, check: Run, cause: str, given: Accepted) -> None:
    key, mailbox = keys.accepted(check.channel.mailbox), check.channel.mailbox
    ends = max([given.until, *(each.until for each in of(store, mailbox).values())])
    data = {"cause": cause, "value": given.why, "until": given.until.date().isoformat()}

    def along(pipe: Pipeline) -> None:
        pipe.hset(key, cause, store.authenticator.dump(key, given, cause))
        pipe.expireat(key, ends)

    store.record("accepted", check.id, along, by=given.by, data=data)


def of(store: RunStore, mailbox: str) -> Mapping[str, Accepted]:
    """Return what is accepted for a channel now, by cause; a value of others does not count."""
    key = keys.accepted(mailbox)
    rows = {codec.as_text(cause): raw for cause, raw in store.redis.hgetall(key).items()}
    load = store.authenticator.load
    found = {cause: load(key, raw, Accepted, cause) for cause, raw in rows.items()}
    return {cause: given for cause, given in found.items() if given and given.until > now()}


def as_note(known: Mapping[str, Accepted], finding: Finding) -> Finding:
    given = known.get(finding.cause)
    if given is None or finding.state not in {State.WRONG, State.POSSIBLE}:
        return finding
    values = {"day": day_of(given.until), "why": given.why, "by": given.by}
    return replace(finding, state=State.WARNING, seen=Text("seen.accepted", values))
