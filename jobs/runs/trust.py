"""Trust in a run: one with a foreign event is stopped, and an approval needs its audit entry."""

from __future__ import annotations

import structlog
from redis.client import Pipeline

from jobs.model import Scope
from jobs.runs.audit_search import is_recorded
from jobs.runs.event_log import FOREIGN_EVENT
from jobs.runs.run import Kind, Reply
from jobs.runs.run_store import ABOUT_S, RunStore
from jobs.storage import codec, keys

log = structlog.get_logger(__name__)


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
        store.schedule.end(pipe, run_id)
        if mine:
            store.channels.release(pipe, mailbox)

    log.error("an event of the run was not made by this bot", run=run_id, place=place)
    store.record(FOREIGN_EVENT, run_id, along, data={"event": str(place)})


def is_audited(store: RunStore, run_id: str, scope: Scope, approval: Reply) -> bool:
    """Return whether the audit trail holds the entry of an approval, sealed by this bot."""
    known = {
        "what": str(Kind.APPROVED),
        "run": run_id,
        "at": approval.at.isoformat(),
        "data": {"plan": approval.value, "scope": str(scope)},
    }
    return is_recorded(store.redis, store.audit, known)
