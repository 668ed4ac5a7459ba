"""The sign-in card, in the thread and, where somebody else was asked, 1:1."""

from __future__ import annotations

from adaptive_cards import notice
from adaptive_cards import signin as draw
from adaptive_cards.cards.notice import NoticeView
from adaptive_cards.cards.sign_in import SignInView
from adaptive_cards.views import Header
from bot import links
from bot.cards.delivery import Face, face, read
from bot.cards.presenters._common import asked_in_vain, turn
from bot.services import Desk
from jobs.engine.failures import lacks_role
from jobs.model import Words
from jobs.next_action import blocked
from jobs.runs.run import Run


def faces(run: Run, desk: Desk) -> list[Face]:
    """While nobody is signed in; afterwards the same cards say who is."""
    if not run.detailed or run.ended:
        return []
    people = [run.answer("administrator")] if run.answer("administrator") else []
    audience = [("signin", "thread"), *((f"signin-direct:{person}", person) for person in people)]
    if run.account is not None:
        return [_signed_in(run, slot, to) for slot, to in audience if read(desk, run.id, slot)]
    return [_ask(run, desk, slot, to) for slot, to in audience]


def asks(run: Run) -> bool:
    """Whether somebody is to sign in now."""
    return run.detailed and not run.ended and run.account is None


def another_may(run: Run) -> bool:
    """Whether somebody else may sign in in the account's place, which does not get on: the plan is stopped, or a step needs another role."""
    if run.account is None or run.ended:
        return False
    if not run.under_way:
        return run.plan is not None and bool(blocked(run))
    return lacks_role(run)


def _ask(run: Run, desk: Desk, slot: str, to: str) -> Face:
    link = links.link(desk, "signin", run.id)
    problem = run.problems.get("sign_in")
    view = SignInView(
        header=Header(run.id, run.channel.mailbox, 2, run.kind),
        domain=run.channel.domain,
        url=link.url,
        until=link.until,
        direct=to != "thread" or run.place.get("type") == "direct",
        problem=Words(f"cause.{problem.cause}") if problem else None,
        problem_code=problem.code if problem else "",
        problem_at=problem.at if problem else None,
        asked=asked_in_vain(run, "administrator"),
    )
    news = turn(run, "sign_in", "administrator")
    return face(slot, view, draw(view), to=to, turn=news, asks=news)


def _signed_in(run: Run, slot: str, to: str) -> Face:
    account = run.account.upn if run.account else ""
    view = NoticeView(
        kicker=Words("notice.signed_in_kicker"),
        title=Words("notice.signed_in_title", {"account": account}),
        words=Words("notice.signed_in_words"),
        tone="good",
        glyph="✓",
    )
    return face(slot, view, notice(view), to=to, turn="signed in", asks="")
