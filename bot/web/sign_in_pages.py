"""Contents of pages around a flow at Microsoft: the request, a busy Microsoft, and a refusal."""

from __future__ import annotations

from dataclasses import dataclass, replace
from http import HTTPStatus
from urllib.parse import urlsplit

from flask import Response

from adaptive_cards.texts import has_text, text
from bot import links
from bot.links import PageToken
from bot.services import Services
from bot.web.browser_cookie import form_token
from bot.web.oauth import FLOWS
from bot.web.pages import Page, respond, web_services
from jobs.causes.cause import Cause
from jobs.channel.mailbox import login_of
from jobs.clouds.errors import CloudError
from jobs.model import RunKind, Text
from jobs.runs.run import Run

FORM = "form"
"""Field of the page's form that holds the form's token."""
SHARED = "_shared"
AGAIN_S = "5"
"""Seconds after which a browser or a proxy may try again, for the Retry-After header."""
NAMED = (Cause.WRONG_TENANT, Cause.WRONG_MAILBOX_USER)
"""Causes for which the page names the account that signed in."""


@dataclass(frozen=True, slots=True)
class OpenedLink:
    """Link that leads somewhere: its purpose, its run and its path."""

    ticket: PageToken
    run: Run
    path: str


def request_page(opened: OpenedLink, browser: str) -> Response:
    return respond(_request(opened, browser))


def busy_page(opened: OpenedLink, browser: str) -> Response:
    """Return the page of the request again, with the words that Microsoft does not answer now.

    The page still has its button.
    """
    page = replace(
        _request(opened, browser),
        title=Text("page.busy_title"),
        words=Text("page.busy_words"),
        status=HTTPStatus.SERVICE_UNAVAILABLE,
    )
    return _later(respond(page))


def busy_callback_page(address: str) -> Response:
    page = Page(
        Text("page.busy_title"),
        Text("page.busy_back_words"),
        button="page.busy_back_button",
        link=address,
        status=HTTPStatus.SERVICE_UNAVAILABLE,
    )
    return _later(respond(page))


def failure_page(
    services: Services, kind: str, run: Run, error: CloudError, status: int
) -> Response:
    """Return the page of a flow that did not work: the account, the reason, and the next step.

    Its button leads back to the flow's first page.
    """
    back = links.path_of(services, kind, run.id)
    button = "page.busy_back_button"
    if error.cause in NAMED and "@" in error.code:
        button = "page.again_button"
        login = login_of(run) or "key:connect.login_of_user"
        expected = {"domain": run.channel.domain, "mailbox": run.channel.mailbox, "login": login}
        page = Page(
            Text("page.refused_title", {"account": error.code}),
            Text(f"page.refused_words_{error.cause}", expected),
        )
    else:
        page = Page(Text("page.failed_title"), _failure(run, error.cause), code=error.words)
    return respond(replace(page, button=button if back else "", link=back, status=status))


def _failure(run: Run, cause: str) -> Text:
    values = {"words": f"key:cause.{cause}", "way_back": "key:page.way_back"}
    if not has_text(f"page.next_{cause}"):
        return Text("page.failed_words", values)
    step = text(f"page.next_{cause}", domain=run.channel.domain)
    return Text("page.failed_next_words", values | {"next": step})


def _request(opened: OpenedLink, browser: str) -> Page:
    ticket, run = opened.ticket, opened.run
    kind, variant = ticket.kind, _variant(run, ticket.kind)
    values = FLOWS[kind].values(run)
    parts = urlsplit(web_services().settings.login_url)
    return Page(
        Text(f"page.{kind}_title", values),
        Text(f"page.{kind}_words{variant}", values),
        run.channel.mailbox,
        button=f"page.{kind}_button{SHARED if variant == SHARED else ''}",
        post=opened.path,
        hidden=((FORM, form_token(browser, opened.path)),),
        facts=tuple((text(label), value) for label, value in _facts(ticket, run)),
        note=Text("page.request_note"),
        leads_to=f"{parts.scheme}://{parts.netloc}",
    )


def _facts(ticket: PageToken, run: Run) -> tuple[tuple[str, str], ...]:
    """Return who asked, where and for what, because a link can be forwarded."""
    email = run.requester.email
    asker = f"{ticket.asker} ({email})" if ticket.asker else email
    place = "page.place_direct" if run.origin.direct else "page.place_unnamed"
    purpose = f"page.for_{run.kind}{'_run' if run.undoes else ''}"
    return (
        ("page.asked_by", asker),
        ("page.asked_in", ticket.space or text(place)),
        ("page.asked_for", text(purpose, mailbox=run.channel.mailbox, run=run.undoes)),
        ("page.asked_run", run.id),
    )


def _variant(run: Run, kind: str) -> str:
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


def _later(response: Response) -> Response:
    response.headers["Retry-After"] = AGAIN_S
    return response
