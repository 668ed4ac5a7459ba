"""Pages for people, which the web process imports when somebody opens the first one."""

from __future__ import annotations

from flask import Flask

from bot.queue import connect_for_web
from bot.services import Services
from bot.settings import BotSettings
from bot.web import history_page, pages, secret_page, sign_in
from bot.web.app import CountsToRedis, DataGate, create_app
from bot.webex.client import HURRIED, Webex
from jobs.settings import Settings

PAGES = (
    sign_in.pages,
    secret_page.pages,
    history_page.pages,
    pages.assets,
)


def with_pages(settings: BotSettings, work: Settings) -> Flask:
    webex = Webex(settings.webex_access_token, settings.webex_api_url, HURRIED)
    services = Services.of(settings, work, connect_for_web(settings.redis_url), webex)
    app = create_app(settings, services.redis, pages=PAGES)
    app.config["SERVICES"] = services
    app.after_request(CountsToRedis(services.redis))
    app.before_request(DataGate(services.redis))
    app.before_request(pages.use_browsers_language)
    return app
