"""Setups while a cloud shows an expired certificate, and after the certificate is valid again.

The bot sends nothing to a host whose certificate is not valid, and goes on by itself later.
"""

import pytest

from practice.client import People
from tests.chaos.conftest import goes_on
from tests.fixtures.stacks import operator

EXPIRED = "certificate has expired"


@pytest.fixture(scope="module")
def people(stack):
    """Everybody in Webex, at an address whose certificate stays valid."""
    everybody = People(f"https://127.0.0.1:{stack.ports.cloud}", stack.ca_path)
    yield everybody
    everybody.close()


@pytest.fixture(autouse=True)
def valid_again(people):
    """Make all certificates valid at the end of each test."""
    yield
    expire(people)


def expire(people, *services):
    """Let the certificates of these services be expired, and all others be valid."""
    people.control("PUT", "certificates", {"expired": [*services]})


def test_a_setup_goes_on_with_a_valid_certificate(stack, people, walk):
    """A setup goes on after Webex's and Microsoft's certificates expired and are valid again.

    They expire after the approval, and a command is typed meanwhile. A message that met an expired
    certificate was certainly not posted. So the bot tries again for as long as it tries an event,
    and posts the message once.
    """
    told = goes_on(
        stack,
        walk,
        lambda: expire(people, "https"),
        lambda: expire(people),
        EXPIRED,
        lambda: operator(stack, "doctor").stdout,
    )
    assert {"WRONG  Webex", "WRONG  Microsoft"} <= told
