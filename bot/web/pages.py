"""Web pages of the bot: plain templates, texts from the catalog, no external resources."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote

from flask import Blueprint, Flask, Response, current_app, request
from jinja2 import Environment, Template, select_autoescape
from redis.exceptions import RedisError
from werkzeug.exceptions import HTTPException

from adaptive_cards import locale
from adaptive_cards.locale import Locale
from adaptive_cards.texts import render, text
from bot.services import Services
from bot.settings import BotSettings
from bot.web.app import TEXT, log_failure
from bot.web.webhooks import LARGEST_BODY
from jobs.model import Text

FOLDER = Path(__file__).with_name("templates")
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; form-action {targets};"
    " base-uri 'none'; frame-ancestors 'none'"
)
WEBEX = "webexteams://im?email="
"""Link that opens the 1:1 conversation with this address in the Webex app.

Source: help.webex.com, article n5yzg8y, "Add Links for Meetings or Spaces with webexteams
Protocol".
"""
assets = Blueprint("assets", __name__, url_prefix="/pages")


@dataclass(frozen=True, slots=True)
class Page:
    """Content of a page.

    ``link`` leads to another page, ``post`` submits a form with the ``hidden`` (name, value) pairs,
    and ``fields`` are (label, value) pairs to copy. ``facts`` are (label, value) pairs to read, and
    ``note`` is a sentence below the button. A page without a form also links back to the 1:1
    conversation with the bot. ``leads_to`` is the origin to which the answer to the form redirects,
    or an empty string if it stays here. ``here`` means that a script shows the answer in this page.
    """

    title: Text
    words: Text
    kicker: str = ""
    code: str = ""
    button: str = ""
    link: str = ""
    post: str = ""
    hidden: tuple[tuple[str, str], ...] = ()
    fields: tuple[tuple[str, str], ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    note: Text | None = None
    leads_to: str = ""
    here: bool = False
    status: int = HTTPStatus.OK


def respond(page: Page) -> Response:
    account = web_services().known_account
    # Chromium checks every redirect after a form against these sources. Microsoft's page may
    # redirect on to the sign-in page of the person's own organization, whose host is not known here,
    # so every https host is allowed. The page has one form, with a fixed address.
    targets = f"'self' https: {page.leads_to}".strip() if page.leads_to else "'self'"
    return respond_with(
        "page.html",
        status=page.status,
        policy=POLICY.format(targets=targets) + ("; connect-src 'self'" * page.here),
        title=render(page.title),
        words=render(page.words),
        kicker=page.kicker or (account.display_name if account else text("page.title")),
        webex="" if page.post or account is None else WEBEX + quote(account.email, safe="@"),
        to_webex=text("page.to_webex"),
        code=page.code,
        button=page.button and text(page.button),
        link=page.link,
        post=page.post,
        hidden=page.hidden,
        fields=page.fields,
        facts=page.facts,
        note=page.note and render(page.note),
        here=page.here,
        copy=text("page.copy"),
    )


def respond_with(
    template: str, *, status: int = HTTPStatus.OK, policy: str = "", **values: object
) -> Response:
    """Return a template's page.

    ``policy`` is its content security policy if a form leads elsewhere.
    """
    html = _template(template).render(language=locale.current().language, **values)
    policy = policy or POLICY.format(targets="'self'")
    return Response(
        html, status=status, mimetype="text/html", headers={"Content-Security-Policy": policy}
    )


def plain(key: str, *, status: int = HTTPStatus.OK, code: str = "", **values: str) -> Response:
    """Return a page with text only: ``page.KEY_title`` and ``page.KEY_words``."""
    title, words = Text(f"page.{key}_title", values), Text(f"page.{key}_words", values)
    return respond(Page(title, words, code=code, status=status))


def web_services() -> Services:
    services: Services = current_app.config["SERVICES"]
    return services


@assets.get("/<any('page.css', 'history.css', 'copy.js', 'reveal.js'):name>")
def asset(name: str) -> Response:
    kind = "text/css" if name.endswith("css") else "text/javascript"
    return Response((FOLDER / name).read_text(encoding="utf-8"), mimetype=kind)


@cache
def _template(name: str) -> Template:
    environment = Environment(autoescape=select_autoescape(default=True, default_for_string=True))
    return environment.from_string((FOLDER / name).read_text(encoding="utf-8"))


def use_browsers_language() -> None:
    settings: BotSettings = current_app.config["SERVICES"].bot
    wanted = request.accept_languages.best_match(
        locale.languages(), default=settings.default_language
    )
    locale.use(Locale(wanted, settings.default_timezone))


def create_app(pages: Iterable[Blueprint]) -> Flask:
    app = Flask(__name__, static_folder=None)
    app.url_map.merge_slashes = False  # it would redirect to a host that the client has chosen
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    for blueprint in pages:
        app.register_blueprint(blueprint)
    app.register_error_handler(Exception, _on_error)
    return app


def _on_error(error: Exception) -> Response:
    # The cause goes only to the log.
    code = (isinstance(error, HTTPException) and error.code) or HTTPStatus.INTERNAL_SERVER_ERROR
    if isinstance(error, RedisError):
        code = HTTPStatus.SERVICE_UNAVAILABLE
    headers: list[tuple[str, str]] = []
    if code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log_failure(request.path, HTTPStatus(code), error)
    elif isinstance(error, HTTPException):
        headers = [each for each in error.get_headers() if each[0].lower() != "content-type"]
    response = Response(status=code, headers=headers, content_type=TEXT)
    response.data = f"{response.status}\n"
    return response
