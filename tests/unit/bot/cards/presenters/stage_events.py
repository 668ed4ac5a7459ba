"""Events of a run's stages and the cards that follow from them, for the tests of presenters."""

from bot.cards import draw
from bot.cards.living import living_cards
from bot.cards.presenters.card_state import PostedCard, protected
from jobs.clock import now
from jobs.model import Account, Change, Scope, State, Text, Turn
from jobs.runs.run import Event, Kind
from practice.client import actions
from tests.fixtures import run_events

ADMIN = "admin@example.test"

SIGNED_IN = Event(Kind.SIGNED_IN, now(), account=Account("tenant-1", "o", ADMIN))

LINE = Change(
    "smtp_auth",
    "M2",
    Text("step.smtp_auth"),
    Text("seen.off"),
    Text("seen.on"),
    Scope.MAILBOX,
    "Set-CASMailbox",
)

PLANNED = Event(Kind.PLANNED, now(), data={"plan": "plan-1"}, changes=(LINE,))

APPROVED = Event(
    Kind.APPROVED, now(), by="anna@example.test", data={"plan": "plan-1", "scope": "mailbox"}
)

SIGNED_OUT = Event(
    Kind.SIGNED_OUT, now(), data={"cause": "sign_in_missing", "code": "AADSTS700082"}
)

found = run_events.found


def answered(question: str, value: str = "yes") -> Event:
    """Return the event of the requester's answer to this question."""
    return run_events.answered(question, value, "anna@example.test")


def cards(services, run):
    """Return all cards of the run, in the order of drawing."""
    return [card for of in draw.PRESENTERS for card in of(run, services)]


def living(services, run):
    """Return the cards that the run shows, one for each place."""
    return living_cards(run, services, cards(services, run))


def verbs(card) -> list[str]:
    """Return the verbs and links of a card's buttons."""
    every = actions({"card": card.card.content})
    pressed = (each for each in every if "url" in each or "data" in each)
    return [str(each.get("url") or each["data"]["do"]) for each in pressed]


def shown(services, run, *slots: str) -> None:
    """Record that Webex shows the cards of these slots already."""
    card = PostedCard("m", "r", "x", "", now())
    for slot in slots:
        services.redis.hset(f"cards:{run.id}", slot, protected(services, run.id, slot, card))


CONSENT = found("admin_consent", State.WAITING, waiting_for=Turn.ADMINISTRATOR)

FORM = found("mailbox_fields", State.WAITING, waiting_for=Turn.REQUESTER)

ON_THE_WAY = found("test_mail", State.WAITING, waiting_for=Turn.TIME, seen=Text("seen.on_its_way"))
