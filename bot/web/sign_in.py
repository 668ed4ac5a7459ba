"""Pages for Microsoft sign-in, admin consent and the rehearsal's sign-in, and the redirect URI.

Nothing is changed here. An event is appended, and a worker continues. Nothing happens in a tenant
before an approver has approved it in Webex, so a forwarded link is worth nothing.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from http import HTTPStatus

import structlog
from flask import Blueprint, Response, request

from bot import links
from bot.links import PageToken
from bot.services import Services
from bot.web import oauth_state
from bot.web.oauth import FLOWS
from bot.web.oauth_flow import AuthorizationRequest
from bot.web.oauth_state import Flow
from bot.web.pages import Page, plain, respond, web_services
from jobs.access import admin_session, mailbox_login
from jobs.clock import now
from jobs.clouds import call_log
from jobs.clouds.errors import CloudError
from jobs.model import RunKind, Text
from jobs.runs.run import Event, Kind, Run, RunEndedError

pages = Blueprint("signin", __name__)
log = structlog.get_logger(__name__)
SHARED = "_shared"


@pages.get("/<any(signin, access, consent, rehearsal):kind>/<token>")
def landing_page(kind: str, token: str) -> Response:
    """Return the bot's own page before Microsoft's page.

    It shows the purpose, the requester and a button. A link preview does not use anything up.
    """
    services = web_services()
    ticket = links.read(services, kind, token)
    if ticket is None:
        return plain("unknown", status=HTTPStatus.NOT_FOUND)
    run = services.store.load(ticket.run)
    if stop := _not_now(ticket, run):
        return stop
    try:
        departure = _start(kind, run)
    except CloudError as error:
        log.warning("no way to Microsoft", run=run.id, error=str(error))
        return _failed(error, HTTPStatus.BAD_GATEWAY)
    page = (
        Text(f"page.{kind}_title", departure.values),
        Text(f"page.{kind}_words{_for(run, kind)}", departure.values),
    )
    button = f"page.{kind}_button{SHARED if _for(run, kind) == SHARED else ''}"
    return respond(Page(*page, run.channel.mailbox, button=button, link=departure.url))


@pages.route("/microsoft/callback", methods=["HEAD"])
def head_only() -> Response:
    """Return an empty response for link scanners, which read only the headers and use nothing up."""
    return Response()


@pages.get("/microsoft/callback")
def callback() -> Response:
    """Handle the callback from Microsoft for every OAuth flow; a state is used only once."""
    services = web_services()
    flow = oauth_state.pop(services, request.args.get("state", ""))
    if flow is None:
        return plain("over", status=HTTPStatus.BAD_REQUEST)
    run, journey = services.store.load(flow.run), FLOWS[flow.kind]
    if run.ended:
        return plain("over", status=HTTPStatus.GONE)
    if journey.is_complete(run):  # another person has already finished the flow
        return plain("done")
    try:
        with call_log.record_calls() as made:
            arrival = journey.handle_callback(services, run, flow, request.args.to_dict())
        if arrival.event is None:
            return Response(
                status=HTTPStatus.FOUND, headers={"Location": _start(arrival.then, run).url}
            )
    except CloudError as error:
        _problem(run, journey.question, error)
        return _failed(error, HTTPStatus.OK)
    links.drop(services, flow.kind.partition("_")[0], run.id)
    calls = {"calls": "; ".join(made)} if made else {}
    event = replace(arrival.event, data=arrival.event.data | calls)
    return _recorded(services, run.id, event) or plain(journey.arrived, account=arrival.account)


def _recorded(services: Services, run_id: str, event: Event) -> Response | None:
    """Record the sign-in. If the run has ended during it, forget it and return a page that says so."""
    try:
        services.record(run_id, event)
    except RunEndedError:
        admin_session.drop(services, run_id)
        mailbox_login.close(services.vault, run_id)
        return plain("over", status=HTTPStatus.GONE)
    return None


def _for(run: Run, kind: str) -> str:
    """Return the suffix of the page's text for this kind of run.

    The text of a check says that it only reads, and that of an undo says what is undone. For a
    shared mailbox, the rehearsal says who must sign in. A check that must find its channel may keep
    the sign-in for longer.
    """
    if kind == "rehearsal" and run.fact("shared"):
        return SHARED
    if kind == "signin" and run.brief.discover:
        return "_discover"
    return f"_{run.kind}" if kind == "signin" and run.kind in {RunKind.CHECK, RunKind.UNDO} else ""


def _start(kind: str, run: Run) -> AuthorizationRequest:
    state = oauth_state.new_state()
    departure = FLOWS[kind].start(web_services(), run, state)
    oauth_state.save(web_services(), state, Flow(kind, run.id, departure.flow))
    return departure


def _failed(error: CloudError, status: int) -> Response:
    return plain(
        "failed",
        status=status,
        code=error.words,
        words=f"key:cause.{error.cause}",
        way_back="key:page.way_back",
    )


def _not_now(ticket: PageToken, run: Run) -> Response | None:
    if run.ended or ticket.is_expired:
        return plain("over", status=HTTPStatus.GONE)
    return plain("done") if FLOWS[ticket.kind].is_complete(run) else None


def _problem(run: Run, question: str, error: CloudError) -> None:
    log.info(
        "sign-in did not work", run=run.id, question=question, cause=error.cause, code=error.code
    )
    ids = " ".join(f"{name}={value}" for name, value in error.ids.items())
    data = {"question": question, "cause": error.cause, "code": error.words} | (
        {"ids": ids} if ids else {}
    )
    with suppress(RunEndedError):
        web_services().record(run.id, Event(Kind.PROBLEM, now(), data=data))
