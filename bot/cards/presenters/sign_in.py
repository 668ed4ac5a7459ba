"""The sign-in card, in the thread and, where somebody else was asked, 1:1."""

from __future__ import annotations

from adaptive_cards import notice
from adaptive_cards import signin as draw
from adaptive_cards.cards.notice import NoticeView
from adaptive_cards.cards.sign_in import SignInView
from adaptive_cards.views import Header
from bot import links
from bot.cards.delivery import DesiredCard, desired_card, posted_card
from bot.cards.presenters._common import turn, unreachable_recipient
from bot.services import Services
from jobs.engine.failures import lacks_role
from jobs.model import Text
from jobs.next_action import blocking_steps
from jobs.runs.run import Run


def cards(run: Run, services: Services) -> list[DesiredCard]:
    """While nobody is signed in; afterwards the same cards say who is."""
    if not run.detailed or run.ended:
        return []
    people = [run.answer("administrator")] if run.answer("administrator") else []
    audience = [("signin", "thread"), *((f"signin-direct:{person}", person) for person in people)]
    if run.account is not None:
        return [_signed_in(run, slot, to) for slot, to in audience if posted_card(services, run.id, slot)]
    return [_ask(run, services, slot, to) for slot, to in audience]


def asks(run: Run) -> bool:
    """Whether somebody is to sign in now."""
    return run.detailed and not run.ended and run.account is None


def another_may(run: Run) -> bool:
    """Whether somebody else may sign in in the account's place, which does not get on: the plan is stopped, or a step needs another role."""
    if run.account is None or run.ended:
        return False
    if not run.has_begun:
        return run.plan is not None and bool(blocking_steps(run))
    return lacks_role(run)


def _ask(run: Run, services: Services, slot: str, to: str) -> DesiredCard:
    link = links.link(services, "signin", run.id)
    problem = run.problems.get("sign_in")
    view = SignInView(
        header=Header(run.id, run.channel.mailbox, 2, run.kind),
        domain=run.channel.domain,
        url=link.url,
        until=link.until,
        direct=to != "thread" or run.origin.direct,
        problem=Text(f"cause.{problem.cause}") if problem else None,
        problem_code=problem.code if problem else "",
        problem_at=problem.at if problem else None,
        asked=unreachable_recipient(run, "administrator"),
    )
    news = turn(run, "sign_in", "administrator")
    return desired_card(slot, view, draw(view), to=to, urgency=news, prompt=news)


def _signed_in(run: Run, slot: str, to: str) -> DesiredCard:
    account = run.account.upn if run.account else ""
    view = NoticeView(
        kicker=Text("notice.signed_in_kicker"),
        title=Text("notice.signed_in_title", {"account": account}),
        words=Text("notice.signed_in_words"),
        tone="good",
        glyph="✓",
    )
    return desired_card(slot, view, notice(view), to=to, urgency="signed in", prompt="")
