"""Conversation of a whole setup in scenes.

Each scene has the actor, the pressed buttons, and the expected result.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import httpx

from practice import cardtext
from practice.actors import ADMIN, AGENT, MAILBOX, REQUESTER, SECRET, Actors
from practice.client import NotSeenError, does, has, is_done_card, links

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


class Scenario(Actors):
    """Setup conversation in scenes, played one after another.

    ``details`` are the answers on the first card besides the two addresses. A scene raises
    :class:`practice.client.NotSeenError` if something is missing.
    """

    details: Json = {}  # noqa: RUF012  replaced as a whole, never modified

    def scenes(self) -> list[tuple[str, Callable[[], None]]]:
        """Return the scenes in their order, each with its title."""
        return [
            ("The requester asks for the channel in the space", self.ask),
            ("The callback URL is wrong first, then right", self.intake),
            ("The requester hands the sign-in to the administrator", self.hand_over),
            ("The administrator signs in at Microsoft", self.sign_in),
            ("The requester approves the plan", self.approve),
            ("The administrator declines, then grants consent", self.consent),
            ("The requester opens the one-time page and fills in Webex Connect", self.fill_in),
            ("Webex Connect generates its token and registers", self.connect),
            ("The mailbox user rehearses the sign-in", self.rehearse),
            ("The test mail goes to the agent, and the agent answers", self.answer),
            ("The channel is proven", self.done),
            ("Somebody asks for the status", self.status),
            ("Somebody asks for the same channel again", self.again),
        ]

    @property
    def signs_in(self) -> str:
        """Return the user who signs in for the mailbox.

        This is the mailbox's own user, or the delegate of a shared mailbox.
        """
        return str(self.details.get("delegate", MAILBOX))

    def ask(self) -> None:
        """Send ``/setup-email`` in the space; the first card answers in the thread."""
        said = self.say(f"/setup-email {MAILBOX}")
        card = self.people.wait_for("an intake card in the thread", has("intake"))
        if card["parentId"] != said["id"]:
            raise NotSeenError("the intake card as a reply to the command", card)

    def intake(self) -> None:
        """Fill in the first card with a callback URL without a path, and then with the right URL.

        The wrong URL returns the card with the values kept. The right one leads to the sign-in
        card.
        """
        app = self.people.control("GET", "connect/app")
        right = {
            "callback_url": app["callback_url"],
            "forwarding_address": app["forwarding_address"],
            "check_login": "yes",
            **{name: each for name, each in self.details.items() if name != "delegate"},
        }
        wrong = right | {"callback_url": right["callback_url"].rpartition("/")[0]}
        before = self.people.change
        self.press(REQUESTER, self.card("an intake card", "intake"), "intake", wrong)
        card = self.people.wait_for(
            "the same card with the wrong field named", has("intake"), after=before
        )
        if right["forwarding_address"] not in str(card["card"]):
            raise NotSeenError("the forwarding address kept in the card", card)
        self.press(REQUESTER, card, "intake", right)
        self.card("a sign-in card", "ask_administrator", link=True)

    def hand_over(self) -> None:
        """Send the sign-in card to the administrator in a 1:1."""
        self.press(
            REQUESTER,
            self.card("a sign-in card", "ask_administrator"),
            "ask_administrator",
            {"administrator": ADMIN},
        )
        self.card("the sign-in card 1:1 to the administrator", link=True, member=ADMIN)

    def sign_in(self) -> None:
        """Sign in, which leads to the plan; nothing has been changed yet."""
        self.open(ADMIN, self.card("the sign-in card", link=True, member=ADMIN))
        if "delegate" in self.details:
            asked = self.card("the question for the delegate", "delegate")
            self.press(REQUESTER, asked, "delegate", {"delegate": self.details["delegate"]})
        self.card("a plan card", "approve")
        if writes := self.writes():
            raise NotSeenError(f"nothing changed before Approve, but: {writes}", None)

    def approve(self) -> None:
        """Approve the plan, and the tenant-wide change with a separate button if there is one."""
        card = self.card("a plan card", "approve")
        self.press(REQUESTER, card, "approve")
        if "approve_tenant" in does(card):
            self.press(REQUESTER, card, "approve_tenant")
        self.card("a consent card", "look_again", link=True, seconds=40)

    def consent(self) -> None:
        """Decline the consent, then grant it.

        After the refusal the card explains it and offers a way on. The consent counts once the
        grants exist.
        """
        before = self.people.change
        self.open(ADMIN, self.card("a consent card", "look_again", link=True), "decline")
        card = self.people.wait_for(
            "what a declined consent means, and a way on", _way_on, after=before
        )
        if not links(card):
            self.press(ADMIN, card, "consent_again")
            card = self.people.wait_for(
                "a new consent link", has("look_again", link=True), after=card["change"]
            )
        self.open(ADMIN, card)
        self.card(
            "the form for Webex Connect, 1:1 to the requester",
            "token_saved",
            member=REQUESTER,
            link=True,
            seconds=40,
        )

    def fill_in(self) -> None:
        """Fill in Webex Connect's form with the card's fields and the one-time page's secret."""
        card = self.card("the form for Webex Connect", "token_saved", member=REQUESTER)
        page = self.open(REQUESTER, card)
        secret = SECRET.search(page)
        if not secret:
            raise NotSeenError("the client secret on the one-time page", card)
        fields = {key: cardtext.value(card["card"], label) for label, key in FORM.items()}
        self.people.control(
            "POST", "connect/app", connect_fields(fields) | {"client_secret": secret.group()}
        )
        if SECRET.search(self.open(REQUESTER, card, gone=True)):
            raise NotSeenError("the secret gone from the one-time page", card)

    def connect(self) -> None:
        """Press Generate Token, Save and Register, and confirm each with a button."""
        self.tell(
            f"{self.signs_in} generates the token in Webex Connect and signs in; the requester saves"
        )
        form = self.card("the form for Webex Connect", "registered", member=REQUESTER)
        self.people.control("POST", "connect/generate_token", {"as": self.signs_in})
        self.people.control("POST", "connect/save", {})
        self._say(form, "token_saved")
        self.tell("The requester registers the app to Webex Engage")
        self.people.control("POST", "connect/register", {"service": "Email service"})
        self._say(form, "registered")

    def _say(self, form: Json, do: str) -> None:
        """Press a button of the form's card.

        The button reports a fact. It is not pressed if the bot has already read this fact in a log.
        """
        self.people.look()
        form = self.people.messages[form["id"]]
        if do in does(form):
            with suppress(httpx.HTTPStatusError):  # it was read in this moment
                self.press(REQUESTER, form, do)

    def rehearse(self) -> None:
        """Sign in at the bot as the mailbox user; the bot then logs in by SMTP."""
        card = self.card("an offer to rehearse", "rehearse")
        self.press(REQUESTER, card, "rehearse")
        card = self.card("a link for the mailbox user", "skip_rehearsal", link=True)
        self.open(self.signs_in, card)

    def answer(self) -> None:
        """Receive the test mail as an agent's task, confirm it, and answer it."""
        tasks = self.people.until("the test mail as a task in the contact center", self.tasks, 40)
        subject = str(tasks[-1]["subject"])
        card = self.card("the agent's turn", "agent_has_it", seconds=40)
        self.press(AGENT if card["roomType"] == "group" else REQUESTER, card, "agent_has_it")
        self.tell(f"The agent answers {subject!r}")
        self.people.control("POST", "agent/answer", {"subject": subject, "body": "We are here."})

    def done(self) -> None:
        """Wait for the card of the finished setup, with its evidence."""
        self.people.wait_for("the done card", is_done_card, 60)

    def status(self) -> None:
        """Ask for ``/status`` in the space."""
        self.answered("/status")

    def again(self) -> None:
        """Send ``/setup-email`` a second time.

        The second setup changes nothing and says so. The closer look that its button offers changes
        nothing either.
        """
        self.people.control("POST", "calls/reset")
        self.answered(f"/setup-email {MAILBOX}")
        self.card("that it is connected already", "setup_again")
        if writes := self.writes():
            raise NotSeenError(f"nothing changed by the second /setup-email, but: {writes}", None)


def _way_on(message: Json) -> bool:
    return "consent_again" in does(message) or (
        "ask_consent" in does(message) and bool(links(message))
    )


def connect_fields(fields: dict[str, str]) -> Json:
    """Return the fields of Webex Connect's form, split if the card shows them combined."""
    port, _, security = fields.pop("port_security").partition("/")
    return {**fields, "port": port.strip(), "security": security.strip()}
