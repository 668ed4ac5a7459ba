"""Webex's SDKs, used as their manuals show, against the practice cloud's Webex API.

The product uses the older one, ``webexteamssdk``; ``webexpythonsdk`` has replaced it.
"""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from practice.cloud import PracticeCloud

pytestmark = pytest.mark.slow
SPACE, PERSON = "Contact center", "requester@contoso.com"
CARD = {
    "contentType": "application/vnd.microsoft.card.adaptive",
    "content": {
        "type": "AdaptiveCard",
        "version": "1.3",
        "body": [{"type": "Input.Text", "id": "words"}],
        "actions": [{"type": "Action.Submit", "title": "Send", "data": {"do": "send"}}],
    },
}


@pytest.fixture(params=["webexteamssdk.WebexTeamsAPI", "webexpythonsdk.WebexAPI"])
def sdk(request: pytest.FixtureRequest) -> Any:
    """Module of an SDK, whose ``Api`` is the class of its manual."""
    module, _, name = request.param.partition(".")
    found = pytest.importorskip(module, reason="this SDK is not installed")
    return SimpleNamespace(**{**vars(found), "Api": getattr(found, name)})


@pytest.fixture
def api(cloud: PracticeCloud, sdk: Any) -> Any:
    """SDK with the bot's token, and without any code of the product."""
    return sdk.Api(cloud.settings.bot_token, f"{cloud.url}/webex/v1/")


def practice(cloud: PracticeCloud, path: str, body: Any = None) -> Any:
    """Act as a person in the practice cloud, or return a part of its state."""
    url = f"{cloud.url}/practice/{path}"
    answer = requests.post(url, json=body, timeout=10) if body else requests.get(url, timeout=10)
    assert answer.ok, answer.text
    return answer.json()


@pytest.fixture
def room(api: Any) -> str:
    """Id of the bot's space."""
    return next(str(room.id) for room in api.rooms.list() if room.title == SPACE)


def test_who_the_bot_is_and_who_is_there(api: Any, room: str):
    """The SDK fills its objects for people, memberships and rooms from the answers."""
    me = api.people.me()
    assert (me.type, len(me.emails), me.orgId) == ("bot", 1, api.people.get(me.id).orgId)
    members = {each.personEmail for each in api.memberships.list(roomId=room)}
    assert {me.emails[0], PERSON} <= members
    [found] = api.people.list(email=PERSON)
    assert found.displayName
    assert api.rooms.get(room).type == "group"


def test_messages_cards_files_and_pages(
    cloud: PracticeCloud, sdk: Any, api: Any, room: str, tmp_path: Path
):
    """The SDK posts, fetches and deletes messages, cards and files.

    The bot's list of messages has those that mention it.
    """
    first = api.messages.create(roomId=room, markdown="**Hello**", text="Hello")
    answer = api.messages.create(roomId=room, parentId=first.id, text="A card", attachments=[CARD])
    note = tmp_path / "note.txt"
    note.write_text("for the case")
    sent = api.messages.create(roomId=room, text="A file", files=[str(note)])
    assert (answer.parentId, len(sent.files)) == (first.id, 1)
    assert api.messages.get(answer.id).attachments[0]["content"] == CARD["content"]
    practice(cloud, "webex/say", {"as": PERSON, "room": SPACE, "text": "one", "mention": True})
    practice(cloud, "webex/say", {"as": PERSON, "room": SPACE, "text": "two", "mention": True})
    listed = [each.text for each in api.messages.list(roomId=room, mentionedPeople="me", max=1)]
    assert [text.split()[-1] for text in listed[:2]] == ["two", "one"]
    api.messages.delete(first.id)
    with pytest.raises(sdk.ApiError) as gone:
        api.messages.get(first.id)
    assert gone.value.status_code == 404


def test_a_press_comes_by_webhook(cloud: PracticeCloud, api: Any, room: str):
    """When a person presses a button, the webhook is called with a signature.

    The SDK fetches the inputs of the press.
    """
    calls: list[tuple[dict[str, str], bytes]] = []
    came = threading.Event()

    class Listener(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            calls.append((dict(self.headers.items()), body))
            self.send_response(200)
            self.end_headers()
            came.set()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base's word
            """Log nothing."""

    listener = HTTPServer(("127.0.0.1", 0), Listener)
    threading.Thread(target=listener.serve_forever, args=(0.05,), daemon=True).start()
    hook = api.webhooks.create(
        name="Presses",
        targetUrl=f"http://127.0.0.1:{listener.server_address[1]}/",
        resource="attachmentActions",
        event="created",
        secret="a-secret-of-this-test",
    )
    card = api.messages.create(roomId=room, text="A card", attachments=[CARD])
    practice(
        cloud,
        "webex/press",
        {"as": PERSON, "message_id": card.id, "title": "Send", "inputs": {"words": "Hi"}},
    )
    try:
        assert came.wait(20)
    finally:
        listener.shutdown()
        listener.server_close()
    [(headers, body)] = calls
    assert "X-Spark-Signature" in headers
    action = api.attachment_actions.get(json.loads(body)["data"]["id"])
    assert (action.inputs, action.messageId) == ({"do": "send", "words": "Hi"}, card.id)
    assert api.webhooks.update(hook.id, name="Other", targetUrl=hook.targetUrl).name == "Other"
    api.webhooks.delete(hook.id)
    assert hook.id not in {each.id for each in api.webhooks.list()}


def test_errors_are_the_sdks_own(cloud: PracticeCloud, api: Any, sdk: Any):
    """The SDK's errors for a wrong token and an unknown object have Webex's status.

    They also have Webex's message and tracking id.
    """
    with pytest.raises(sdk.ApiError) as unknown:
        api.rooms.get("Y2lzY29zcGFyazovL3VzL1JPT00vbm9uZQ")
    assert unknown.value.status_code == 404
    stranger = sdk.Api("not-a-token", f"{cloud.url}/webex/v1/")
    with pytest.raises(sdk.ApiError) as refused:
        stranger.people.me()
    assert (refused.value.status_code, bool(refused.value.message)) == (401, True)
    assert "trackingId" in refused.value.details


def test_the_sdk_waits_as_long_as_it_is_told(cloud: PracticeCloud, api: Any, sdk: Any):
    """After a 429 with Retry-After, the SDK itself waits, and then the call succeeds."""
    fault = {"prefix": "/webex/v1/people/me", "status": 429, "headers": {"Retry-After": "1"}}
    practice(cloud, "faults", fault)
    with pytest.warns(sdk.RateLimitWarning):
        me = api.people.me()
    assert me.type == "bot"
