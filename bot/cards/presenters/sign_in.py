"""Presenter of the cards that lead an administrator to Microsoft: the sign-in and the consent."""

from __future__ import annotations

from adaptive_cards import consent as draw_consent
from adaptive_cards import notice
from adaptive_cards import signin as draw
from adaptive_cards.cards.notice import NoticeView
from adaptive_cards.cards.sign_in import ConsentView, SignInView
from bot import links
from bot.cards.presenters._common import (
    ProblemFields,
    header,
    problem_fields,
    thread_and_person,
    unreachable_recipient,
    urgency,
    waits_for_person,
)
from bot.cards.presenters.card_state import DesiredCard, desired_card
from bot.services import Services
from jobs.engine.inspector import lacks_role
from jobs.engine.made_objects import is_deleted
from jobs.model import Account, State, Text, Turn
from jobs.next_action import has_returned, is_blocked
from jobs.runs.run import Run

SLOT = "signin"


def cards(run: Run, services: Services) -> list[DesiredCard]:
    # After the sign-in there is one card, which names the account until there is a plan.
    if not run.detailed or run.ended:
        return []
    if run.account is None:
        places = thread_and_person(run.answer("administrator"))
        return [_ask(run, services, to) for to in places]
    return [_signed_in(run.account)] if run.plan is None else []


def waits_for_sign_in(run: Run) -> bool:
    return run.detailed and not run.ended and run.account is None


def another_may(run: Run) -> bool:
    # An account is stuck if the plan is blocked, or if a step needs another role.
    if run.account is None or run.ended:
        return False
    return lacks_role(run) if run.has_begun else is_blocked(run)


def _ask(run: Run, services: Services, to: str) -> DesiredCard:
    link = links.link(services, "signin", run.id)
    view = SignInView(
        header=header(run, 2, services, to=to, link=link),
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


PERMISSIONS = (
    ("Mail.Send", "permission.application", "permission.mail_send", True),
    ("SMTP.Send", "permission.delegated", "permission.smtp_send", False),
)


def consent_cards(run: Run, services: Services) -> list[DesiredCard]:
    # There are no cards if somebody has deleted the app, because its consent page leads nowhere.
    if not waits_for_consent(run) or is_deleted(run):
        return []
    return [_ask_consent(run, services, to) for to in thread_and_person(_administrator(run))]


def _administrator(run: Run) -> str:
    # If nobody was asked, return the administrator who was asked to sign in.
    return run.answer("consent_administrator") or run.answer("administrator")


def waits_for_consent(run: Run) -> bool:
    # The run is not waiting while it reads a grant that was made a moment ago.
    if run.ended or run.state_of("admin_consent") is not State.WAITING:
        return False
    if has_returned(run, "admin_consent"):
        return False
    return run.findings["admin_consent"].waiting_for is Turn.ADMINISTRATOR


def _not_granted(run: Run) -> ProblemFields | None:
    # The result is None before the press, and if a newer problem is known.
    pressed, read = run.answers.get("look_again"), run.found_at["admin_consent"]
    problem = run.problems.get("consent")
    if pressed is None or read < pressed.at or (problem and problem.at > read):
        return None
    told = Text("consent.not_granted", {"name": PERMISSIONS[0][0]})
    return {"problem": told, "problem_code": "", "problem_at": read}


def _ask_consent(run: Run, services: Services, to: str) -> DesiredCard:
    missing, link = _not_granted(run), links.link(services, "consent", run.id)
    view = ConsentView(
        header=header(run, 5, services, to=to, link=link),
        url=link.url,
        app_name=run.fact("app_name"),
        domain=run.channel.domain,
        client_id=run.fact("client_id"),
        permissions=PERMISSIONS,
        direct=to != "thread" or run.origin.direct,
        **(missing or problem_fields(run.problems.get("consent"))),
        asked=unreachable_recipient(run, "consent_administrator"),
        waits=waits_for_person(run, to, "consent_administrator", "administrator"),
    )
    news = urgency(run, "consent", "consent_administrator", *(("look_again",) if missing else ()))
    return desired_card("consent", view, draw_consent(view), to=to, urgency=news, prompt=news)
