"""A small card, its age, and the requests that it has led to, for the tests of delivery."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from adaptive_cards import notice
from adaptive_cards.cards.notice import NoticeView
from bot.cards import delivery
from bot.cards.presenters.card_state import (
    DesiredCard,
    PostedCard,
    desired_card,
    posted_card,
    protected,
)
from bot.services import Services
from jobs.clock import now
from jobs.model import verbatim
from jobs.runs.run import Run

Said = Callable[[], list[tuple[str, str]]]


def card(text: str, **more: Any) -> DesiredCard:
    """Return a small card with this text and a few other values."""
    view = NoticeView(verbatim("k"), verbatim(text), verbatim("w"), at=now())
    return replace(desired_card("plan", notice(view), view), **more)


def plan_card(services: Services, run: Run) -> PostedCard:
    """Return the small card as Webex shows it."""
    shown = posted_card(services, run.id, "plan")
    assert shown is not None
    return shown


def age(services: Services, run: Run, **more: Any) -> None:
    """Make the posted card ten seconds older, and set these other values of its record."""
    shown = plan_card(services, run)
    services.redis.hset(
        f"cards:{run.id}",
        "plan",
        protected(
            services,
            run.id,
            "plan",
            replace(shown, **({"at": now() - timedelta(seconds=10)} | more)),
        ),
    )


def methods(said: Said) -> list[str]:
    """Return the HTTP methods of the bot's messages so far."""
    return [method for method, _ in said()]


def later(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Set the clock of the cards this many seconds ahead."""
    monkeypatch.setattr(delivery, "now", lambda: now() + timedelta(seconds=seconds))
