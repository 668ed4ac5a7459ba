"""RQ entry point: show the run as it is now. Every draw shows the newest state, so a late one or a lost one does no harm."""

from __future__ import annotations

from datetime import timedelta

from bot import board, desk
from bot.faces import connect, consent, plan, proof, rehearsal, signin
from bot.faces import progress as steps
from bot.webex import WebexError
from jobs.clock import now

FACES = (signin.faces, plan.faces, steps.faces, consent.faces, connect.faces, rehearsal.faces, proof.faces)
RETRY_S = 5.0
LOCK_S = 60


def draw(run_id: str) -> None:
    """Draw every card of the run that has news; one draw of a run at a time. Where Webex is away, again a little later."""
    here = desk.current()
    here.redis.delete(f"draw:{run_id}:queued")
    with here.redis.lock(f"draw:{run_id}", timeout=LOCK_S, blocking_timeout=LOCK_S):
        run = here.store.load(run_id)
        waits = [_shown(here, run_id, face) for faces in FACES for face in faces(run, here)]
    if wait := min((wait for wait in waits if wait), default=0.0):
        here.draw_later(run_id, now() + timedelta(seconds=wait))


def _shown(here: desk.Desk, run_id: str, face: board.Face) -> float:
    try:
        return board.show(here, here.store.load(run_id), face)
    except WebexError as error:
        board.log.warning("card not shown", run=run_id, slot=face.slot, error=str(error))
        return RETRY_S
