"""Whole setup in the page, from ``/setup-email`` to the agent's answer.

A newcomer who reads only the page gets a channel, with a mouse and with the keyboard alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from practice.page.drivers import Keyboard, Mouse
from practice.page.host import PracticeSpace
from tests.browser.conftest import opened_space

MAILBOX, ADMIN = "support@contoso.com", "admin@contoso.com"
SECRET = re.compile(r"\w{2,4}[QRq]~[\w~.-]{31,40}")

GONE_ON = (
    "([id, change]) => "
    "Number(document.querySelector(`[data-id='${id}']`)?.dataset.change) > Number(change)"
)


@pytest.fixture
def space(browser, tmp_path) -> Iterator[PracticeSpace]:
    """Practice space of its own for each test, in which nothing has happened yet."""
    with opened_space(tmp_path) as running:
        yield running


@dataclass(slots=True)
class Story:
    """Whole setup done with a mouse or a keyboard.

    ``look`` is called with every page that a person sees, and ``picture`` takes pictures of it.
    """

    hands: Mouse
    look: Callable[[Any], None]
    picture: Callable[..., None]
    faults: list[str] = field(default_factory=list)

    def tell(self) -> None:
        """Do the whole setup as the people whose turn it is.

        The tour goes along by itself, which is checked at the end.
        """
        self.to_the_plan()
        self.hands.be("requester", "space")
        approve = self.hands.matching(re.compile(r"^Approve \d+ changes$"))
        self.picture(
            self.hands.page,
            "plan",
            approve.locator("xpath=ancestor::*[contains(@class, 'cardbox')]"),
        )
        self.hands.activate(approve)
        self.hands.press("Approve for the tenant")
        shown = self.killed()
        self.consent()
        self.connect()
        self.rehearse()
        self.prove()
        self.hands.page.wait_for_function(GONE_ON, arg=shown)
        assert "Tour, 5 of 5" in self.hands.page.locator("#tour").inner_text()

    def killed(self) -> list[str]:
        """Kill the worker while the steps run.

        Return the id of the message with the run's card, and the number of its last change.
        """
        hands = self.hands
        message = hands.card("Cancel run").locator("xpath=ancestor::article[1]")
        shown = [str(message.get_attribute(f"data-{name}")) for name in ("id", "change")]
        hands.activate(hands.page.get_by_role("button", name="Kill the worker"))
        hands.page.get_by_text("was killed and started again").wait_for()
        return shown

    def to_the_plan(self) -> None:
        """Fill in the first card with the values copied from Webex Connect and sign in.

        The administrator is asked 1:1 and signs in.
        """
        hands = self.hands
        hands.say(f"/setup-email {MAILBOX}")
        card = hands.card("Continue")
        for label in ("Call Back URL", "Forwarding Address"):
            hands.activate(hands.page.get_by_role("button", name=f"Copy {label}"))
            hands.page.get_by_text(f"{label} copied.").wait_for()
            hands.fill(
                card.get_by_label(label), hands.page.evaluate("navigator.clipboard.readText()")
            )
        hands.press("Continue", card)
        hands.press("Ask my administrator")
        hands.fill(
            hands.page.locator("#messages").get_by_label("Administrator's Webex address").last,
            ADMIN,
        )
        hands.press("Send 1:1")
        hands.be("administrator", "direct")
        self.signed_in("Sign in with Microsoft", ADMIN)

    def consent(self) -> None:
        """Decline the admin consent first, and then grant it.

        After the refusal the bot says that the permission was declined, and the card offers the
        link again.
        """
        hands = self.hands
        hands.be("administrator", "space")
        self.signed_in("Grant admin consent", ADMIN, "Decline")
        hands.sees("The permission was declined")
        self.picture(hands.page, "declined")
        self.signed_in("Grant admin consent", ADMIN)

    def connect(self) -> None:
        """Fill in Webex Connect's form with the card's fields and the secret of the one-time page.

        The bot reads in the logs that the token was generated and the app registered.
        """
        hands = self.hands
        hands.be("requester", "direct")
        secret = self.revealed()
        form = hands.page.locator("#clouds")
        press = lambda name, within=form: hands.activate(  # noqa: E731  said five times
            within.get_by_role("button", name=name, exact=True)
        )
        self.picture(hands.page, "connect", hands.card("Registered"))
        press("Copy from the bot's card")
        form.get_by_text("Copied from the card.").wait_for()
        hands.fill(form.get_by_label("Client Secret", exact=True), secret)
        press("Generate Token")
        press("Accept", hands.page.locator("#ask"))
        form.get_by_text("Press Save.").wait_for()
        hands.sees("the token was generated")
        press("Save")
        form.get_by_text("Saved.", exact=True).wait_for()
        press("Register To Webex Engage")
        press("Register", hands.page.locator("#ask"))
        form.get_by_text("registered, Email service").wait_for()
        hands.sees("The bot saw the registration in Webex Connect's audit log")
        assert secret not in hands.page.content()

    def revealed(self) -> str:
        """Return the secret that the one-time page shows once."""
        there = self.hands.at(self.hands.open("Show the secret once"))
        self.look(there.page)
        there.activate(there.page.get_by_role("button", name="Show the secret"))
        secret = there.page.get_by_label("Client Secret", exact=True)
        secret.wait_for()
        self.look(there.page)
        found = str(secret.input_value())
        assert SECRET.fullmatch(found)
        there.page.close()
        return found

    def rehearse(self) -> None:
        """Sign in as the mailbox once, so that later checks need nobody."""
        self.hands.be("requester", "space")
        self.hands.press("Rehearse")
        self.signed_in("Sign in as the mailbox", MAILBOX)

    def prove(self) -> None:
        """Confirm that the test mail reached the agent, and answer it as the agent."""
        hands = self.hands
        hands.be("requester", "space")
        has_it = hands.card("Confirm that it arrived")
        hands.page.get_by_text("has the task").last.wait_for(state="attached")
        hands.press("Confirm that it arrived", has_it)
        hands.activate(hands.page.get_by_role("button", name="Answer as the agent"))
        hands.activate(hands.page.locator("#ask").get_by_role("button", name="Answer"))
        hands.page.get_by_text("7501 Submitted").first.wait_for()
        hands.sees("is connected to Webex Contact Center")
        self.picture(hands.page, "done", hands.card("Check now"))

    def signed_in(self, link: str, account: str, decision: str = "Accept") -> None:
        """Sign in by the card's link, through the pages of the bot and of Microsoft."""
        there = self.hands.at(self.hands.open(link))
        self.look(there.page)
        there.sign_in(account, decision, self.look)
        self.look(there.page)
        there.page.close()


def test_the_whole_setup(visit, axe, picture):
    """The whole setup works in the page and ends with a channel proven by an agent's answer.

    No page on the way violates WCAG 2.2 AA. The worker is killed in the middle, and the card that
    showed the run continues.
    """
    found: list[str] = []

    def look(page: Any) -> None:
        assert "Practice space" in page.inner_text("body")
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)
            found.extend(axe(page))
        page.emulate_media(color_scheme="light")

    Story(visit(), look, picture).tell()
    assert found == []


@pytest.mark.slow
def test_the_whole_setup_by_keyboard(visit):
    """The whole setup works with Tab, arrows, Enter and typing alone.

    The focus is always visible and is not lost when a card is redrawn.
    """
    keyboard = visit(hands=Keyboard)
    Story(keyboard, lambda _: None, lambda *_: None).tell()
    assert keyboard.trouble == []


def test_only_this_machine_and_only_this_page(space):
    """The server refuses another site's script and another host name.

    It does not listen on another address of this machine.
    """
    stranger = httpx.post(
        f"{space.url}/practice/kill/web",
        headers={"Origin": "https://evil.example"},
        trust_env=False,
    )
    rebound = httpx.get(
        f"{space.url}/practice/config", headers={"Host": "evil.example"}, trust_env=False
    )
    assert (stranger.status_code, rebound.status_code) == (403, 403)
    with pytest.raises(httpx.ConnectError):
        httpx.get(space.url.replace("127.0.0.1", "127.0.0.2"), trust_env=False)
