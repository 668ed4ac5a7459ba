"""RQ entry point: show the run as it is now. Every draw shows the newest state, so a late one or a lost one does no harm."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import partial

from redis.exceptions import LockError
from redis.lock import Lock

from bot import board, desk
from bot.faces import connect, consent, plan, proof, rehearsal, signin, verdict
from bot.faces import progress as steps
from bot.webex import WebexError
from jobs.clock import now
from jobs.run import Run

FACES = (signin.faces, plan.faces, steps.faces, consent.faces, connect.faces, rehearsal.faces, proof.faces)
RETRY_S = 5.0
LOCK_S = 20
"""How long a draw has the run's cards for each card, in seconds: that long a killed draw keeps the next one waiting."""


def draw(run_id: str) -> None:
    """Draw every card of the run that has news; one draw of a run at a time. Where Webex is away, again a little later."""
    here = desk.current()
    here.redis.delete(f"draw:{run_id}:queued")
    with _alone(here, run_id) as lock:
        run = here.store.load(run_id)
        of_kind = (verdict.faces,) if run.kind == "check" else FACES
        queues = _queues(here, run, [face for faces in of_kind for face in faces(run, here)])
        with ThreadPoolExecutor(max(len(queues), 1), "draw") as pool:
            waits = [wait for shown in pool.map(partial(_shown, here, run, lock), queues) for wait in shown]
    if wait := min((wait for wait in waits if wait), default=0.0):
        here.draw_later(run_id, now() + timedelta(seconds=wait))
    else:
        here.drawn(run_id)


def _queues(here: desk.Desk, run: Run, faces: list[board.Face]) -> list[list[board.Face]]:
    """What can be done at the same time: every edit, and for each place the new cards, one after the other in their order."""
    new: dict[str, list[board.Face]] = {}
    edits: list[list[board.Face]] = []
    for face in faces:
        if board.read(here, run.id, face.slot) is None:
            new.setdefault(face.to, []).append(face)
        else:
            edits.append([face])
    return [*edits, *new.values()]


@contextmanager
def _alone(here: desk.Desk, run_id: str) -> Iterator[Lock]:
    """One draw of the run at a time. One that took too long and lost the lock does no harm: every draw shows the newest state."""
    lock = here.redis.lock(f"draw:{run_id}", timeout=LOCK_S, blocking_timeout=2 * LOCK_S, thread_local=False, raise_on_release_error=False)
    with lock:
        yield lock


def _shown(here: desk.Desk, run: Run, lock: Lock, faces: list[board.Face]) -> list[float]:
    return [_show(here, run, lock, face) for face in faces]


def _show(here: desk.Desk, run: Run, lock: Lock, face: board.Face) -> float:
    try:
        with suppress(LockError):
            lock.reacquire()
        return board.show(here, run, face)
    except WebexError as error:
        board.log.warning("card not shown", run=run.id, slot=face.slot, error=str(error))
        return RETRY_S
