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
from adaptive_cards.views import Trouble
from bot import links
from bot.cards.presenters import card_state as shared
from bot.services import Services
from jobs import next_action as turns
from jobs.checks.remedies import page_of
from jobs.engine.made_objects import is_deleted
from jobs.microsoft.scopes import smtp_scope
from jobs.model import Finding, RunKind, State, Text, Turn
from jobs.runs.run import Run
from jobs.steps import steps_of
from jobs.storage.vault import Sealed


def cards(run: Run, services: Services) -> list[shared.DesiredCard]:
    """Return the card, once everything at Microsoft is ready for the form, until it is filled in.

    If only a log says that the token was generated or the app registered, the card stays with the
    button that confirms this.
    """
    shown = "mailbox_fields" in run.findings and not run.ended and run.account is not None
    # The values are not shown if somebody has deleted the app, because they lead nowhere.
    if not shown or is_deleted(run):
        return []
    view = form(run, services)
    # A fix needs no registration.
    filled_in = view.token_saved and (view.registered or run.kind is RunKind.FIX)
    if filled_in and not (view.token_read or view.registered_read):
        return []
    turn = f"{view.token_saved}{view.registered}{view.secret_gone}{view.secret_making}"
    asks, urgency = "making" if view.secret_making else turn, f"{turn}{view.next_turn}"
    card, to = connect_form(view), run.requester.email
    return [shared.desired_card("connect", view, card, to=to, urgency=urgency, prompt=asks)]


def form(run: Run, services: Services) -> ConnectFormView:
    host, _, port = services.settings.smtp_server.rpartition(":")
    link = links.link(services, "handover", run.id)
    base = f"{services.settings.login_url}/{run.tenant}/oauth2/v2.0"
    stays, login, action = turns.keeps_secret(run), _login(run), turns.next_action(run)
    registered = _is_known(run, "registered", "registered")
    # For a shared mailbox there is a description of the person until the address is known.
    nobody = text("connect.login_of_user") if run.fact("shared") else ""
    goes_on = registered and action.turn not in {Turn.NOBODY, Turn.TIME}
    return ConnectFormView(
        header=shared.header(run, 6, services),
        channel=run.channel,
        smtp_host=host,
        smtp_port=int(port),
        username=shared.username(run) or text("connect.login_of_user"),
        client_id=run.fact("client_id"),
        authorize_url=f"{base}/authorize",
        token_url=f"{base}/token",
        scope=f"offline_access {smtp_scope(services.settings.exchange_url)}",
        secret_url=link.url,
        secret_until=link.until,
        secret_gone=not services.vault.holds(Sealed.CLIENT_SECRET.of(run.id)),
        secret_making=bool(run.answer("new_secret")) and not run.settled("client_secret"),
        token_saved=_is_known(run, "token_saved", "token"),
        token_read=_is_read(run, "token_saved", "token") and not registered,
        registered=registered,
        registered_read=_is_read(run, "registered", "registered"),
        secret_stays=stays,
        one_field=run.kind is RunKind.FIX and "application" not in run.changed,
        page_url=page_of(run.channel) if stays else "",
        login_id=login or nobody,
        login_open=not login,
        next_turn=action.turn if goes_on else Turn.NOBODY,
        next_words=action.words if goes_on else None,
    )


def _is_known(run: Run, question: str, step: str) -> bool:
    return bool(run.answer(question)) or run.settled(step)


def _is_read(run: Run, question: str, step: str) -> bool:
    """Return whether only a log shows that the step was done, and no agent's mail proves it."""
    return run.settled(step) and not run.answer(question) and not run.settled("agent_has_it")


def _login(run: Run) -> str:
    """Return the sign-in name if it differs from the mailbox address, otherwise an empty string.

    For a shared mailbox the name is that of the delegate (platforms/connect.md 1.2).
    """
    if run.fact("shared"):
        return shared.shared_mailbox_login(run)
    return run.fact("upn") if run.fact("upn").lower() != run.channel.mailbox else ""


LINES = 12
MAILBOX_USER = "mailbox_user"
"""Question about who signs in for the mailbox.

The answer is the address of the person asked 1:1.
"""


def rehearsal_cards(run: Run, services: Services) -> list[shared.DesiredCard]:
    # A fix has no rehearsal, because the bot's own login is the proof there. It is the bot's turn
    # while it logs in, or has yet to make the secret that a sign-in needs.
    bots_turn = turns.has_returned(run, "rehearsal") or turns.lacks_own_secret(run)
    over = run.state_of("rehearsal") is State.OK or run.answer("rehearse").startswith("skip")
    if run.ended or run.account is None or not turns.may_rehearse(run) or bots_turn or over:
        return []
    found = rehearsal_view(run, services)
    link = links.link(services, "rehearsal", run.id) if found.url else None
    turn = f"{bool(found.url)}{found.problem}{found.settling}{found.asked}"
    asks, cards = "" if found.settling else turn, []
    for to in shared.thread_and_person(run.answer(MAILBOX_USER)):
        head = shared.header(run, 6, services, to=to, link=link)
        copy = replace(found, direct=to != shared.THREAD, header=head)
        card = rehearsal(copy)
        cards.append(shared.desired_card("rehearsal", copy, card, to=to, urgency=turn, prompt=asks))
    return cards


def waits_for_mailbox_user(run: Run) -> bool:
    return not run.ended and "rehearsal" in steps_of(run) and _is_asked_for(run)


def rehearsal_view(run: Run, services: Services) -> RehearsalView:
    base, finding = (
        RehearsalView(shared.header(run, 6), shared.username(run)),
        run.findings.get("rehearsal"),
    )
    if run.fact("shared"):
        login = shared.shared_mailbox_login(run) or text("connect.login_of_user")
        base = replace(base, username=run.channel.mailbox, shared=True, login=login)
    # A problem of the sign-in counts if it came after the rehearsal was last asked for.
    problem = run.problems.get("mailbox_sign_in")
    if problem is not None and problem.at > run.answers["rehearse"].at:
        told = Trouble(Text(f"cause.{problem.cause}"), problem.code)
        return replace(base, problem=told, cause=problem.cause)
    if finding is not None and finding.cause:
        return _failed(base, finding)
    if not _is_asked_for(run):
        return base
    link = links.link(services, "rehearsal", run.id)
    asked = shared.unreachable_recipient(run, MAILBOX_USER)
    return replace(base, url=link.url, until=link.until, asked=asked)


def _failed(base: RehearsalView, finding: Finding) -> RehearsalView:
    # A rehearsal that is tried again automatically is shown as settling. If the mailbox itself is
    # lost, an administrator acts, and not the person who signs in.
    code = "".join(shared.texts_of(finding.evidence, "smtp")[:1])
    told = replace(
        base,
        problem=Trouble(Text(f"cause.{finding.cause}"), code),
        cause=finding.cause,
        transcript=shared.texts_of(finding.evidence, "transcript")[-LINES:],
    )
    if finding.waiting_for is Turn.ADMINISTRATOR:
        return replace(told, turn=Turn.ADMINISTRATOR)
    return replace(told, settling=finding.until is not None)


def _is_asked_for(run: Run) -> bool:
    return run.answer("rehearse") == "yes" and run.state_of("rehearsal") is State.WAITING
