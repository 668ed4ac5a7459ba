"""One-time page for the client secret.

Opening the link does not use it up. Pressing the button shows the secret to exactly one reader.
"""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, Response

from adaptive_cards.texts import text
from bot import links
from bot.cards import delivery
from bot.cards.presenters import connect_form
from bot.cards.presenters.card_state import slot_of
from bot.web.pages import Page, plain, respond, web_services
from jobs.model import Text
from jobs.runs.run import Run
from jobs.storage.vault import Sealed

pages = Blueprint("handover", __name__, url_prefix="/handover")


@pages.get("/<token>")
def landing_page(token: str) -> Response:
    """Return a page with a button.

    Link previews and mail scanners see no secret and use nothing up.
    """
    services = web_services()
    ticket = links.read(services, "handover", token)
    if ticket is None:
        return plain("unknown", status=HTTPStatus.NOT_FOUND)
    run = services.store.load(ticket.run)
    if not services.vault.holds(Sealed.CLIENT_SECRET.of(run.id)):
        return plain("gone", status=HTTPStatus.GONE)
    if ticket.is_expired:
        return respond(_page("over", "renew_button", f"/handover/{token}/renew", HTTPStatus.GONE))
    return respond(
        _page(
            "handover",
            "handover_button",
            f"/handover/{token}",
            HTTPStatus.OK,
            mailbox=run.channel.mailbox,
        )
    )


@pages.post("/<token>")
def reveal(token: str) -> Response:
    """Show the secret once; of several readers at the same time only one gets it (GETDEL)."""
    services = web_services()
    ticket = links.read(services, "handover", token)
    if ticket is None or ticket.is_expired:
        return plain("unknown" if ticket is None else "over", status=HTTPStatus.GONE)
    run = services.store.load(ticket.run)
    secret = services.vault.take(Sealed.CLIENT_SECRET.of(run.id))
    if secret is None:
        return plain("gone", status=HTTPStatus.GONE)
    services.store.record_secret_shown(
        services.vault.get(Sealed.CLIENT_SECRET_ID.of(run.id)) or run.fact("key_id"), run.id
    )
    links.drop(services, "handover", run.id)
    if run.answer("new_secret"):
        services.runs.ring(run.id)  # the lost secret that this one replaces is removed now
    services.cards.request(run.id)
    return respond(
        Page(
            Text("page.shown_title"),
            Text("page.shown_words"),
            run.channel.mailbox,
            fields=_fields(run, secret),
        )
    )


@pages.post("/<token>/renew")
def renew(token: str) -> Response:
    """Post the card with a new link 1:1 to the requester of the run, and nowhere else."""
    services = web_services()
    ticket = links.read(services, "handover", token)
    if ticket is None:
        return plain("unknown", status=HTTPStatus.NOT_FOUND)
    requester = services.store.load(ticket.run).requester.email
    delivery.repost(services, ticket.run, slot_of(requester))
    services.cards.request(ticket.run)
    return plain("renewed")


def _page(key: str, button: str, post: str, status: int, **values: str) -> Page:
    return Page(
        Text(f"page.{key}_title", values),
        Text(f"page.{key}_words", values),
        button=f"page.{button}",
        post=post,
        status=status,
    )


def _fields(run: Run, secret: str) -> tuple[tuple[str, str], ...]:
    """Return every field of the Webex Connect form that can be copied, in the form's order."""
    form, somebody = connect_form.form(run, web_services()), text("connect.login_of_user")
    values = (
        ("connect.email_id", run.channel.mailbox),
        ("connect.smtp_server", form.smtp_host),
        ("connect.username", "" if form.username == somebody else form.username),
        ("label.client_id", form.client_id),
        ("connect.client_secret", secret),
        ("connect.authorize_url", form.authorize_url),
        ("connect.scope", form.scope),
        ("connect.token_url", form.token_url),
        ("connect.login_id", "" if form.login_open else form.login_id),
    )
    return tuple((text(label), value) for label, value in values if value)
