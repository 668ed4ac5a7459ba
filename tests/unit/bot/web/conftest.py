"""Fixtures for the pages: a browser, and a Microsoft on loopback to sign in at."""

from dataclasses import replace

import pytest

from bot.web import history_page, secret_page, sign_in
from bot.web.pages import assets, use_browsers_language
from tests.fixtures.site import create_app


@pytest.fixture
def services(services, provider):
    """Services whose Microsoft is the small provider on loopback."""
    work = replace(
        services.settings,
        login_url=provider.base,
        graph_url=provider.base,
        microsoft_client_id="client-1",
        microsoft_client_secret="s3cr~t.Value",
    )
    return replace(services, settings=work)


@pytest.fixture
def browser(services):
    """Browser of any person at the bot's pages."""
    blueprints = [sign_in.pages, secret_page.pages, history_page.pages, assets]
    app = create_app(services.bot, services.redis, blueprints)
    app.config["SERVICES"] = services
    app.before_request(use_browsers_language)
    return app.test_client()


@pytest.fixture
def another(browser):
    """The browser of another person, at the same pages."""
    return browser.application.test_client()
