"""Human actions of a whole setup: clicks, fields and page loads, counted in a real browser.

Counted is what a person does: a click on a button, link or choice, a field that is filled in (sending a
message is part of its field), and a page that opens and is read. Choosing another person, another room,
and scrolling belong to the practice page and are not counted. The one-time page shows the form of Webex
Connect field by field. Copying and pasting those fields is counted apart, because every way to fill in
the form has it.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from adaptive_cards.texts import text
from practice.client import from_bot
from practice.page.drivers import Mouse
from practice.page.host import PracticeSpace

MAILBOX, ADMIN = "support@contoso.com", "admin@contoso.com"
MOST = {"article": 36, "least": 28}
"""Most human actions for a setup, by permission profile."""
KINDS = ("clicks", "fields", "loads")
FORM = (
    *("Email ID", "Authentication Type", "SMTP Server", "Username", "Port", "Security"),
    *("Client ID", "Authorization URL", "Scope", "Access Token URL", "Refresh Token URL"),
)
"""Fields of Webex Connect's form besides the secret."""
CHOSEN = frozenset({"Authentication Type", "Port", "Security"})
"""Fields in which a choice is made and nothing is pasted."""
SECRET = "Client Secret"


@dataclass(slots=True)
class Count:
    """Actions of each step, and the pastes of the form."""

    steps: dict[str, Counter[str]] = field(default_factory=dict)
    now: str = ""
    pastes: int = 0

    def add(self, kind: str) -> None:
        """Count one action of the present step."""
        self.steps.setdefault(self.now, Counter())[kind] += 1

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Count what happens inside for this step."""
        self.now = name
        yield
        self.now = ""

    @property
    def sum(self) -> int:
        """Return all actions but the pastes of the form."""
        return sum(counted.total() for counted in self.steps.values())

    def table(self, title: str) -> str:
        """Return the counts, one line a step."""
        lines = [f"{title:44}" + "".join(f"{kind:>8}" for kind in (*KINDS, "sum"))]
        for name, counted in [*self.steps.items(), ("sum", sum(self.steps.values(), Counter()))]:
            numbers = [*(counted[kind] for kind in KINDS), counted.total()]
            lines.append(f"{name:44}" + "".join(f"{number:>8}" for number in numbers))
        return "\n".join([*lines, f"with the pastes of the form: {self.sum + self.pastes}"])


@dataclass(slots=True)
class CountedMouse(Mouse):
    """Mouse whose actions are counted."""

    count: Count = field(default_factory=Count)

    def activate(self, target: Any) -> None:
        """Click."""
        self.count.add("clicks")
        target.click()

    def fill(self, target: Any, text: str) -> None:
        """Fill in a field."""
        self.count.add("fields")
        target.fill(text)

    def enter(self, room: str) -> None:
        """Choose the conversation, which the practice page alone asks for."""
        if room:
            self.page.locator(f"#room-{room}").click()

    def open(self, title: str) -> Any:
        """Open a card's link. From then on each document that the page loads counts."""
        count = self.count
        self.context.once(
            "page", lambda page: page.on("domcontentloaded", lambda _: count.add("loads"))
        )
        return Mouse.open(self, title)

    def at(self, page: Any) -> CountedMouse:
        """Return the same user in front of another page."""
        return CountedMouse(page, self.context, self.url, self.count)


@pytest.fixture
def space(browser: Any, tmp_path: Any) -> Iterator[PracticeSpace]:
    """A practice space of its own for each setup."""
    running = PracticeSpace(tmp_path / "run", 0)
    running.open()
    try:
        running.start()
        yield running
    finally:
        running.stop()


@dataclass(slots=True)
class Setup:
    """Whole setup with one permission profile."""

    hands: CountedMouse
    profile: str

    def play(self) -> None:
        """Play every step, by the people whose turn it is."""
        step = self.hands.count.step
        with step("requester: message and first card"):
            self.ask()
        with step("administrator: sign-in"):
            self.hands.be("administrator", "direct")
            self.at_microsoft("Sign in with Microsoft")
        with step("approver: plan and tenant"):
            self.approve()
        if self.profile == "article":
            with step("administrator: admin consent"):
                self.hands.be("administrator", "direct")
                self.at_microsoft("Grant admin consent")
        with step("requester: one-time page"):
            self.hands.be("requester", "direct")
            self.one_time_page()
        with step("requester: Webex Connect"):
            self.connect()
        with step("agent: answer"):
            self.answer()

    def ask(self) -> None:
        """Send the command and fill in the first card, which names the administrator."""
        hands = self.hands
        hands.be("requester", "space")
        hands.count.add("fields")
        hands.page.locator("#text").fill(f"/setup-email {MAILBOX}")
        hands.page.keyboard.press("Enter")
        card = hands.card("Continue")
        for label in ("Call Back URL", "Forwarding Address"):
            hands.activate(hands.page.get_by_role("button", name=f"Copy {label}"))
            hands.page.get_by_text(f"{label} copied.").wait_for()
            value = hands.page.evaluate("navigator.clipboard.readText()")
            hands.fill(card.get_by_label(label), value)
        hands.fill(card.get_by_label(text("field.administrator")), ADMIN)
        if self.profile == "least":
            hands.activate(card.get_by_role("radio", name=text("choice.profile.least")))
        hands.press("Continue", card)

    def at_microsoft(self, link: str) -> None:
        """The card's link, the bot's page, Microsoft's page, and the bot's page with the result."""
        there = self.hands.at(self.hands.open(link))
        there.sign_in(ADMIN)
        there.page.close()

    def approve(self) -> None:
        """Approve the plan, and the change to the whole tenant apart from it."""
        hands = self.hands
        hands.be("requester", "space")
        hands.activate(hands.matching(re.compile(r"^Approve \d+ changes$")))
        hands.press("Approve for the tenant")

    def one_time_page(self) -> None:
        """Reveal the secret and put every field of the page into the form of Webex Connect."""
        hands = self.hands
        there = hands.at(hands.open("Show the secret once"))
        there.activate(there.page.get_by_role("button", name="Show the secret"))
        shown = there.page.get_by_label(SECRET, exact=True)
        shown.wait_for()
        form = hands.page.locator("#clouds")
        labels = there.page.locator("dt label").all_inner_texts()
        assert [each for each in labels if each in FORM] == list(FORM)
        for label in FORM:
            value = there.page.get_by_label(label, exact=True).input_value()
            form.get_by_label(label, exact=True).fill(value)
        copied = {there.page.get_by_label(each, exact=True).input_value() for each in FORM}
        hands.count.pastes = len(FORM) + len(copied) - len(CHOSEN)
        there.activate(shown.locator("xpath=following-sibling::button"))
        hands.fill(form.get_by_label(SECRET, exact=True), shown.input_value())
        there.page.close()

    def connect(self) -> None:
        """Generate the token, save, and register. The bot reads both in the logs."""
        hands, form = self.hands, self.hands.page.locator("#clouds")
        for name, told in (
            ("Generate Token", "Press Save."),
            ("Save", "Saved."),
            ("Register To Webex Engage", "Registered."),
        ):
            hands.activate(form.get_by_role("button", name=name, exact=True))
            if name != "Save":
                answer = "Accept" if name == "Generate Token" else "Register"
                ask = hands.page.locator("#ask")
                hands.activate(ask.get_by_role("button", name=answer, exact=True))
            form.get_by_text(told).first.wait_for()

    def answer(self) -> None:
        """The test mail becomes a task, and the agent answers it, which proves everything."""
        hands = self.hands
        hands.be("requester", "space")
        hands.page.get_by_text("has the task").last.wait_for(state="attached")
        hands.activate(hands.page.get_by_role("button", name="Answer as the agent"))
        hands.activate(hands.page.locator("#ask").get_by_role("button", name="Answer"))
        hands.sees("is connected to Webex Contact Center")


def _messages(space: PracticeSpace) -> str:
    """Return how many messages the bot posted, in all rooms."""
    assert space.stack is not None
    people = space.stack.people()
    people.look()
    mine = [each for each in people.messages.values() if from_bot(each)]
    people.close()
    rooms = Counter(str(each["roomType"]) for each in mine)
    return f"messages: {len(mine)} ({', '.join(f'{many} {kind}' for kind, many in rooms.items())})"


@pytest.mark.parametrize("profile", MOST)
def test_a_setup_takes_few_hands(visit: Any, space: PracticeSpace, profile: str):
    """A setup takes at most so many actions, and nobody presses what the bot can read.

    Each step of it has been taken: the ones that stay for safety are counted, too.
    """
    hands = visit(hands=CountedMouse)
    Setup(hands, profile).play()
    count: Count = hands.count
    sys.stdout.write(f"\n{count.table(f'Setup, {profile}')}\n{_messages(space)}\n")
    assert count.sum <= MOST[profile], count.table(profile)
    kept = {
        "administrator: sign-in": ("loads", 3),  # the bot's page, Microsoft's, the result
        "approver: plan and tenant": ("clicks", 2),
        "requester: one-time page": ("clicks", 3),  # the link, the button, Copy
    }
    assert {name: count.steps[name][kind] for name, (kind, _) in kept.items()} == {
        name: number for name, (_, number) in kept.items()
    }
