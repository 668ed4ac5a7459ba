"""Relay of a browser's calls to the bot's web process and the cloud's sign-in pages.

The cloud uses HTTPS with an authority that browsers do not know, so links to it lead through the
page's own URL. Everything else is passed on unchanged: the browser shows exactly the responses of
the bot and the sign-in pages.
"""

import re
import ssl
from functools import cache
from html import escape
from pathlib import Path

import flask
import httpx

from practice.page.addresses import Places

CLOUD = "/cloud"
NOT_PASSED = {
    "connection",
    "keep-alive",
    "transfer-encoding",
    "content-length",
    "content-encoding",
    "host",
    "accept-encoding",
    "date",
    "server",
}
PATIENCE_S = 60.0
WEBEX = re.compile(r'href="webexteams:[^"]*"')
"""Pattern of a link to the Webex app.

In the practice space it leads to the practice page instead.
"""
LANGUAGES = ("en", "de")
BAR = {
    "en": ("Practice space.", "Nothing here reaches a real tenant.", "You are {you}."),
    "de": ("Übungsraum.", "Nichts hier erreicht einen echten Mandanten.", "Sie sind {you}."),
}
"""Note above each page in the browser's language.

It says that this is the practice space, and who the user is.
"""
AWAY = {
    "en": (
        "Practice space: one moment",
        "This part of the practice space does not answer now. It may be starting again; reload soon.",
    ),
    "de": (
        "Übungsraum: einen Moment",
        "Dieser Teil des Übungsraums antwortet gerade nicht. Laden Sie die Seite gleich noch einmal.",
    ),
}
"""Title and text of the page while the bot or the practice cloud does not answer."""
STYLE = '<link rel="stylesheet" href="/practice/static/bar.css">'


@cache
def client(ca_path: Path) -> httpx.Client:
    """Return the HTTP client, with a connection pool, for everything behind the page.

    There is only one client. It trusts only the practice authority.
    """
    return httpx.Client(
        verify=ssl.create_default_context(cafile=str(ca_path)), trust_env=False, timeout=PATIENCE_S
    )


def close(ca_path: Path) -> None:
    """Close the client's connections."""
    client(ca_path).close()
    client.cache_clear()


def to_bot(places: Places) -> flask.Response:
    """Pass a browser's call on to the same path of the bot."""
    return _pass_on(places, places.bot + _target(flask.request.full_path))


def to_cloud(places: Places) -> flask.Response:
    """Pass a browser's call on to a sign-in page of the cloud."""
    return _pass_on(places, places.cloud + _target(flask.request.full_path.removeprefix(CLOUD)))


def _target(path: str) -> str:
    return path.removesuffix("?")


def _pass_on(places: Places, url: str) -> flask.Response:
    asked = flask.request
    headers = [(name, value) for name, value in asked.headers if name.lower() not in NOT_PASSED]
    try:
        answer = client(places.ca_path).request(
            asked.method, url, headers=headers, content=asked.get_data()
        )
    except httpx.HTTPError:
        return flask.Response(_away(), 502, mimetype="text/html")
    body = answer.content
    if answer.headers.get("content-type", "").startswith("text/html"):
        body = _in_practice(answer.text, places).encode()
    kept = [
        (name, _led(value, places) if name.lower() == "location" else value)
        for name, value in answer.headers.multi_items()
    ]
    return flask.Response(
        body,
        answer.status_code,
        [(name, value) for name, value in kept if name.lower() not in NOT_PASSED],
    )


def _led(url: str, places: Places) -> str:
    """Return a URL as the browser reaches it.

    A URL of the cloud leads through the relay. Any other URL is returned unchanged.
    """
    return (
        f"{places.page}{CLOUD}/{url.removeprefix(places.cloud + '/')}"
        if url.startswith(f"{places.cloud}/")
        else url
    )


def _in_practice(html: str, places: Places) -> str:
    """Return a page of the bot or the cloud, changed for the practice space.

    Its links lead through the relay, the user's account is selected, and a note says that the page
    is for practice.
    """
    led = html.replace(f'href="{places.cloud}/', f'href="{places.page}{CLOUD}/')
    led = WEBEX.sub(f'data-practice="webex" href="{places.page}/"', led)
    you = escape(flask.request.cookies.get("practice_you", ""))
    if you and " checked" not in led:
        led = led.replace(f'value="{you}" required>', f'value="{you}" required checked>')
    said = BAR[_language()]
    who = f" {said[2].format(you=you)}" if you else ""
    bar = f'<p class="practice-bar" role="note"><strong>{said[0]}</strong> {said[1]}{who}</p>'
    return led.replace("</head>", f"{STYLE}</head>", 1).replace("<body>", f"<body>{bar}", 1)


def _language() -> str:
    """Return the language of the practice space that the browser prefers."""
    return flask.request.accept_languages.best_match(LANGUAGES) or LANGUAGES[0]


def _away() -> str:
    language = _language()
    title, words = AWAY[language]
    return (
        f'<!doctype html><html lang="{language}"><head><title>{title}</title>{STYLE}</head>'
        f"<body><h1>{title}</h1><p>{words}</p></body></html>"
    )
