"""Pages for Microsoft sign-in, admin consent and the rehearsal's sign-in, and the redirect URI.

A flow belongs to the browser in which its button was pressed (:mod:`bot.web.pages`).
Nothing is changed here. An event is appended, and a worker continues. Nothing happens in a tenant
before an approver has approved it in Webex.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from http import HTTPStatus
from threading import BoundedSemaphore
from urllib.parse import urlsplit

import structlog
from flask import Blueprint, Response, abort, request
from redis.client import Pipeline

from adaptive_cards.texts import has_text, text
from bot import links
from bot.services import Services
from bot.web import oauth, pages as web
from jobs.causes.cause import Cause
from jobs.channel.mailbox import login_of
from jobs.clock import now
from jobs.clouds import calls
from jobs.clouds.errors import CloudError, Transient
from jobs.model import Text
from jobs.runs.run import Event, Kind, Run, RunEndedError, RunGoneError, ends_consent

BUSY = Text("page.busy_title")
SHARED, SOMEBODY = "_shared", "key:connect.login_of_user"
AGAIN_S = "5"
"""Seconds after which a browser or a proxy may try again, for the Retry-After header."""
NAMED = (Cause.WRONG_TENANT, Cause.WRONG_MAILBOX_USER)
"""Causes for which the page names the account that signed in."""
_slots = BoundedSemaphore(3)
"""Threads that may wait for Microsoft at the same time.

The web process has a few threads (:data:`bot.web.wsgi.THREADS`). Webex disables a webhook that is
answered late (platforms/webex.md 1), so pages that wait for Microsoft must not take all of them.
"""


@contextmanager
def _microsoft_slot() -> Iterator[bool]:
    got = _slots.acquire(blocking=False)
    try:
        yield got
    finally:
        if got:
            _slots.release()


def failure_page(kind: str, run: Run, error: CloudError, status: int) -> Response:
    # The button leads back to the flow's first page.
    back = links.current(web.web_services(), kind, run.id)
    button = "page.busy_back_button"
    if error.cause in NAMED and "@" in error.code:
        button = "page.again_button"
        login = login_of(run) or SOMEBODY
        expected = {"domain": run.channel.domain, "mailbox": run.channel.mailbox, "login": login}
        title = Text("page.refused_title", {"account": error.code})
        page = web.Page(title, Text(f"page.refused_words_{error.cause}", expected))
    else:
        values = {"words": f"key:cause.{error.cause}", "way_back": "key:page.way_back"}
        words = Text("page.failed_words", values)
        if has_text(f"page.next_{error.cause}"):
            step = text(f"page.next_{error.cause}", domain=run.channel.domain)
            words = Text("page.failed_next_words", values | {"next": step})
        page = web.Page(Text("page.failed_title"), words, code=error.words)
    shown = replace(page, button=button, link=urlsplit(back.url).path) if back else page
    return web.respond(replace(shown, status=status))


def _request(ticket: links.Link, run: Run, browser: str) -> web.Page:
    kind, variant = ticket.kind, _variant(run, ticket.kind)
    values = {
        "mailbox": run.channel.mailbox,
        "app": run.fact("app_name"),
        "upn": run.fact("upn"),
        "login": login_of(run) or SOMEBODY,
    }
    # A link can be forwarded, so the page says who asked, where and for what.
    email = run.requester.email
    place = "page.place_direct" if run.origin.direct else "page.place_unnamed"
    purpose = f"page.for_{run.kind}{'_run' if run.undoes else ''}"
    facts = {
        "asked_by": f"{email} ({ticket.asker})" if ticket.asker else email,
        "asked_in": ticket.space or text(place),
        "asked_for": text(purpose, mailbox=run.channel.mailbox, run=run.undoes),
        "asked_run": run.id,
    }
    parts = urlsplit(web.web_services().settings.login_url)
    return web.Page(
        Text(f"page.{kind}_title", values),
        Text(f"page.{kind}_words{variant}", values),
        run.channel.mailbox,
        button=f"page.{kind}_button{SHARED if variant == SHARED else ''}",
        post=request.path,
        browser=browser,
        facts=tuple((text(f"page.{label}"), value) for label, value in facts.items()),
        note=Text("page.request_note"),
        leads_to=f"{parts.scheme}://{parts.netloc}",
    )


def _variant(run: Run, kind: str) -> str:
    """Return the suffix of the page's text: a check that must find its channel says more."""
    if kind == "rehearsal" and run.fact("shared"):
        return SHARED
    if kind == "signin" and run.brief.discover:
        return "_discover"
    return f"_{run.kind}" if has_text(f"page.{kind}_words_{run.kind}") else ""


def _later(page: web.Page) -> Response:
    response = web.respond(replace(page, status=HTTPStatus.SERVICE_UNAVAILABLE))
    response.headers["Retry-After"] = AGAIN_S
    return response


pages = Blueprint("signin", __name__)
# A link of any page may outlive its run, whose history an operator has deleted or cannot read now.
pages.app_errorhandler(RunGoneError)(lambda _: web.plain("over", status=HTTPStatus.GONE))
log = structlog.get_logger(__name__)
KINDS = "<any(signin, access, consent, rehearsal):kind>"


@pages.get(f"/{KINDS}/<token>")
def landing_page(kind: str, token: str) -> Response:
    # The page says who asked, in which space, and for what. It makes no call to another host and uses
    # nothing up, so link previews and scanners may open it as often as they like.
    ticket, run = _opened(kind, token)
    return web.respond(_request(ticket, run, web.known_browser() or secrets.token_urlsafe(32)))


@pages.post(f"/{KINDS}/<token>")
def press(kind: str, token: str) -> Response:
    ticket, run = _opened(kind, token)
    browser = web.pressing_browser()
    with _microsoft_slot() as got:
        try:
            if got:
                return _to_microsoft(web.web_services(), kind, run)
        except CloudError as error:
            log.warning("no way to Microsoft", run=run.id, error=str(error))
            if not isinstance(error, Transient):
                return failure_page(kind, run, error, HTTPStatus.BAD_GATEWAY)
    page = _request(ticket, run, browser)  # it still has its button
    return _later(replace(page, title=BUSY, words=Text("page.busy_words")))


@pages.route("/microsoft/callback", methods=["HEAD"])
def head_only() -> Response:
    """Return an empty response for link scanners, which read only headers and use up nothing."""
    return Response()


@pages.get("/microsoft/callback")
def callback() -> Response:
    """Handle the callback from Microsoft for every OAuth flow.

    A state is used only once, in the browser in which its flow began. Another browser uses nothing
    up, and neither does a request that has to wait for its turn at Microsoft.
    """
    services = web.web_services()
    state = request.args.get("state", "")
    flow = oauth.read(services, state)
    if flow is None:
        return web.plain("over", status=HTTPStatus.BAD_REQUEST)
    if not web.is_browser_of(flow.browser, web.known_browser()):
        log.info("callback in another browser", run=flow.run, kind=flow.kind)
        return web.plain("other_browser", status=HTTPStatus.FORBIDDEN)
    with _microsoft_slot() as got:
        if not got:
            words, again = Text("page.busy_back_words"), "page.busy_back_button"
            return _later(web.Page(BUSY, words, button=again, link=request.full_path))
        flow = oauth.read(services, state, once=True)
        if flow is None:
            return web.plain("over", status=HTTPStatus.BAD_REQUEST)
        run = services.store.load(flow.run)
        try:
            return _finish_flow(services, run, flow)
        except RunEndedError:
            return _too_late(run, flow.kind)


def _finish_flow(services: Services, run: Run, flow: oauth.Flow) -> Response:
    journey, kind = oauth.FLOWS[flow.kind], flow.kind.partition("_")[0]
    if run.ended:
        raise RunEndedError(run.id)
    if journey.is_complete(run):
        abort(web.plain("done"))
    try:
        with calls.collect() as made:
            arrival = journey.finish(services, run, flow, request.args.to_dict())
        if arrival.event is None:
            return _to_microsoft(services, arrival.then, run)
    except CloudError as error:
        problem = {"question": journey.question, "cause": error.cause, "code": error.words}
        log.info("sign-in did not work", run=run.id, **(problem | {"code": error.code}))
        if error.ids:
            problem["ids"] = " ".join(f"{name}={value}" for name, value in error.ids.items())
        with suppress(RunEndedError):
            services.carry_on(run.id, Event(Kind.PROBLEM, now(), data=problem))
        return failure_page(kind, run, error, HTTPStatus.OK)
    links.drop(services, kind, run.id)

    def keep(pipe: Pipeline) -> None:
        if journey.is_complete(services.store.load(run.id)):
            abort(web.plain("done"))
        for name, value, seconds in arrival.sealed:
            services.vault.put(name, value, seconds, pipe)

    data = arrival.event.data | ({"calls": "; ".join(made)} if made else {})
    services.store.append(run.id, replace(arrival.event, data=data), along=keep)
    services.carry_on(run.id)
    page, domain = arrival.page or journey.arrived, run.channel.domain
    return web.plain(page, {"account": arrival.account, "domain": domain})


def _too_late(run: Run, kind: str) -> Response:
    # Microsoft has granted a consent that was accepted, so the page says how to revoke it.
    if kind != "consent" or "error" in request.args:
        return web.plain("over", status=HTTPStatus.GONE)
    app, way = run.fact("app_name"), "undo" if ends_consent(run) else "entra"
    told = text(f"page.late_consent_{way}", app=app, run=run.id)
    values = {"app": app, "domain": run.channel.domain, "run": run.id, "way": told}
    return web.plain("late_consent", values, status=HTTPStatus.GONE)


def _opened(kind: str, token: str) -> tuple[links.Link, Run]:
    """Return what the link leads to, or end the request with a page that says why it leads nowhere."""
    ticket = web.ticket_of(kind, token)
    run = web.web_services().store.load(ticket.run)
    if run.ended or ticket.is_expired:
        web.web_services().cards.request(run.id)  # with a new link, as the page says
        abort(web.plain("over", status=HTTPStatus.GONE))
    if oauth.FLOWS[kind].is_complete(run):
        abort(web.plain("done"))
    return ticket, run


def _to_microsoft(services: Services, kind: str, run: Run) -> Response:
    """Begin a flow that only this browser can finish, and send the browser to Microsoft."""
    state = secrets.token_urlsafe(32)
    url, kept = oauth.FLOWS[kind].start(services, run, state)
    flow = oauth.Flow(kind, run.id, kept, web.fingerprint(web.known_browser()))
    oauth.save(services, state, flow)
    return Response(status=HTTPStatus.SEE_OTHER, headers={"Location": url})
