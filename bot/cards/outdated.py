"""Cards of earlier runs that the end of a later run makes untrue: they are drawn again.

A fix ends the causes on the cards of earlier checks. An undo ends the button of a cancelled run.
"""

from __future__ import annotations

from bot.cards.presenters.card_state import OTHERS
from bot.services import Services
from jobs.model import RunKind
from jobs.runs.run import Kind, Run
from jobs.storage import keys

KEPT_S = 60 * 24 * 3600
CHECKS = frozenset({RunKind.CHECK})


def remember(services: Services, run: Run) -> None:
    """Note a check whose card may become untrue, by its mailbox."""
    if run.kind in CHECKS and run.checked and run.channel.mailbox:
        key = keys.checks_shown(run.channel.mailbox)
        with services.redis.pipeline() as pipe:
            pipe.sadd(key, run.id)
            pipe.expire(key, KEPT_S)
            pipe.execute()


def draw_again(services: Services, run: Run) -> None:
    """Have the cards drawn that the end of this run may have made untrue, once for each run."""
    if run.ended is not Kind.FINISHED or run.kind in {RunKind.CHECK, RunKind.BULK_CHECK}:
        return
    if services.redis.hexists(keys.cards(run.id), OTHERS):
        return
    checks = services.redis.smembers(keys.checks_shown(run.channel.mailbox))
    others = {raw.decode() for raw in checks if isinstance(raw, bytes)}
    if run.kind is RunKind.UNDO:
        runs = services.store.runs_of_mailbox(run.channel.mailbox)
        others |= {each.id for each in runs if each.ended is Kind.CANCELLED}
    for other in others:
        services.cards.request(other)
    services.redis.hset(keys.cards(run.id), OTHERS, "drawn")
