"""Tests of the requests that the Messages API of the practice Webex accepts and refuses."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fixtures.practice_webex import attached

CARD: dict[str, Any] = {
    "type": "AdaptiveCard",
    "version": "1.3",
    "body": [{"type": "TextBlock", "text": "Hello", "wrap": True}],
    "actions": [{"type": "Action.Submit", "title": "Go", "data": {"do": "go"}}],
}
HUGE = {"type": "TextBlock", "text": "x" * 80_001}
SHOW = {"type": "Action.ShowCard", "title": "", "card": CARD | {"actions": CARD["actions"] * 2}}


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
def test_bad_posts_are_refused(api: Any, body: dict[str, Any], words: str) -> None:
    """A post that Webex does not take gets 400 with a reason, and is not posted."""
    answer = api.post(**body)
    assert (answer.status_code, api.webex.world.messages) == (400, {})
    assert words in answer.json["message"]
    assert answer.json["errors"] == [{"description": answer.json["message"]}]


def test_the_limit_is_in_bytes(api: Any) -> None:
    """A message of 7439 bytes is accepted; the limit counts bytes and not characters."""
    assert api.post(text="x" * 7439).status_code == 200


def test_a_card_is_edited_ten_times(api: Any) -> None:
    """A card can be edited ten times, and the eleventh edit is a 400.

    The message keeps the text of its tenth edit.
    """
    message = api.post(CARD).json["id"]
    statuses = [api.edit(message, CARD, text=str(number)) for number in range(1, 12)]
    assert statuses == [200] * 10 + [400]
    assert api.call("GET", f"/messages/{message}").json["text"] == "10"


def test_card_edits_can_be_switched_off(api: Any) -> None:
    """With ``card_edits`` off, edits of cards are refused, as the API reference says.

    Texts can still be edited.
    """
    card, text = api.post(CARD).json["id"], api.post().json["id"]
    api.do("/options", {"card_edits": False}, "PUT")
    assert (api.edit(card, CARD), api.edit(text)) == (400, 200)


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
def test_bad_edits_are_refused(api: Any, card: Any, change: dict[str, Any]) -> None:
    """An edit needs the room, a text and the whole card, and must not have ``html``.

    A card with an image cannot be edited.
    """
    assert api.edit(api.post(card).json["id"], CARD, **change) == 400


def test_a_bot_sees_only_what_mentions_it_in_a_space(api: Any) -> None:
    """In a space, a message that does not mention the bot is a 404 for the bot.

    Listing the messages needs ``mentionedPeople=me``.
    """
    silent, spoken = (api.say(mention=mention).json["id"] for mention in (False, True))
    assert api.call("GET", f"/messages/{silent}").status_code == 404
    assert api.call("GET", f"/messages?roomId={api.room()}").status_code == 403
    listed = api.call("GET", f"/messages?roomId={api.room()}&mentionedPeople=me").json["items"]
    assert [each["id"] for each in listed] == [spoken]


def test_a_mention_shows_only_the_first_name(api: Any) -> None:
    """A mention of the bot has only the first name in the text, and the bot's id in the HTML."""
    got = api.call("GET", f"/messages/{api.say('/help <b>').json['id']}").json
    bot = api.person("email-bot@webex.bot")
    mention = (
        f'<spark-mention data-object-type="person" data-object-id="{bot}">Email</spark-mention>'
    )
    assert (got["text"], got["mentionedPeople"]) == ("Email /help <b>", [bot])
    assert got["html"] == f"<p>{mention} /help &lt;b&gt;</p>"


@pytest.mark.parametrize("token", ["", "Bearer wrong", "practice-bot-token"])
def test_a_token_is_needed(api: Any, token: str) -> None:
    """A request without the bot's token is a 401 with a tracking id."""
    answer = api.call("GET", "/people/me", token=token)
    assert (answer.status_code, answer.headers["TrackingID"]) == (401, answer.json["trackingId"])


def test_people_answer_in_threads(api: Any) -> None:
    """An answer to a reply goes under the thread's first message, as in Webex clients."""
    root = api.say().json["id"]
    reply = api.post(parentId=root).json["id"]
    assert api.say(parent=reply).json["parentId"] == root
    api.do("/space", {"name": "Without", "members": ["requester@contoso.com"], "bot": False})
    assert api.say(room="Without").status_code == 422
