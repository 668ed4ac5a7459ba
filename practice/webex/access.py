"""What all routes of the API share: who is calling, what the body says, and lists in pages."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import urlencode

import flask
from werkzeug.datastructures import FileStorage

from practice.webex.errors import WebexError, bad, not_found
from practice.webex.model import Person
from practice.webex.world import World

T = TypeVar("T")
DEFAULT_PAGE = 100
LARGEST_PAGE = 1000


class Access:
    """Checks the bearer token; only the bot has one, people act by the control API."""

    def __init__(self, world: World, bot_token: str) -> None:
        self._world, self._bot_token = world, bot_token

    def check(self) -> None:
        """Before every request: raises WebexError 401."""
        scheme, _, token = flask.request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or token.strip() != self._bot_token:
            raise WebexError(401, "The request requires a valid access token set in the Authorization request header.")
        flask.g.actor = self._world.bot
        flask.request.environ["practice.who"] = self._world.bot.email

    def in_sync(self, created: str, what: str) -> None:
        """A new thing may still be unknown here when its webhook has long been sent: raises WebexError 404."""
        age = time.time() - datetime.fromisoformat(created).timestamp()
        if age < self._world.options.read_lag_s:
            raise not_found(f"Could not find {what} with provided ID.")


def actor() -> Person:
    """Whose token came with this request."""
    person: Person = flask.g.actor
    return person


def body(keep: Callable[[list[FileStorage]], list[str]] = lambda _: []) -> dict[str, Any]:
    """The JSON object of this request, or its form fields, whose files ``keep`` gives addresses; raises WebexError 400 and 415."""
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
    """Raise WebexError 400 if one of the keys has no value."""
    if missing := [key for key in keys if values.get(key) in {None, ""}]:
        raise bad(f"{', '.join(missing)} must not be empty")


def page(records: Sequence[T], shape: Callable[[T], dict[str, Any]], largest: int = DEFAULT_PAGE) -> flask.Response:
    """A list in pages of ``max``, with a Link header to the next one."""
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
