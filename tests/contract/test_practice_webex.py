"""Practice Webex against Cisco's OpenAPI (webex-messaging.json) and the Adaptive Card 1.3 schema.

The tests are skipped if the files are missing.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flask
import jsonschema
import pytest

from practice.journal import Journal
from practice.settings import PracticeSettings
from practice.shared import ABSENT, SKETCHES, WEBEX
from practice.webex import Webex, cards

HEADERS = {"Authorization": "Bearer practice-bot-token"}
CARD = {
    "type": "AdaptiveCard",
    "version": "1.3",
    "body": [{"type": "Input.Text", "id": "name"}],
    "actions": [{"type": "Action.Submit", "title": "Go", "data": {"do": "go"}}],
}

pytestmark = pytest.mark.skipif(not WEBEX.is_file(), reason=ABSENT)


@pytest.fixture(scope="module")
def spec() -> Any:
    """Cisco's OpenAPI document."""
    return json.loads(WEBEX.read_text("utf-8"))


@pytest.fixture
def call() -> Iterator[Any]:
    """Return a function that calls the practice Webex.

    The function calls the API as the bot, and the control pages as a person.
    """
    webex = Webex(Journal(), PracticeSettings())
    app = flask.Flask("contract")
    for pages in [*webex.blueprints(), webex.control()]:
        app.register_blueprint(pages)

    def one(method: str, path: str, body: Any = None) -> Any:
        headers = HEADERS if path.startswith("/webex/") else {}
        return app.test_client().open(path, method=method, json=body, headers=headers)

    yield one
    webex.stop()


def schema(spec: dict[str, Any], method: str, path: str, status: int) -> dict[str, Any]:
    """Return the schema of an answer, with the document's components so that references resolve."""
    content = spec["paths"][path][method.lower()]["responses"][str(status)]["content"]
    return {**next(iter(content.values()))["schema"], "components": spec["components"]}


def properties(spec: dict[str, Any], shape: dict[str, Any]) -> set[str]:
    """Return the property names that a schema knows."""
    while "$ref" in shape:
        shape = spec["components"]["schemas"][shape["$ref"].rpartition("/")[2]]
    return set(shape.get("properties", {}))


def world(call: Any) -> dict[str, str]:
    """Make a space with a card that was pressed, a webhook, and a 1:1, and return their ids."""
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "content": CARD}
    room = next(
        each["id"]
        for each in call("GET", "/webex/v1/rooms").json["items"]
        if each["type"] == "group"
    )
    posted = call(
        "POST",
        "/webex/v1/messages",
        {"roomId": room, "markdown": "**card**", "attachments": [attachment]},
    ).json
    call("POST", "/webex/v1/messages", {"toPersonEmail": "admin@contoso.com", "text": "hello"})
    press = {
        "as": "admin@contoso.com",
        "message_id": posted["id"],
        "title": "Go",
        "inputs": {"name": "Ada"},
    }
    pressed = call("POST", "/practice/webex/press", press).json
    hook = {
        "name": "bot",
        "targetUrl": "https://bot.example/",
        "resource": "messages",
        "event": "created",
        "secret": "s" * 20,
    }
    subscribed = call("POST", "/webex/v1/webhooks", hook).json
    member = call("GET", f"/webex/v1/memberships?roomId={room}").json["items"][0]
    return {
        "room": room,
        "message": posted["id"],
        "action": pressed["id"],
        "hook": subscribed["id"],
        "member": member["id"],
    } | {"person": member["personId"]}


READS = [
    ("/messages/{messageId}", "/messages/{message}"),
    ("/messages", "/messages?roomId={room}&mentionedPeople=me"),
    ("/messages/direct", "/messages/direct?personEmail=admin@contoso.com"),
    ("/attachment/actions/{id}", "/attachment/actions/{action}"),
    ("/people/me", "/people/me"),
    ("/people/{personId}", "/people/{person}"),
    ("/people", "/people?email=admin@contoso.com"),
    ("/rooms", "/rooms"),
    ("/rooms/{roomId}", "/rooms/{room}"),
    ("/memberships", "/memberships?roomId={room}"),
    ("/memberships/{membershipId}", "/memberships/{member}"),
    ("/webhooks", "/webhooks"),
    ("/webhooks/{webhookId}", "/webhooks/{hook}"),
]
# Webex sends these, but the document lacks them: card edits, and some keys of DirectMessage.
FORGOTTEN = {"/messages/direct": {"html", "parentId", "attachments", "mentionedPeople", "updated"}}


@pytest.mark.parametrize(("template", "path"), READS)
def test_reads_have_the_official_shape(spec: Any, call: Any, template: str, path: str) -> None:
    """The practice Webex's answers to a GET are valid under Cisco's schema.

    They have no property that the schema does not know.
    """
    answer = call("GET", "/webex/v1" + path.format(**world(call)))
    official = schema(spec, "GET", template, 200)
    jsonschema.Draft202012Validator(official).validate(answer.json)
    items, shape = (
        ([answer.json], official)
        if "items" not in answer.json
        else (answer.json["items"], _items(spec, official))
    )
    unknown = (
        {key for item in items for key in item}
        - properties(spec, shape)
        - FORGOTTEN.get(template, set())
    )
    assert (answer.status_code, unknown) == (200, set())


def _items(spec: dict[str, Any], official: dict[str, Any]) -> dict[str, Any]:
    name = official["$ref"].rpartition("/")[2]
    shape: dict[str, Any] = spec["components"]["schemas"][name]["properties"]["items"]["items"]
    return shape


def test_writes_have_the_official_shape(spec: Any, call: Any) -> None:
    """The practice Webex's answers to writes have Cisco's status and schema.

    The writes are posting, editing, pressing, subscribing and joining.
    """
    ids = world(call)
    text = call("POST", "/webex/v1/messages", {"roomId": ids["room"], "text": "x"}).json
    writes = [
        ("POST", "/messages", "/messages", {"roomId": ids["room"], "text": "x"}, 200),
        (
            "PUT",
            "/messages/{messageId}",
            f"/messages/{text['id']}",
            {"roomId": ids["room"], "text": "y"},
            200,
        ),
        (
            "POST",
            "/attachment/actions",
            "/attachment/actions",
            {"type": "submit", "messageId": ids["message"], "inputs": {"name": "x"}},
            202,
        ),
        ("POST", "/rooms", "/rooms", {"title": "New"}, 200),
        (
            "POST",
            "/memberships",
            "/memberships",
            {"roomId": ids["room"], "personEmail": "support@contoso.com"},
            200,
        ),
        (
            "PUT",
            "/webhooks/{webhookId}",
            f"/webhooks/{ids['hook']}",
            {"name": "n", "targetUrl": "https://n.example/"},
            200,
        ),
    ]
    for method, template, path, body, status in writes:
        answer = call(method, "/webex/v1" + path, body)
        assert answer.status_code == status, (path, answer.json)
        jsonschema.Draft202012Validator(schema(spec, method, template, status)).validate(
            answer.json
        )


def test_every_status_is_an_official_one(spec: Any, call: Any) -> None:
    """Refusals use status codes that Cisco's document lists for the call."""
    for template, methods in spec["paths"].items():
        for method in {"get", "delete"} & set(methods):
            path = "/webex/v1" + template.replace("{", "").replace("}", "")
            status = call(method.upper(), path).status_code
            assert str(status) in methods[method]["responses"], (method, template, status)


@pytest.mark.parametrize("field", ["rooms.title", "memberships.roomId", "webhooks.targetUrl"])
def test_a_field_of_another_type_is_refused(call: Any, field: str) -> None:
    """An object in the place of a string is a mistake of the request, never of the server."""
    path, _, key = field.partition(".")
    assert call("POST", f"/webex/v1/{path}", {key: {}}).status_code == 400


@pytest.mark.slow
@pytest.mark.parametrize("sketch", sorted(SKETCHES.glob("*.json")), ids=lambda path: path.stem)
def test_the_sketched_cards_are_taken(call: Any, sketch: Path) -> None:
    """The practice Webex takes each card of the sketches, and refuses it with a misspelled key."""
    card = json.loads(sketch.read_text("utf-8"))
    spoiled = copy.deepcopy(card)
    spoiled["body"][0]["isSutble"] = True
    statuses = [
        call(
            "POST",
            "/webex/v1/messages",
            {
                "toPersonEmail": "admin@contoso.com",
                "text": "card",
                "attachments": [_attachment(each)],
            },
        ).status_code
        for each in (card, spoiled)
    ]
    assert (statuses, cards.faults(card)) == ([200, 400], [])


def _attachment(card: dict[str, Any]) -> dict[str, Any]:
    return {"contentType": "application/vnd.microsoft.card.adaptive", "content": card}
