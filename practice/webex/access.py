"""Helpers that all routes of the API share: the caller, the request body, and lists in pages."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import urlencode

import flask
from werkzeug.datastructures import FileStorage

from practice import clock
from practice.webex.errors import WebexError, bad, not_found
from practice.webex.model import Person
from practice.webex.world import World

T = TypeVar("T")
DEFAULT_PAGE = 100
LARGEST_PAGE = 1000


class Access:
    """Check of the bearer token of every request.

    Only the bot has a token, because people act through the control API.
    """

    def __init__(self, world: World, bot_token: str) -> None:
        self._world, self._bot_token = world, bot_token

    def check(self) -> None:
        """Check the bearer token before every request.

        Raises:
            WebexError: with status 401 when the token is missing or wrong.
        """
        scheme, _, token = flask.request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or token.strip() != self._bot_token:
            raise WebexError(
                401,
                "The request requires a valid access token set in the Authorization request header.",
            )
        flask.g.actor = self._world.bot
        flask.request.environ["practice.who"] = self._world.bot.email

    def in_sync(self, created: str, what: str) -> None:
        """Check that a new object is already readable.

        It may become readable some time after its webhook was sent.

        Raises:
            WebexError: with status 404 while it is not.
        """
        age = (clock.now() - datetime.fromisoformat(created)).total_seconds()
        if age < self._world.options.read_lag_s:
            raise not_found(f"Could not find {what} with provided ID.")


def actor() -> Person:
    """Return the person whose token came with this request."""
    person: Person = flask.g.actor
    return person


def body(keep: Callable[[list[FileStorage]], list[str]] = lambda _: []) -> dict[str, Any]:
    """Return the JSON object of this request, or its form fields.

    ``keep`` stores the files of a form and returns their URLs.

    Raises:
        WebexError: with status 400 or 415 when the body is not one of these.
    """
    request = flask.request
    if request.mimetype == "multipart/form-data":
        files = keep(list(request.files.values()))
        return {**request.form.to_dict(), **({"files": files} if files else {})}
    if request.mimetype != "application/json":
        raise WebexError(415, "Content type must be application/json or multipart/form-data")
    value = request.get_json(silent=True)
    if not isinstance(value, dict):
        raise bad("The request body is no JSON object")
    return value


def needed(values: dict[str, Any], *keys: str) -> None:
    """Check that these keys of a request have strings.

    Raises:
        WebexError: with status 400 when one is no string, or is empty.
    """
    if missing := [key for key in keys if not (values.get(key) and isinstance(values[key], str))]:
        raise bad(f"{', '.join(missing)} must be a string that is not empty")


def page(
    records: Sequence[T], shape: Callable[[T], dict[str, Any]], largest: int = DEFAULT_PAGE
) -> flask.Response:
    """Return a list in pages of ``max``, with a Link header to the next page.

    Raises:
        WebexError: with status 400 when ``max`` is out of range.
    """
    size, start = _number("max", largest), _number("cursor", 0)
    if not 0 < size <= LARGEST_PAGE:
        raise bad(f"max must be between 1 and {LARGEST_PAGE}")
    response = flask.jsonify({"items": [shape(each) for each in records[start : start + size]]})
    if start + size < len(records):
        query = {**flask.request.args.to_dict(), "max": size, "cursor": start + size}
        response.headers["Link"] = f'<{flask.request.base_url}?{urlencode(query)}>; rel="next"'
    return response


def _number(name: str, default: int) -> int:
    try:
        return int(flask.request.args.get(name, default))
    except ValueError as error:
        raise bad(f"{name} must be a number") from error
