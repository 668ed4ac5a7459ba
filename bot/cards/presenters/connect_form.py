"""Presenters of the Webex Connect form, sent 1:1 to the requester, and of its rehearsal."""

from __future__ import annotations

from dataclasses import replace

from adaptive_cards.cards.connect_form import (
    ConnectFormView,
    RehearsalView,
    connect_form,
    rehearsal,
)
from adaptive_cards.texts import text
from bot import links
from bot.cards.presenters.card_state import (
    THREAD,
    DesiredCard,
    cause_text,
    desired_card,
    header,
    shared_mailbox_login,
    texts_of,
    thread_and_person,
    unreachable_recipient,
    username,
)
from bot.services import Services
from jobs.checks.remedies import page_of
from jobs.engine.made_objects import is_deleted
from jobs.microsoft.scopes import smtp_scope
from jobs.model import Finding, RunKind, State, Turn
from jobs.next_action import (
    NextAction,
    has_returned,
    keeps_secret,
    lacks_own_secret,
    may_rehearse,
    next_action,
)
from jobs.runs.run import Problem, Run
from jobs.steps import steps_of
from jobs.storage.vault import Sealed


def cards(run: Run, services: Services) -> list[DesiredCard]:
    """Return the card, once everything at Microsoft is ready for the form, until it is filled in.

    If only a log says that the token was generated or the app registered, the card stays with the
    button that confirms this.
    """
    if not _is_shown(run):
        return []
    view = form(run, services)
    if _is_filled_in(run, view) and not (view.token_read or view.registered_read):
        return []
    turn = f"{view.token_saved}{view.registered}{view.secret_gone}{view.secret_making}"
    asks, urgency = "making" if view.secret_making else turn, f"{turn}{view.next_turn}"
    card = connect_form(view)
    return [
        desired_card("connect", view, card, to=run.requester.email, urgency=urgency, prompt=asks)
    ]


def _is_shown(run: Run) -> bool:
    # The values are not shown if somebody has deleted the app, because they lead nowhere.
    shown = "mailbox_fields" in run.findings and not run.ended and run.account is not None
    return shown and not is_deleted(run)


def _is_filled_in(run: Run, view: ConnectFormView) -> bool:
    """Return whether nothing is left to do in the form; a fix needs no registration."""
    return view.token_saved and (view.registered or run.kind is RunKind.FIX)


def form(run: Run, services: Services) -> ConnectFormView:
    host, _, port = services.settings.smtp_server.rpartition(":")
    link = links.link(services, "handover", run.id)
    base = f"{services.settings.login_url}/{run.tenant}/oauth2/v2.0"
    stays, after = keeps_secret(run), _after_form(run)
    return ConnectFormView(
        header=header(run, 6, services),
        channel=run.channel,
        smtp_host=host,
        smtp_port=int(port),
        username=username(run) or text("connect.login_of_user"),
        client_id=run.fact("client_id"),
        authorize_url=f"{base}/authorize",
        token_url=f"{base}/token",
        scope=f"offline_access {smtp_scope(services.settings.exchange_url)}",
        secret_url=link.url,
        secret_until=link.until,
        secret_gone=not services.vault.holds(Sealed.CLIENT_SECRET.of(run.id)),
        secret_making=bool(run.answer("new_secret")) and not run.settled("client_secret"),
        token_saved=_is_known(run, "token_saved", "token"),
        token_read=_is_read(run, "token_saved", "token")
        and not _is_known(run, "registered", "registered"),
        registered=_is_known(run, "registered", "registered"),
        registered_read=_is_read(run, "registered", "registered"),
        secret_stays=stays,
        one_field=run.kind is RunKind.FIX and "application" not in run.changed,
        page_url=page_of(run.channel) if stays else "",
        login_id=_login_id(run),
        login_open=not _login(run),
        next_turn=after.turn if after else Turn.NOBODY,
        next_words=after.words if after else None,
    )


def _after_form(run: Run) -> NextAction | None:
    action = next_action(run)
    known = _is_known(run, "registered", "registered")
    return action if known and action.turn not in {Turn.NOBODY, Turn.TIME} else None


def _is_known(run: Run, question: str, step: str) -> bool:
    """Return whether the requester confirmed the step, or the bot has read it in a log."""
    return bool(run.answer(question)) or run.settled(step)


def _is_read(run: Run, question: str, step: str) -> bool:
    """Return whether only a log shows that the step was done, and no agent's mail proves it."""
    return run.settled(step) and not run.answer(question) and not run.settled("agent_has_it")


def _login_id(run: Run) -> str:
    # For a shared mailbox the result is a description of the person until the address is known.
    return _login(run) or (text("connect.login_of_user") if run.fact("shared") else "")


def _login(run: Run) -> str:
    """Return the sign-in name if it differs from the mailbox address, otherwise an empty string.

    For a shared mailbox the name is that of the delegate (platforms/connect.md 1.2).
    """
    if run.fact("shared"):
        return shared_mailbox_login(run)
    return run.fact("upn") if run.fact("upn").lower() != run.channel.mailbox else ""


LINES = 12
MAILBOX_USER = "mailbox_user"
"""Question about who signs in for the mailbox.

The answer is the address of the person asked 1:1.
"""


def rehearsal_cards(run: Run, services: Services) -> list[DesiredCard]:
    # A fix has no rehearsal, because the bot's own login is the proof there.
    if not _is_open(run) or not may_rehearse(run) or _is_bots_turn(run):
        return []
    found = rehearsal_view(run, services)
    if found.done or found.skipped:
        return []
    return [_card(run, services, found, to) for to in thread_and_person(run.answer(MAILBOX_USER))]


def _card(run: Run, services: Services, found: RehearsalView, to: str) -> DesiredCard:
    link = links.link(services, "rehearsal", run.id) if found.url else None
    turn = f"{bool(found.url)}{found.problem}{found.settling}{found.asked}"
    asks = "" if found.settling else turn
    copy = replace(found, direct=to != THREAD, header=header(run, 6, services, to=to, link=link))
    return desired_card("rehearsal", copy, rehearsal(copy), to=to, urgency=turn, prompt=asks)


def waits_for_mailbox_user(run: Run) -> bool:
    return not run.ended and "rehearsal" in steps_of(run) and _is_asked_for(run)


def rehearsal_view(run: Run, services: Services) -> RehearsalView:
    answer, base = run.answer("rehearse"), _offer(run)
    if answer.startswith("skip"):
        return replace(base, skipped=answer.partition(":")[2])
    if run.state_of("rehearsal") is State.OK:
        return replace(base, done=True, transcript=_transcript(run.findings["rehearsal"]))
    if problem := _sign_in_problem(run):
        return replace(
            base, problem=cause_text(problem), problem_code=problem.code, cause=problem.cause
        )
    return _in_progress(base, run, services)


def _offer(run: Run) -> RehearsalView:
    head = header(run, 6)
    if not run.fact("shared"):
        return RehearsalView(head, username(run))
    login = shared_mailbox_login(run) or text("connect.login_of_user")
    return RehearsalView(head, run.channel.mailbox, shared=True, login=login)


def _sign_in_problem(run: Run) -> Problem | None:
    """Return the problem of the sign-in, if it came after the rehearsal was last asked for."""
    problem = run.problems.get("mailbox_sign_in")
    return problem if problem is not None and problem.at > run.answers["rehearse"].at else None


def _in_progress(base: RehearsalView, run: Run, services: Services) -> RehearsalView:
    finding = run.findings.get("rehearsal")
    if finding is not None and finding.cause:
        return _failed(base, finding)
    if not _is_asked_for(run):
        return base
    link = links.link(services, "rehearsal", run.id)
    asked = unreachable_recipient(run, MAILBOX_USER)
    return replace(base, url=link.url, until=link.until, asked=asked)


def _failed(base: RehearsalView, finding: Finding) -> RehearsalView:
    # A rehearsal that is tried again automatically is shown as settling. If the mailbox itself is
    # lost, an administrator acts, and not the person who signs in.
    told = replace(
        base,
        problem=cause_text(finding),
        problem_code=texts_of(finding.evidence, "smtp")[0] if finding.evidence else "",
        cause=finding.cause,
        transcript=_transcript(finding),
    )
    if finding.waiting_for is Turn.ADMINISTRATOR:
        return replace(told, turn=Turn.ADMINISTRATOR)
    return replace(told, settling=finding.until is not None)


def _is_open(run: Run) -> bool:
    return not run.ended and run.account is not None


def _is_bots_turn(run: Run) -> bool:
    """Return whether the bot is logging in, or has yet to make the secret that a sign-in needs."""
    return has_returned(run, "rehearsal") or lacks_own_secret(run)


def _is_asked_for(run: Run) -> bool:
    return run.answer("rehearse") == "yes" and run.state_of("rehearsal") is State.WAITING


def _transcript(finding: Finding) -> tuple[str, ...]:
    return texts_of(finding.evidence, "transcript")[-LINES:]
