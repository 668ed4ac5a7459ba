"""Presenter of the sign-in card, in the thread and, if another person was asked, 1:1."""

from __future__ import annotations

from adaptive_cards import notice
from adaptive_cards import signin as draw
from adaptive_cards.cards.notice import NoticeView
from adaptive_cards.cards.sign_in import SignInView
from adaptive_cards.views import Header
from bot import links
from bot.cards.presenters._common import (
    problem_fields,
    thread_and_person,
    unreachable_recipient,
    urgency,
    waits_for_person,
)
from bot.cards.presenters.card_state import DesiredCard, desired_card
from bot.services import Services
from jobs.engine.failures import lacks_role
from jobs.model import Account, Text
from jobs.next_action import is_blocked
from jobs.runs.run import Run

SLOT = "signin"


def cards(run: Run, services: Services) -> list[DesiredCard]:
    """Return the cards that ask for a sign-in.

    After the sign-in there is one card, which names the account until there is a plan.
    """
    if not run.detailed or run.ended:
        return []
    if run.account is None:
        places = thread_and_person(run.answer("administrator"))
        return [_ask(run, services, to) for to in places]
    return [_signed_in(run.account)] if run.plan is None else []


def waits_for_sign_in(run: Run) -> bool:
    return run.detailed and not run.ended and run.account is None


def another_may(run: Run) -> bool:
    """Return whether another person may sign in because the current account is stuck.

    An account is stuck if the plan is blocked, or if a step needs another role.
    """
    if run.account is None or run.ended:
        return False
    return lacks_role(run) if run.has_begun else is_blocked(run)


def _ask(run: Run, services: Services, to: str) -> DesiredCard:
    link = links.link(services, "signin", run.id)
    view = SignInView(
        header=Header(run.id, run.channel.mailbox, 2, run.kind),
        domain=run.channel.domain,
        url=link.url,
        until=link.until,
        direct=to != "thread" or run.origin.direct,
        **problem_fields(run.problems.get("sign_in")),
        asked=unreachable_recipient(run, "administrator"),
        waits=waits_for_person(run, to, "administrator"),
    )
    news = urgency(run, "sign_in", "administrator")
    return desired_card(SLOT, view, draw(view), to=to, urgency=news, prompt=news)


def _signed_in(account: Account) -> DesiredCard:
    view = NoticeView(
        kicker=Text("notice.signed_in_kicker"),
        title=Text("notice.signed_in_title", {"account": account.upn}),
        words=Text("notice.signed_in_words"),
        tone="good",
        glyph="✓",
    )
    return desired_card(SLOT, view, notice(view), urgency="signed in", prompt="")
