"""Trust in a run: one with a foreign event is stopped, and one that the audit trail contradicts.

Each event that somebody could be asked about is in the trail, in the same transaction. So an older
state of a run, which a client of Redis brought back, lacks an event that the trail has.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import structlog

from jobs.runs.audit import AuditEntry, hash_of, number_of
from jobs.runs.event_log import FOREIGN_EVENT, NOT_AUDITED, SET_BACK
from jobs.runs.run import Kind, Run
from jobs.runs.run_store import RunStore
from jobs.storage import keys
from jobs.storage.vault import mac_of

_EVENTS = frozenset(map(str, Kind)) - {str(Kind.UNKNOWN)}
log = structlog.get_logger(__name__)


@dataclass(eq=False)
class UntrustedError(Exception):
    """Error because the trail contradicts the run; ``code`` is the entry, or the scope."""

    cause: str
    code: str


def stop(store: RunStore, run_id: str, place: int, mailbox: str = "") -> None:
    """Take a run off all lists whose event ``place`` is foreign, and record it once."""
    told = {"event": str(place)}
    if any((e["what"], e.get("data")) == (FOREIGN_EVENT, told) for e in store.audit.of_run(run_id)):
        store.schedule.remove(run_id)
        return
    log.error("an event of the run was not made by this bot", run=run_id, place=place)
    store.attest(FOREIGN_EVENT, run_id, store.closing(run_id, mailbox), data=told)


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
    told = [each for each in require_newest(store, run.id) if each["what"] == Kind.APPROVED]
    for scope, approval in run.approvals.items():
        known, at = {"plan": approval.value, "scope": str(scope)}, approval.at.isoformat()
        data = (each.get("data", {}) for each in told if each["at"] == at)
        if not any(known.items() <= each.items() for each in data):
            raise UntrustedError(NOT_AUDITED, str(scope))


def older_runs(store: RunStore) -> Iterator[str]:
    """Yield each run in Redis that is older than its entries in the audit trail, in words."""
    told: dict[str, list[AuditEntry]] = {}
    opened: set[str] = set()
    for entry in store.audit.believed():
        run_id = str(entry.get("run", ""))
        if run_id not in opened:
            told.setdefault(run_id, []).append(entry)
        if entry.get("what") == Kind.OPENED:
            opened.add(run_id)
    for run_id, entries in told.items():
        if store.redis.exists(keys.run_events(run_id)) and (lost := _lost(store, run_id, entries)):
            yield f"{keys.run_events(run_id)} without entry {lost} of the audit trail"


def _lost(store: RunStore, run_id: str, told: Iterable[AuditEntry]) -> int:
    """Return the oldest entry without its event, or 0; the events were read after the entries."""
    known = {(str(event.kind), event.at.isoformat()) for event in store.events(run_id)}
    of_events = (entry for entry in told if entry.get("what") in _EVENTS)
    lost = (each["n"] for each in of_events if (each["what"], each.get("at")) not in known)
    return min(lost, default=0)


SEALED = "sealed"
_FILE = "audit file"


def sealed_file(store: RunStore, lines: bytes) -> bytes:
    end = store.audit.head().end
    told = {"what": SEALED, "entries": lines.count(b"\n"), "n": end.n, "hash": end.hash}
    return lines + store.authenticator.dump(_FILE, told, hashlib.sha256(lines).hexdigest()) + b"\n"


def file_problem(store: RunStore, content: bytes) -> str:
    before, end, seal = content.removesuffix(b"\n").rpartition(b"\n")
    if not mac_of(seal):
        return "The file has no seal in its last line: its end was cut off, or an older version made it"
    if store.authenticator.verify(_FILE, seal, hashlib.sha256(before + end).hexdigest()) is None:
        return (
            "The file is not as this bot made it: it was changed or cut, or the key that sealed it is"
            " no longer in ENCRYPTION_KEYS"
        )
    return ""


def missing_entries(store: RunStore, content: bytes) -> str:
    """Return how the trail contradicts a sealed file; removed entries are not missing."""
    found, cleared = store.audit.verify(), store.audit.head().cleared.n
    kept = set(map(hash_of, store.audit.entries()))
    for line in content.splitlines():
        if cleared < (n := number_of(line)) and hash_of(line) not in kept:
            return f"The trail in Redis was set back: it has no entry {n} as in the file"
    return f"The trail is broken at entry {found.broken_at}: {found.why}" if found.broken_at else ""
