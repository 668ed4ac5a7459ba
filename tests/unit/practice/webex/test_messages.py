"""Tests of the requests that the Messages API of the practice Webex accepts and refuses."""

from __future__ import annotations

from typing import Any

import pytest

CARD: dict[str, Any] = {
    "type": "AdaptiveCard",
    "version": "1.3",
    "body": [{"type": "TextBlock", "text": "Hello", "wrap": True}],
    "actions": [{"type": "Action.Submit", "title": "Go", "data": {"do": "go"}}],
}


def attach(card: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the card as an attachment."""
    return [{"contentType": "application/vnd.microsoft.card.adaptive", "content": card}]


def test_a_post_has_webex_shape(api: Any) -> None:
    """A posted message comes back with its ids and its author, and without empty fields."""
    sent = api.call(
        "POST",
        "/messages",
        {"roomId": api.room(), "markdown": "**Hi** <@personEmail:admin@contoso.com>"},
    ).json
    assert {key: value for key, value in sent.items() if key not in {"id", "created", "html"}} == {
        "roomId": api.room(),
        "roomType": "group",
        "text": "Hi Ada",
        "markdown": "**Hi** <@personEmail:admin@contoso.com>",
        "personId": api.person("email-bot@webex.bot"),
        "personEmail": "email-bot@webex.bot",
        "mentionedPeople": [api.person("admin@contoso.com")],
    }


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"text": "x"}, "Exactly one of the destination fields"),
        (
            {"roomId": "R", "toPersonEmail": "admin@contoso.com", "text": "x"},
            "Exactly one of the destination fields",
        ),
        ({"roomId": "R"}, "must not be empty"),
        ({"roomId": "R", "attachments": attach(CARD)}, "a card needs a text too"),
        ({"roomId": "R", "text": "é" * 3720}, "too big"),
        ({"roomId": "R", "text": "x", "files": ["https://a/1", "https://a/2"]}, "Only one file"),
        ({"roomId": "R", "text": "x", "attachments": attach(CARD) * 2}, "Only one card"),
        ({"roomId": "R", "text": "x", "attachments": [{"content": CARD}]}, "contentType"),
        ({"roomId": "R", "text": "x", "parentId": "nothing"}, "parent message was not found"),
        ({"toPersonEmail": "email-bot@webex.bot", "text": "x"}, "another person"),
    ],
)
def test_bad_posts_are_refused(api: Any, body: dict[str, Any], words: str) -> None:
    """A post that breaks a rule of POST /messages gets 400 with a reason, and is not posted."""
    answer = api.call(
        "POST",
        "/messages",
        {key: api.room() if value == "R" else value for key, value in body.items()},
    )
    assert (answer.status_code, words in answer.json["message"], api.webex.world.messages) == (
        400,
        True,
        {},
    )
    assert answer.json["errors"] == [{"description": answer.json["message"]}]


def test_the_limit_is_in_bytes(api: Any) -> None:
    """A message of 7439 bytes is accepted; the limit counts bytes and not characters."""
    assert (
        api.call("POST", "/messages", {"roomId": api.room(), "text": "x" * 7439}).status_code == 200
    )


@pytest.mark.parametrize(
    ("card", "words"),
    [
        (CARD | {"version": "1.4"}, "1.4"),
        (CARD | {"body": [{"type": "Table"}]}, "Table"),
        (CARD | {"body": [{"type": "Media", "sources": []}]}, "Media"),
        (CARD | {"body": [{"type": "TextBlock"}]}, "needs text"),
        (CARD | {"actions": CARD["actions"] * 6}, "5 actions"),
        (CARD | {"body": [{"type": "TextBlock", "text": "x" * 80_001}]}, "larger than"),
        ({"body": []}, "AdaptiveCard"),
    ],
)
def test_bad_cards_are_refused(api: Any, card: dict[str, Any], words: str) -> None:
    """A card that Webex cannot show is refused with a 400 that says why."""
    answer = api.call(
        "POST", "/messages", {"roomId": api.room(), "text": "x", "attachments": attach(card)}
    )
    assert (answer.status_code, words in answer.json["message"]) == (400, True)


def test_actions_in_show_cards_count(api: Any) -> None:
    """ShowCards and the actions in them count toward the limit of five actions."""
    show = {
        "type": "Action.ShowCard",
        "title": "More",
        "card": CARD | {"actions": CARD["actions"] * 2},
    }
    answer = api.call(
        "POST",
        "/messages",
        {
            "roomId": api.room(),
            "text": "x",
            "attachments": attach(CARD | {"actions": [show, show]}),
        },
    )
    assert answer.status_code == 400


def test_a_thread_has_one_level(api: Any) -> None:
    """A reply names the first message of its thread, and a reply to a reply is refused."""
    root = api.call("POST", "/messages", {"roomId": api.room(), "text": "root"}).json["id"]
    reply = api.call("POST", "/messages", {"roomId": api.room(), "text": "reply", "parentId": root})
    second = api.call(
        "POST", "/messages", {"roomId": api.room(), "text": "no", "parentId": reply.json["id"]}
    )
    assert (reply.json["parentId"], second.status_code) == (root, 400)


def test_a_card_is_edited_ten_times(api: Any) -> None:
    """A card can be edited ten times, and the eleventh edit is a 400.

    The message keeps the text of its tenth edit.
    """
    message = api.call(
        "POST", "/messages", {"roomId": api.room(), "text": "0", "attachments": attach(CARD)}
    ).json["id"]
    bodies = [
        {"roomId": api.room(), "text": str(number), "attachments": attach(CARD)}
        for number in range(1, 12)
    ]
    statuses = [api.call("PUT", f"/messages/{message}", body).status_code for body in bodies]
    assert (statuses, api.call("GET", f"/messages/{message}").json["text"]) == (
        [200] * 10 + [400],
        "10",
    )


def test_card_edits_can_be_switched_off(api: Any) -> None:
    """With ``card_edits`` off, edits of cards are refused, as the API reference says.

    Texts can still be edited.
    """
    card = api.call(
        "POST", "/messages", {"roomId": api.room(), "text": "0", "attachments": attach(CARD)}
    ).json["id"]
    text = api.call("POST", "/messages", {"roomId": api.room(), "text": "0"}).json["id"]
    api.do("/options", {"card_edits": False}, "PUT")
    edit = {"roomId": api.room(), "text": "1"}
    assert (
        api.call("PUT", f"/messages/{card}", edit | {"attachments": attach(CARD)}).status_code
        == 400
    )
    assert api.call("PUT", f"/messages/{text}", edit).status_code == 200


@pytest.mark.parametrize(
    "change", [{"roomId": ""}, {"html": "<p>x</p>"}, {"attachments": []}, {"text": ""}]
)
def test_bad_edits_are_refused(api: Any, change: dict[str, Any]) -> None:
    """An edit needs the room, a text and the whole card, and must not have ``html``."""
    message = api.call(
        "POST", "/messages", {"roomId": api.room(), "text": "0", "attachments": attach(CARD)}
    ).json["id"]
    body = {"roomId": api.room(), "text": "1", "attachments": attach(CARD)} | change
    assert api.call("PUT", f"/messages/{message}", body).status_code == 400


def test_cards_with_images_are_not_edited(api: Any) -> None:
    """An edit of a card that has an image is a 400."""
    picture = CARD | {"body": [{"type": "Image", "url": "https://example.com/a.png"}]}
    message = api.call(
        "POST", "/messages", {"roomId": api.room(), "text": "0", "attachments": attach(picture)}
    ).json["id"]
    edit = {"roomId": api.room(), "text": "1", "attachments": attach(CARD)}
    assert api.call("PUT", f"/messages/{message}", edit).status_code == 400


def test_a_direct_room_is_made_once(api: Any) -> None:
    """The first 1:1 message creates the room, and the second one uses it.

    Addresses match in any letter case.
    """
    one = api.call("POST", "/messages", {"toPersonEmail": "Admin@Contoso.com", "text": "one"}).json
    two = api.call(
        "POST", "/messages", {"toPersonId": api.person("admin@contoso.com"), "text": "two"}
    ).json
    assert (one["roomType"], one["roomId"]) == ("direct", two["roomId"])


def test_a_bot_sees_only_what_mentions_it_in_a_space(api: Any) -> None:
    """In a space, a message that does not mention the bot is a 404 for the bot.

    Listing the messages needs ``mentionedPeople=me``.
    """
    silent = api.do(
        "/say", {"as": "requester@contoso.com", "room": "Contact center", "text": "psst"}
    ).json["id"]
    spoken = api.do(
        "/say",
        {"as": "requester@contoso.com", "room": "Contact center", "text": "/help", "mention": True},
    ).json["id"]
    assert api.call("GET", f"/messages/{silent}").status_code == 404
    assert api.call("GET", f"/messages?roomId={api.room()}").status_code == 403
    listed = api.call("GET", f"/messages?roomId={api.room()}&mentionedPeople=me").json["items"]
    assert [each["id"] for each in listed] == [spoken]


def test_a_mention_shows_only_the_first_name(api: Any) -> None:
    """A mention of the bot has only the first name in the text, and the bot's id in the HTML."""
    said = api.do(
        "/say",
        {
            "as": "requester@contoso.com",
            "room": "Contact center",
            "text": "/help <b>",
            "mention": True,
        },
    ).json["id"]
    got, bot = api.call("GET", f"/messages/{said}").json, api.person("email-bot@webex.bot")
    mention = (
        f'<spark-mention data-object-type="person" data-object-id="{bot}">Email</spark-mention>'
    )
    assert (got["text"], got["html"], got["mentionedPeople"]) == (
        "Email /help <b>",
        f"<p>{mention} /help &lt;b&gt;</p>",
        [bot],
    )


def test_deleted_messages_are_gone(api: Any) -> None:
    """A deleted message is a 404, and only its author can delete a message."""
    own = api.call("POST", "/messages", {"toPersonEmail": "admin@contoso.com", "text": "one"}).json[
        "id"
    ]
    other = api.do("/say", {"as": "admin@contoso.com", "text": "hello"}).json["id"]
    statuses = [
        api.call("DELETE", f"/messages/{own}").status_code,
        api.call("GET", f"/messages/{own}").status_code,
    ]
    assert [*statuses, api.call("DELETE", f"/messages/{other}").status_code] == [204, 404, 403]


@pytest.mark.parametrize(
    "header", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "practice-bot-token"}]
)
def test_a_token_is_needed(api: Any, header: dict[str, str]) -> None:
    """A request without the bot's token is a 401 with a tracking id."""
    answer = api.call("GET", "/people/me", headers=header)
    assert (answer.status_code, answer.headers["TrackingID"]) == (401, answer.json["trackingId"])


def test_new_things_may_lag_behind(api: Any) -> None:
    """With ``read_lag_s`` set, a message that was just notified is a 404 at first."""
    api.do("/options", {"read_lag_s": 60}, "PUT")
    said = api.do("/say", {"as": "admin@contoso.com", "text": "hello"}).json["id"]
    assert api.call("GET", f"/messages/{said}").status_code == 404


def test_lists_come_in_pages(api: Any) -> None:
    """A long list of messages comes in pages, newest first.

    A ``Link`` header leads to the next page.
    """
    for number in range(3):
        api.call("POST", "/messages", {"toPersonEmail": "admin@contoso.com", "text": str(number)})
    room = api.call("GET", "/rooms?type=direct").json["items"][0]["id"]
    first = api.call("GET", f"/messages?roomId={room}&max=2")
    following = first.headers["Link"].partition("/webex/v1")[2].partition(">")[0]
    texts = [
        each["text"]
        for answer in (first, api.call("GET", following))
        for each in answer.json["items"]
    ]
    assert texts == ["2", "1", "0"]


def test_only_moderators_post_in_announcement_rooms(api: Any) -> None:
    """A post of the bot to an announcement-only space is a 403."""
    api.do("/space", {"name": "News", "members": ["admin@contoso.com"], "announcement_only": True})
    assert (
        api.call("POST", "/messages", {"roomId": api.room("News"), "text": "x"}).status_code == 403
    )


def test_people_answer_in_threads(api: Any) -> None:
    """An answer to a reply goes under the thread's first message, as in Webex clients."""
    said = {
        "as": "requester@contoso.com",
        "room": "Contact center",
        "text": "/help",
        "mention": True,
    }
    root = api.do("/say", said).json["id"]
    reply = api.call(
        "POST", "/messages", {"roomId": api.room(), "text": "reply", "parentId": root}
    ).json["id"]
    assert api.do("/say", said | {"parent": reply}).json["parentId"] == root
    api.do("/space", {"name": "Without", "members": ["requester@contoso.com"], "bot": False})
    assert api.do("/say", said | {"room": "Without"}).status_code == 422
