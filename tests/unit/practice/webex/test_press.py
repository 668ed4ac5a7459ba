"""Tests of the inputs that a button press sends in the practice Webex."""

from __future__ import annotations

from typing import Any

import pytest

CARD: dict[str, Any] = {
    "type": "AdaptiveCard",
    "version": "1.3",
    "body": [
        {
            "type": "Input.Text",
            "id": "url",
            "label": "URL",
            "isRequired": True,
            "errorMessage": "needed",
            "maxLength": 30,
        },
        {"type": "Input.Text", "id": "note"},
        {
            "type": "Input.ChoiceSet",
            "id": "life",
            "value": "12",
            "choices": [{"title": "6", "value": "6"}, {"title": "12", "value": "12"}],
        },
        {
            "type": "Input.ChoiceSet",
            "id": "many",
            "isMultiSelect": True,
            "choices": [{"title": "a", "value": "a"}, {"title": "b", "value": "b"}],
        },
        {"type": "Input.Toggle", "id": "keep", "title": "Keep", "valueOn": "yes", "valueOff": "no"},
    ],
    "actions": [
        {
            "type": "Action.Submit",
            "title": "Continue",
            "data": {"do": "intake", "run": "r1", "n": 7},
        },
        {
            "type": "Action.Submit",
            "title": "Cancel",
            "associatedInputs": "none",
            "data": {"do": "cancel"},
        },
        {
            "type": "Action.ShowCard",
            "title": "Ask",
            "card": {
                "type": "AdaptiveCard",
                "body": [{"type": "Input.Text", "id": "who"}],
                "actions": [{"type": "Action.Submit", "title": "Send", "data": {"do": "ask"}}],
            },
        },
    ],
}


def send(api: Any) -> str:
    """Post the card as the bot, and return the id of the message."""
    return str(api.post(CARD).json["id"])


def press(api: Any, message: str, **more: Any) -> Any:
    """Press a button of the card as the requester."""
    return api.do("/press", {"as": "requester@contoso.com", "message_id": message, **more})


def test_inputs_and_data_are_merged(api: Any) -> None:
    """Typed values, defaults and the action's data are sent together, without empty choices."""
    pressed = press(
        api, send(api), title="Continue", inputs={"url": "https://a", "many": ["a", "b"]}
    )
    expected = {
        "url": "https://a",
        "note": "",
        "life": "12",
        "many": "a,b",
        "keep": "no",
        "do": "intake",
        "run": "r1",
        "n": 7,
    }
    assert api.call("GET", f"/attachment/actions/{pressed.json['id']}").json["inputs"] == expected


def test_a_show_card_sends_its_own_inputs_and_those_around_it(api: Any) -> None:
    """A button in a ShowCard sends the inputs of its own card and of the card around it."""
    pressed = press(
        api, send(api), data={"do": "ask"}, inputs={"who": "admin@contoso.com", "url": "https://a"}
    )
    assert pressed.json["inputs"] == {
        "url": "https://a",
        "note": "",
        "life": "12",
        "keep": "no",
        "who": "admin@contoso.com",
        "do": "ask",
    }


@pytest.mark.parametrize(
    "inputs",
    [
        {},
        {"url": "x" * 31},
        {"url": "https://a", "life": "7"},
        {"url": "https://a", "stranger": "1"},
        {"url": "https://a", "many": "a,c"},
    ],
)
def test_a_client_does_not_send_what_the_card_forbids(api: Any, inputs: dict[str, str]) -> None:
    """The client refuses an input that is missing, too long, not offered, or not on the card.

    Nothing is sent then.
    """
    assert (
        press(api, send(api), title="Continue", inputs=inputs).status_code,
        api.webex.world.actions,
    ) == (422, {})


def test_force_sends_anything(api: Any) -> None:
    """An attacker's client sends what it likes, but the data of the button still wins."""
    pressed = press(
        api, send(api), title="Continue", inputs={"stranger": "1", "do": "approve"}, force=True
    )
    assert (pressed.json["inputs"]["stranger"], pressed.json["inputs"]["do"]) == ("1", "intake")


def test_old_versions_stay_clickable(api: Any) -> None:
    """A client that has not been refreshed can press a button that an edit took away."""
    message = send(api)
    bare = {
        "type": "AdaptiveCard",
        "version": "1.3",
        "body": [{"type": "TextBlock", "text": "done"}],
    }
    assert api.edit(message, bare) == 200
    assert press(api, message, title="Cancel").status_code == 404
    assert press(api, message, title="Cancel", version=0).status_code == 200


def test_a_stranger_cannot_press(api: Any) -> None:
    """A person who is not in the room cannot press a button of the card."""
    answer = api.do(
        "/press", {"as": "outsider@evil.example", "message_id": send(api), "title": "Cancel"}
    )
    assert answer.status_code == 404
