"""Recorded traffic of Webex, read by the bot and compared with that of the practice Webex."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import flask
import pytest

from bot.web import webhooks
from bot.webex.client import Webex
from bot.webex.errors import WebexAnswerError
from practice.journal import Journal
from practice.settings import PracticeSettings
from practice.webex import Webex as PracticeWebex
from tests.contract.compare import differences
from tests.contract.recordings import Json, Player, entries, entry, needed
from tests.fixtures.waiting import until

pytestmark = needed
TOKEN = "practice-bot-token"
JSON = {"content-type": "application/json"}
"""Header of every answer, although only one recording contains it."""
INBOUND = [each for each in entries("webex") if each.get("direction") == "from Webex"]
OUTBOUND = [each for each in entries("webex") if each.get("direction") != "from Webex"]


def test_the_entries_are_counted():
    """The recordings have three events that Webex sent, and eight answers of its API."""
    assert (len(INBOUND), len(OUTBOUND)) == (3, 8)
    assert set(CALLS) == {each["id"] for each in OUTBOUND}


@pytest.mark.parametrize("recorded", [pytest.param(each, id=each["id"]) for each in INBOUND])
def test_an_event_is_read(recorded: Json):
    """The bot takes an event's id, person and room from the event's data."""
    body = recorded["request"]["body"]
    event = webhooks.read(json.loads(json.dumps(body)))
    assert event is not None
    data = body["data"]
    assert (event.resource, event.id, event.actor, event.room) == (
        body["resource"],
        data["id"],
        data["personId"],
        data["roomId"],
    )


CALLS: dict[str, Callable[[Webex], Any]] = {
    "webex-message": lambda webex: webex.message("m1"),
    "webex-action": lambda webex: webex.action("a1"),
    "webex-webhooks": lambda webex: webex.webhooks()[0],
    "webex-too-big": lambda webex: webex.send(room_id="r1", text="t"),
    "webex-malformed": lambda webex: webex.send(room_id="r1", text="t"),
    "webex-unauthorized": lambda webex: webex.me(),
    "webex-scope": lambda webex: webex.person("p1"),
    "webex-headers": lambda webex: webex.send(room_id="r1", text="t"),
}
"""Call of the bot for each recorded answer.

Three of the recorded requests are not the bot's own.
"""


@pytest.mark.parametrize("recorded", [pytest.param(each, id=each["id"]) for each in OUTBOUND])
def test_an_answer_is_read(cloud: Player, recorded: Json):
    """The bot's client reads the recorded ids of objects.

    Its errors have Webex's words and tracking id.
    """
    response = recorded["response"]
    cloud.play(response | {"headers": JSON | response["headers"]})
    webex, call = Webex("token", f"{cloud.base}/v1/"), CALLS[recorded["id"]]
    if response["status"] >= 400:
        with pytest.raises(WebexAnswerError) as failed:
            call(webex)
        told = response["body"]
        assert (failed.value.status, failed.value.tracking_id) == (
            response["status"],
            told["trackingId"],
        )
        assert told["message"] in str(failed.value)
        return
    found, body = call(webex), response["body"]
    expected = body.get("items", [body])[0]
    assert found.id == expected.get("id", "")
    for name in ("roomId", "personId", "targetUrl", "text", "inputs"):
        own = re.sub(r"[A-Z]", lambda letter: f"_{letter[0].lower()}", name)
        if name in expected and hasattr(found, own):
            assert getattr(found, own) == expected[name]


# --- the practice cloud ---------------------------------------------------------------------------


class Api:
    """API of a practice Webex that has a message and a webhook."""

    def __init__(self, webex: PracticeWebex, app: flask.Flask) -> None:
        self.webex, self._client = webex, app.test_client()
        self.room = next(iter(webex.world.rooms.values())).id
        hook = {
            "name": "n",
            "targetUrl": "http://127.0.0.1:9/x",
            "resource": "messages",
            "event": "created",
        }
        assert self.call("POST", "/webhooks", hook).status_code == 200
        self.message = self.call("POST", "/messages", {"roomId": self.room, "text": "t"}).json

    def call(self, method: str, path: str, body: Any = None, token: str = TOKEN) -> Any:
        """Call the API as the bot."""
        headers = {"Authorization": f"Bearer {token}"}
        return self._client.open(f"/webex/v1{path}", method=method, json=body, headers=headers)

    def do(self, path: str, body: Any) -> None:
        """Act as a person, on one of the practice Webex's control pages."""
        self._client.open(f"/practice/webex{path}", method="POST", json=body)


@pytest.fixture
def api() -> Iterator[Api]:
    """API of a new practice Webex."""
    webex = PracticeWebex(Journal(), PracticeSettings(bot_token=TOKEN))
    app = flask.Flask("test")
    for pages in [*webex.blueprints(), webex.control()]:
        app.register_blueprint(pages)
    yield Api(webex, app)
    webex.stop()


def test_the_practice_webex_tells_of_a_message_as_recorded(api: Api, cloud: Player):
    """The practice Webex's notification of a person's message is like the recorded ones.

    Its envelope and its data have the same keys and types.
    """
    cloud.play({"status": 200, "headers": {}, "body": None})
    hook = {"name": "n", "targetUrl": f"{cloud.base}/x", "resource": "messages", "event": "created"}
    assert api.call("POST", "/webhooks", hook).status_code == 200
    person = {"as": "requester@contoso.com", "room": "Contact center", "text": "/help"}
    api.do("/say", person | {"mention": True})
    _, _, body = until(lambda: cloud.asked[-1:], "the notification")[0]
    for recorded in INBOUND:
        if recorded["request"]["body"]["resource"] == "messages":
            assert differences(recorded["request"]["body"], json.loads(body)) == []


def same(number: str, answer: Any) -> list[str]:
    """Return the differences between a recorded answer and the practice cloud's."""
    response = entry("webex", number)["response"]
    assert answer.status_code == response["status"]
    return differences(response["body"], answer.json)


def test_the_practice_webex_answers_as_recorded(api: Api):
    """The practice Webex returns a message, the webhooks and the errors as recorded."""
    assert same("webex-message", api.call("GET", f"/messages/{api.message['id']}")) == []
    assert same("webex-webhooks", api.call("GET", "/webhooks")) == []
    assert same("webex-unauthorized", api.call("GET", "/people/me", token="unknown")) == []
    big = {"roomId": api.room, "text": "x" * 100_000}
    answer = api.call("POST", "/messages", big)
    assert same("webex-too-big", answer) == []
    assert answer.json["trackingId"].startswith("ROUTER_")
