from __future__ import annotations

from dataclasses import replace

import pytest
from flask import Blueprint, Flask, Response

from bot.web.app import HEADERS, create_app


@pytest.fixture
def app(settings, redis) -> Flask:
    """Web application with three pages for the tests."""
    pages = Blueprint("pages", __name__)
    pages.add_url_rule("/broken", view_func=_broken)
    pages.add_url_rule("/own", view_func=_own)
    pages.add_url_rule("/page", view_func=lambda: "<p>fine</p>")
    return create_app(settings, redis, [pages])


def _own() -> Response:
    return Response("x", headers={"Content-Security-Policy": "default-src 'self'"})


def _broken() -> str:
    raise RuntimeError("private words")


@pytest.mark.parametrize(("address", "said"), [("https", True), ("http", False)])
@pytest.mark.parametrize("path", ["/page", "/nowhere"])
def test_browsers_stay_with_https(settings, redis, path, address, said):
    """With an https address, each answer makes browsers use only https for a year.

    A bot with an http address sends no such header.
    """
    app = create_app(replace(settings, public_url=f"{address}://bot.example.test"), redis)
    answer = app.test_client().get(path)
    assert answer.headers.get("Strict-Transport-Security") == ("max-age=31536000" if said else None)


@pytest.mark.parametrize(
    "path", ["/page", "/healthz", "/readyz", "/nowhere", "/broken", "/webhooks/webex"]
)
def test_security_headers_are_on_every_answer(app, path):
    """Pages, errors and answers for machines all have the security headers."""
    answer = app.test_client().get(path)
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert "form-action 'self'" in HEADERS["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/webhooks//webex", "/webhooks/webex//", "/nowhere//page"])
def test_no_answer_leads_to_the_clients_host(app, path):
    """A path with two slashes is unknown, and not redirected to the host that the client names."""
    answer = app.test_client().post(path, headers={"Host": "evil.example"})
    assert (answer.status_code, answer.location) == (404, None)


def test_a_page_may_bring_its_own_policy(app):
    """A security header that a page has set itself stays as it is."""
    assert app.test_client().get("/own").headers["Content-Security-Policy"] == "default-src 'self'"


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/nowhere", 404, "404 NOT FOUND\n"),
        ("/broken", 500, "500 INTERNAL SERVER ERROR\n"),
        ("/webhooks/webex", 405, ""),
    ],
)
def test_error_pages_are_plain(app, path, status, text):
    """An error page has only HTTP's own words, without a stack trace or names from the code."""
    answer = app.test_client().get(path)
    assert answer.status_code == status
    assert answer.text == text
    assert answer.content_type == "text/plain; charset=utf-8"
