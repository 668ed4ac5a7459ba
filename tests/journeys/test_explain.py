"""Errors that ``/explain`` finds in a message, in a file, and after a long story."""

from __future__ import annotations

import base64
from typing import Any

from practice.client import does
from practice.conversation import words

SHARES_STACK = True

EXPIRED = "AADSTS7000222: The provided client secret keys are expired."
BOUNCE = (
    "From: postmaster@contoso.com\nTo: support@contoso.com\nSubject: Undeliverable\n"
    "MIME-Version: 1.0\nContent-Type: text/html; charset=utf-8\n"
    "Content-Transfer-Encoding: base64\n\n"
    + base64.encodebytes(
        b"<p>Remote Server returned &#39;550 5.7.520 Access denied, Your organization<br>"
        b"does not allow external forwarding. AS(7555)&#39;</p>"
    ).decode()
)


def file(name: str, content: bytes) -> dict[str, str]:
    """Return a file as a person sends it."""
    return {"name": name, "type": "text/plain", "base64": base64.b64encode(content).decode()}


def test_an_error_is_explained_wherever_it_is(new_walk: Any) -> None:
    """``/explain`` finds an error that is typed with quotes or is in an attached mail.

    The bot says that it cannot read pictures, and that an error of another service is not from this
    channel.
    """
    walk = new_walk()
    typed = walk.type("/explain > AADSTS7000222: The provided client\n> secret keys are expired.")
    assert "The client secret has expired." in words(typed)
    bounce = walk.type("/explain", files=[file("bounce.eml", BOUNCE.encode())])
    assert "does not let this mailbox forward mail" in words(bounce)
    picture = walk.type("/explain", files=[file("shot.png", b"\x89PNG\r\n\x1a\n")])
    assert "The bot cannot read pictures" in words(picture)
    stranger = walk.type("/explain 535-5.7.8 Username and Password not accepted - gsmtp")
    assert "not from a service of this channel" in words(stranger)
    assert does(stranger) == set()


def test_a_long_message_is_read_whole(new_walk: Any) -> None:
    """``/explain`` finds an error after a long story, which a command's argument would cut off."""
    walk = new_walk(room="direct")
    told = walk.type(f"/explain {'What we see here since yesterday. ' * 80}{EXPIRED}")
    assert "The client secret has expired." in words(told)


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
