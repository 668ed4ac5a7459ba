"""Presenter of the Webex Connect form, sent 1:1 to the requester, field by field."""

from __future__ import annotations

from adaptive_cards import connect_form as draw
from adaptive_cards.cards.connect_form import ConnectFormView
from adaptive_cards.texts import text
from bot import links
from bot.cards.presenters._common import header, shared_mailbox_login, username
from bot.cards.presenters.card_state import DesiredCard, desired_card
from bot.services import Services
from jobs.checks.remedies import page_of
from jobs.engine.made_objects import is_deleted
from jobs.microsoft.scopes import smtp_scope
from jobs.model import RunKind, Turn
from jobs.next_action import NextAction, keeps_secret, next_action
from jobs.runs.run import Run
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
    card = draw(view)
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
