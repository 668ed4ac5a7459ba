"""Presenter of the sign-in card, in the thread and, if another person was asked, 1:1."""

from __future__ import annotations

from adaptive_cards import notice
from adaptive_cards import signin as draw
from adaptive_cards.cards.notice import NoticeView
from adaptive_cards.cards.sign_in import SignInView
from adaptive_cards.views import Header
from bot import links
from bot.cards.presenters._common import (
    posted,
    problem_fields,
    thread_and_direct,
    unreachable_recipient,
    urgency,
)
from bot.cards.presenters.card_state import DesiredCard, desired_card
from bot.services import Services
from jobs.engine.failures import lacks_role
from jobs.model import Account, Text
from jobs.next_action import is_blocked
from jobs.runs.run import Run


def cards(run: Run, services: Services) -> list[DesiredCard]:
    """Return the cards that ask for a sign-in; after the sign-in the same cards name the account."""
    if not run.detailed or run.ended:
        return []
    slots = thread_and_direct("signin", run.answer("administrator"))
    if run.account is None:
        return [_ask(run, services, slot, to) for slot, to in slots]
    return [_signed_in(run.account, slot, to) for slot, to in posted(services, run, slots)]


def waits_for_sign_in(run: Run) -> bool:
    """Return whether the run is waiting for a sign-in."""
    return run.detailed and not run.ended and run.account is None


def another_may(run: Run) -> bool:
    """Return whether another person may sign in because the current account is stuck.

    That is so if the plan is blocked, or if a step needs another role.
    """
    if run.account is None or run.ended:
        return False
    return lacks_role(run) if run.has_begun else is_blocked(run)


def _ask(run: Run, services: Services, slot: str, to: str) -> DesiredCard:
    link = links.link(services, "signin", run.id)
    view = SignInView(
        header=Header(run.id, run.channel.mailbox, 2, run.kind),
        domain=run.channel.domain,
        url=link.url,
        until=link.until,
        direct=to != "thread" or run.origin.direct,
        **problem_fields(run.problems.get("sign_in")),
        asked=unreachable_recipient(run, "administrator"),
    )
    news = urgency(run, "sign_in", "administrator")
    return desired_card(slot, view, draw(view), to=to, urgency=news, prompt=news)


def _signed_in(account: Account, slot: str, to: str) -> DesiredCard:
    view = NoticeView(
        kicker=Text("notice.signed_in_kicker"),
        title=Text("notice.signed_in_title", {"account": account.upn}),
        words=Text("notice.signed_in_words"),
        tone="good",
        glyph="✓",
    )
    return desired_card(slot, view, notice(view), to=to, urgency="signed in", prompt="")
