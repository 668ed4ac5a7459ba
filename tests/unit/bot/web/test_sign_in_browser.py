"""A flow at Microsoft belongs to the browser in which its button was pressed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient

from adaptive_cards.texts import text
from bot import links
from bot.services import Services
from bot.web import secret_page, sign_in
from bot.web.oauth_flow import HOST_COOKIE, LOOPBACK_COOKIE, form_token, is_browser_of
from bot.web.pages import assets
from jobs.runs.run import Kind
from tests.fixtures.run_events import found
from tests.fixtures.site import create_app
from tests.unit.bot.web import journey
from tests.unit.bot.web.journey import BACK, SIGNED_IN, TENANT, depart, form_of, last, path, press

FACTS = {"user_id": "oid-1", "upn": "support@contoso.com", "client_id": "client-1"}
KNOWN = found("mailbox_user", facts=FACTS)


@pytest.fixture
def another(browser) -> FlaskClient:
    """The browser of another person, at the same pages."""
    app: Flask = browser.application
    return app.test_client()


def kept(services: Services) -> dict[bytes, bytes]:
    """Return everything in Redis without its times of expiry."""
    return {key: services.redis.dump(key) for key in services.redis.scan_iter()}


def test_looking_asks_nobody_and_keeps_nothing(
    services, browser, another, provider, webex_script, begin
):
    """The first page calls no other host and writes nothing, however often scanners open it."""
    address = path(services, begin())
    before, asked = kept(services), len(webex_script.asked)
    for client in (browser, another):
        assert [client.get(address).status_code, client.head(address).status_code] == [200, 200]
    assert (kept(services), provider.requests, len(webex_script.asked)) == (before, [], asked)


def test_the_cookie(services, browser, begin):
    """Only this host gets the cookie, over https, and no script reads it.

    A second page keeps the cookie of the first page.
    """
    run = begin()
    first = browser.get(path(services, run)).headers["Set-Cookie"]
    name, _, rest = first.partition("=")
    value, *attributes = rest.split("; ")
    assert name == HOST_COOKIE
    assert len(value) == 43
    assert set(attributes) == {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"}
    assert browser.get(path(services, run)).headers["Set-Cookie"] == first


def test_the_cookie_over_plain_http(services, begin):
    """Over http on this machine, the cookie's name lacks the prefix, which would need Secure."""
    local = replace(services, bot=replace(services.bot, public_url="http://localhost:8080"))
    app = create_app(local.bot, local.redis, [sign_in.pages, secret_page.pages, assets])
    app.config["SERVICES"] = local
    client = app.test_client()
    run = begin()
    name, _, rest = client.get(path(local, run)).headers["Set-Cookie"].partition("=")
    assert (name, rest.split("; ")[1:]) == (LOOPBACK_COOKIE, ["HttpOnly", "Path=/", "SameSite=Lax"])
    assert press(local, client, run).status_code == 303


@pytest.mark.parametrize("given", ["", "x" * 64, "\u00fc"])
def test_a_press_from_elsewhere(services, browser, provider, begin, given):
    """Another site does not know the form's token, so it cannot begin a flow in this browser."""
    address = path(services, begin())
    browser.get(address)
    before = kept(services)
    refused = browser.post(address, data={"form": given})
    assert (refused.status_code, text("page.no_cookie_title") in refused.text) == (403, True)
    assert (kept(services), provider.requests) == (before, [])


def test_a_press_without_the_cookie(services, browser, another, begin):
    """The form of one browser does not work in another browser, or without cookies."""
    address = path(services, begin())
    form = form_of(browser.get(address))
    assert another.post(address, data=form).status_code == 403
    another.get(address)
    assert another.post(address, data=form).status_code == 403
    assert browser.post(address, data=form).status_code == 303


def test_a_form_is_for_one_link(services, browser, begin):
    """The token of one request's page does not press the button of another request's page."""
    run = begin(SIGNED_IN, KNOWN)
    form = form_of(browser.get(path(services, run, "consent")))
    assert browser.post(path(services, run, "rehearsal"), data=form).status_code == 403
    assert form_token("browser", "/a") != form_token("browser", "/b")


@pytest.mark.parametrize("kind", ["signin", "consent", "rehearsal"])
def test_another_browser_does_not_come_back(services, browser, another, provider, begin, kind):
    """If another browser comes back from Microsoft, its page says which browser to use.

    Nothing is used up, and the first browser then finishes.
    """
    run = begin(*(() if kind == "signin" else (SIGNED_IN, KNOWN)))
    services.vault.put("check-secret:support@example.test", "s3cr~t.Value", 60)
    asked = depart(services, browser, run, kind)
    granted = {"admin_consent": "True", "tenant": TENANT, "state": asked["state"]}
    query = granted if kind == "consent" else journey.come_back(provider, asked)
    before = services.store.events(run.id)
    for client in (another, browser.application.test_client()):
        page = client.get(BACK, query_string=query)
        assert (page.status_code, text("page.other_browser_title") in page.text) == (403, True)
    another.get(path(services, run, kind))  # a cookie of its own does not help
    assert another.get(BACK, query_string=query).status_code == 403
    assert services.store.events(run.id) == before
    assert browser.get(BACK, query_string=query).status_code == 200
    assert last(services, run).kind is (Kind.SIGNED_IN if kind == "signin" else Kind.ANSWERED)


def test_the_second_part_stays_in_the_browser(services, browser, another, provider, begin):
    """The second sign-in, for Exchange, also comes back only to the browser in which it began."""
    run = begin()
    provider.at_refresh = [provider.refuse(400, "invalid_grant", 65001)]
    onward = browser.get(BACK, query_string=journey.signed(services, browser, provider, run))
    query = provider.sign_in(onward.headers["Location"])
    assert another.get(BACK, query_string=query).status_code == 403
    assert last(services, run).kind == Kind.DETAILS
    assert browser.get(BACK, query_string=query).status_code == 200


def test_two_flows_in_one_browser(services, browser, provider, begin):
    """A press in a second window leaves the first window's sign-in as it is."""
    run = begin()
    first, second = (journey.signed(services, browser, provider, run) for _ in range(2))
    assert first["state"] != second["state"]
    assert browser.get(BACK, query_string=first).status_code == 200


def test_a_state_without_a_browser_fits_none():
    """A state that names no browser fits none, so the person begins once more."""
    assert not is_browser_of("", "")
    assert not is_browser_of("", "x" * 43)


def test_the_form_may_lead_to_microsoft(services, browser, provider, begin):
    """The policy of these pages lets their form lead to Microsoft, and only over https.

    Chromium checks the redirect after a form, too, and no other page leads out.
    """
    allowed = browser.get(path(services, begin())).headers["Content-Security-Policy"]
    assert f"form-action 'self' https: {provider.base};" in allowed
    other = browser.get(BACK).headers["Content-Security-Policy"]
    assert "form-action 'self';" in other


def test_who_asks_where_and_for_what(services, browser, webex_script, reply, begin):
    """The page names the person and the space as Webex does. Their names are not markup."""
    webex_script.on("GET", "/rooms/room-1", reply(body={"id": "room-1", "title": "Desk <b>1</b>"}))
    run = begin()
    page = browser.get(path(services, run)).text
    shown = ("Anna (anna@example.test)", "Desk &lt;b&gt;1&lt;/b&gt;", run.id)
    for each in (*shown, "the email channel of support@example.test", text("page.request_note")):
        assert each in page


def test_names_are_asked_for_once(services, webex_script, reply, begin):
    """The second link of a run, or of a person in the same space, asks Webex for nothing."""
    webex_script.on("GET", "/rooms/room-1", reply(body={"id": "room-1", "title": "Desk"}))
    run = begin()
    webex_script.asked.clear()
    urls = {kind: links.link(services, kind, run.id).url for kind in ("signin", "consent")}
    pages = [links.read(services, kind, url.rpartition("/")[2]) for kind, url in urls.items()]
    assert [(page.asker, page.space) for page in pages if page] == [("Anna", "Desk")] * 2
    assert sorted(asked for _, asked, _ in webex_script.asked) == ["/people/anna", "/rooms/room-1"]


def test_a_name_that_webex_does_not_tell(
    services, browser, webex_script, reply, begin, hasty_retries
):
    """If Webex gives no names, the page shows the address, which is known without Webex."""
    webex_script.on("GET", "/people/anna", reply(404, {"message": "no"}))
    webex_script.on("GET", "/rooms/room-1", reply(404, {"message": "no"}))
    page = browser.get(path(services, begin())).text
    assert [">anna@example.test<" in page, text("page.place_unnamed") in page] == [True, True]


def test_microsoft_is_slow(services, browser, provider, begin):
    """If Microsoft's discovery document does not come, the page is a 503 with the same button.

    A refusal is a 502. The button works as soon as Microsoft answers.
    """
    run = begin()
    provider.discovery = (503, {}, b"")
    page = press(services, browser, run)
    assert (page.status_code, page.headers["Retry-After"], bool(form_of(page))) == (503, "5", True)
    assert text("page.busy_title") in page.text
    provider.discovery = (400, {"Content-Type": "application/json"}, b'{"error": "invalid_tenant"}')
    assert press(services, browser, run).status_code == 502
    provider.discovery = None
    assert browser.post(path(services, run), data=form_of(page)).status_code == 303


def test_all_slots_are_taken(services, browser, provider, begin, monkeypatch):
    """If all slots for Microsoft are taken, neither a press nor a callback waits.

    Neither of them is used up.
    """
    run = begin()
    query = journey.signed(services, browser, provider, run)
    asked = len(provider.requests)
    with monkeypatch.context() as full:
        full.setattr("bot.web.oauth_flow._slots.acquire", lambda **_: False)
        pressed = press(services, browser, run)
        back = browser.get(BACK, query_string=query)
    assert (pressed.status_code, back.status_code, len(provider.requests)) == (503, 503, asked)
    again = back.text.partition('href="')[2].partition("#")[0]
    assert f"{BACK}?code={query['code']}&amp;state={query['state']}" in again
    assert browser.get(BACK, query_string=query).status_code == 200
    assert last(services, run).kind is Kind.SIGNED_IN


def test_the_permissions_are_recorded(services, browser, provider, begin):
    """The run and the audit trail record the permissions that the sign-in asked for."""
    run = begin()
    asked = depart(services, browser, run)
    browser.get(BACK, query_string=journey.come_back(provider, asked))
    names = services.store.load(run.id).permissions
    assert set(names) < set(asked["scope"].split())
    assert last(services, run).data["permissions"] == " ".join(names)
    assert "Application.ReadWrite.All" in names


def test_the_press_goes_to_the_page_of_microsoft(services, browser, provider, begin):
    """A press leads to Microsoft with a 303, so that the browser continues with GET."""
    gone = press(services, browser, begin())
    assert gone.status_code == 303
    assert gone.headers["Location"].startswith(f"{provider.base}/")
