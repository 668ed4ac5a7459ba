"""Checker of the journeys, which finds cards with untrue statements about a run."""

from dataclasses import replace

import pytest

from adaptive_cards.components import whose_turn
from adaptive_cards.locale import Locale, drawn_for, languages
from adaptive_cards.texts import keys, own_text, render
from jobs.checks import check
from jobs.clock import now
from jobs.model import Channel, RunKind, State
from jobs.runs.run import Event, Kind, Origin
from tests.fixtures.run_events import changing
from tests.fixtures.true_cards import CLAIMS, TURNS, Shown, messages, untrue
from tests.unit.bot.cards.presenters.stage_events import (
    ADMIN,
    APPROVED,
    CONSENT,
    FORM,
    LINE,
    ON_THE_WAY,
    PLANNED,
    SIGNED_IN,
    answered,
    found,
)

BEGUN = (SIGNED_IN, PLANNED, APPROVED)
END = Event(Kind.CANCELLED, now())
GRANTED = found("admin_consent")
STAGES: dict[str, tuple[Event, ...]] = {
    "sign-in": (answered("administrator", ADMIN),),
    "plan": (SIGNED_IN, PLANNED),
    "blocked": (SIGNED_IN, found("ids", State.UNKNOWN), PLANNED),
    "blocked for a while": (SIGNED_IN, found("ids", State.UNKNOWN, until=now()), PLANNED),
    "progress": BEGUN,
    "consent": (*BEGUN, CONSENT, answered("consent_administrator", ADMIN)),
    "form": (*BEGUN, GRANTED, FORM, found("rehearsal", State.WAITING, waiting_for="mailbox_user")),
    "mail": (*BEGUN, GRANTED, ON_THE_WAY),
}


def wrong(cards, run, later=()) -> list[str]:
    """Return the untrue statements of these cards about the given run."""
    return untrue([Shown(each, run, later) for each in cards], lambda _: run)


@pytest.mark.parametrize("stage", STAGES)
def test_the_cards_of_a_stage_are_true(services, begin, stage):
    """The cards of a stage are true as long as the run is at that stage."""
    run = begin(*STAGES[stage])
    cards = messages(services, run)
    assert (bool(cards), wrong(cards, run)) == (True, [])


@pytest.mark.parametrize("stage", STAGES)
def test_a_stale_card_is_found(services, begin, stage):
    """After the end of the run, the checker finds every card of a stage untrue."""
    run = begin(*STAGES[stage])
    cards = messages(services, run)
    services.store.append(run.id, END)
    over = services.store.load(run.id)
    assert [bool(wrong([card], over)) for card in cards] == [True] * len(cards)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ((), SIGNED_IN, "'Administrator's turn'"),
        ((SIGNED_IN, PLANNED), APPROVED, "(approve) does nothing"),
        ((*BEGUN, CONSENT), GRANTED, "(consent) leads nowhere"),
        (STAGES["form"], answered("registered"), "(registered) does nothing"),
        (BEGUN, CONSENT, "'Nobody has to act' is claimed"),
    ],
)
def test_a_turn_that_is_over_is_found(services, begin, before, after, told):
    """The checker finds a card that was true until one event made it untrue."""
    run = begin(*before)
    cards = messages(services, run)
    assert wrong(cards, run) == []
    services.store.append(run.id, after)
    assert told.replace("'Administrator's", "\"Administrator's").replace("turn'", 'turn"') in str(
        "\n".join(wrong(cards, services.store.load(run.id)))
    )


def test_a_fix_button_of_a_fixed_cause_is_found(services, begin):
    """A Fix button is untrue once a finished run has changed the setting that was wrong."""
    channel = Channel("support@example.test")
    setup = begin()
    opened = services.store.check(channel, setup.requester, Origin("room-1", "t"))
    off = found("smtp_auth", State.WRONG, cause="smtp_auth_off_for_mailbox")
    services.store.append(opened.id, off, Event(Kind.CHECKED, now()))
    checked = services.store.load(opened.id)
    assert "smtp_auth" in check.steps_of(checked)
    card = {
        "type": "AdaptiveCard",
        "body": [],
        "actions": [{"type": "Action.Submit", "title": "Fix", "data": {"do": "fix"}}],
    }
    message = {"id": "m", "room": "thread", "members": [], "card": card}
    fixing = [
        *BEGUN,
        replace(changing("smtp_auth"), changes=(LINE,)),
        Event(Kind.CHANGED, now(), step="smtp_auth"),
    ]
    services.store.end(setup, END)
    fix = services.store.open(channel, setup.requester, Origin("room-1", "t"), RunKind.FIX)
    services.store.append(fix.id, *fixing)
    going_on = services.store.load(fix.id)
    assert wrong([message], checked, (going_on,)) == []
    done = replace(going_on, ended=Kind.FINISHED)
    assert "fixes what run" in str(wrong([message], checked, (done,)))


def test_a_turn_of_an_answer_and_of_an_older_card_is_found():
    """An answer has no turn, and an older card has no turn and no button, in any language."""
    for words in ("Approver's turn: press it.", "Der Genehmiger ist am Zug", "a@b.com's turn."):
        line = {"type": "TextBlock", "text": words}
        press = {"type": "Action.Submit", "title": "Fix", "data": {"do": "fix"}}
        card = {"type": "AdaptiveCard", "body": [line], "actions": [press]}
        message = {"id": "m", "room": "thread", "members": [], "card": card}
        answer = Shown(message, None, is_answer=True)
        assert ["an answer" in each for each in untrue([answer], lambda _: None)] == [True]
        older = Shown(message, None, newer="run R")
        assert len(untrue([older], lambda _: None)) == 2


@pytest.mark.parametrize(("words", "turn"), TURNS.items())
def test_the_checker_knows_the_turns_of_the_cards(words, turn):
    """A turn that the checker looks for is written as a card writes it in one of the languages."""
    drawn = set()
    for language in languages():
        with drawn_for(Locale(language)):
            drawn.add(render(whose_turn(turn)))
    assert words in drawn


@pytest.mark.parametrize("words", [words for words, _ in CLAIMS])
def test_the_checker_knows_the_words_of_the_cards(words):
    """The sentences of the checker are in the bot's texts; others would never be found."""
    assert any(words in own_text(key, "en") for key in keys())
