"""Pages around a sign-in in a real browser: their cookie, the way to Microsoft, and their look."""

from contextlib import contextmanager
from dataclasses import replace

import pytest
from werkzeug.serving import make_server

from adaptive_cards.texts import text
from bot import links
from bot.web import secret_page, sign_in
from bot.web.pages import HOST_COOKIE, LOOPBACK_COOKIE, assets
from jobs.runs.run import Kind
from tests.browser.conftest import axe, picture
from tests.fixtures.serving import serving
from tests.fixtures.site import create_app

WIDTHS = (320, 390, 600)
THEMES = ("light", "dark")
BACK = "/microsoft/callback"


@contextmanager
def served(app, port, tls):
    """Serve the pages on 127.0.0.1 until the block ends."""
    server = make_server("127.0.0.1", port, app, threaded=True, ssl_context=tls)
    with serving(server):
        yield


@pytest.fixture
def site(services, provider, certificate, webex_script, reply, free_port):
    """The bot's pages, over https and over plain http, with a fake Microsoft on this machine."""
    title = "Contact center, first line"
    webex_script.on("GET", "/rooms/room-1", reply(body={"id": "room-1", "title": title}))
    provider.claims["wids"] = None
    address = f"{provider.scheme}://localhost:{free_port}"
    work = replace(
        services.settings,
        public_url=address,
        login_url=provider.base,
        graph_url=provider.base,
        microsoft_client_id="client-1",
        microsoft_client_secret="s3cr~t.Value",
    )
    made = replace(services, settings=work, bot=replace(services.bot, public_url=address))
    app = create_app(made.bot, made.redis, [sign_in.pages, secret_page.pages, assets])
    app.config["SERVICES"] = made
    tls = certificate.server_context() if provider.scheme == "https" else None
    with served(app, free_port, tls):
        yield made


def test_a_flow_in_a_real_browser(site, provider, person, begin):
    """Only the browser that began a sign-in can come back from Microsoft and end it.

    The browser takes the cookie, and the form's redirect leads to Microsoft.
    """
    run, mine, other = begin(), person(), person()
    mine.goto(links.link(site, "signin", run.id).url)
    for shown in ("anna@example.test (Anna)", "Contact center, first line", "support@example.test"):
        assert shown in mine.locator("main").inner_text()
    mine.get_by_role("button").click()
    mine.wait_for_url(f"{provider.base}/**")
    [cookie] = mine.context.cookies(site.bot.public_url)
    secure = site.bot.public_url.startswith("https")
    assert cookie["name"] == (HOST_COOKIE if secure else LOOPBACK_COOKIE)
    assert cookie["secure"] == secure
    assert cookie["httpOnly"] is True
    assert cookie["sameSite"] == "Lax"
    query = provider.sign_in(mine.url)
    back = f"{site.bot.public_url}{BACK}?code={query['code']}&state={query['state']}"
    other.goto(back)
    assert other.locator("h1").inner_text() == text("page.other_browser_title")
    mine.goto(back)
    assert mine.locator("h1").inner_text() == text("page.signed_in_title")
    assert site.store.events(run.id)[-1].kind is Kind.SIGNED_IN


@pytest.mark.slow
@pytest.mark.parametrize("provider", ["https"], indirect=True)
@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_how_the_pages_look(site, provider, person, begin, width, theme):
    """No page of a sign-in is wider than its window, and WCAG 2.2 AA holds in both themes."""
    run, page = begin(), person(width, theme)
    page.goto(links.link(site, "signin", run.id).url)
    seen = {"request": _looked_at(page, f"sign-in-{width}-{theme}")}
    provider.discovery = (503, {}, b"")
    page.get_by_role("button").click()
    page.get_by_text(text("page.busy_title")).wait_for()
    seen["busy"] = _looked_at(page, f"sign-in-busy-{width}-{theme}")
    provider.discovery = None
    page.get_by_role("button").click()
    page.wait_for_url(f"{provider.base}/**")
    query = provider.sign_in(page.url)
    back = f"{site.bot.public_url}{BACK}?code={query['code']}&state={query['state']}"
    other = person(width, theme)
    other.goto(back)
    seen["other browser"] = _looked_at(other, f"sign-in-other-{width}-{theme}")
    provider.domains = ["fabrikam.com"]
    provider.claims["preferred_username"] = (
        "a.very.long.account.name.of.eve@fabrikam.onmicrosoft.com"
    )
    page.goto(back)
    seen["refused"] = _looked_at(page, f"sign-in-refused-{width}-{theme}")
    assert seen == dict.fromkeys(seen, ([], False))


def _looked_at(page, name):
    """Return the violations of WCAG, and whether the page is wider than the window."""
    picture(page, name)
    wide = page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
    return axe(page), bool(wide)
