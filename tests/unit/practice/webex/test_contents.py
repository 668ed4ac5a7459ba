"""Tests of files in messages of the practice Webex: access to them, and their unchanged bytes."""

from __future__ import annotations

import base64
import io
from typing import Any
from urllib.parse import urlsplit

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
FILE = {"name": "shot.png", "type": "image/png", "base64": base64.b64encode(PNG).decode()}
RITA = "requester@contoso.com"
SPACE = "Contact center"


def path(message: dict[str, Any]) -> str:
    """Return the path of a message's file below the API."""
    return urlsplit(message["files"][0]).path.removeprefix("/webex/v1")


def test_the_bot_reads_a_file(api: Any):
    """A file of a message that mentions the bot comes with its name and type."""
    said = api.do(
        "/say", {"as": RITA, "room": SPACE, "text": "here", "mention": True, "files": [FILE]}
    ).json
    answer = api.call("GET", path(said))
    assert (answer.status_code, answer.data, answer.content_type) == (200, PNG, "image/png")
    assert answer.headers["Content-Disposition"] == "attachment; filename=shot.png"
    assert api.call("GET", f"/messages/{said['id']}").json["files"] == said["files"]


def test_a_file_that_the_bot_may_not_see(api: Any):
    """The bot gets 404 for a file of a message that does not mention the bot.

    The same holds after the message is deleted, and for an unknown address.
    """
    unseen = api.do(
        "/say", {"as": RITA, "room": SPACE, "text": "not for the bot", "files": [FILE]}
    ).json
    gone = api.do("/say", {"as": RITA, "text": "", "files": [FILE]}).json
    assert api.call("GET", path(gone)).status_code == 200
    api.do("/delete", {"message_id": gone["id"]})
    assert [
        api.call("GET", each).status_code for each in (path(unseen), path(gone), "/contents/none")
    ] == [404] * 3
    assert api.call("GET", path(unseen), headers={}).status_code == 401


def test_the_bot_posts_a_file(api: Any):
    """The bot posts a file with a form in a thread, and a person gets the same bytes."""
    root = api.do("/say", {"as": RITA, "room": SPACE, "text": "/tac", "mention": True}).json
    form = {
        "roomId": root["roomId"],
        "parentId": root["id"],
        "text": "a file",
        "files": (io.BytesIO(PNG), "a.zip", "application/zip"),
    }
    headers = {"Authorization": "Bearer practice-bot-token"}
    posted = api.app.test_client().post("/webex/v1/messages", data=form, headers=headers).json
    assert (posted["parentId"], posted["text"]) == (root["id"], "a file")
    seen = api.do(path(posted), method="GET")
    assert (seen.data, seen.content_type) == (PNG, "application/zip")


def test_a_malformed_file(api: Any):
    """A file without content, with broken base64 or of another type is refused."""
    for file in ({"name": "x"}, {**FILE, "base64": "%"}, 7):
        assert api.do("/say", {"as": RITA, "text": "x", "files": [file]}).status_code == 400
