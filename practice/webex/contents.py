"""Files of messages, kept in memory for people who may see the message (the Contents API)."""

import base64
from dataclasses import dataclass, field
from typing import Any

import flask
from werkzeug.datastructures import FileStorage

from practice.webex import access
from practice.webex.errors import WebexError, bad, not_found
from practice.webex.events import sees
from practice.webex.model import new_id
from practice.webex.world import World


@dataclass(frozen=True, slots=True)
class Content:
    """File with its name, type and data."""

    name: str
    type: str
    data: bytes = field(repr=False)


class Contents:
    """Files of messages by URL.

    As in Webex, a URL reveals nothing about its file.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._kept: dict[str, Content] = {}

    def register(self, pages: flask.Blueprint) -> None:
        """Add the route with which the bot reads a file."""
        pages.add_url_rule("/contents/<content_id>", "content", self.get, methods=["GET"])

    def control(self, pages: flask.Blueprint) -> None:
        """Add the route with which a person opens a file."""
        pages.add_url_rule("/contents/<content_id>", view_func=self.look, methods=["GET"])

    def posted(self, files: list[FileStorage]) -> list[str]:
        """Store the files of a form and return their URLs."""
        return [
            self._keep(Content(each.filename or "file", each.mimetype, each.read()))
            for each in files
        ]

    def said(self, files: list[Any]) -> list[str]:
        """Store the files that a person sends as ``{name, type, base64}`` and return their URLs.

        A file that is given as a URL is returned unchanged.
        """
        return [file if isinstance(file, str) else self._keep(_content(file)) for file in files]

    def get(self, content_id: str) -> flask.Response:
        """Return a file of a message that the account may see."""
        address = _address(content_id)
        with self._world.lock:
            seen = any(
                address in each.files
                and not each.deleted
                and sees(self._world, access.actor(), each)
                for each in self._world.messages.values()
            )
        if not seen:
            raise not_found("Could not find content with provided ID.")
        return self.look(content_id)

    def look(self, content_id: str) -> flask.Response:
        """Return a file, without a check of the caller."""
        content = self._kept.get(content_id)
        if content is None:
            raise WebexError(404, "Could not find content with provided ID.")
        answer = flask.Response(content.data, content_type=content.type)
        answer.headers.set("Content-Disposition", "attachment", filename=content.name)
        return answer

    def _keep(self, content: Content) -> str:
        content_id = new_id("CONTENT")
        self._kept[content_id] = content
        return _address(content_id)


def _address(content_id: str) -> str:
    return f"{flask.request.host_url}webex/v1/contents/{content_id}"


def _content(file: Any) -> Content:
    try:
        return Content(
            str(file["name"]), str(file["type"]), base64.b64decode(file["base64"], validate=True)
        )
    except (KeyError, TypeError, ValueError) as error:
        raise bad("a file is {name, type, base64}") from error
