"""Errors that ``/explain`` finds in a message, in a file, and after a long story."""

from __future__ import annotations

import base64
from typing import Any

from practice.conversation import words

SHARES_STACK = True

EXPIRED = "AADSTS7000222: The provided client secret keys are expired."


def file(name: str, content: bytes) -> dict[str, str]:
    """Return a file as a person sends it."""
    return {"name": name, "type": "text/plain", "base64": base64.b64encode(content).decode()}


def test_a_mail_that_is_hard_to_read_delays_nobody(new_walk: Any) -> None:
    """While one person sends mails that are hard to read, another person's ``/help`` is answered.

    Each answer about such a mail says that not everything was read.
    """
    hard = f"From: a@b.example\nTo: c@d.example\nContent-Type: text/plain{';a=b' * 100_000}\n\n{EXPIRED}"
    mail = file("hard.eml", hard.replace("To:", "Subject: Undeliverable\nTo:").encode())
    walk, other = new_walk(), new_walk(requester="helpdesk@contoso.com")
    sent = [
        walk.people.say(walk.requester, "/explain", walk.room, files=[mail])["id"] for _ in range(4)
    ]
    asked = other.people.say(other.requester, "/help", other.room)["id"]
    other.wait("an answer to /help", lambda each: each["parentId"] == asked, 10)
    for each in sent:
        told = walk.wait("an answer", lambda seen, parent=each: seen["parentId"] == parent, 20)
        assert "Not everything was read" in words(told)
