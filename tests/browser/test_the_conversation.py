"""Whole setup in the page, from ``/setup-email`` to the agent's answer.

A newcomer who reads only the page gets a channel, with a mouse and with the keyboard alone.
"""

import re
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
import pytest

from practice.page.drivers import Keyboard
from tests.browser.conftest import axe, opened_space, picture
from tests.browser.walks import ADMIN, Setup

SECRET = re.compile(r"\w{2,4}[QRq]~[\w~.-]{31,40}")

GONE_ON = (
    "([id, change]) => "
    "Number(document.querySelector(`[data-id='${id}']`)?.dataset.change) > Number(change)"
)


@pytest.fixture
def space(browser, tmp_path):
    """Practice space of its own for each test, in which nothing has happened yet."""
    with opened_space(tmp_path) as running:
        yield running


@dataclass(slots=True)
class Story(Setup):
    """Whole setup in which the administrator declines once, and the worker is killed.

    ``look`` is called with every page of the bot and of Microsoft that a person sees, and
    ``picture`` takes pictures of the practice page.
    """

    picture: Callable[..., None] = lambda *_: None
    shown: list[str] = field(default_factory=list)
    secret: str = ""

    @contextmanager
    def step(self, name):
        """Do a step without counting its actions."""
        yield

    def look_around(self):
        """Look at no page, because the practice page has tests of its own."""

    def ask(self):
        """Fill in the first card, and ask the administrator 1:1 on the next one."""
        hands = self.hands
        hands.press("Continue", self.begin())
        hands.press("Ask my administrator")
        asked = hands.page.locator("#messages").get_by_label("Administrator's Webex address")
        hands.fill(asked.last, ADMIN)
        hands.press("Send 1:1")

    def approve(self):
        """Approve, and kill the worker while the steps run.

        The id of the message with the run's card is kept, with the number of its last change.
        """
        hands = self.hands
        hands.be("requester", "space")
        self.picture(hands.page, "plan", hands.card("Approve for the tenant"))
        Setup.approve(self)
        message = hands.card("Cancel run").locator("xpath=ancestor::article[1]")
        self.shown = [str(message.get_attribute(f"data-{name}")) for name in ("id", "change")]
        hands.activate(hands.page.get_by_role("button", name="Kill the worker"))
        hands.page.get_by_text("was killed and started again").wait_for()

    def consent(self):
        """Decline the admin consent first, and then grant it.

        After the refusal the bot says that the permission was declined, and the card offers the
        link again.
        """
        self.hands.be("administrator", "space")
        self.at_microsoft("Grant admin consent", decision="Decline")
        self.hands.sees("The permission was declined")
        self.picture(self.hands.page, "declined")
        self.at_microsoft("Grant admin consent")

    def one_time_page(self):
        """Reveal the secret, and fill in Webex Connect's form with it and the card's fields."""
        hands = self.hands
        there = hands.at(hands.open("Show the secret once"))
        self.look(there.page)
        there.activate(there.page.get_by_role("button", name="Show the secret"))
        secret = there.page.get_by_label("Client Secret", exact=True)
        secret.wait_for()
        self.look(there.page)
        self.secret = str(secret.input_value())
        assert SECRET.fullmatch(self.secret)
        there.page.close()
        self.picture(hands.page, "connect", hands.card("Registered"))
        form = hands.page.locator("#clouds")
        hands.activate(form.get_by_role("button", name="Copy from the bot's card", exact=True))
        form.get_by_text("Copied from the card.").wait_for()
        hands.fill(form.get_by_label("Client Secret", exact=True), self.secret)

    def connect(self):
        """Generate the token, save the form, and register the app. The page drops the secret."""
        Setup.connect(self)
        assert self.secret not in self.hands.page.content()

    def answer(self):
        """Confirm that the test mail reached the agent, and answer it as the agent."""
        hands = self.hands
        hands.be("requester", "space")
        has_it = hands.card("Confirm that it arrived")
        hands.page.get_by_text("has the task").last.wait_for(state="attached")
        hands.press("Confirm that it arrived", has_it)
        Setup.answer(self)
        hands.page.get_by_text("7501 Submitted").first.wait_for()
        self.picture(hands.page, "done", hands.card("Check now"))

    def tell(self):
        """Play the setup. The killed run has gone on, and the tour has gone along by itself."""
        self.play()
        self.hands.page.wait_for_function(GONE_ON, arg=self.shown)
        assert "Tour, 5 of 5" in self.hands.page.locator("#tour").inner_text()


def refuses_strangers(url):
    """Assert that the server refuses another site's script and another host name.

    It does not listen on another address of this machine.
    """
    stranger = httpx.post(
        f"{url}/practice/kill/web", headers={"Origin": "https://evil.example"}, trust_env=False
    )
    rebound = httpx.get(f"{url}/practice/config", headers={"Host": "evil.example"}, trust_env=False)
    assert (stranger.status_code, rebound.status_code) == (403, 403)
    with pytest.raises(httpx.ConnectError):
        httpx.get(url.replace("127.0.0.1", "127.0.0.2"), trust_env=False)


def test_the_whole_setup(space, visit):
    """The whole setup works in the page and ends with a channel proven by an agent's answer.

    No page on the way violates WCAG 2.2 AA. The worker is killed in the middle, and the card that
    showed the run continues. Before that, the page refuses strangers.
    """
    refuses_strangers(space.url)
    found: list[str] = []

    def look(page):
        assert "Practice space" in page.inner_text("body")
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)
            found.extend(axe(page))
        page.emulate_media(color_scheme="light")

    Story(visit(), look=look, picture=picture).tell()
    assert found == []


@pytest.mark.slow
def test_the_whole_setup_by_keyboard(visit):
    """The whole setup works with Tab, arrows, Enter and typing alone.

    The focus is always visible and is not lost when a card is redrawn.
    """
    keyboard = visit(hands=Keyboard)
    Story(keyboard).tell()
    assert keyboard.trouble == []
