"""Presenters of the cards that ask a person: details, sign-in, consent, and a channel that was found."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from adaptive_cards import notice
from adaptive_cards.cards import questions as cards
from adaptive_cards.cards.notice import NoticeView
from adaptive_cards.cards.verdict_band import FoundChannel
from adaptive_cards.views import Asked
from bot import links
from bot.cards.presenters import watch
from bot.cards.presenters.card_state import (
    FIRST,
    LIVING,
    DesiredCard,
    ProblemFields,
    desired_card,
    header,
    posted_card,
    problem_fields,
    thread_and_person,
    unreachable_recipient,
    urgency,
    waits_for_person,
)
from bot.services import Services
from jobs.channel.mailbox import DELEGATE, delegate_of
from jobs.checks import adoption
from jobs.checks.discovering import APP, FORWARDING
from jobs.clock import now
from jobs.engine.inspector import lacks_role
from jobs.engine.made_objects import is_deleted
from jobs.model import RunKind, State, Text, Turn
from jobs.next_action import has_returned, is_blocked
from jobs.runs.run import Run, Search
from jobs.steps import mailbox_user
from jobs.storage import codec, keys


@dataclass(frozen=True, slots=True)
class TypedInputs:
    """Inputs of the first card as they were typed or known, with the reason for each wrong one."""

    values: dict[str, str] = field(default_factory=dict)
    errors: dict[str, Text] = field(default_factory=dict)


def intake_cards(run: Run, services: Services) -> list[DesiredCard]:
    asks = run.kind is RunKind.SETUP and not run.detailed and not run.ended
    shown = asks and posted_card(services, run.id, LIVING) is not None
    return [intake_card(run, services)] if shown else []


def intake_card(run: Run, services: Services) -> DesiredCard:
    raw = services.redis.hget(keys.cards(run.id), _FIELD)
    kept = services.store.authenticator.verify(_context(run.id), raw)
    typed = codec.load(kept, TypedInputs) if kept is not None else TypedInputs()
    asks = not run.channel.mailbox
    view = cards.IntakeView(header(run, 1), typed.values, typed.errors, ask_mailbox=asks)
    wanted = desired_card(FIRST, view, cards.intake(view))
    news = FIRST if not typed.errors else wanted.fingerprint
    return replace(wanted, urgency=news, prompt=news)


def keep_typed(services: Services, run_id: str, typed: TypedInputs) -> None:
    told = services.store.authenticator.protect(_context(run_id), codec.dump(typed))
    services.redis.hset(keys.cards(run_id), _FIELD, told)


def _context(run_id: str) -> tuple[str, ...]:
    return "intake_card", run_id, _FIELD


_FIELD = f"{FIRST}:typed"


DELEGATE_SLOT = "delegate"


def delegate_cards(run: Run, _: Services) -> list[DesiredCard]:
    if run.ended or run.account is None or not mailbox_user.needs_delegate(run):
        return []
    # The answer may be no address, or an address that nobody in the tenant has.
    named, seen = delegate_of(run), run.findings[DELEGATE_SLOT].seen
    wrong = unreachable_recipient(run, DELEGATE) or (Asked(named, seen) if named and seen else None)
    view = cards.DelegateView(header(run, 3), wrong)
    news, card = f"{urgency(run, DELEGATE)}{named}", cards.delegate(view)
    return [desired_card(DELEGATE_SLOT, view, card, urgency=news, prompt=news)]


SLOT = "signin"


def sign_in_cards(run: Run, services: Services) -> list[DesiredCard]:
    # After the sign-in there is one card, which names the account until there is a plan.
    if not run.detailed or run.ended or (run.plan and run.account):
        return []
    if run.account is None:
        return [_ask(run, services, to) for to in thread_and_person(run.answer("administrator"))]
    view = NoticeView(
        kicker=Text("notice.signed_in_kicker"),
        title=Text("notice.signed_in_title", {"account": run.account.upn}),
        words=Text("notice.signed_in_words"),
        tone="good",
        glyph="✓",
    )
    return [desired_card(SLOT, view, notice(view), urgency="signed in", prompt="")]


def waits_for_administrator(run: Run) -> bool:
    return run.detailed and not run.ended and run.account is None


def another_may(run: Run) -> bool:
    # An account is stuck if the plan is blocked, or if a step needs another role.
    if run.account is None or run.ended:
        return False
    return lacks_role(run) if run.has_begun else is_blocked(run)


def _ask(run: Run, services: Services, to: str) -> DesiredCard:
    link = links.link(services, "signin", run.id)
    runs = reversed(services.store.runs_of_mailbox(run.channel.mailbox))
    asked = (each.answer("administrator") for each in runs if each.origin.room == run.origin.room)
    view = cards.SignInView(
        header=header(run, 2, services, to=to, link=link),
        domain=run.channel.domain,
        url=link.url,
        until=link.until,
        direct=to != "thread" or run.origin.direct,
        **problem_fields(run.problems.get("sign_in")),
        asked=unreachable_recipient(run, "administrator"),
        waits=waits_for_person(run, to, "administrator"),
        last=next(filter(None, asked), ""),
    )
    news = urgency(run, "sign_in", "administrator")
    return desired_card(SLOT, view, cards.signin(view), to=to, urgency=news, prompt=news)


PERMISSIONS = (
    ("Mail.Send", "permission.application", "permission.mail_send", True),
    ("SMTP.Send", "permission.delegated", "permission.smtp_send", False),
)


def consent_cards(run: Run, services: Services) -> list[DesiredCard]:
    # There are no sign_in_cards if somebody has deleted the app, because its consent page leads nowhere.
    if not waits_for_consent(run) or is_deleted(run):
        return []
    # If nobody was asked, it is the administrator who was asked to sign in.
    asked = run.answer("consent_administrator") or run.answer("administrator")
    return [_ask_consent(run, services, to) for to in thread_and_person(asked)]


def waits_for_consent(run: Run) -> bool:
    # The run is not waiting while it reads a grant that was made a moment ago.
    waits = run.state_of("admin_consent") is State.WAITING
    if run.ended or not waits or has_returned(run, "admin_consent"):
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
    view = cards.ConsentView(
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
    return desired_card("consent", view, cards.consent(view), to=to, urgency=news, prompt=news)


KEPT = Text("verdict.kept_here")


def discovery_cards(run: Run, questions: tuple[str, ...]) -> list[DesiredCard]:
    search = run.search or Search()
    found = {"found.forwarding": search.forwarding_address, "found.user": search.upn}
    if search.certain:  # otherwise several apps may be the channel's
        app = search.apps[0]
        found = {"found.app": app.name, "found.callback": app.callback_url} | found
    view = cards.DiscoveryView(
        run=run.id,
        mailbox=run.channel.mailbox,
        at=now(),
        ask_app=APP in questions,
        apps=tuple(
            cards.AppChoice(app.client_id, app.name, urlsplit(app.callback_url).netloc)
            for app in search.apps
        ),
        ask_forwarding=FORWARDING in questions,
        found=tuple((key, value) for key, value in found.items() if value),
    )
    asked, card = ",".join(questions), cards.discovery(view)
    return [desired_card("verdict", view, card, urgency=asked, prompt=asked)]


def found_channel(run: Run, services: Services) -> FoundChannel | None:
    """Return what a check found of the channel by itself, or None for a channel that was known.

    Before somebody has signed in, nothing was found, and the result is empty.
    """
    if not run.brief.discover:
        return None
    if not run.discovered:
        return FoundChannel()
    known = {"found.user": run.fact("upn"), "found.delegate": run.fact("delegate")}
    return FoundChannel(
        values=(
            ("found.app", run.fact("app_name") or run.fact("client_id")),
            ("found.callback", run.channel.callback_url),
            ("found.forwarding", run.channel.forwarding_address),
            *((key, value) for key, value in known.items() if value),
        ),
        may_keep=may_keep(run, services),
        kept=run.kept,
        watched=watch.interval_of(run, services) if run.kept else "",
        told=_text_about_keeping(run, services) if run.checked else None,
    )


def may_keep(run: Run, services: Services) -> bool:
    """Return whether the channel can be kept here: it is complete, and nobody has kept it."""
    return adoption.may_be_kept(run) and services.channels.record(run.channel.mailbox) is None


def _text_about_keeping(run: Run, services: Services) -> Text:
    if run.kept:
        interval = watch.interval_of(run, services)
        return Text("verdict.kept_watched", {"interval": interval}) if interval else KEPT
    if lacks := adoption.missing(run):
        return Text("verdict.keep_lacks", {"what": f"key:found.lacks_{lacks[0]}"})
    if not may_keep(run, services):
        return Text("verdict.keep_elsewhere")
    return Text("verdict.keep_words")
