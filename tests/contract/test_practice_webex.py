"""Practice Webex against Cisco's OpenAPI (webex-messaging.json) and the Adaptive Card 1.3 schema.

The tests are skipped if the files are missing.
"""

import copy
import json
from typing import Any

import jsonschema
import pytest

from practice.shared import ABSENT, SKETCHES, WEBEX
from practice.webex import cards
from tests.contract.openapi import answer_of, resolved

CARD = {
    "type": "AdaptiveCard",
    "version": "1.3",
    "body": [{"type": "Input.Text", "id": "name"}],
    "actions": [{"type": "Action.Submit", "title": "Go", "data": {"do": "go"}}],
}

pytestmark = pytest.mark.skipif(not WEBEX.is_file(), reason=ABSENT)


@pytest.fixture(scope="module")
def spec():
    """Cisco's OpenAPI document."""
    return json.loads(WEBEX.read_text("utf-8"))


def world(api):
    """Make a space with a card that was pressed, a webhook, and a 1:1, and return their ids."""
    posted = api.post(CARD, text="", markdown="**card**").json
    api.call("POST", "/messages", {"toPersonEmail": "admin@contoso.com", "text": "hello"})
    press = {"as": "admin@contoso.com", "message_id": posted["id"], "title": "Go"}
    pressed = api.do("/press", press | {"inputs": {"name": "Ada"}}).json
    hook = {"name": "bot", "targetUrl": "https://bot.example/", "secret": "s" * 20}
    event = {"resource": "messages", "event": "created"}
    subscribed = api.call("POST", "/webhooks", hook | event).json
    member = api.call("GET", f"/memberships?roomId={api.room()}").json["items"][0]
    named = {"message": posted, "action": pressed, "hook": subscribed}
    ids = {name: each["id"] for name, each in named.items()}
    return ids | {"room": api.room(), "person": member["personId"]}


READS = [
    ("/messages/{messageId}", "/messages/{message}"),
    ("/messages/direct", "/messages/direct?personEmail=admin@contoso.com"),
    ("/attachment/actions/{id}", "/attachment/actions/{action}"),
    ("/people/me", "/people/me"),
    ("/people/{personId}", "/people/{person}"),
    ("/people", "/people?email=admin@contoso.com"),
    ("/rooms/{roomId}", "/rooms/{room}"),
    ("/memberships", "/memberships?roomId={room}"),
    ("/webhooks", "/webhooks"),
]
# Webex sends these, but the document lacks them: card edits, and some keys of DirectMessage.
FORGOTTEN = {"/messages/direct": {"html", "parentId", "attachments", "mentionedPeople", "updated"}}


@pytest.mark.parametrize(("template", "path"), READS)
def test_reads_have_the_official_shape(spec, api, template, path):
    """The practice Webex's answers to a GET are valid under Cisco's schema.

    They have no property that the schema does not know.
    """
    answer = api.call("GET", path.format(**world(api)))
    official = answer_of(spec, template)
    jsonschema.Draft202012Validator(official).validate(answer.json)
    known = resolved(spec, official)["properties"]
    if "items" in answer.json:
        known = resolved(spec, known["items"]["items"])["properties"]
    items = answer.json.get("items", [answer.json])
    unknown = {key for item in items for key in item} - {*known} - FORGOTTEN.get(template, set())
    assert (answer.status_code, unknown) == (200, set())


def test_writes_have_the_official_shape(spec, api):
    """The practice Webex's answers to writes have Cisco's status and schema.

    The writes are posting, editing, pressing, subscribing and joining.
    """
    ids = world(api)
    text, room = api.post().json["id"], {"roomId": ids["room"]}
    hook = {"name": "n", "targetUrl": "https://n.example/"}
    writes: list[tuple[str, str, str, Any]] = [
        ("POST", "/messages", "", room | {"text": "x"}),
        ("PUT", "/messages/{messageId}", f"/messages/{text}", room | {"text": "y"}),
        ("PUT", "/webhooks/{webhookId}", f"/webhooks/{ids['hook']}", hook),
    ]
    for method, template, path, body in writes:
        answer = api.call(method, path or template, body)
        assert answer.status_code == 200, (path, answer.json)
        jsonschema.Draft202012Validator(answer_of(spec, template, method)).validate(answer.json)


def test_every_status_is_an_official_one(spec, api):
    """Refusals use status codes that Cisco's document lists for the call."""
    for template, methods in spec["paths"].items():
        for method in {"get", "delete"} & set(methods):
            path = template.replace("{", "").replace("}", "")
            status = api.call(method.upper(), path).status_code
            assert str(status) in methods[method]["responses"], (method, template, status)


@pytest.mark.parametrize("field", ["messages.text", "webhooks.targetUrl"])
def test_a_field_of_another_type_is_refused(api, field):
    """An object in the place of a string is a mistake of the request, never of the server."""
    path, _, key = field.partition(".")
    assert api.call("POST", f"/{path}", {key: {}}).status_code == 400


@pytest.mark.slow
@pytest.mark.parametrize("sketch", sorted(SKETCHES.glob("*.json")), ids=lambda path: path.stem)
def test_the_sketched_cards_are_taken(api, sketch):
    """The practice Webex takes each card of the sketches, and refuses it with a misspelled key."""
    card = json.loads(sketch.read_text("utf-8"))
    spoiled = copy.deepcopy(card)
    spoiled["body"][0]["isSutble"] = True
    statuses = [api.post(each).status_code for each in (card, spoiled)]
    assert (statuses, cards.faults(card)) == ([200, 400], [])
