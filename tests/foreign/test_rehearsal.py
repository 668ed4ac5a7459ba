"""Rehearsal of a setup at a real Postfix with Dovecot, through the real processes."""

from contextlib import suppress

import httpx
import pytest

from adaptive_cards.texts import text
from practice.client import does, has
from practice.conversation import Walk, space, words
from practice.ports import free_port
from tests.foreign import mail_servers

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def port():
    """Free port for Postfix, or a skip that says which server is missing."""
    if why := mail_servers.missing():
        pytest.skip(f"no mail servers of somebody else: {why}")
    return free_port()


@pytest.fixture(scope="module")
def env(port):
    """Settings with which the product logs in at Postfix instead of the practice mail server."""
    return {"SMTP_SERVER": f"localhost:{port}"}


@pytest.fixture(scope="module")
def servers(stack, port):
    """Postfix with the practice cloud's certificate, and a provider that knows its tokens."""
    cloud = stack.folder / "cloud"
    with mail_servers.running(port, (cloud / "server.key", cloud / "server.pem")) as running:
        yield running


def test_a_rehearsal_is_refused_and_then_goes_well(servers, people):
    """A rehearsal fails while Postfix's provider does not know the token, and then succeeds.

    The worker shows Postfix the token as the practice cloud issues it. After the refusal the card
    has Postfix's words. The token is in no log and on no card.
    """
    walk = Walk(people, "support@contoso.com", space(people))
    walk.approve(walk.plan(profile="least"))
    walk.fill_in()
    servers.tokens.trusts_claims = False
    walk.rehearse()
    failed = walk.saying("535 5.7.8 Error: authentication failed", 40)
    assert text("cause.smtp_token_refused") in words(failed)
    token = servers.tokens.asked[-1]
    assert token.count(".") == 2
    assert token not in str(failed)
    servers.tokens.trusts_claims = True
    _rehearse_again(walk)
    walk.saying("Rehearsal succeeded", 60, failed["change"])
    assert [each for each in servers.tokens.asked if each in servers.log()] == []
    walk.type(f"/cancel {walk.mailbox}")


def _rehearse_again(walk):
    """Rehearse once more, unless the bot's own next try succeeds before the link is opened."""
    link, seen = has("skip_rehearsal", link=True), _wait_for(walk, has("rehearse"))
    if "rehearse" in does(seen):
        with suppress(httpx.HTTPStatusError):  # it succeeded in this moment
            walk.people.press(walk.requester, seen, "rehearse")
        seen = _wait_for(walk, link)
    if link(seen):
        walk.open(seen, walk.mailbox)


def _wait_for(walk, wanted):
    """Return a card with these buttons, or the card that says that the rehearsal succeeded."""
    return walk.wait(
        "a card of the rehearsal", lambda each: wanted(each) or "Rehearsal succeeded" in words(each)
    )
