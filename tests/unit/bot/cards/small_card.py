"""A small card, its age, and the requests that it has led to, for the tests of delivery."""

from dataclasses import replace
from datetime import timedelta

from adaptive_cards import notice
from bot.cards import delivery
from bot.cards.presenters.card_state import DesiredCard, marked, posted_card, protected
from jobs.clock import now
from jobs.model import verbatim


def card(text: str, **more):
    """Return a small card with this text and a few other values."""
    drawn = notice(verbatim("k"), verbatim(text), verbatim("w"), at=now())
    return DesiredCard("plan", drawn, marked(text), **more)


def plan_card(services, run):
    """Return the small card as Webex shows it."""
    shown = posted_card(services, run.id, "plan")
    assert shown is not None
    return shown


def age(services, run, **more) -> None:
    """Make the posted card ten seconds older, and set these other values of its record."""
    more = {"at": now() - timedelta(seconds=10)} | more
    older = replace(plan_card(services, run), **more)
    services.redis.hset(f"cards:{run.id}", "plan", protected(services, run.id, "plan", older))


def methods(said) -> list[str]:
    """Return the HTTP methods of the bot's messages so far."""
    return [method for method, _ in said()]


def later(monkeypatch, seconds: float) -> None:
    """Set the clock of the cards this many seconds ahead."""
    monkeypatch.setattr(delivery, "now", lambda: now() + timedelta(seconds=seconds))
