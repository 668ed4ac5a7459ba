"""The consent card: a button to Microsoft's own page, with what it will ask for."""

from __future__ import annotations

from adaptive_cards import consent as draw
from adaptive_cards import notice
from adaptive_cards.cards.consent import ConsentView
from adaptive_cards.cards.notice import NoticeView
from adaptive_cards.views import Header
from bot import links
from bot.cards.delivery import DesiredCard, desired_card, posted_card
from bot.cards.presenters._common import turn, unreachable_recipient
from bot.services import Services
from jobs.model import State, Text, Turn
from jobs.runs.run import Run

PERMISSIONS = (
    ("Mail.Send", "permission.application", "permission.mail_send", True),
    ("SMTP.Send", "permission.delegated", "permission.smtp_send", False),
    ("offline_access", "", "permission.offline_access", False),
)


def cards(run: Run, services: Services) -> list[DesiredCard]:
    """From the moment that the administrator is waited for until the grants are there."""
    finding = run.findings.get("admin_consent")
    if finding is None or run.ended:
        return []
    people = {run.answer("consent_administrator") or run.answer("administrator")} - {""}
    audience = [("consent", "thread"), *((f"consent-direct:{person}", person) for person in people)]
    if asks(run):
        return [_ask(run, services, slot, to) for slot, to in audience]
    return [_granted(slot, to) for slot, to in audience if posted_card(services, run.id, slot)] if finding.state is State.OK else []


def asks(run: Run) -> bool:
    """Whether somebody is to grant consent now."""
    finding = run.findings.get("admin_consent")
    return not run.ended and finding is not None and finding.state is State.WAITING and finding.waiting_for is Turn.ADMINISTRATOR


def _ask(run: Run, services: Services, slot: str, to: str) -> DesiredCard:
    problem = run.problems.get("consent")
    view = ConsentView(
        header=Header(run.id, run.channel.mailbox, 5, run.kind),
        url=links.link(services, "consent", run.id).url,
        app_name=run.fact("app_name"),
        domain=run.channel.domain,
        client_id=run.fact("client_id"),
        permissions=PERMISSIONS,
        direct=to != "thread" or run.origin.direct,
        problem=Text(f"cause.{problem.cause}") if problem else None,
        problem_code=problem.code if problem else "",
        problem_at=problem.at if problem else None,
        asked=unreachable_recipient(run, "consent_administrator"),
    )
    news = turn(run, "consent", "consent_administrator")
    return desired_card(slot, view, draw(view), to=to, urgency=news, prompt=news)


def _granted(slot: str, to: str) -> DesiredCard:
    kicker, title, words = (Text(f"notice.consent_{part}") for part in ("kicker", "title", "words"))
    view = NoticeView(kicker=kicker, title=title, words=words, tone="good", glyph="✓")
    return desired_card(slot, view, notice(view), to=to, urgency="granted", prompt="")
