"""Presenter of the card that asks who signs in for a shared mailbox."""

from __future__ import annotations

from adaptive_cards import delegate as draw
from adaptive_cards.cards.intake import DelegateView
from adaptive_cards.views import Asked, Header
from bot.cards.presenters._common import unreachable_recipient
from bot.cards.presenters._common import urgency as news_of
from bot.cards.presenters.card_state import DesiredCard, desired_card
from bot.services import Services
from jobs.channel.mailbox import DELEGATE, delegate_of
from jobs.runs.run import Run
from jobs.steps import delegate

SLOT = "delegate"


def cards(run: Run, _: Services) -> list[DesiredCard]:
    asks = not run.ended and run.account is not None and delegate.needs_delegate(run)
    return [_ask(run)] if asks else []


def _ask(run: Run) -> DesiredCard:
    view = DelegateView(Header(run.id, run.channel.mailbox, 3, run.kind), _wrong(run))
    news = f"{news_of(run, DELEGATE)}{delegate_of(run)}"
    return desired_card(SLOT, view, draw(view), urgency=news, prompt=news)


def _wrong(run: Run) -> Asked | None:
    """Return the last answer and why it is wrong, or None if there is no wrong answer.

    The answer may be no address, or an address that nobody in the tenant has.
    """
    if typed := unreachable_recipient(run, DELEGATE):
        return typed
    named, seen = delegate_of(run), run.findings[SLOT].seen
    return Asked(named, seen) if named and seen else None
