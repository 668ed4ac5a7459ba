"""Asking another person 1:1: who can be reached, who may be asked, and the card if neither."""

import pytest

from adaptive_cards.components import Asked
from adaptive_cards.texts import text
from bot.cards.draw import draw
from bot.cards.presenters import questions
from bot.cards.presenters.card_state import LIVING, posted_card, unreachable_recipient
from bot.webex.client import WebexPerson
from bot.webex.errors import WebexError
from jobs.clock import now
from jobs.model import State, Text, Turn
from tests.fixtures.copies import replace
from tests.fixtures.run_events import answered, found
from tests.fixtures.webex_script import person
from tests.unit.bot.actions.presses import of_bot, press
from tests.unit.bot.cards.presenters.stage_events import SIGNED_IN
from tests.unit.bot.commands.typed_commands import sent

CARL = "carl@contoso.com"
WAITS = found("admin_consent", State.WAITING, waiting_for=Turn.ADMINISTRATOR)
REHEARSES = [
    found(step, State.WAITING, waiting_for=turn)
    for step, turn in (("mailbox_fields", Turn.REQUESTER), ("rehearsal", Turn.MAILBOX_USER))
]
SAID_YES = answered("rehearse")
FORWARDED = found("test_mail", facts={"forwarded_at": now().isoformat()})
ASKS = {
    "ask_mailbox_user": ("mailbox_user", [SIGNED_IN, SAID_YES, *REHEARSES]),
    "ask_agent": ("agent", [SIGNED_IN, FORWARDED]),
    "ask_administrator": ("administrator", []),
    "ask_consent": ("consent_administrator", [SIGNED_IN, WAITS]),
}
BOTH = pytest.mark.parametrize("do", ASKS)
ONE = pytest.mark.parametrize("do", ["ask_consent"])


@pytest.fixture
def ctx(anna):
    """Return the context of Anna, with a bot that serves people of contoso.com."""
    domains = ("contoso.com", "example.test")
    return of_bot(anna, allowed_email_domains=domains, allowed_org_ids=("org-1",))


@pytest.fixture
def directory(webex_script, reply):
    """Return a function that scripts the people whom Webex finds for an address."""

    def script(*found, status: int = 200) -> None:
        webex_script.on("GET", "/people", reply(status, {"items": found}))

    return script


@pytest.fixture
def direct(webex_script, reply):
    """Return a function that scripts the answer to a 1:1 message, and the members of that 1:1."""

    def script(status: int = 200, org: str = "org-1", lags: int = 0) -> None:
        body = {"id": "hello-1", "roomId": "room-carl"}
        hello = reply(status, body if status == 200 else {"message": "no"})
        webex_script.on("POST", "/messages", hello, reply(body={"id": "posted-1"}))
        people = (("carl", CARL, org), ("bot-1", "emailbot@webex.bot", "org-0"))
        items = [
            {"id": each, "personId": each, "personEmail": email, "personOrgId": of}
            for each, email, of in people
        ]
        late = [reply(404, {"message": "not found"})] * lags
        webex_script.on("GET", "/memberships", *late, reply(body={"items": items}))

    return script


def carl(**more):
    """Return a person in the form of the People API."""
    return person("carl", CARL, **more)


def asked(ctx, begin, do: str, address: str):
    """Ask the person with this address, and return the run afterward and the question's name."""
    question, events = ASKS[do]
    return press(ctx, do, run=begin(*events).id, administrator=address), question


@BOTH
@pytest.mark.parametrize("typed", [CARL, " Carl@contoso.com ", "c.second@contoso.com"])
def test_somebody_who_is_found_is_asked(ctx, begin, said, directory, do, typed):
    """A person who is found is asked at the address that Webex has for them.

    So they are recognized when they press a button. The press itself posts no message, because the
    card says who was asked.
    """
    directory(carl())
    run, question = asked(ctx, begin, do, typed)
    assert (run.answer(question), run.problems, said()) == (CARL, {}, [])


@BOTH
@pytest.mark.parametrize(
    ("typed", "found", "why"),
    [
        ("carl", carl(), "no_at"),
        ("", carl(), "no_address"),
        ("a@contoso.com b@contoso.com", carl(), "two_addresses"),
        ("carl@fabrikam.com", carl(), "outside"),
        (CARL, carl(orgId="org-2"), "outside"),
        (CARL, carl(emails=["carl@fabrikam.com", CARL]), "outside"),
        (CARL, carl(type="bot"), "not_a_person"),
        (CARL, carl(type="appuser"), "not_a_person"),
    ],
)
def test_who_is_not_served_is_not_asked(ctx, begin, said, directory, do, typed, found, why):
    """A person whom the bot does not serve gets nothing, and the card keeps the typed text.

    The card also gives the reason.
    """
    directory(found)
    run, question = asked(ctx, begin, do, typed)
    assert run.answer(question) == ""
    assert unreachable_recipient(run, question) == Asked(typed, Text(f"typed.{why}"))
    assert said() == []


@ONE
@pytest.mark.parametrize("status", [200, 400, 403, 404])
def test_somebody_who_is_not_found_may_be_reached(ctx, begin, said, directory, direct, do, status):
    """A person who is not found is sent a line without details first, and then the card.

    A bot finds no people outside its own organization.
    """
    directory(status=status)
    direct()
    run, question = asked(ctx, begin, do, CARL)
    assert run.answer(question) == CARL
    assert said()[0][1] == text("notice.asked_hello")
    assert len(said()) == 1


def test_a_conversation_that_webex_does_not_show_yet(ctx, begin, said, directory, direct):
    """If Webex does not show a new 1:1 conversation yet, the bot asks again.

    The line that created the conversation is sent only once.
    """
    directory()
    direct(lags=1)
    run, question = asked(ctx, begin, "ask_administrator", CARL)
    assert (run.answer(question), len(said())) == (CARL, 1)


@ONE
@pytest.mark.parametrize(
    ("status", "org", "why"),
    [(404, "", "nobody_in_webex"), (400, "", "nobody_in_webex"), (200, "org-2", "outside")],
)
def test_somebody_who_cannot_be_reached(ctx, begin, directory, direct, do, status, org, why):
    """An address that is unknown or of another organization never gets a card."""
    directory()
    direct(status, org)
    run, question = asked(ctx, begin, do, CARL)
    assert run.answer(question) == ""
    assert unreachable_recipient(run, question) == Asked(CARL, Text(f"typed.{why}"))


@ONE
@pytest.mark.usefixtures("hasty_retries")
@pytest.mark.parametrize("away", ["look-up", "message", "held"])
def test_while_webex_is_away_nothing_is_begun(ctx, begin, directory, webex_script, reply, do, away):
    """If Webex does not answer, the run stays the same, so that the press can be tried again."""
    directory(status=500 if away == "look-up" else 200)
    webex_script.on("POST", "/messages", reply(503 if away == "message" else 200, {}))
    run = begin(*ASKS[do][1])
    with pytest.raises(WebexError):
        press(ctx, do, run=run.id, administrator=CARL)
    assert ctx.services.store.load(run.id) == run


@BOTH
def test_an_old_card_asks_nobody(ctx, begin, said, directory, do):
    """A press is refused if somebody has signed in already, or if nobody is waited for yet."""
    directory(carl())
    run = begin(*([SIGNED_IN] if do == "ask_administrator" else []))
    assert press(ctx, do, run=run.id, administrator=CARL) == run
    assert text("refused.old") in said()[0][1]


@BOTH
def test_the_field_is_open_until_somebody_is_asked(ctx, begin, directory, webex_script, reply, do):
    """The field for an address is open and red after a wrong address, and closed after a right one.

    The field holds the typed text while it is open.
    """
    directory(carl())
    webex_script.on("PUT", "/messages/posted-2", reply(body={"id": "posted-2"}))
    _, events = ASKS[do]
    run = begin(*events)
    draw(run.id)
    for address in ("carl", CARL):
        press(ctx, do, run=run.id, administrator=address)
        draw(run.id)
    shown = posted_card(ctx.services, run.id, LIVING)
    opened = [
        (text("typed.no_at") in each, "'value': 'carl'" in each, text("button.send_direct") in each)
        for each in map(str, sent(webex_script, "PUT", f"/messages/{shown.message}"))
    ]
    assert opened == [(True, True, True), (False, False, do != "ask_mailbox_user")]


@pytest.mark.parametrize(
    ("do", "drawn"),
    [("ask_administrator", questions.sign_in_cards), ("ask_consent", questions.consent_cards)],
)
def test_a_wrong_address_is_on_the_card_of_who_typed_it(ctx, begin, directory, do, drawn):
    """The person who was asked first reads nothing of the next, wrong address of the requester.

    The card in the thread shows it, and so does the 1:1 of a person who has typed it there.
    """
    directory(carl())
    run, _ = asked(ctx, begin, do, CARL)
    before = drawn(run, ctx.services)

    def changed(who) -> list[bool]:
        mistyped = press(who, do, run=run.id, administrator="carl")
        pairs = zip(before, drawn(mistyped, ctx.services), strict=True)
        return [each.fingerprint != later.fingerprint for each, later in pairs]

    assert [each.to for each in before] == ["thread", CARL]
    assert changed(ctx) == [True, False]
    asked_one = WebexPerson("carl", CARL, "org-1", "person", "Carl")
    assert changed(replace(ctx, person=asked_one, action_id="press-2")) == [True, True]
