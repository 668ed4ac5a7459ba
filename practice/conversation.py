"""Path of one mailbox through the conversation, in steps that a test can play one by one.

A test can leave the conversation at any point.
"""

import itertools
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

import httpx

from practice import cardtext
from practice.actors import ADMIN, AGENT, CHANGING, REQUESTER, SECRET
from practice.browser import Page
from practice.client import NotSeenError, People, Wanted, does, has, is_done_card, links

MEMBERS = (REQUESTER, ADMIN, "helpdesk@contoso.com", AGENT, "colleague@contoso.com")
DIRECT = "direct"
FORM = {
    "Email ID": "email_id",
    "Authentication Type": "authentication_type",
    "SMTP Server": "smtp_server",
    "Username": "username",
    "Port / Security": "port_security",
    "Client ID": "client_id",
    "Authorization URL": "authorization_url",
    "Scope": "scope",
    "Access Token URL": "access_token_url",
    "Refresh Token URL": "refresh_token_url",
}

Json = dict[str, Any]
_numbers = itertools.count(1)


def words(message: Json) -> str:
    """Return all the text that a message shows, as a person reads it."""
    return "\n".join(cardtext.lines(message["card"])) if message["card"] else str(message["text"])


def band(message: Json) -> str:
    """Return the text of the card's band.

    The band is the first colored box of the card. It names the problem and whose turn it is.
    """
    shown = itertools.dropwhile(lambda line: not line.startswith("▌"), words(message).splitlines())
    return "\n".join(
        line.removeprefix("▌").strip()
        for line in itertools.takewhile(lambda line: line.startswith("▌"), shown)
    )


@dataclass(slots=True)
class Walk:
    """Actions of people in one run of the conversation.

    ``room`` is a space's name or ``direct``. Cards from before the walk are ignored. ``tell`` is
    called with what happens outside the bot.
    """

    people: People
    mailbox: str
    room: str = DIRECT
    requester: str = REQUESTER
    admin: str = ADMIN
    since: int = 0
    written: int = 0
    revealed: bool = False
    worked: int = 0
    said: Json = field(default_factory=dict)
    tell: Callable[[str], None] = lambda _: None

    @property
    def signs_in(self) -> str:
        """Return the user who signs in for the mailbox."""
        return self.mailbox

    def __post_init__(self) -> None:
        """Remember the present state, so that everything older is ignored."""
        self.since = self.people.now()
        self.written = len(self.people.control("GET", "journal")["items"])
        self.worked = len(self.tasks())

    def card(
        self, expected: str, *verbs: str, seconds: float = 20, after: int = 0, **more: Any
    ) -> Json:
        """Return the newest card of this walk with these buttons.

        See :func:`practice.client.has` for the arguments.
        """
        return self.wait(expected, has(*verbs, **more), seconds, after)

    def wait(self, expected: str, wanted: Wanted, seconds: float = 20, after: int = 0) -> Json:
        """Return the newest matching message of this walk's space or of a 1:1."""

        def is_mine(message: dict[str, Any]) -> bool:
            return message["room"] in {self.room, DIRECT} and wanted(message)

        return self.people.wait_for(expected, is_mine, seconds, max(after, self.since))

    def saying(self, text: str, seconds: float = 20, after: int = 0, who: str = "") -> Json:
        """Return the newest message that contains ``text``, and that ``who`` can see if given."""
        return self.wait(
            f"a card that says {text!r}",
            lambda each: text in words(each) and (not who or who in each["members"]),
            seconds,
            after,
        )

    def type(self, text: str, who: str = "", room: str = "", **more: Any) -> Json:
        """Write to the bot and return its answer in the thread."""
        self.people.look()
        before, here = self.people.change, room or self.room
        self.said = self.people.say(who or self.requester, text, here, **more)
        return self.people.wait_for(
            f"an answer to {text}", lambda each: each["parentId"] == self.said["id"], 20, before
        )

    def press(
        self, card: Json, do: str, inputs: Json | None = None, who: str = "", **more: Any
    ) -> Json:
        """Press a button and return the message that changed or appeared in the card's thread."""
        before = self.people.now()
        self.act(who or self.requester, card, do, inputs, **more)
        thread = {card["id"], card["parentId"]} - {""}
        return self.people.wait_for(
            f"something after {do}",
            lambda each: bool(thread & {each["id"], each["parentId"]}),
            20,
            before,
        )

    def act(self, who: str, card: Json, do: str, inputs: Json | None = None, **more: Any) -> None:
        """Press a button as this person, on the newer card if this one goes on below just now."""
        try:
            self.people.press(who, card, do, inputs, **more)
        except httpx.HTTPStatusError:
            self.people.press(who, self.card(f"a newer card with {do}", do), do, inputs, **more)

    def open(
        self, card: Json, who: str = "", decision: Literal["accept", "decline"] = "accept"
    ) -> Page:
        """Open the card's link in a person's browser and return the last page."""
        return self.people.open_link(who or self.admin, links(card)[0], decision)

    def ask(self) -> Json:
        """Send ``/setup-email`` with the address and return the first card."""
        return self.type(f"/setup-email {self.mailbox}")

    def right(self, **more: str) -> Json:
        """Return the correct values for the first card, as Webex Connect shows them."""
        app = self.people.control("GET", "connect/app")
        return {
            "callback_url": app["callback_url"],
            "forwarding_address": app["forwarding_address"],
            **more,
        }

    def details(self, **more: str) -> Json:
        """Fill in the first card and return the sign-in card.

        Checks may log in as the mailbox, so the rehearsal is part of the walk.
        """
        given = {"check_login": "yes", **self.right(**more)}
        self.act(self.requester, self.card("the first card", "intake"), "intake", given)
        return self.card("a sign-in card", "ask_administrator", link=True)

    def plan(self, who: str = "", *, delegate: str = "", **more: str) -> Json:
        """Play from the command to the plan and return the plan card."""
        self.ask()
        self.open(self.details(**more), who)
        self.choose(delegate)
        return self.card("a plan card", "approve")

    def planned(self, command: str, title: str = "") -> Json:
        """Type a command, press the answer's button with this title if given, sign in, and plan.

        Return the plan card. Cards and tasks from before are ignored from now on.
        """
        self.since, self.worked = self.people.now(), len(self.tasks())
        answer = self.type(f"{command} {self.mailbox}")
        if title:
            self.people.press(self.requester, answer, title=title)
        self.open(self.card("a sign-in card", "ask_administrator", link=True))
        return self.card(f"the plan of {command}", "approve")

    def choose(self, delegate: str) -> None:
        """Name the delegate of a shared mailbox, if there is one."""
        if delegate:
            asked = self.card("the question for the delegate", "delegate")
            self.act(self.requester, asked, "delegate", {"delegate": delegate})

    def approve(self, plan: Json | None = None) -> None:
        """Approve the plan, and approve the tenant-wide change too if the card asks for that."""
        card = plan or self.card("a plan card", "approve")
        for verb in ("approve", "approve_tenant"):
            if verb in does(card):
                self.act(self.requester, card, verb)

    def consent(self, seconds: float = 40) -> Page:
        """Grant consent as the administrator."""
        return self.open(self.card("a consent card", "look_again", link=True, seconds=seconds))

    def form(self, seconds: float = 40) -> Json:
        """Return the card with the Webex Connect form."""
        link = (
            not self.revealed
        )  # without its link it could be another run's card that was edited in the same 1:1
        return self.card(
            "the form for Webex Connect",
            "token_saved",
            link=link,
            member=self.requester,
            seconds=seconds,
        )

    def secret(self, card: Json) -> str:
        """Return the client secret from the one-time page.

        Raises:
            NotSeenError: when the page shows no secret.
        """
        page = self.open(card, self.requester)
        self.revealed = True
        found = SECRET.search(page.text)
        if found is None:
            raise NotSeenError(
                f"the client secret on the one-time page, which says: {page.text}", card
            )
        return found.group()

    def fill_in(self, who: str = "") -> None:
        """Fill in and submit the Webex Connect form."""
        self.enter()
        self.connect(who)

    def enter(self) -> Json:
        """Fill in the form with the card's fields and the secret, and return the card."""
        card = self.form()
        secret = self.secret(card)
        fields = {key: cardtext.value(card["card"], label) for label, key in FORM.items()}
        self.people.control(
            "POST", "connect/app", connect_fields(fields) | {"client_secret": secret}
        )
        return card

    def connect(self, who: str = "") -> None:
        """Generate the token as the mailbox or as ``who``, save, register, and say so to the bot.

        Each is a fact. Its button is not pressed if the bot has already read the fact in a log.
        """
        signs_in, control = who or self.signs_in, self.people.control
        card = self.form()
        self.tell(
            f"{signs_in} generates the token in Webex Connect and signs in; the requester saves"
        )
        control("POST", "connect/generate_token", {"as": signs_in})
        control("POST", "connect/save", {})
        self._say(card, "token_saved")
        self.tell("The requester registers the app to Webex Engage")
        control("POST", "connect/register", {"service": "Email service"})
        self._say(card, "registered")

    def _say(self, card: Json, do: str) -> None:
        card = self.people.renewed(card)
        if do in does(card):
            with suppress(httpx.HTTPStatusError):  # it was read in this moment
                self.people.press(self.requester, card, do)

    def offer(self, seconds: float = 20) -> Json:
        """Return the card that offers the rehearsal to the requester."""

        def offers(each: Json) -> bool:
            return "rehearse" in does(each) and self.requester in each["members"]

        return self.wait("an offer to rehearse", offers, seconds)

    def rehearse(self, who: str = "") -> Page:
        """Sign in as the mailbox, or as ``who``, for the rehearsal."""
        self.act(self.requester, self.offer(), "rehearse")
        link = self.card("a link for the mailbox user", "skip_rehearsal", link=True)
        return self.open(link, who or self.signs_in)

    def skip(self, reason: str = "The mailbox user is away") -> None:
        """Skip the rehearsal with a reason."""
        self.act(self.requester, self.offer(), "skip_rehearsal", {"skip_reason": reason})

    def task(self, seconds: float = 40) -> Json:
        """Return the newest contact center task about this mailbox."""
        found: Json = self.people.until(
            "the test mail as a task", lambda: self.tasks()[self.worked :], seconds
        )[-1]
        return found

    def tasks(self) -> list[Json]:
        """Return the tasks about this mailbox, including those from before the walk."""
        return [
            each
            for each in self.people.control("GET", "agent/tasks")["items"]
            if self.mailbox in str(each)
        ]

    def answer(self) -> None:
        """Confirm as the agent that the mail has arrived, and answer it."""
        subject = str(self.task()["subject"])
        card = self.card("the agent's turn", "agent_has_it", seconds=40)
        self.act(AGENT if card["roomType"] == "group" else self.requester, card, "agent_has_it")
        self.tell(f"The agent answers {subject!r}")
        self.people.control("POST", "agent/answer", {"subject": subject, "body": "We are here."})

    def done(self, seconds: float = 60) -> Json:
        """Wait for the card of the finished setup and return it."""
        return self.wait("the done card", is_done_card, seconds)

    def to_the_proof(self) -> Json:
        """Play from the consent to the agent's answer.

        Return the card of the finished setup.
        """
        self.consent()
        self.fill_in()
        self.rehearse()
        self.answer()
        return self.done()

    def writes(self) -> list[str]:
        """Return the changes made at Microsoft since the walk began, in order."""
        entries = self.people.control("GET", "journal", after=self.written)["items"]
        return [
            name
            for entry in entries
            if (name := f"{entry['service']}.{entry['action']}").startswith(CHANGING)
        ]


def connect_fields(fields: dict[str, str]) -> Json:
    """Return the fields of Webex Connect's form, split if the card shows them combined."""
    port, _, security = fields.pop("port_security").partition("/")
    return {**fields, "port": port.strip(), "security": security.strip()}


def space(people: People, *more: str) -> str:
    """Create a space and return its name.

    Its members are the people of contoso, the bot and ``more`` people.
    """
    name = f"Space {next(_numbers)}"
    people.control("POST", "webex/space", {"name": name, "members": [*MEMBERS, *more]})
    return name


def fresh(people: People, *, dehydrated: bool = False) -> None:
    """Reset contoso to its initial state.

    With ``dehydrated`` the tenant also needs the tenant-wide change (customization).
    """
    tenant = people.tenant()
    box = {
        "smtp_auth_disabled": None,
        "forwarding_address": None,
        "forwarding_smtp_address": None,
        "deliver_and_forward": False,
    }
    users = {upn: {"mailbox": box} for upn, user in tenant["users"].items() if user["mailbox"]}
    policies = [policy for policy in tenant["outbound_policies"] if policy["IsDefault"]]
    state = {
        "users": users,
        "outbound_policies": policies,
        "outbound_rules": [],
        "dehydrated": dehydrated,
    }
    for app in tenant["applications"]:
        people.patch({"delete_application": app["appId"]})
    people.patch(state)
    people.control("DELETE", "faults")


def apps(people: People) -> list[Json]:
    """Return the apps of contoso, as an administrator sees them in the portal."""
    found: list[Json] = people.tenant()["applications"]
    return found
