"""Webex half of the practice cloud, built from docs/platforms/webex.md and Cisco's OpenAPI."""

import flask
from werkzeug.exceptions import HTTPException

from practice.journal import Journal
from practice.settings import PracticeSettings
from practice.webex import errors
from practice.webex.access import Access
from practice.webex.contents import Contents
from practice.webex.control import Control
from practice.webex.delivery import Delivery
from practice.webex.directory import DirectoryRoutes
from practice.webex.errors import WebexError
from practice.webex.events import Events
from practice.webex.hooks import WebhookRoutes
from practice.webex.messages import MessageRoutes
from practice.webex.posting import Posting
from practice.webex.pressing import Pressing
from practice.webex.world import World


class Webex:
    """Webex half of the practice cloud.

    It has the API under /webex/v1 and the control routes for people under /practice/webex.
    """

    def __init__(self, journal: Journal, settings: PracticeSettings) -> None:
        self.world = World()
        self._delivery = Delivery(self.world, journal)
        events = Events(self.world, self._delivery)
        posting = Posting(self.world, events, journal)
        contents = Contents(self.world)
        pressing = Pressing(posting, events, journal)
        self._access = Access(self.world, settings.bot_token)
        self._routes = (
            MessageRoutes(self._access, posting, pressing, contents),
            DirectoryRoutes(posting),
            WebhookRoutes(self.world, journal),
            contents,
        )
        self._control = Control(posting, pressing, events, journal, contents)

    def blueprints(self) -> list[flask.Blueprint]:
        """Return the blueprints of the API."""
        pages = flask.Blueprint("webex", __name__, url_prefix="/webex/v1")
        pages.before_request(self._access.check)
        pages.register_error_handler(WebexError, errors.answer)
        pages.register_error_handler(HTTPException, _other)
        for routes in self._routes:
            routes.register(pages)
        return [pages]

    def control(self) -> flask.Blueprint:
        """Return the control routes for people."""
        pages = flask.Blueprint("webex_people", __name__, url_prefix="/practice/webex")
        pages.register_error_handler(WebexError, errors.answer)
        self._control.register(pages)
        return pages

    def stop(self) -> None:
        """Stop sending notifications."""
        self._delivery.stop()


def _other(error: HTTPException) -> flask.Response:
    return errors.answer(WebexError(error.code or 500, error.description or error.name))
