"""Tests of the driver of the people: it writes, presses, waits, and reports each message once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import flask
import httpx
import pytest

from practice import tls
from practice.client import NotSeenError, People, does, has, links
from practice.control import Control
from practice.hooks import Faults
from practice.journal import Journal
from practice.server import Server
from practice.settings import PracticeSettings
from practice.shell import Shell
from practice.webex import Webex
from tests.fixtures.waiting import LIMIT_S

CARD = {
    "type": "AdaptiveCard",
    "version": "1.3",
    "body": [
        {
            "type": "ActionSet",
            "actions": [
                {"type": "Action.OpenUrl", "title": "Sign in", "url": "https://bot.example/signin"}
            ],
        }
    ],
    "actions": [{"type": "Action.Submit", "title": "Go", "data": {"do": "go", "run": "r"}}],
}


@dataclass
class Scene:
    """Scene of people and of a bot that is a client of the API."""

    people: People
    bot: httpx.Client
    told: list[str] = field(default_factory=list)

    def post(self, **body: Any) -> str:
        """Post the bot's card, and return the id of the message."""
        attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "content": CARD}
        answer = self.bot.post(
            "messages", json={"text": "card", "attachments": [attachment], **body}
        )
        return str(answer.raise_for_status().json()["id"])


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """Yield people and a bot on a real server of the practice Webex."""
    journal, settings, faults, app = Journal(), PracticeSettings(), Faults(), flask.Flask("scene")
    webex = Webex(journal, settings)
    certificates = tls.make(tmp_path)
    for pages in [
        Control(journal, settings, faults, certificates).blueprint(),
        webex.control(),
        *webex.blueprints(),
    ]:
        app.register_blueprint(pages)
    server = Server(0, Shell(app, journal, settings, faults), certificates)
    server.start()
    url, told = f"https://localhost:{server.server_port}", list[str]()
    people = People(
        url,
        certificates.ca_path,
        lambda message: told.append(f"{message['text']}/{message['edits']}"),
    )
    headers = {"Authorization": f"Bearer {settings.bot_token}"}
    with httpx.Client(
        base_url=f"{url}/webex/v1/",
        headers=headers,
        verify=certificates.client_context(),
        trust_env=False,
    ) as bot:
        yield Scene(people, bot, told)
    people.close()
    webex.stop()
    server.stop()


def test_a_message_is_waited_for(scene: Scene) -> None:
    """``wait_for`` returns a card as soon as the card arrives.

    Each message is reported once for every change.
    """
    said = scene.people.say("requester@contoso.com", "/help", "Contact center")
    timer = threading.Timer(0.3, lambda: scene.post(roomId=said["roomId"], parentId=said["id"]))
    timer.start()
    card = scene.people.wait_for("a card", has("go", link=True), LIMIT_S)
    timer.join()
    assert (card["parentId"], does(card), links(card)) == (
        said["id"],
        {"go"},
        ["https://bot.example/signin"],
    )
    assert scene.told == ["Email /help/0", "card/0"]


def test_a_card_in_a_1_1_is_told_apart(scene: Scene) -> None:
    """``has(member=)`` finds only the card in that person's 1:1 space."""
    scene.post(toPersonEmail="requester@contoso.com")
    scene.post(toPersonEmail="admin@contoso.com")
    card = scene.people.wait_for("the admin's card", has("go", member="admin@contoso.com"), LIMIT_S)
    assert sorted(card["members"]) == ["admin@contoso.com", "email-bot@webex.bot"]


@pytest.mark.slow
def test_what_does_not_come_is_named(scene: Scene) -> None:
    """The timeout error names the expected message and holds the last one.

    Changes before the wait do not count.
    """
    scene.post(toPersonEmail="admin@contoso.com")
    scene.people.look()
    with pytest.raises(NotSeenError, match="another card") as caught:
        scene.people.wait_for("another card", has("go"), 0.2, after=scene.people.change)
    assert (caught.value.last or {})["text"] == "card"


def test_a_button_is_pressed_by_its_verb(scene: Scene) -> None:
    """A press by verb sends the data of the button with that verb.

    An unknown verb raises an error that names all buttons.
    """
    scene.post(toPersonEmail="admin@contoso.com")
    card = scene.people.wait_for("a card", has("go"), LIMIT_S)
    pressed = scene.people.press("admin@contoso.com", card, "go")
    assert scene.bot.get(f"attachment/actions/{pressed['id']}").json()["inputs"] == {
        "do": "go",
        "run": "r",
    }
    with pytest.raises(httpx.HTTPStatusError, match="its buttons: Sign in, Go"):
        scene.people.press("admin@contoso.com", card, "stop")
