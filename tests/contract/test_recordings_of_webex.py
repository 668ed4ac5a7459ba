"""Recorded traffic of Webex, read by the bot and compared with that of the practice Webex."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from bot.web import wsgi
from bot.webex.client import Webex
from bot.webex.errors import WebexAnswerError
from tests.contract.recordings import differences, entries, entry, needed
from tests.fixtures.waiting import until

pytestmark = needed
JSON = {"content-type": "application/json"}
"""Header of every answer, although only one recording contains it."""
INBOUND = [each for each in entries("webex") if each.get("direction") == "from Webex"]
OUTBOUND = [each for each in entries("webex") if each.get("direction") != "from Webex"]


def test_the_entries_are_counted():
    """The recordings have three events that Webex sent, and eight answers of its API."""
    assert (len(INBOUND), len(OUTBOUND)) == (3, 8)
    assert set(CALLS) == {each["id"] for each in OUTBOUND}


@pytest.mark.parametrize("recorded", [pytest.param(each, id=each["id"]) for each in INBOUND])
def test_an_event_is_read(recorded):
    """The bot takes an event's id, person and room from the event's data."""
    body = recorded["request"]["body"]
    event = wsgi.event_in(json.loads(json.dumps(body)))
    assert event is not None
    data = body["data"]
    assert event.resource == body["resource"]
    assert event.id == data["id"]
    assert event.actor == data["personId"]
    assert event.room == data["roomId"]


CALLS: dict[str, Callable[[Webex], Any]] = {
    "webex-message": lambda webex: webex.message("m1"),
    "webex-action": lambda webex: webex.action("a1"),
    "webex-webhooks": lambda webex: webex.webhooks()[0],
    "webex-too-big": lambda webex: webex.send("t", room_id="r1"),
    "webex-malformed": lambda webex: webex.send("t", room_id="r1"),
    "webex-unauthorized": lambda webex: webex.me(),
    "webex-scope": lambda webex: webex.person("p1"),
    "webex-headers": lambda webex: webex.send("t", room_id="r1"),
}
"""Call of the bot for each recorded answer.

Three of the recorded requests are not the bot's own.
"""


@pytest.mark.parametrize("recorded", [pytest.param(each, id=each["id"]) for each in OUTBOUND])
def test_an_answer_is_read(cloud, recorded):
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
        assert failed.value.status == response["status"]
        assert failed.value.tracking_id == told["trackingId"]
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


def test_the_practice_webex_tells_of_a_message_as_recorded(api, cloud):
    """The practice Webex's notification of a person's message is like the recorded ones.

    Its envelope and its data have the same keys and types.
    """
    cloud.play({"status": 200, "headers": {}, "body": None})
    hook = {"name": "n", "targetUrl": f"{cloud.base}/x", "resource": "messages", "event": "created"}
    assert api.call("POST", "/webhooks", hook).status_code == 200
    api.say()
    _, _, body = until(lambda: cloud.asked[-1:], "the notification")[0]
    for recorded in INBOUND:
        if recorded["request"]["body"]["resource"] == "messages":
            assert differences(recorded["request"]["body"], json.loads(body)) == []


def same(number, answer):
    """Return the differences between a recorded answer and the practice cloud's."""
    response = entry("webex", number)["response"]
    assert answer.status_code == response["status"]
    return differences(response["body"], answer.json)


def test_the_practice_webex_answers_as_recorded(api):
    """The practice Webex returns a message, the webhooks and the errors as recorded."""
    hook = {"name": "n", "targetUrl": "http://127.0.0.1:9/x", "resource": "messages"}
    api.call("POST", "/webhooks", hook | {"event": "created"})
    message = api.post().json["id"]
    assert same("webex-message", api.call("GET", f"/messages/{message}")) == []
    assert same("webex-webhooks", api.call("GET", "/webhooks")) == []
    assert same("webex-unauthorized", api.call("GET", "/people/me", token="Bearer no")) == []
    answer = api.post(text="x" * 100_000)
    assert same("webex-too-big", answer) == []
    assert answer.json["trackingId"].startswith("ROUTER_")
