"""Tests of what the practice Webex refuses, so that no mistake of the bot passes unnoticed.

What it answers to good requests is in tests/contract and in every journey.
"""

import time

import pytest

from tests.fixtures.practice_webex import attached
from tests.fixtures.waiting import until

CARD = {
    "type": "AdaptiveCard",
    "version": "1.3",
    "body": [{"type": "TextBlock", "text": "Hello", "wrap": True}],
    "actions": [{"type": "Action.Submit", "title": "Go", "data": {"do": "go"}}],
}
HUGE = {"type": "TextBlock", "text": "x" * 80_001}
SHOW = {"type": "Action.ShowCard", "title": "", "card": CARD | {"actions": CARD["actions"] * 2}}
HOOK = {"name": "b", "targetUrl": "http://127.0.0.1:9/", "resource": "messages", "event": "created"}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"roomId": None}, "Exactly one of the destination fields"),
        ({"toPersonEmail": "admin@contoso.com"}, "Exactly one of the destination fields"),
        ({"text": ""}, "must not be empty"),
        ({"text": "", "attachments": attached(CARD)}, "a card needs a text too"),
        ({"text": "é" * 3720}, "too big"),
        ({"files": ["https://a/1", "https://a/2"]}, "Only one file"),
        ({"attachments": attached(CARD) * 2}, "Only one card"),
        ({"attachments": [{"content": CARD}]}, "contentType"),
        ({"parentId": "nothing"}, "parent message was not found"),
        ({"roomId": None, "toPersonEmail": "email-bot@webex.bot"}, "another person"),
        ({"attachments": attached(CARD | {"version": "1.4"})}, "1.4"),
        ({"attachments": attached(CARD | {"body": [{"type": "Table"}]})}, "Table"),
        ({"attachments": attached(CARD | {"body": [{"type": "Media", "sources": []}]})}, "Media"),
        ({"attachments": attached(CARD | {"body": [{"type": "TextBlock"}]})}, "needs text"),
        ({"attachments": attached(CARD | {"actions": CARD["actions"] * 6})}, "5 actions"),
        ({"attachments": attached(CARD | {"actions": [SHOW] * 2})}, "5 actions"),
        ({"attachments": attached(CARD | {"body": [HUGE]})}, "larger than"),
        ({"attachments": attached({"body": []})}, "AdaptiveCard"),
    ],
)
def test_bad_posts_are_refused(api, body, words):
    """A post that Webex does not take gets 400 with a reason, and is not posted."""
    answer = api.post(**body)
    assert (answer.status_code, api.webex.world.messages) == (400, {})
    assert words in answer.json["message"]
    assert answer.json["errors"] == [{"description": answer.json["message"]}]


def test_a_card_is_edited_ten_times(api):
    """A card can be edited ten times, and the eleventh edit is a 400.

    The message keeps the text of its tenth edit.
    """
    message = api.post(CARD).json["id"]
    statuses = [api.edit(message, CARD, text=str(number)) for number in range(1, 12)]
    assert statuses == [200] * 10 + [400]
    assert api.call("GET", f"/messages/{message}").json["text"] == "10"


@pytest.mark.parametrize(
    ("card", "change"),
    [
        (CARD, {"roomId": ""}),
        (CARD, {"html": "<p>x</p>"}),
        (CARD, {"attachments": []}),
        (CARD, {"text": ""}),
        (CARD | {"body": [{"type": "Image", "url": "https://example.com/a.png"}]}, {}),
    ],
)
def test_bad_edits_are_refused(api, card, change):
    """An edit needs the room, a text and the whole card, and must not have ``html``.

    A card with an image cannot be edited.
    """
    assert api.edit(api.post(card).json["id"], CARD, **change) == 400


def test_a_bot_sees_only_what_mentions_it_in_a_space(api):
    """In a space, a message that does not mention the bot is a 404 for the bot."""
    silent, spoken = (api.say(mention=mention).json["id"] for mention in (False, True))
    assert api.call("GET", f"/messages/{silent}").status_code == 404
    assert api.call("GET", f"/messages/{spoken}").status_code == 200


def test_a_hundred_failures_stop_a_webhook(api):
    """A webhook becomes inactive after a hundred failures.

    After it is activated again, one failure stops it.
    """
    hook = api.call("POST", "/webhooks", HOOK).json
    record = api.webex.world.webhooks[hook["id"]]
    record.failures.extend([time.monotonic()] * 98)
    api.say()
    until(lambda: record.status == "inactive")
    again = api.call("PUT", f"/webhooks/{hook['id']}", HOOK | {"status": "active"}).json
    assert (again["status"], len(record.failures)) == ("active", 0)
    api.say()
    until(lambda: record.status == "inactive")
    assert len(record.failures) == 1
