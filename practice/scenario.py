"""Conversation of a whole setup in scenes.

Each scene has the actor, the pressed buttons, and the expected result.
"""

from collections.abc import Callable
from typing import Any, Literal

from practice.actors import ADMIN, MAILBOX, REQUESTER, SECRET, SPACE, labels, person, way_to
from practice.browser import Page
from practice.client import NotSeenError, People, actions, does, has, links
from practice.conversation import Walk

FIRST_ERROR = 400

Json = dict[str, Any]


class Scenario(Walk):
    """Walk in scenes, played one after another, of which each action is told.

    ``answers`` are the answers on the first card besides the two addresses. A scene raises
    :class:`practice.client.NotSeenError` if something is missing.
    """

    answers: Json = {}  # noqa: RUF012  replaced as a whole, never modified

    def __init__(self, people: People, tell: Callable[[str], None]) -> None:
        super().__init__(people, MAILBOX, SPACE, tell=tell)

    def scenes(self) -> list[tuple[str, Callable[[], object]]]:
        """Return the scenes in their order, each with its title."""
        return [
            ("The requester asks for the channel in the space", self.ask),
            ("The callback URL is wrong first, then right", self.intake),
            ("The requester hands the sign-in to the administrator", self.hand_over),
            ("The administrator signs in at Microsoft", self.sign_in),
            ("The requester approves the plan", self.approve),
            ("The administrator declines, then grants consent", self.decline_and_consent),
            ("The requester opens the one-time page and fills in Webex Connect", self.enter_once),
            ("Webex Connect generates its token and registers", self.connect),
            ("The mailbox user rehearses the sign-in", self.rehearse),
            ("The test mail goes to the agent, and the agent answers", self.answer),
            ("The channel is proven", self.done),
            ("Somebody asks for the status", lambda: self.type("/status")),
            ("Somebody asks for the same channel again", self.again),
        ]

    @property
    def signs_in(self) -> str:
        """Return the user who signs in for the mailbox.

        This is the mailbox's own user, or the delegate of a shared mailbox.
        """
        return str(self.answers.get("delegate", MAILBOX))

    def type(self, text: str, who: str = "", room: str = "", **more: Any) -> Json:
        """Write to the bot and return its answer in the thread."""
        self.tell(f"{person(who or REQUESTER)} writes in {SPACE}: @Email Bot {text}")
        return super().type(text, who, room, **more)

    def act(self, who: str, card: Json, do: str, inputs: Json | None = None, **more: Any) -> None:
        """Press a button. It and the fields are told by their names on the card.

        Raises:
            NotSeenError: when the card has no such button.
        """
        names = labels(card["card"])
        typed = ", ".join(
            f"{names.get(key, key)}: {value}" for key, value in (inputs or {}).items()
        )
        self.tell(f"{person(who)} presses {way_to(card, do)}{typed and f', with {typed}'}")
        super().act(who, card, do, inputs, **more)

    def open(
        self, card: Json, who: str = "", decision: Literal["accept", "decline"] = "accept"
    ) -> Page:
        """Open the card's link and return the last page. Its title is told, without a secret."""
        page = super().open(card, who, decision)
        link = next(each for each in actions(card) if each.get("type") == "Action.OpenUrl")
        title = SECRET.sub("(the secret)", page.text.partition("\n")[0])
        declined = " and declines" if decision == "decline" else ""
        error = f" ({page.status})" if page.status >= FIRST_ERROR else ""
        by = person(who or ADMIN)
        self.tell(f"{by} opens {link['title']}{declined}; the browser shows{error}: {title}")
        return page

    def intake(self) -> None:
        """Fill in the first card with a callback URL without a path, and then with the right URL.

        The wrong URL returns the card with the values kept. The right one leads to the sign-in
        card.
        """
        given = {name: each for name, each in self.answers.items() if name != "delegate"}
        right = self.right(check_login="yes", **given)
        wrong = right | {"callback_url": right["callback_url"].rpartition("/")[0]}
        card = self.press(self.card("an intake card", "intake"), "intake", wrong)
        if right["forwarding_address"] not in str(card["card"]):
            raise NotSeenError("the forwarding address kept in the card", card)
        self.act(REQUESTER, card, "intake", right)
        self.card("a sign-in card", "ask_administrator", link=True)

    def hand_over(self) -> None:
        """Send the sign-in card to the administrator in a 1:1."""
        card = self.card("a sign-in card", "ask_administrator")
        self.act(REQUESTER, card, "ask_administrator", {"administrator": ADMIN})
        self.card("the sign-in card 1:1 to the administrator", link=True, member=ADMIN)

    def sign_in(self) -> None:
        """Sign in, which leads to the plan; nothing has been changed yet."""
        self.open(self.card("the sign-in card", link=True, member=ADMIN))
        self.choose(str(self.answers.get("delegate", "")))
        self.card("a plan card", "approve")
        if writes := self.writes():
            raise NotSeenError(f"nothing changed before Approve, but: {writes}", None)

    def decline_and_consent(self) -> None:
        """Decline the consent, then grant it.

        After the refusal the card explains it and offers a way on. The consent counts once the
        grants exist.
        """
        asked = self.card("a consent card", "look_again", link=True, seconds=40)
        self.open(asked, ADMIN, "decline")
        card = self.wait("what a declined consent means", _way_on, after=asked["change"])
        if not links(card):
            self.act(ADMIN, card, "consent_again")
            wanted = has("look_again", link=True)
            card = self.wait("a new consent link", wanted, after=card["change"])
        self.open(card)
        self.form()

    def enter_once(self) -> None:
        """Fill in Webex Connect's form; the one-time page shows its secret no second time."""
        card = self.enter()
        if SECRET.search(self.open(card, REQUESTER).text):
            raise NotSeenError("the secret gone from the one-time page", card)

    def again(self) -> None:
        """Send ``/setup-email`` a second time.

        The second setup changes nothing and says so. The closer look that its button offers changes
        nothing either.
        """
        before = self.writes()
        self.ask()
        self.card("that it is connected already", "setup_again")
        if writes := self.writes()[len(before) :]:
            raise NotSeenError(f"nothing changed by the second /setup-email, but: {writes}", None)


def _way_on(message: Json) -> bool:
    return "consent_again" in does(message) or (
        "ask_consent" in does(message) and bool(links(message))
    )
