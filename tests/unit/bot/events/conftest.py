"""Fixtures for the tests of events."""

from dataclasses import replace

import pytest

from jobs.clock import now
from jobs.runtime import install
from tests.fixtures.webex_script import receive


@pytest.fixture
def busy(services, hurried):
    """Installed services with a worker's Webex client, which leaves long waits to its caller."""
    made = replace(services, webex=hurried, messenger=hurried)
    install(made)
    return made


@pytest.fixture
def typed(busy, webex_script, reply):
    """Return a function that lets Anna type a 1:1 message and delivers its event."""

    def write(words: str, **more):
        body = {"id": "m1", "roomId": "room-1", "roomType": "direct", "personId": "anna"}
        message = body | {"text": words, "created": now().isoformat()} | more
        webex_script.on("GET", f"/messages/{message['id']}", reply(body=message))
        return receive("messages", str(message["id"]), "anna", "room-1")

    return write
