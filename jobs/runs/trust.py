"""Trust in a run: one with a foreign event is stopped, and one that the audit trail contradicts.

Each event that somebody could be asked about is in the trail, in the same transaction. So an older
state of a run, which a client of Redis brought back, lacks an event that the trail has.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

import structlog
from redis.client import Pipeline

from jobs.runs.audit_chain import AuditEntry
from jobs.runs.event_log import FOREIGN_EVENT, NOT_AUDITED, SET_BACK
from jobs.runs.run import Kind, Run
from jobs.runs.run_store import ABOUT_S, RunStore
from jobs.storage import codec, keys

_EVENTS = frozenset(map(str, Kind)) - {str(Kind.UNKNOWN)}
log = structlog.get_logger(__name__)


class UntrustedError(Exception):
    """Error because the audit trail contradicts the run, so that it may change nothing.

    ``cause`` is the problem's cause, and ``code`` the number of the entry, or the scope of the
    approval.
    """

    def __init__(self, cause: str, code: str) -> None:
        super().__init__(cause, code)
        self.cause, self.code = cause, code


def stop(store: RunStore, run_id: str, place: int, mailbox: str = "") -> None:
    """Take a run with a foreign event off all lists, and record it once in the audit trail.

    A foreign event is one that this bot did not make, and ``place`` is its number. ``mailbox`` is
    released if the run holds it.
    """
    mark = store.authenticator.protect(("stopped", run_id), codec.dump({"event": place}))
    if store.redis.get(keys.run_stopped(run_id)) == mark:
        store.schedule.remove(run_id)
        return
    mine = bool(mailbox) and store.channels.holder(mailbox) == run_id

    def along(pipe: Pipeline) -> None:
        pipe.set(keys.run_stopped(run_id), mark, ex=ABOUT_S)
        store.channels.end(pipe, run_id)
        store.schedule.remove(run_id, pipe)
        if mine:
            store.channels.release(pipe, mailbox)

    log.error("an event of the run was not made by this bot", run=run_id, place=place)
    store.record(FOREIGN_EVENT, run_id, along, data={"event": str(place)})


def require_newest(store: RunStore, run_id: str) -> list[AuditEntry]:
    """Return the run's entries in the audit trail, newest first.

    Raises:
        UntrustedError: the run has lost an event, so that this is an older state of it.
    """
    told = store.audit.of_run(run_id)
    if lost := _lost(store, run_id, told):
        raise UntrustedError(SET_BACK, str(lost))
    return told


def require_audited(store: RunStore, run: Run) -> None:
    """Require that the audit trail holds each approval of the run, and no event that it lacks.

    Raises:
        UntrustedError: one of the two does not hold.
    """
    told = require_newest(store, run.id)
    for scope, approval in run.approvals.items():
        known = {"plan": approval.value, "scope": str(scope)}.items()
        if not any(
            (entry["what"], entry["at"]) == (Kind.APPROVED, approval.at.isoformat())
            and known <= entry.get("data", {}).items()
            for entry in told
        ):
            raise UntrustedError(NOT_AUDITED, str(scope))


def older_runs(store: RunStore) -> Iterator[str]:
    """Yield each run in Redis that is older than its entries in the audit trail, in words."""
    told: dict[str, list[AuditEntry]] = defaultdict(list)
    opened: set[str] = set()
    for entry in store.audit.believed():
        run_id = str(entry.get("run", ""))
        if run_id not in opened:
            told[run_id].append(entry)
        if entry.get("what") == Kind.OPENED:
            opened.add(run_id)
    for run_id, entries in told.items():
        if store.redis.exists(keys.run_events(run_id)) and (lost := _lost(store, run_id, entries)):
            yield f"{keys.run_events(run_id)} without entry {lost} of the audit trail"


def _lost(store: RunStore, run_id: str, told: Iterable[AuditEntry]) -> int:
    """Return the number of the oldest entry whose event the run does not have, or 0.

    The entries were read before the events, to which each entry's event was added with it.
    """
    known = {(str(event.kind), event.at.isoformat()) for event in store.events(run_id)}
    return min(
        (
            entry["n"]
            for entry in told
            if entry.get("what") in _EVENTS and (entry["what"], entry.get("at")) not in known
        ),
        default=0,
    )
