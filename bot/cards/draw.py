"""RQ entry point: show the run as it is now. Every draw shows the newest state, so a late one or a lost one does no harm."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from math import ceil

from bot import services
from bot.cards import delivery
from bot.cards.presenters import bulk_check, connect_form, consent, ended, plan, proof, rehearsal, sign_in, undo, verdict
from bot.cards.presenters import progress as steps
from bot.webex.client import WebexError
from bot.webex.errors import SERVICE_UNAVAILABLE, TOO_MANY_REQUESTS, passes
from jobs.clock import now
from jobs.runs.run import Run, RunGoneError
from jobs.storage.locks import Hold, hold

FACES = tuple(module.faces for module in (sign_in, plan, steps, consent, connect_form, rehearsal, proof, undo, ended))
"""In the order of drawing."""
LOOKS = {"check": (verdict.faces,), "round": (bulk_check.faces,)}
RETRY_S = 5.0
SAID_NO_S = 300.0
LONGEST_S = 3600.0
BUSY_S = 1.0
OF_THE_ACCOUNT = frozenset({TOO_MANY_REQUESTS, SERVICE_UNAVAILABLE})
"""What Webex says of the bot and not of one message: its requests are counted together (facts/webex.md 4)."""
LOCK_S = 15.0
"""For how long a draw has the run's cards without renewing, in seconds: that long one killed on another machine keeps the next waiting."""


def draw(run_id: str) -> None:
    """Draw every card of the run that has news; one draw of a run at a time. Where Webex is away, again a little later.

    A second draw does not wait for the first, which may wait for Webex: the first sees that there is news, and has it drawn.
    """
    here = services.current()
    here.redis.delete(f"draw:{run_id}:queued")
    due = here.draw_due(run_id)
    with hold(here.redis, f"draw:{run_id}", LOCK_S) as held:
        if held is None:
            here.draw_later(run_id, now() + timedelta(seconds=BUSY_S))
            return
        wait = _drawn(here, run_id, held)
        if (news := here.draw_due(run_id)) != due:  # drawn here and now: another job would begin a process later
            due, wait = news, _drawn(here, run_id, held)
    if here.draw_due(run_id) != due:
        here.changed(run_id)
    elif wait:
        here.draw_later(run_id, now() + timedelta(seconds=wait))
    else:
        here.drawn(run_id, due)


def _drawn(here: services.Desk, run_id: str, held: Hold) -> float:
    """The seconds after which something has to be drawn again, or 0. Of a run that is gone nothing can be shown."""
    try:
        run = here.store.load(run_id)
    except RunGoneError:
        return 0
    of_kind = LOOKS.get(run.kind, FACES)
    queues = _queues(here, run, [face for faces in of_kind for face in faces(run, here)])
    with ThreadPoolExecutor(max(len(queues), 1), "draw") as pool:
        return min((wait for shown in pool.map(partial(_shown, here, run, held), queues) for wait in shown if wait), default=0.0)


def _queues(here: services.Desk, run: Run, faces: list[delivery.Face]) -> list[list[delivery.Face]]:
    """What can be done at the same time: every edit, and for each place the new cards, one after the other in their order."""
    new: dict[str, list[delivery.Face]] = {}
    edits: list[list[delivery.Face]] = []
    for face in faces:
        if delivery.read(here, run.id, face.slot) is None:
            new.setdefault(face.to, []).append(face)
        else:
            edits.append([face])
    return [*edits, *new.values()]


def _shown(here: services.Desk, run: Run, held: Hold, faces: list[delivery.Face]) -> list[float]:
    return [_show(here, run, held, face) for face in faces]


def _show(here: services.Desk, run: Run, held: Hold, face: delivery.Face) -> float:
    """The seconds after which the card is tried again, or 0. Without the lock another draw may be posting it: nothing is shown then.

    Nothing is shown, either, while Webex wants to be left alone, however much news there is meanwhile.
    """
    if not held.renew():
        return BUSY_S
    own = f"{run.id}:{face.slot}"
    if wait := max(_left_alone_s(here, "all"), _left_alone_s(here, own)):
        return wait
    try:
        return delivery.show(here, run, face)
    except WebexError as error:
        delivery.log.warning("card not shown", run=run.id, slot=face.slot, tracking_id=error.tracking_id, error=str(error))
        if error.retry_after:
            whose = "all" if error.status in OF_THE_ACCOUNT else own
            here.redis.set(f"webex:wait:{whose}", "1", px=ceil(again_s(error) * 1000))
        return again_s(error)


def _left_alone_s(here: services.Desk, whose: str) -> float:
    """For how many seconds more Webex has asked to be left alone, with everything or with one card."""
    return max(here.redis.pttl(f"webex:wait:{whose}"), 0) / 1000


def again_s(error: WebexError) -> float:
    """After how many seconds a card is worth another try: never sooner than Webex asked for, and seldom where it said no."""
    return max(RETRY_S, min(error.retry_after or 0.0, LONGEST_S)) if passes(error) else SAID_NO_S
