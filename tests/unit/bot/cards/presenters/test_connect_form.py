"""The form of Webex Connect, who signs in for which mailbox, and the cards of an undo."""

from dataclasses import replace

import pytest

from adaptive_cards.texts import has_text, text
from bot.cards import draw
from bot.cards.presenters import connect_form, plan
from bot.cards.presenters.card_state import header
from jobs.clock import now
from jobs.engine.step import Step, Undoable
from jobs.model import Change, Finding, Scope, State, Text, Turn
from jobs.next_action import next_action
from jobs.runs.run import UNDOES, Event, Kind, RecordedChange
from jobs.steps import all_steps
from practice import cardtext
from practice.client import actions
from tests.fixtures.run_events import answered, changing, found, noted
from tests.unit.bot.cards.presenters.stage_events import LINE, SIGNED_IN

MAILBOX = "support@example.test"
FORM = found("mailbox_fields", State.WAITING, waiting_for=Turn.REQUESTER)
REHEARSED = answered("mailbox_sign_in", by="delegate@example.test")
DELEGATE = "delegate@example.test"
ANY_USER = text("connect.login_of_user")


def named(**facts: str) -> Event:
    """Return the event of a delegate that was found."""
    known = {"delegate": "delegate@example.test", "delegate_id": "oid-9", **facts}
    return found("delegate", facts=known)


def user(**facts: str) -> Event:
    """Return the event of a mailbox user that was found, with these facts."""
    return found("mailbox_user", facts={"upn": MAILBOX, **facts})


@pytest.mark.parametrize(
    ("events", "username", "login"),
    [
        ([user()], MAILBOX, ""),
        ([user(upn="S1@example.test")], "S1@example.test", "S1@example.test"),
        ([user(upn=MAILBOX.upper())], MAILBOX.upper(), ""),
        ([user(shared="blocked")], ANY_USER, ANY_USER),
        ([user(shared="blocked", upn="s2@example.test"), named()], DELEGATE, DELEGATE),
        ([user(shared="yes"), REHEARSED], DELEGATE, DELEGATE),
        ([user(shared="yes"), named(username=MAILBOX)], MAILBOX, DELEGATE),
    ],
)
def test_the_login_for_generating_tokens(services, begin, events, username, login):
    """If the login is not the asset's address, the card names it as Login ID.

    Username is the token's own user: for a shared mailbox the delegate, unless the rehearsal has
    found that the server takes only the mailbox's address. Email ID stays the mailbox.
    """
    (card,) = connect_form.cards(begin(SIGNED_IN, FORM, *events), services)
    labels = ("connect.email_id", "connect.username")
    shown = [cardtext.value(card.card.content, text(label)) for label in labels]
    assert shown == [MAILBOX, username]
    label = text("connect.login_id")
    assert (label in str(card.card.content)) is bool(login)
    assert not login or cardtext.value(card.card.content, label) == login


SECRET = replace(LINE, step="client_secret", row="E3", scope=Scope.APP)
PLANNED = Event(Kind.PLANNED, now(), data={"plan": "plan-1"}, changes=(SECRET,))
MADE = replace(changing("client_secret"), changes=(SECRET,))


@pytest.mark.parametrize(
    ("events", "said", "left_out"),
    [
        (
            [PLANNED],
            (text("connect.title_token"), text("connect.secret_stays")),
            ("Fill in the email app", "New secret"),
        ),
        (
            [PLANNED, MADE],
            (text("connect.title_secret"), text("button.other_fields"), "New secret"),
            (text("connect.secret_stays"), "Fill in the email app"),
        ),
    ],
    ids=["planned", "made"],
)
def test_a_fix_asks_for_a_secret_only_where_it_has_made_one(
    services, begin, events, said, left_out
):
    """A fix asks for a client secret only if it created one, and it has no rehearsal.

    If the app was wrong, the plan creates a secret, because the existing one could not be checked.
    """
    run = begin(SIGNED_IN, FORM, *events, user(), kind="fix")
    (card,) = connect_form.cards(run, services)
    told = (card.card.text + str(card.card.content)).replace("\u00a0", " ")
    assert [words for words in said if words not in told] == []
    assert [words for words in left_out if words in told] == []

    assert connect_form.rehearsal_cards(run, services) == []


IN_LOG = found("token")
SAVED = answered("token_saved")
REGISTERED = answered("registered")
ARRIVED = found("agent_has_it")


@pytest.mark.parametrize(
    ("kind", "events", "offered"),
    [
        ("setup", [], True),
        ("setup", [IN_LOG], True),
        ("setup", [IN_LOG, SAVED], False),
        ("setup", [IN_LOG, REGISTERED], False),
        ("fix", [IN_LOG], True),
        ("fix", [IN_LOG, SAVED], False),
        ("fix", [IN_LOG, ARRIVED], False),
    ],
)
def test_a_log_does_not_take_the_button_away(services, begin, kind, events, offered):
    """The button Token saved stays while only Entra's log says that the token was generated."""
    run = begin(SIGNED_IN, FORM, PLANNED, *events, user(), kind=kind)
    cards = connect_form.cards(run, services)
    assert ("'token_saved'" in str([card.card.content for card in cards])) is offered


SEEN = Text("seen.undo_changed_since", {"seen": "key:seen.off"})


FINDINGS = {
    "application": Finding("application", State.OK, seen=Text("seen.undo_removed")),
    "smtp_auth": Finding("smtp_auth", State.WARNING, seen=SEEN),
    "forwarding": Finding("forwarding", State.WRONG, seen=Text("seen.on")),
    "customization": Finding(
        "customization", State.SKIPPED, seen=Text("skipped.undo_customization")
    ),
}


def line(name: str) -> Change:
    """Return a line of a plan for this step."""
    return Change(
        name, "M3", Text(f"step.{name}"), Text("seen.on"), Text("seen.none"), Scope.MAILBOX, "x"
    )


PASTS = tuple(
    RecordedChange(name, line(name), Text("seen.none"), {"object_id": ""}, {}, ("R1",))
    for name in FINDINGS
)


RECALLED = Event(Kind.RECALLED, now(), past=PASTS)


FOUND = tuple(map(noted, FINDINGS.values()))


PLAN = Event(Kind.PLANNED, now(), data={"plan": "p"}, changes=(line("forwarding"),))


GRANTED = Event(
    Kind.APPROVED, now(), by="anna@example.test", data={"plan": "p", "scope": "mailbox"}
)


BACK = found("forwarding", seen=Text("seen.undo_back", {"seen": "key:seen.none"}))


FINISHED = Event(Kind.FINISHED, now())


@pytest.mark.parametrize(
    ("only", "title", "button"),
    [
        ("", "Disconnect support@example.test? After this no mail", "Disconnect"),
        ("R1", "Undo run R1? After this mail of support@example.test may stop.", "Undo 1 change"),
    ],
)
def test_the_plan_says_that_mail_stops(begin, only, title, button):
    """The headline and the button of an undo say what stops, and the button is not green."""
    data = {UNDOES: only} if only else {}
    run = begin(replace(RECALLED, data=data), SIGNED_IN, *FOUND, PLAN, kind="undo")
    card = plan.plan(run, header(run))
    (main,) = (each for each in actions({"card": card.content}) if _verb(each) == "approve")
    assert (main["title"], main["style"]) == (button, "destructive")
    assert title in card.text


def _verb(action) -> str:
    return str(action.get("data", {}).get("do", ""))


def test_the_end_of_an_undo(begin, services):
    """At the end of an undo there is one card, and no other card of a setup."""
    run = begin(RECALLED, SIGNED_IN, *FOUND, PLAN, GRANTED, BACK, FINISHED, kind="undo")
    assert [card.slot for of in draw.PRESENTERS for card in of(run, services)] == ["undone"]
    assert (next_action(run).words.key, next_action(run).turn) == ("turn_words.undone", Turn.NOBODY)


def test_every_change_can_be_undone_or_says_why_not():
    """Every step that changes something has an undo of its own or a text that says why not."""
    changing = [
        step
        for step in all_steps().values()
        if type(step).apply is not Step.apply and (step.line or type(step).plan is not Step.plan)
    ]
    without = [
        step.name
        for step in changing
        if not isinstance(step, Undoable) and not has_text(f"skipped.undo_{step.name}")
    ]
    assert (without, len(changing) > 10) == ([], True)


def test_the_notes_of_an_undo_have_texts():
    """A step has the text of a note for the undo if, and only if, its undo has a note."""
    undoable = [step for step in all_steps().values() if isinstance(step, Undoable)]
    assert {
        step.name for step in undoable if step.undo_note != has_text(f"note.undo_{step.name}")
    } == set()
