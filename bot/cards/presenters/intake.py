"""Presenter of a setup's first card: the details that only Webex Connect knows.

The card answers the command. It is drawn again only if a typed detail is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from adaptive_cards import delegate as draw_delegate
from adaptive_cards import intake as draw
from adaptive_cards.cards.intake import DelegateView, IntakeView
from adaptive_cards.views import Asked
from bot.cards.presenters._common import header, unreachable_recipient
from bot.cards.presenters._common import urgency as news_of
from bot.cards.presenters.card_state import FIRST, LIVING, DesiredCard, desired_card, posted_card
from bot.services import Services
from jobs.channel.mailbox import DELEGATE, delegate_of
from jobs.model import RunKind, Text
from jobs.runs.run import Run
from jobs.steps import mailbox_user
from jobs.storage import codec, keys


@dataclass(frozen=True, slots=True)
class TypedInputs:
    """Inputs of the first card as they were typed or known, with the reason for each wrong one."""

    values: dict[str, str] = field(default_factory=dict)
    errors: dict[str, Text] = field(default_factory=dict)


def cards(run: Run, services: Services) -> list[DesiredCard]:
    shown = _lacks_details(run) and posted_card(services, run.id, LIVING) is not None
    return [card(run, services)] if shown else []


def _lacks_details(run: Run) -> bool:
    return run.kind is RunKind.SETUP and not run.detailed and not run.ended


def card(run: Run, services: Services) -> DesiredCard:
    raw = services.redis.hget(keys.cards(run.id), _FIELD)
    kept = services.store.authenticator.verify(_context(run.id), raw)
    typed = codec.load(kept, TypedInputs) if kept is not None else TypedInputs()
    view = IntakeView(
        header(run, 1),
        typed.values,
        typed.errors,
        ask_mailbox=not run.channel.mailbox,
    )
    wanted = desired_card(FIRST, view, draw(view))
    news = FIRST if not typed.errors else wanted.fingerprint
    return desired_card(FIRST, view, wanted.card, urgency=news, prompt=news)


def keep(services: Services, run_id: str, typed: TypedInputs) -> None:
    told = services.store.authenticator.protect(_context(run_id), codec.dump(typed))
    services.redis.hset(keys.cards(run_id), _FIELD, told)


def _context(run_id: str) -> tuple[str, ...]:
    return "card", run_id, _FIELD


_FIELD = f"{FIRST}:typed"


DELEGATE_SLOT = "delegate"


def delegate_cards(run: Run, _: Services) -> list[DesiredCard]:
    asks = not run.ended and run.account is not None and mailbox_user.needs_delegate(run)
    return [_ask_delegate(run)] if asks else []


def _ask_delegate(run: Run) -> DesiredCard:
    view = DelegateView(header(run, 3), _wrong(run))
    news = f"{news_of(run, DELEGATE)}{delegate_of(run)}"
    return desired_card(DELEGATE_SLOT, view, draw_delegate(view), urgency=news, prompt=news)


def _wrong(run: Run) -> Asked | None:
    # The answer may be no address, or an address that nobody in the tenant has.
    if typed := unreachable_recipient(run, DELEGATE):
        return typed
    named, seen = delegate_of(run), run.findings[DELEGATE_SLOT].seen
    return Asked(named, seen) if named and seen else None
