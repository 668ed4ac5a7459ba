"""Cards of earlier runs that the end of a later run makes untrue: they are drawn again.

A fix ends the causes on the cards of earlier checks. An undo ends the button of a canceled run.
"""

from __future__ import annotations

from bot.cards.presenters.card_state import OTHERS
from bot.services import Services
from jobs.model import RunKind
from jobs.runs.run import Kind, Run
from jobs.storage import codec, keys

KEPT_S = 60 * 24 * 3600
CHECKS = frozenset({RunKind.CHECK})


def remember(services: Services, run: Run) -> None:
    if _card_may_become_untrue(run):
        key = keys.checks_shown(run.channel.mailbox)
        with services.redis.pipeline() as pipe:
            pipe.sadd(key, run.id)
            pipe.expire(key, KEPT_S)
            pipe.execute()


def _card_may_become_untrue(run: Run) -> bool:
    return run.kind in CHECKS and bool(run.checked and run.channel.mailbox)


def draw_again(services: Services, run: Run) -> None:
    """Have the cards drawn again, once, that the end of this run may have made untrue."""
    if not _may_have_changed_something(run) or services.redis.hexists(keys.cards(run.id), OTHERS):
        return
    checks = services.redis.smembers(keys.checks_shown(run.channel.mailbox))
    others = {codec.as_bytes(raw).decode() for raw in checks}
    if run.kind is RunKind.UNDO:
        runs = services.store.runs_of_mailbox(run.channel.mailbox)
        others |= {each.id for each in runs if each.ended is Kind.CANCELLED}
    for other in others:
        services.cards.request(other)
    services.redis.hset(keys.cards(run.id), OTHERS, "drawn")


def _may_have_changed_something(run: Run) -> bool:
    return run.ended is Kind.FINISHED and run.kind not in {RunKind.CHECK, RunKind.BULK_CHECK}
