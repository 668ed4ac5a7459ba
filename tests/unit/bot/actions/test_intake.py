"""Runs that begin with a button: each press starts one run, however often it is delivered."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adaptive_cards.texts import plural, text
from bot.actions import actions
from bot.cards.presenters import questions
from bot.chat.context import ChatContext
from bot.commands import setup_email
from jobs.runs.run import Run
from tests.fixtures.run_events import answered
from tests.fixtures.webex_script import receive
from tests.unit.bot.actions.presses import RIGHT

HELP = "card-9"


def runs(ctx: ChatContext) -> tuple[Run, ...]:
    """Return the runs of the space."""
    return ctx.services.store.runs_in_space("room-1")


def pressed(ctx: ChatContext, press: str, **inputs: str) -> None:
    """Press the setup button on the card of ``/help``."""
    actions()["setup"](replace(ctx, message=HELP, action_id=press), {"do": "setup", **inputs})


def test_two_presses_of_one_card_begin_two_runs(anna):
    """Two presses of one card start two runs, and one press delivered twice starts one.

    The presses are for two mailboxes, neither of them known yet.
    """
    for press in ("a1", "a2", "a1"):
        pressed(anna, press)
    assert [run.origin.message for run in runs(anna)] == ["a2", "a1"]


def test_a_press_for_a_mailbox_that_is_being_set_up(anna, said):
    """Another press for the same mailbox points to the run that is open.

    The same press, delivered again, shows the first card of its run once more.
    """
    for press in ("a1", "a1", "a2"):
        pressed(anna, press, mailbox_meant="support@contoso.com")
    (run,) = runs(anna)
    pointed = text("notice.running_title", mailbox="support@contoso.com", run=run.id)
    assert [pointed in words for _, words in said()] == [False, False, True]


def test_the_first_card_asks_the_administrator(anna, begin, webex_script, reply):
    """The administrator's address is looked up before anything is saved.

    The sign-in card goes to that address at once.
    """
    carl = {"id": "carl", "emails": ["carl@example.test"], "orgId": "org-1", "type": "person"}
    webex_script.on("GET", "/people", reply(body={"items": [carl]}))
    run = begin(detailed=False)
    given = {**RIGHT, "administrator": "Carl@example.test", "check_login": "no"}
    actions()["intake"](anna, {"do": "intake", "run": run.id, **given})
    saved = anna.services.store.load(run.id)
    assert saved.detailed is True
    assert saved.answer("administrator") == "carl@example.test"
    assert saved.answer("check_login") == "no"
    cards = questions.sign_in_cards(saved, anna.services)
    assert [card.to for card in cards] == ["thread", "carl@example.test"]


@pytest.mark.parametrize(
    ("typed", "why"), [("carl", "no_at"), ("carl@elsewhere.test", "outside"), ("?", "no_at")]
)
def test_an_administrator_who_cannot_be_asked_is_said_on_the_card(anna, begin, typed, why):
    """If the administrator cannot be asked, nothing is saved, and the field on the card says why.

    Everything that was typed is kept.
    """
    run = begin(detailed=False)
    actions()["intake"](anna, {"do": "intake", "run": run.id, **RIGHT, "administrator": typed})
    assert anna.services.store.load(run.id).detailed is False
    shown = str(questions.intake_card(anna.services.store.load(run.id), anna.services).card.content)
    assert (text(f"typed.{why}") in shown, f"'value': '{typed}'" in shown) == (True, True)


def test_all_wrong_fields_are_marked_at_once(anna, begin):
    """A wrong address of the administrator is named together with the other wrong fields."""
    run = begin(detailed=False)
    wrong = {"callback_url": "http://x", "administrator": "carl"}
    actions()["intake"](anna, {"do": "intake", "run": run.id, **RIGHT, **wrong})
    shown = str(questions.intake_card(anna.services.store.load(run.id), anna.services).card.content)
    named = text("typed.callback_https"), text("typed.no_at"), plural("intake.error", 2)
    assert [each in shown for each in named] == [True] * 3


def test_the_last_administrator_is_filled_in(anna, begin, webex_script, reply):
    """The next setup in a space begins with the administrator who was asked before."""
    begin(answered("administrator", "carl@x.test"))
    webex_script.on("POST", "/messages", reply(body={"id": "posted-1", "roomId": "room-1"}))
    setup_email.begin(anna, "sales@example.test")
    new = anna.services.store.load(anna.services.channels.running("sales@example.test"))
    assert "'value': 'carl@x.test'" in str(questions.intake_card(new, anna.services).card.content)


@pytest.mark.parametrize("typed", ["", "  ", "anna@example.test"])
def test_who_signs_in_alone_is_not_asked(anna, begin, typed):
    """An empty administrator field, or the requester's own address, sends nothing 1:1."""
    run = begin(detailed=False)
    actions()["intake"](anna, {"do": "intake", "run": run.id, **RIGHT, "administrator": typed})
    saved = anna.services.store.load(run.id)
    assert (saved.detailed, saved.answers) == (True, {})


@pytest.mark.parametrize(
    ("members", "direct", "absent"),
    [
        (("anna", "ben"), False, "yes"),
        (("anna", "boss"), False, ""),
        (None, False, ""),
        (("anna", "ben"), True, ""),
    ],
    ids=["nobody", "one is here", "unread", "1:1"],
)
def test_approvers_who_are_not_in_the_space(
    anna, begin, webex_script, reply, members, direct, absent
):
    """If no approver is in the space, the approvers get the plan 1:1.

    If the members cannot be read, the plan stays in the space.
    """
    items = [
        {"id": each, "personId": each, "personEmail": f"{each}@example.test"}
        for each in members or ()
    ]
    answer = reply(404, {"message": "no"}) if members is None else reply(body={"items": items})
    webex_script.on("GET", "/memberships", answer)
    bot = replace(anna.services.bot, approvers=("boss@example.test",))
    ctx = replace(anna, services=replace(anna.services, bot=bot), direct=direct)
    run = begin(detailed=False)
    actions()["intake"](ctx, {"do": "intake", "run": run.id, **RIGHT})
    saved = ctx.services.store.load(run.id)
    assert (saved.detailed, saved.answer("approvers_absent")) == (True, absent)


@pytest.mark.parametrize("times", [1, 2])
def test_the_press_is_known_by_its_own_id(anna, webex_script, reply, times):
    """A press that arrives as a Webex event starts one run, known by the press's own id.

    A second delivery of the event starts no other run.
    """
    inputs = {"do": "setup"}
    body = {"id": "a7", "messageId": HELP, "personId": "anna", "roomId": "room-1", "inputs": inputs}
    webex_script.on("GET", "/attachment/actions/a7", reply(body=body))
    webex_script.on(
        "GET",
        f"/messages/{HELP}",
        reply(body={"id": HELP, "roomId": "room-1", "roomType": "direct", "personId": "bot-1"}),
    )
    webex_script.on("GET", "/memberships", reply(body={"items": []}))
    for _ in range(times):
        receive("attachmentActions", "a7", "anna", "room-1")
    assert [run.origin.message for run in runs(anna)] == ["a7"]
