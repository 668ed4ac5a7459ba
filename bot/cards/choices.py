"""Cards that offer to cancel runs by buttons, and are edited when one of these runs ends.

Such a card belongs to no run. It is kept among the cards of the newest run that it offers, its owner,
so that one draw at a time edits it. Each offered run has a note that names the owner.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from adaptive_cards import Card, notice, offer
from adaptive_cards.cards.notice import NoticeView
from adaptive_cards.cards.offer import Offer, OfferView
from adaptive_cards.glyphs import SKIPPED
from bot.cards.notices import end_title
from bot.cards.presenters.card_state import (
    CHOICE,
    OFFERED,
    DesiredCard,
    PostedCard,
    desired_card,
    posted_cards,
    protected,
)
from bot.chat.context import ChatContext
from bot.services import Services
from jobs.clock import now
from jobs.model import Text
from jobs.runs.run import Run, RunGoneError
from jobs.storage import codec, keys

KICKER = Text("notice.cancel_kicker")


def view(title: Text, runs: Sequence[Run]) -> OfferView:
    # A run may have no mailbox yet.
    offers = tuple(
        Offer(
            Text("choice.button.cancel", {"value": f"{each.id} {each.channel.mailbox}".rstrip()}),
            {"do": "cancel", "run": each.id},
        )
        for each in runs
    )
    turn, lines = Text("understood.cancel_turn"), (Text("notice.cancel_which_words"),)
    return OfferView(KICKER, title, offers, now(), turn=turn, lines=lines)


def shows(runs: Sequence[Run]) -> tuple[str, str]:
    """Return the id of the run that keeps the card, and the card's slot before it is posted."""
    return runs[0].id, _slot("", [each.id for each in runs])


def post(ctx: ChatContext, card: Card, runs: Sequence[Run]) -> None:
    slot = shows(runs)
    posted = ctx.say(card, shows=slot)
    if posted.id:
        mark_posted(ctx.services, slot, posted.id, ctx.room)


def mark_posted(services: Services, card: tuple[str, str], message: str, room: str) -> None:
    """Record that Webex accepted the card whose owner and slot :func:`shows` returned."""
    owner, unposted = card
    offered = _runs_of(unposted)
    slot = _slot(message, offered)
    shown = PostedCard(message, room, "", "", now())
    with services.redis.pipeline() as pipe:
        pipe.hset(keys.cards(owner), slot, protected(services, owner, slot, shown))
        for each in offered:
            pipe.hset(keys.cards(each), f"{message}{OFFERED}", owner)
        pipe.execute()


def is_choice(services: Services, run_id: str, message: str) -> bool:
    """Return whether the message is a card that offers the run, and is edited at the run's end."""
    return bool(services.redis.hexists(keys.cards(run_id), f"{message}{OFFERED}"))


def draw_at_end(services: Services, run: Run) -> None:
    """Have each card that offers the run as a button drawn once more, if the run has ended."""
    if not run.ended:
        return
    for field, owner in _undrawn(services, run):
        if owner != run.id:
            services.cards.request(owner)
        services.redis.hset(keys.cards(run.id), field, "")


def _undrawn(services: Services, run: Run) -> Iterator[tuple[str, str]]:
    """Yield the note and owner of each card that offers the run and is not drawn since its end."""
    for raw_field, raw_owner in services.redis.hgetall(keys.cards(run.id)).items():
        field, owner = codec.as_bytes(raw_field).decode(), codec.as_bytes(raw_owner)
        if field.endswith(OFFERED) and owner:
            yield field, owner.decode()


def cards(run: Run, services: Services) -> list[DesiredCard]:
    slots = [slot for slot in posted_cards(services, run.id) if slot.startswith(CHOICE)]
    return [card for slot in slots if (card := _now(services, slot)) is not None]


def _now(services: Services, slot: str) -> DesiredCard | None:
    # The card only withdraws buttons. So no new card is posted if Webex refuses the edit.
    offered = [_load(services, each) for each in _runs_of(slot)]
    left = [each for each in offered if each is not None and not each.ended]
    if len(left) == len(offered):
        return None
    return _with_left(slot, left) if left else _ended_card(slot, offered)


def _with_left(slot: str, left: Sequence[Run]) -> DesiredCard:
    title = Text("notice.cancel_left_title", {"count": str(len(left))})
    offers = view(title, left)
    return desired_card(slot, offers, offer(offers), retires=True, prompt="")


def _ended_card(slot: str, offered: Sequence[Run | None]) -> DesiredCard:
    run = offered[0] if len(offered) == 1 else None
    # For several runs the title says that none of them is in progress any more.
    title = (
        Text("notice.cancel_over_title")
        if run is None
        else end_title(run, {"run": run.id, "mailbox": run.channel.mailbox})
    )
    line = NoticeView(KICKER, title, Text("living.over_words"), glyph=SKIPPED.glyph)
    return desired_card(slot, line, notice(line), final=True, retires=True, prompt="")


def _load(services: Services, run_id: str) -> Run | None:
    try:
        return services.store.load(run_id)
    except RunGoneError:
        return None


def _slot(message: str, run_ids: Sequence[str]) -> str:
    return f"{CHOICE}{message}:{','.join(run_ids)}"


def _runs_of(slot: str) -> list[str]:
    """Return the ids of the runs that the card offered at first."""
    return slot.rpartition(":")[2].split(",")
