"""Web pages of the bot: plain templates, texts from the catalog, no external resources.

A cookie binds a flow at Microsoft to the browser in which it began, and a one-time page to the
browser that opened it. A sign-in link may be forwarded, and so may the address at Microsoft to
which the link leads. Without the cookie, one person could begin a flow and have another finish it.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

from flask import Blueprint, Flask, Response, abort, current_app, render_template, request
from werkzeug.exceptions import HTTPException

from adaptive_cards import locale
from adaptive_cards.texts import render, text
from bot import links
from bot.services import Services
from bot.settings import LARGEST_BODY
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

    ``link`` leads to another page, and ``post`` submits a form. ``fields`` are (label, value) pairs
    to copy, and ``facts`` pairs to read. ``note`` is a sentence below the button. ``browser`` is
    the only one that may submit the form, or empty. ``leads_to`` is the origin to which the answer
    to the form redirects, or empty. ``here`` means that a script shows the answer in this page.
    """

    title: Text
    words: Text
    kicker: str = ""
    code: str = ""
    button: str = ""
    link: str = ""
    post: str = ""
    browser: str = ""
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
    response = respond_with(
        "page.html",
        status=page.status,
        policy=POLICY.format(targets=targets) + ("; connect-src 'self'" * page.here),
        page=page,
        kicker=page.kicker or (account.display_name if account else text("page.title")),
        webex="" if page.post or account is None else WEBEX + quote(account.email, safe="@"),
        token=page.browser and form_token(page.browser, page.post),
    )
    if page.browser:  # which drops its cookie when it is closed
        name = cookie_name()
        is_secure = name == HOST_COOKIE
        response.set_cookie(name, page.browser, secure=is_secure, httponly=True, samesite="Lax")
    return response


def respond_with(
    template: str, *, status: int = HTTPStatus.OK, policy: str = "", **values: object
) -> Response:
    # The policy is the content security policy, if a form leads elsewhere.
    html = render_template(template, language=locale.current().language, **values)
    headers = {"Content-Security-Policy": policy or POLICY.format(targets="'self'")}
    return Response(html, status=status, mimetype="text/html", headers=headers)


def plain(key: str, values: Mapping[str, str] | None = None, **more: Any) -> Response:
    """Return the page with ``page.KEY_title``, ``page.KEY_words`` and ``more`` fields of a page."""
    title, words = (Text(f"page.{key}_{part}", dict(values or {})) for part in ("title", "words"))
    return respond(Page(title, words, **more))


def web_services() -> Services:
    services: Services = current_app.config["SERVICES"]
    return services


HOST_COOKIE, LOOPBACK_COOKIE = "__Host-sign-in", "sign-in"
"""Names of the cookie for https, and for plain http.

``PUBLIC_URL`` may use plain http only on this machine. Browsers accept a cookie with the prefix
only from this very host over https (RFC 6265bis 4.1.3). Chromium and Firefox accept a Secure cookie
from http://localhost. Other clients, such as Safari, do not.
"""
_VALUE = re.compile(r"[A-Za-z0-9_-]{43}")


def cookie_name() -> str:
    is_https = web_services().bot.public_url.startswith("https://")
    return HOST_COOKIE if is_https else LOOPBACK_COOKIE


def known_browser() -> str:
    value = request.cookies.get(cookie_name(), "")
    return value if _VALUE.fullmatch(value) else ""


def ticket_of(kind: str, token: str) -> links.Link:
    """Return the purpose of a link, or end the request with a page that says it is unknown."""
    ticket = links.read(web_services(), kind, token)
    if ticket is None:
        abort(plain("unknown", status=HTTPStatus.NOT_FOUND))
    return ticket


def pressing_browser() -> str:
    """Return the browser that has pressed a page's button, or end the request with a refusal.

    The form's token proves that the person saw the page: another site cannot press the button.
    """
    browser, given = known_browser(), request.form.get("form", "")
    right = form_token(browser, request.path)
    if not browser or not hmac.compare_digest(given.encode(), right.encode()):
        abort(plain("no_cookie", status=HTTPStatus.FORBIDDEN))
    return browser


def form_token(browser: str, link: str) -> str:
    """Return the token of a page's form, which depends on the cookie (OWASP ASVS 5.0, 3.5.1)."""
    return hmac.new(browser.encode(), link.encode(), hashlib.sha256).hexdigest()


def fingerprint(browser: str) -> str:
    return hashlib.sha256(browser.encode()).hexdigest() if browser else ""


def is_browser_of(known: str, browser: str) -> bool:
    return known != "" and hmac.compare_digest(known.encode(), fingerprint(browser).encode())


@assets.get("/<any('page.css', 'history.css', 'copy.js', 'reveal.js'):name>")
def asset(name: str) -> Response:
    kind = "text/css" if name.endswith("css") else "text/javascript"
    return Response((FOLDER / name).read_text(encoding="utf-8"), mimetype=kind)


def use_browsers_language() -> None:
    language, zone = web_services().bot.default_language, web_services().bot.default_timezone
    wanted = request.accept_languages.best_match(locale.languages(), default=language)
    locale.use(locale.Locale(wanted, zone))


def create_app(pages: Iterable[Blueprint]) -> Flask:
    app = Flask(__name__, static_folder=None)
    app.jinja_env.globals.update(text=text, render=render)
    app.url_map.merge_slashes = False  # it would redirect to a host that the client has chosen
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    for blueprint in pages:
        app.register_blueprint(blueprint)
    app.config["PROPAGATE_EXCEPTIONS"] = True  # any other error is answered as a machine's is

    @app.errorhandler(HTTPException)
    def plain_error(error: HTTPException) -> Response:
        headers = [each for each in error.get_headers() if each[0].lower() != "content-type"]
        response = Response(status=error.code, headers=headers, mimetype="text/plain")
        response.data = f"{response.status}\n"
        return response

    return app
