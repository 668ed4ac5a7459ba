"""Webex Connect's form, 1:1 to who asked, field by field."""

from __future__ import annotations

from adaptive_cards import connect_form as draw
from adaptive_cards.cards.connect_form import ConnectFormView
from adaptive_cards.texts import text
from adaptive_cards.views import Header
from bot import links
from bot.cards.delivery import DesiredCard, desired_card
from bot.services import Services
from jobs.checks.remedies import page_of
from jobs.microsoft.scopes import smtp_scope
from jobs.model import RunKind
from jobs.next_action import keeps_secret
from jobs.runs.run import Run
from jobs.storage.vault import Sealed


def cards(run: Run, services: Services) -> list[DesiredCard]:
    """Once everything at Microsoft is ready for it."""
    if "mailbox_fields" not in run.findings or run.ended or run.account is None:
        return []
    view = form(run, services)
    turn = f"{view.token_saved}{view.registered}{view.secret_gone}{view.secret_making}"
    filled_in = view.token_saved and (view.registered or run.kind is RunKind.FIX)
    asks = "" if filled_in or view.secret_making else turn
    return [desired_card("connect", view, draw(view), to=run.requester.email, urgency=turn, prompt=asks)]


def form(run: Run, services: Services) -> ConnectFormView:
    """The fields with their exact values."""
    host, _, port = services.settings.smtp_server.rpartition(":")
    link = links.link(services, "handover", run.id)
    base = f"{services.settings.login_url}/{run.tenant}/oauth2/v2.0"
    stays = keeps_secret(run)
    return ConnectFormView(
        header=Header(run.id, run.channel.mailbox, 6, run.kind),
        channel=run.channel,
        smtp_host=host,
        smtp_port=int(port),
        username=run.channel.mailbox if run.fact("shared") else run.fact("upn"),
        client_id=run.fact("client_id"),
        authorize_url=f"{base}/authorize",
        token_url=f"{base}/token",
        scope=f"offline_access {smtp_scope(services.settings.exchange_url)}",
        secret_url=link.url,
        secret_until=link.until,
        secret_gone=not services.vault.holds(Sealed.CLIENT_SECRET.of(run.id)),
        secret_making=bool(run.answer("new_secret")) and not run.settled("client_secret"),
        token_saved=bool(run.answer("token_saved")),
        registered=bool(run.answer("registered")),
        secret_stays=stays,
        page_url=page_of(run.channel) if stays else "",
        login_id=_login(run) or (text("connect.login_of_user") if run.fact("shared") else ""),
        login_open=not _login(run),
    )


def _login(run: Run) -> str:
    """Who signs in where it is not the address of the mailbox itself: for a shared mailbox whoever rehearsed (facts/connect.md 1.2)."""
    if run.fact("shared"):
        return run.answers["mailbox_sign_in"].by if run.answer("mailbox_sign_in") else ""
    return run.fact("upn") if run.fact("upn").lower() != run.channel.mailbox else ""
