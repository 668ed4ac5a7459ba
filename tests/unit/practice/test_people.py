"""Tests of the people's tools: reading a card as text, and a browser that signs in."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from typing import Any

import flask
import pytest
from werkzeug.serving import make_server

from practice import cardtext
from practice.browser import Browser

CARD: dict[str, Any] = {
    "type": "AdaptiveCard",
    "version": "1.3",
    "body": [
        {
            "type": "Container",
            "style": "accent",
            "items": [{"type": "TextBlock", "text": "**Plan** of support\\_desk"}],
        },
        {
            "type": "ColumnSet",
            "columns": [
                {"type": "Column", "items": [{"type": "TextBlock", "text": "Username"}]},
                {
                    "type": "Column",
                    "items": [
                        {
                            "type": "RichTextBlock",
                            "inlines": [{"type": "TextRun", "text": "s"}, "@x"],
                        }
                    ],
                },
            ],
        },
        {"type": "FactSet", "facts": [{"title": "Scope and aim", "value": "offline_access"}]},
        {
            "type": "Input.ChoiceSet",
            "id": "life",
            "label": "Lifetime",
            "value": "12",
            "choices": [{"title": "12 months", "value": "12"}],
        },
    ],
    "actions": [
        {"type": "Action.Submit", "title": "Go"},
        {"type": "Action.OpenUrl", "title": "Look", "url": "https://x"},
        {
            "type": "Action.ShowCard",
            "title": "Ask",
            "card": {"type": "AdaptiveCard", "body": [{"type": "Input.Text", "id": "who"}]},
        },
    ],
}


def test_a_card_is_read_as_text() -> None:
    """A card is read as text with a line for each band, row, fact, input and button."""
    assert list(cardtext.lines(CARD)) == [
        "▌ Plan of support_desk",
        "Username  s@x",
        "Scope and aim  offline_access",
        "Lifetime: [12 months]   (12 months)",
        "[Go]",
        "[Look ↗]",
        "[Ask ▾]",
        "    who: []",
    ]


def test_values_are_found_by_their_labels() -> None:
    """A value is found next to its label in a row or a fact; an unknown label raises KeyError."""
    assert (cardtext.value(CARD, "username"), cardtext.value(CARD, "Scope")) == (
        "s@x",
        "offline_access",
    )
    with pytest.raises(KeyError, match="Nothing"):
        cardtext.value(CARD, "Nothing")


@pytest.fixture
def site() -> Iterator[str]:
    """Yield the address of a site with a bot page, a sign-in page with accounts and a last page."""
    app = flask.Flask("site")
    app.add_url_rule(
        "/start", "/start", view_func=lambda: '<a href="/authorize?state=1">Sign in</a>'
    )

    @app.route("/authorize", methods=["GET", "POST"])
    def authorize() -> Any:
        if flask.request.method == "POST":
            form = flask.request.form
            cookie = flask.request.cookies.get("seen", "no")
            return flask.redirect(
                f"/end?who={form['account']}&did={form['action']}&kept={form['kept']}&cookie={cookie}"
            )
        choice = "".join(
            f'<input type="radio" name="account" value="{who}">'
            for who in ("a@contoso.com", "b@contoso.com")
        )
        buttons = (
            '<button name="action" value="accept">Accept</button><button name="action" '
            'value="decline">Decline</button>'
        )
        answer = flask.make_response(
            f'<form method="post"><input type="hidden" name="kept" value="1">{choice}{buttons}</form>'
        )
        answer.set_cookie("seen", "yes")
        return answer

    app.add_url_rule(
        "/end",
        "/end",
        view_func=lambda: f"<style>p{{}}</style><p>{flask.request.query_string.decode()}</p>",
    )
    app.add_url_rule(
        "/show",
        "/show",
        view_func=lambda: "<form method=post action=/shown><button>Show</button></form>",
    )
    app.add_url_rule(
        "/shown",
        "/shown",
        view_func=lambda: "<input name=value readonly value=abc>",
        methods=["POST"],
    )
    app.add_url_rule(
        "/typed",
        "/typed",
        view_func=lambda: (
            "<form method=post action=/shown><input name=code><button>Go</button></form>"
        ),
    )
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("decision", ["accept", "decline"])
def test_a_browser_signs_in_as_its_person(site: str, decision: Any) -> None:
    """The browser follows the only link and chooses its account.

    The browser keeps hidden fields and cookies.
    """
    browser = Browser("B@contoso.com", ssl.create_default_context())
    page = browser.open(f"{site}/start", decision)
    browser.close()
    assert (page.status, page.text) == (200, f"who=b@contoso.com&did={decision}&kept=1&cookie=yes")


def test_a_browser_presses_the_one_button_but_types_nothing(site: str) -> None:
    """The browser presses a page's only button and reads its value, but fills in no form."""
    browser = Browser("a@contoso.com", ssl.create_default_context())
    pages = [browser.open(f"{site}{path}") for path in ("/show", "/typed")]
    browser.close()
    assert [(page.text, page.url) for page in pages] == [
        ("abc", f"{site}/shown"),
        ("Go", f"{site}/typed"),
    ]
