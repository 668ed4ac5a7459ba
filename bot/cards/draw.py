"""RQ entry point: show the run as it is now. Every draw shows the newest state, so a late one or a lost one does no harm."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from itertools import chain
from math import ceil

from bot.cards import delivery
from bot.cards.presenters import bulk_check, connect_form, consent, ended, plan, proof, rehearsal, sign_in, undo, verdict
from bot.cards.presenters import progress as steps
from bot.cards.presenters.card_state import DesiredCard, posted_card
from bot.services import Services
from bot.webex.client import WebexError
from bot.webex.errors import SERVICE_UNAVAILABLE, TOO_MANY_REQUESTS, passes
from jobs.clock import now
from jobs.model import RunKind
from jobs.runs.run import Run, RunGoneError
from jobs.runtime import current
from jobs.storage import keys
from jobs.storage.locks import LockKind, LockName, RenewedLock, renewed_lock

PRESENTERS = tuple(module.cards for module in (sign_in, plan, steps, consent, connect_form, rehearsal, proof, undo, ended))
"""In the order of drawing."""
LOOKS = {RunKind.CHECK: (verdict.cards,), RunKind.BULK_CHECK: (bulk_check.cards,)}
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
    services = current(Services)
    due = services.cards.begin(run_id)
    with renewed_lock(services.redis, LockName(LockKind.DRAW, run_id), LOCK_S) as held:
        if held is None:
            services.cards.schedule(run_id, now() + timedelta(seconds=BUSY_S))
            return
        wait = _drawn(services, run_id, held)
        if (news := services.cards.due(run_id)) != due:  # drawn here and now: another job would begin a process later
            due, wait = news, _drawn(services, run_id, held)
    _schedule_next(services, run_id, due, wait)


def _schedule_next(services: Services, run_id: str, due: float, wait: float) -> None:
    """Have newer news drawn at once, and the rest after ``wait`` seconds; with nothing left the run is settled."""
    if services.cards.due(run_id) != due:
        services.cards.request(run_id)
    elif wait:
        services.cards.schedule(run_id, now() + timedelta(seconds=wait))
    else:
        services.cards.settle(run_id, due)


def _drawn(services: Services, run_id: str, held: RenewedLock) -> float:
    """The seconds after which something has to be drawn again, or 0. Of a run that is gone nothing can be shown."""
    try:
        run = services.store.load(run_id)
    except RunGoneError:
        return 0
    queues = _queues(services, run, _cards(services, run))
    with ThreadPoolExecutor(max(len(queues), 1), "draw") as pool:
        waits = chain.from_iterable(pool.map(partial(_shown, services, run, held), queues))
        return min(filter(None, waits), default=0.0)


def _cards(services: Services, run: Run) -> list[DesiredCard]:
    """Return every card that the run has now, in the order of drawing."""
    presenters = LOOKS.get(run.kind, PRESENTERS)
    return list(chain.from_iterable(present(run, services) for present in presenters))


def _queues(services: Services, run: Run, cards: list[DesiredCard]) -> list[list[DesiredCard]]:
    """What can be done at the same time: every edit, and for each place the new cards, one after the other in their order."""
    new: dict[str, list[DesiredCard]] = {}
    edits: list[list[DesiredCard]] = []
    for card in cards:
        if posted_card(services, run.id, card.slot) is None:
            new.setdefault(card.to, []).append(card)
        else:
            edits.append([card])
    return [*edits, *new.values()]


def _shown(services: Services, run: Run, held: RenewedLock, cards: list[DesiredCard]) -> list[float]:
    return [_show(services, run, held, card) for card in cards]


def _show(services: Services, run: Run, held: RenewedLock, card: DesiredCard) -> float:
    """The seconds after which the card is tried again, or 0. Without the lock another draw may be posting it: nothing is shown then.

    Nothing is shown, either, while Webex wants to be left alone, however much news there is meanwhile.
    """
    if not held.renew():
        return BUSY_S
    own = f"{run.id}:{card.slot}"
    if wait := max(_left_alone_s(services, "all"), _left_alone_s(services, own)):
        return wait
    try:
        return delivery.sync(services, run, card)
    except WebexError as error:
        delivery.log.warning("card not shown", run=run.id, slot=card.slot, tracking_id=error.tracking_id, error=str(error))
        _leave_alone(services, error, own)
        return again_s(error)


def _leave_alone(services: Services, error: WebexError, own: str) -> None:
    """Remember for how long Webex asks to be left alone: with everything, or with this one card."""
    if error.retry_after:
        whose = "all" if error.status in OF_THE_ACCOUNT else own
        services.redis.set(keys.webex_wait(whose), "1", px=ceil(again_s(error) * 1000))


def _left_alone_s(services: Services, whose: str) -> float:
    """For how many seconds more Webex has asked to be left alone, with everything or with one card."""
    return max(services.redis.pttl(keys.webex_wait(whose)), 0) / 1000


def again_s(error: WebexError) -> float:
    """After how many seconds a card is worth another try: never sooner than Webex asked for, and seldom where it said no."""
    return max(RETRY_S, min(error.retry_after or 0.0, LONGEST_S)) if passes(error) else SAID_NO_S
