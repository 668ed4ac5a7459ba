"""One-time page for the client secret.

Opening the link does not use it up. Pressing the button shows the secret to exactly one reader.
"""

from contextlib import suppress
from http import HTTPStatus

from flask import Blueprint, Response

from adaptive_cards.texts import text
from bot import links
from bot.cards import delivery
from bot.cards.presenters import connect_form
from bot.cards.presenters.card_state import slot_of
from bot.web.pages import plain, ticket_of, web_services
from jobs.clock import now
from jobs.runs.run import Event, Kind, RunEndedError
from jobs.steps import SECRET_SHOWN
from jobs.storage.vault import Sealed

pages = Blueprint("handover", __name__, url_prefix="/handover")


@pages.get("/<token>")
def landing_page(token: str) -> Response:
    # Link previews and mail scanners see no secret and use nothing up.
    services, ticket = web_services(), ticket_of("handover", token)
    run = services.store.load(ticket.run)
    if not services.vault.holds(Sealed.CLIENT_SECRET.of(run.id)):
        return plain("gone", status=HTTPStatus.GONE)
    if ticket.is_expired:
        button, post = "page.renew_button", f"/handover/{token}/renew"
        return plain("over", status=HTTPStatus.GONE, button=button, post=post)
    values, button = {"mailbox": run.channel.mailbox}, "page.handover_button"
    return plain("handover", values, button=button, post=f"/handover/{token}", here=True)


@pages.post("/<token>")
def reveal(token: str) -> Response:
    """Show the secret once; of several readers at the same time only one gets it (GETDEL)."""
    services, ticket = web_services(), ticket_of("handover", token)
    if ticket.is_expired:
        return plain("over", status=HTTPStatus.GONE)
    run = services.store.load(ticket.run)
    secret = services.vault.take(Sealed.CLIENT_SECRET.of(run.id))
    if secret is None:
        return plain("gone", status=HTTPStatus.GONE)
    key_id = services.vault.get(Sealed.CLIENT_SECRET_ID.of(run.id)) or run.fact("key_id")
    services.store.mark_secret_shown(key_id, run.id)
    links.drop(services, "handover", run.id)
    # From now on the run looks for Generate Token, and removes a secret that was shown and then
    # lost.
    data = {"question": SECRET_SHOWN, "value": key_id}
    with suppress(RunEndedError):
        services.carry_on(run.id, Event(Kind.ANSWERED, now(), data=data))
    # Fields in which something is chosen are there, too, so that the page alone is enough.
    form = connect_form.values(run, services.settings, secret)
    fields = tuple((text(label), value) for label, value in form.items() if value)
    return plain("shown", kicker=run.channel.mailbox, fields=fields)


@pages.post("/<token>/renew")
def renew(token: str) -> Response:
    # While the newest link of the run is still good, nothing is posted.
    services, ticket = web_services(), ticket_of("handover", token)
    run = ticket.run
    if not (ticket.is_expired and services.vault.holds(Sealed.CLIENT_SECRET.of(run))):
        return landing_page(token)
    newest = links.current(services, "handover", run)
    if newest is None or newest.is_expired:
        delivery.repost(services, run, slot_of(services.store.load(run).requester.email))
        services.cards.request(run)
    return plain("renewed")
