"""Walk of a user through a whole setup and an incident on the practice page, in any language.

Tests that count, compare or translate the things seen on the way share it. An action of a person is
counted: a click on a button, link or choice, a field that is filled in (sending a message is part
of its field), and a page that opens and is read. Choosing another person or room and scrolling
belong to the practice page and are not counted. The one-time page shows the form of Webex Connect
field by field. These fields count only in the sum that is compared with the article's.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

from adaptive_cards.locale import SOURCE, Locale, drawn_for
from adaptive_cards.texts import own_text, text
from practice.page.drivers import PATIENCE_MS, Mouse
from practice.page.host import PracticeSpace
from tests.unit.practice.test_page_in_german import table as german_page

MAILBOX, ADMIN = "support@contoso.com", "admin@contoso.com"
KINDS = ("clicks", "fields", "loads")
FORM = (
    *("Email ID", "Authentication Type", "SMTP Server", "Username", "Port", "Security"),
    *("Client ID", "Authorization URL", "Scope", "Access Token URL", "Refresh Token URL"),
)
"""Fields of Webex Connect's form, except for the client secret."""
SECRET = "Client Secret"
BY_HAND = 78
"""Actions of Cisco's article for a setup."""
COPY = {"en": ("Copy {}", "{} copied."), "de": ("{} kopieren", "{} kopiert.")}
"""Words of the page about copying a value, by language."""
MOST = {"article": 41, "least": 35}
"""Maximum number of human actions for a setup, by permission profile."""
READ = {
    "Generate Token": "connect.turn_save",
    "Register To Webex Engage": "connect.registered_read",
}
"""Texts of the card that say what the bot has read of a press in Webex Connect."""
NEW_APP = 5
"""Actions of Configure New App in Webex Connect, which the article counts and the walk does not."""


@dataclass(slots=True)
class Count:
    """Number of human actions in each step."""

    steps: dict[str, Counter[str]] = field(default_factory=dict)
    now: str = ""

    def add(self, kind: str) -> None:
        """Count one action in the current step."""
        self.steps.setdefault(self.now, Counter())[kind] += 1

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Count every action inside the block for the step with this name."""
        self.now = name
        yield
        self.now = ""

    @property
    def sum(self) -> int:
        """Return the number of all actions except the fields of Webex Connect's form."""
        return sum(counted.total() for counted in self.steps.values())

    def table(self, title: str) -> str:
        """Return the counts as a table with one line for each step."""
        lines = [f"{title:44}" + "".join(f"{kind:>8}" for kind in (*KINDS, "sum"))]
        for name, counted in [*self.steps.items(), ("sum", sum(self.steps.values(), Counter()))]:
            numbers = [*(counted[kind] for kind in KINDS), counted.total()]
            lines.append(f"{name:44}" + "".join(f"{number:>8}" for number in numbers))
        same = self.sum + NEW_APP + len(FORM)
        return "\n".join([*lines, f"counted as the article does: {same} of {BY_HAND}"])


@dataclass(slots=True)
class CountedMouse(Mouse):
    """Mouse whose actions are counted."""

    count: Count = field(default_factory=Count)

    def activate(self, target: Any) -> None:
        """Click the target, and count a click."""
        self.count.add("clicks")
        target.click()

    def fill(self, target: Any, text: str) -> None:
        """Fill in a field, and count it."""
        self.count.add("fields")
        target.fill(text)

    def enter(self, room: str) -> None:
        """Choose the conversation, uncounted, because only the practice page asks for it."""
        if room:
            self.page.locator(f"#room-{room}").click()

    def open(self, title: str) -> Any:
        """Open a card's link, and count each document that its page loads."""
        count = self.count
        self.context.once(
            "page", lambda page: page.on("domcontentloaded", lambda _: count.add("loads"))
        )
        return Mouse.open(self, title)

    def at(self, page: Any) -> CountedMouse:
        """Return the same user in front of another page."""
        return CountedMouse(page, self.context, self.url, self.count)


@dataclass(slots=True)
class Walk:
    """User in the page, with the titles of cards and pages in the language of the walk.

    ``look`` is called with each page of the bot and of Microsoft, and with the practice page after
    each step.
    """

    hands: Any
    language: str = SOURCE
    look: Callable[[Any], None] = lambda _: None

    def said(self, key: str, **values: str) -> str:
        """Return a text of the catalog in the language of this walk."""
        with drawn_for(Locale(self.language)):
            return text(key, **values)

    def page_says(self, words: str) -> str:
        """Return words of the practice page itself in the language of this walk."""
        return german_page()[words] if self.language == "de" else words

    def typed(self, command: str, argument: str) -> str:
        """Return a command with its name in the language of this walk."""
        names = own_text(f"typed_as.{command}", self.language).split()
        return f"/{(names or [command])[0]} {argument}"

    def at_microsoft(self, link: str, account: str = ADMIN, decision: str = "Accept") -> None:
        """Sign in by the card's link, through the pages of the bot and of Microsoft."""
        there = self.hands.at(self.hands.open(link))
        self.look(there.page)
        there.sign_in(account, decision, self.look)
        self.look(there.page)
        there.page.close()

    def answer_as_agent(self) -> None:
        """Wait until the newest mail has become a task, and answer it as the agent."""
        hands = self.hands
        there = self.page_says("has the task")
        hands.page.locator("#waylist").get_by_text(there).last.wait_for(state="attached")
        hands.activate(hands.page.locator("#agent"))
        hands.activate(hands.page.locator("#ask .btn.main"))


@dataclass(slots=True)
class Setup(Walk):
    """Whole setup with one permission profile."""

    profile: str = "article"

    def play(self) -> None:
        """Do every step of the setup as the people whose turn it is."""
        with self.step("requester: message and first card"):
            self.ask()
        with self.step("administrator: sign-in"):
            self.hands.be("administrator", "direct")
            self.at_microsoft(self.said("button.sign_in"))
        with self.step("approver: plan and tenant"):
            self.approve()
        if self.profile == "article":
            with self.step("administrator: admin consent"):
                self.consent()
        with self.step("requester: one-time page"):
            self.hands.be("requester", "direct")
            self.one_time_page()
        with self.step("requester: Webex Connect"):
            self.connect()
        with self.step("mailbox user: login test"):
            self.hands.be("requester", "space")
            self.hands.press(self.said("button.rehearse"))
            self.at_microsoft(self.said("button.sign_in_mailbox"), MAILBOX)
        with self.step("agent: answer"):
            self.answer()

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Count every action inside the block for this step, and look at the page afterwards."""
        with self.hands.count.step(name):
            yield
        self.look_around()

    def look_around(self) -> None:
        """Look at the practice page."""
        self.look(self.hands.page)

    def ask(self) -> None:
        """Send the command and fill in the first card, which names the administrator."""
        card = self.begin()
        self.hands.fill(card.get_by_label(self.said("field.administrator")), ADMIN)
        if self.profile == "least":
            choice = self.said("choice.profile.least")
            self.hands.activate(card.get_by_role("radio", name=choice))
        self.hands.press(self.said("button.continue"), card)

    def begin(self) -> Any:
        """Send the command, copy the values of Webex Connect, and return the first card."""
        hands = self.hands
        hands.be("requester", "space")
        hands.say(self.typed("setup-email", MAILBOX))
        card = hands.card(self.said("button.continue"))
        self.look_around()
        for label in ("Call Back URL", "Forwarding Address"):
            press, told = COPY[self.language]
            hands.activate(hands.page.get_by_role("button", name=press.format(label)))
            hands.page.get_by_text(told.format(label)).wait_for()
            value = hands.page.evaluate("navigator.clipboard.readText()")
            hands.fill(card.get_by_label(label), value)
        return card

    def approve(self) -> None:
        """Approve the plan, and then the change to the whole tenant, which has its own button."""
        hands = self.hands
        hands.be("requester", "space")
        many = self.said("button.approve", count="99").replace("99", r"\d+")
        button = hands.matching(re.compile(f"^{many}$"))
        self.look_around()
        hands.activate(button)
        hands.press(self.said("button.approve_tenant"))

    def consent(self) -> None:
        """Grant the admin consent."""
        self.hands.be("administrator", "direct")
        self.at_microsoft(self.said("button.grant"))

    def one_time_page(self) -> None:
        """Reveal the secret and put every field of the page into the form of Webex Connect."""
        hands = self.hands
        there = hands.at(hands.open(self.said("button.show_secret")))
        self.look(hands.page)
        self.look(there.page)
        reveal = self.said("page.handover_button")
        there.activate(there.page.get_by_role("button", name=reveal))
        shown = there.page.get_by_label(SECRET, exact=True)
        shown.wait_for()
        self.look(there.page)
        form = hands.page.locator("#clouds")
        labels = there.page.locator("dt label").all_inner_texts()
        assert [each for each in labels if each in FORM] == list(FORM)
        for label in FORM:
            value = there.page.get_by_label(label, exact=True).input_value()
            form.get_by_label(label, exact=True).fill(value)
        there.activate(shown.locator("xpath=following-sibling::button"))
        hands.fill(form.get_by_label(SECRET, exact=True), shown.input_value())
        there.page.close()

    def connect(self) -> None:
        """Generate the token, save the form, and register the app.

        The bot reads in the logs that the token was generated and the app registered.
        """
        hands, form = self.hands, self.hands.page.locator("#clouds")
        for name, told in (
            ("Generate Token", "Access Token and Refresh Token are there. Press Save."),
            ("Save", "Saved."),
            ("Register To Webex Engage", "Registered. The bot reads it in the audit log."),
        ):
            hands.activate(form.get_by_role("button", name=name, exact=True))
            if name != "Save":
                hands.activate(hands.page.locator("#ask .btn.main"))
            form.get_by_text(self.page_says(told)).first.wait_for()
            if name != "Save":
                hands.sees(self.said(READ[name]))

    def answer(self) -> None:
        """Answer the test mail as the agent, which proves the whole channel."""
        self.hands.be("requester", "space")
        self.answer_as_agent()
        self.hands.sees(self.said("done.title", mailbox=MAILBOX))


@dataclass(slots=True)
class Incident(Walk):
    """Fault on a channel that is set up: it is switched on, seen, checked and fixed."""

    def switch_on(self, fault: str) -> None:
        """Switch the fault on, also if an earlier try that failed has left it on."""
        page = self.hands.page
        page.fill("#find", fault)
        switch = page.locator(f'[data-fault="{fault}"]')
        if switch.get_attribute("aria-checked") != "true":
            switch.click()
        page.locator(f'[data-fault="{fault}"][aria-checked=true]').wait_for()

    def switch_off(self, fault: str) -> None:
        """Switch all faults off, so that the clouds and the mail are as before the first fault."""
        self.hands.page.locator("#alloff").click()
        self.hands.page.locator(f'[data-fault="{fault}"][aria-checked=false]').wait_for()

    def mail(self, *, answered: bool) -> None:
        """Send a mail as a customer, and answer it as the agent if ``answered`` is set."""
        page = self.hands.page
        page.locator("#customer").click()
        page.locator("#ask .btn.main").click()
        page.get_by_text(self.page_says("The mail server took the mail.")).wait_for()
        if answered:
            self.answer_as_agent()

    def stops_at(self, station: str) -> None:
        """Wait until the drawing shows that the mail stops at this station."""
        line = self.hands.page.locator("#waylist li").filter(has_text=self.page_says(station))
        stops = line.get_by_text(self.page_says("stops here"))
        stops.wait_for(state="attached", timeout=PATIENCE_MS)

    def check(self, cause: str) -> None:
        """Check as the administrator, who signs in, until the card names the cause first."""
        hands = self.hands
        hands.be("administrator", "space")
        hands.say(self.typed("check", MAILBOX))
        self.at_microsoft(self.said("button.see_more"))
        hands.sees(self.said(f"cause.{cause}").rstrip("."))
        self.look(hands.page)

    def fix(self, start: Callable[[], None]) -> None:
        """Begin the fix as the requester, and go on to its proof, a test mail and its answer."""
        hands = self.hands
        hands.be("requester", "space")
        start()
        hands.be("administrator", "space")
        hands.card(self.said("button.ask_administrator"))
        self.look(hands.page)
        self.at_microsoft(self.said("button.sign_in"))
        hands.be("requester", "space")
        approve = self.said("button.approve", count="1")
        hands.card(approve)
        self.look(hands.page)
        hands.press(approve)
        hands.press(self.said("button.agent_has_it"))
        self.look(hands.page)
        self.answer_as_agent()
        hands.sees(self.said("done.fixed", mailbox=MAILBOX))
        self.look(hands.page)


def let_time_pass(visitor: Any, told: str = "Let 15 minutes pass") -> str:
    """Press the button that lets time pass for the watch, and return the page's words about it."""
    page = visitor.page
    page.locator("#look", has_text=told).click()
    page.locator("#look:not([disabled])").wait_for(timeout=PATIENCE_MS)
    return str(page.locator("#looked").inner_text())


def posted(space: PracticeSpace, after: int = 0) -> list[dict[str, Any]]:
    """Return the bot's messages in all rooms that changed after the number ``after``."""
    with closing(space.stack.people()) as people:
        return people.posted(after)


def counted(messages: list[dict[str, Any]]) -> str:
    """Return the number of these messages in words, with the number for each type of room."""
    rooms = Counter(str(each["roomType"]) for each in messages)
    kinds = ", ".join(f"{many} {kind}" for kind, many in rooms.items())
    return f"messages: {len(messages)} ({kinds})"
