"""The one card of a run in each place, and the journeys' checker of untrue statements in cards."""

import json
from datetime import timedelta

import pytest

from adaptive_cards.components import whose_turn
from adaptive_cards.locale import Locale, drawn_for, languages
from adaptive_cards.texts import keys, own_text, render, text
from bot.cards.living import earlier_cards, lines
from bot.cards.presenters.card_state import LIVING, slot_of
from jobs.checks import check
from jobs.clock import now
from jobs.model import Channel, Finding, Reason, RunKind, State
from jobs.runs.run import Event, Kind, Origin
from practice import cardtext
from tests.fixtures.copies import replace
from tests.fixtures.run_events import changing
from tests.fixtures.true_cards import CLAIMS, TURNS, Shown, messages, untrue
from tests.unit.bot.cards.presenters import stage_events
from tests.unit.bot.cards.presenters.stage_events import (
    ADMIN,
    APPROVED,
    CONSENT,
    FORM,
    LINE,
    ON_THE_WAY,
    PLANNED,
    SIGNED_IN,
    SIGNED_OUT,
    answered,
    found,
    shown as posted,
)

REQUESTER = "anna@example.test"
ALSO = text("living.also", turn=text("turn.of", who=REQUESTER)).strip()
BEGUN = (SIGNED_IN, PLANNED, APPROVED)
GRANTED = found("admin_consent")
DIFFERS = Event(Kind.DIFFERS, now(), step=LINE.step, data={"plan": "plan-2"}, changes=(LINE,))


def living(services, run):
    """Return the cards that the run shows, by their slot."""
    return {card.slot: card for card in stage_events.living(services, run)}


def content(card) -> str:
    """Return the text and the buttons of the card."""
    buttons = json.dumps(card.card.content["actions"]) if "actions" in card.card.content else ""
    return "\n".join([*cardtext.lines(card.card.content), buttons])


@pytest.mark.parametrize(
    ("events", "title"),
    [
        ([], "signin"),
        ([SIGNED_IN], "signin signed in"),
        ([SIGNED_IN, PLANNED], "plan"),
        (BEGUN, "progress"),
        ([*BEGUN, SIGNED_OUT], "signin"),
        ([*BEGUN, CONSENT], "consent"),
        ([*BEGUN, GRANTED, FORM], "rehearsal"),
        ([*BEGUN, GRANTED, FORM, answered("rehearse", "skip:away")], "progress"),
        ([*BEGUN, GRANTED, ON_THE_WAY], "mail"),
        ([*BEGUN, CONSENT, Event(Kind.CANCELLED, now())], "ended"),
        ([*BEGUN, CONSENT, Event(Kind.FAILED, now())], "progress"),
    ],
)
def test_the_thread_shows_the_present_turn(services, begin, events, title):
    """The thread shows one card for the present turn, and another turn is urgent news."""
    cards = living(services, begin(*events))
    assert cards[LIVING].urgency.startswith(title)
    assert [card.to for card in cards.values()].count("thread") == 1


def test_what_was_answered_is_a_line(services, begin):
    """Each earlier turn is a line with its person and time, and has no button any more.

    Nobody has given the details of a fix.
    """
    events = (*BEGUN, GRANTED, FORM, answered("token_saved"), answered("rehearse", "skip:away"))
    run = begin(*events)
    told = content(living(services, run)[LIVING])
    assert f"by {REQUESTER}" in told
    wanted = ("Given", "Signed in", "Approved", "Admin consent is in place", "Token saved", "away")
    assert [line for line in wanted if line not in told] == []
    assert "Given" not in "".join(map(render, lines(replace(run, kind=RunKind.FIX))))


@pytest.mark.parametrize(("ids", "told"), [(State.OK, True), (State.UNKNOWN, False)])
def test_a_plan_without_changes_is_a_line(services, begin, ids, told):
    """A line says that nothing has to be changed, unless something could not be read."""
    run = begin(SIGNED_IN, found("ids", ids), replace(PLANNED, changes=()))
    assert ("history.nothing" in [each.key for each in lines(run)]) is told


@pytest.mark.parametrize(("state", "told"), [(State.OK, "nothing new"), (State.WAITING, "Forward")])
def test_what_a_look_found_is_a_line(services, begin, state, told):
    """After a look that somebody asked for, a line says what was changed since.

    The line waits until everything was read again. A secret that somebody asks for later is no
    news.
    """
    right = found("forwarding"), found("client_secret")
    run = begin(*BEGUN, *right, Event(Kind.LOOK_AGAIN, now(), by="ben@example.test"))
    assert "Read again" not in content(living(services, run)[LIVING])
    gone, made = Finding("client_secret", State.WRONG), {"step": "client_secret"}
    changing = Event(Kind.CHANGING, now(), finding=gone, **made)
    read = found("forwarding", state), found("client_secret")
    new = answered("new_secret"), changing, Event(Kind.CHANGED, now(), **made)
    services.store.append(run.id, *read, *new, found("client_secret"))
    (line,) = [each for each in lines(services.store.load(run.id)) if "looked" in each.key]
    assert told in render(line)
    assert "ben@example.test" in render(line)


def test_a_wait_of_hours_is_on_the_card_that_asks(services, begin):
    """The offer of the rehearsal says what Microsoft takes hours for, which is not urgent news."""
    run, takes = begin(*BEGUN, GRANTED, FORM), Reason.CUSTOMIZATION
    services.store.append(run.id, found("outbound_policy", State.WAITING, reason=takes))
    before, after = (living(services, each)[LIVING] for each in (run, services.store.load(run.id)))
    told = text("living.also", turn=text("step.outbound_policy")) + render(takes.text())
    assert (told in content(before), told in content(after)) == (False, True)
    assert before.urgency == after.urgency


def test_somebody_asked_at_the_same_time_is_named(services, begin):
    """The thread offers the rehearsal, and names the requester, who has the form in the 1:1."""
    cards = living(services, begin(*BEGUN, GRANTED, FORM))
    assert cards.keys() == {LIVING, slot_of(REQUESTER)}
    assert ALSO in content(cards[LIVING])


@pytest.mark.parametrize("asked", [(), (answered("administrator", ADMIN),)])
def test_a_consent_card_that_nobody_has_yet_is_not_named(services, begin, asked):
    """A plan's card names the consent only if the administrator has its card in a 1:1."""
    cards = living(services, begin(*asked, *BEGUN, CONSENT, DIFFERS))
    named = text("turn_words.consent") in content(cards[LIVING])
    assert (named, slot_of(ADMIN) in cards) == (bool(asked), bool(asked))


def test_a_person_who_is_not_asked_any_more_is_told_so(services, begin):
    """The 1:1 card of a person who is not asked any more says so, and has no button.

    The same card asks again if the person is asked again.
    """
    asked = answered("administrator", ADMIN)
    slot = slot_of(ADMIN)
    run = begin(asked)
    assert text("button.sign_in") in content(living(services, run)[slot])
    services.store.append(run.id, *BEGUN)
    run = services.store.load(run.id)
    assert slot not in living(services, run)
    posted(services, run, slot)
    idle = living(services, run)[slot]
    assert (idle.retires, "[" in content(idle)) == (True, False)
    assert text("living.idle_title") in content(idle)
    services.store.append(run.id, CONSENT)
    again = living(services, services.store.load(run.id))[slot]
    assert text("button.grant") in content(again)


FILLED_IN = tuple(map(found, ("mailbox_fields", "token", "registered")))
WAITS = found("rehearsal", State.WAITING, waiting_for="mailbox_user")


@pytest.mark.parametrize(
    ("events", "asks"), [((GRANTED, *FILLED_IN, WAITS), "rehearse"), ((DIFFERS,), "approve")]
)
@pytest.mark.parametrize("approvers", [(), ("boss@example.test", REQUESTER)])
def test_a_person_who_is_asked_in_the_thread_reads_so(services, begin, events, asks, approvers):
    """The 1:1 card of the requester says what the card in the thread asks of the requester."""
    run = begin(*BEGUN, *events)
    services = replace(services, bot=replace(services.bot, approvers=approvers))
    posted(services, run, slot_of(REQUESTER))
    own = content(living(services, run)[slot_of(REQUESTER)])
    assert (text("living.idle_title") in own, text(f"turn_words.{asks}") in own) == (False, True)


def test_a_message_with_a_successor_says_so(services, begin):
    """A message with a successor says so with its last edit."""
    run = begin(*BEGUN)
    old = "earlier:thread:m-1"
    posted(services, run, LIVING, old)
    (card,) = earlier_cards(run, services)
    assert (card.slot, card.final, card.retires) == (old, True, True)
    assert text("living.below_title") in content(card)


NEVER_SHOWN = found("outbound_policy", State.UNKNOWN, cause="change_never_shown")
DELETED = found(
    "application", State.WAITING, cause="app_deleted_meanwhile", waiting_for="administrator"
)
MAIL = found("test_mail"), found("agent_answer", State.WAITING, waiting_for="agent")


@pytest.mark.parametrize(
    ("events", "also"),
    [((FORM, WAITS, NEVER_SHOWN), ALSO), ((*MAIL, DELETED), "Also: Agent's turn")],
)
def test_a_look_of_an_administrator_is_not_hidden_by_another_request(services, begin, events, also):
    """The thread shows a step that an administrator must look at.

    The rehearsal or the agent's answer, which is asked for at the same time, is named in a line.
    """
    card = living(services, begin(*BEGUN, GRANTED, *events))[LIVING]
    assert card.urgency.startswith("progress")
    assert also in content(card)


@pytest.mark.parametrize("step", ["test_mail", "agent_answer"])
@pytest.mark.parametrize(
    "trouble",
    [
        {"state": State.UNKNOWN, "cause": "not_allowed"},
        {"state": State.UNKNOWN, "cause": "service_unavailable", "until": now()},
        {"state": State.WAITING, "cause": "directory_role_missing", "until": now()},
    ],
)
def test_mail_that_cannot_be_followed_is_not_called_stopped(services, begin, step, trouble):
    """A trace that cannot be read says nothing about the mail. A person is told of the error.

    The agent's turn stays on the card of the mail while the bot looks again by itself.
    """
    run = begin(*BEGUN, GRANTED, *MAIL, found(step, **trouble))
    said = content(living(services, run)[LIVING])
    kept = step == "agent_answer" and "until" in trouble
    assert (text("mail.way") in said, text(f"cause.{trouble['cause']}") in said) == (kept, not kept)
    assert text("mail.stopped") not in said
    assert text("mail.answer_stopped") not in said


def test_a_step_more_is_small_news(services, begin):
    """On a card that asks a person, a new number of finished steps is news that may wait."""
    run = begin(*BEGUN, CONSENT)
    before = living(services, run)[LIVING]
    services.store.append(run.id, found("implicit_grant"))
    after = living(services, services.store.load(run.id))[LIVING]
    assert before.urgency == after.urgency
    assert before.fingerprint != after.fingerprint


def test_a_failed_rehearsal_stays_while_it_is_tried_again(services, begin):
    """The card of a failed rehearsal stays while the rehearsal is tried again.

    The card gives the reason, and has the buttons to try again and to skip.
    """
    again = now() + timedelta(minutes=1)
    failed = found("rehearsal", State.UNKNOWN, cause="smtp_auth_off_for_mailbox", until=again)
    made = (found("check_secret"), found("mailbox_fields"), found("ids"))
    run = begin(*BEGUN, GRANTED, *made, answered("rehearse"), failed)
    assert '"rehearse"' in content(living(services, run)[LIVING])


END = Event(Kind.CANCELLED, now())


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
        ((), SIGNED_IN, '"Administrator\'s turn"'),
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
    assert told in "\n".join(wrong(cards, services.store.load(run.id)))


def message_of(*body):
    """Return a message in the thread whose card has this body and a button that fixes."""
    press = {"type": "Action.Submit", "title": "Fix", "data": {"do": "fix"}}
    card = {"type": "AdaptiveCard", "body": body, "actions": [press]}
    return {"id": "m", "room": "thread", "members": [], "card": card}


def test_a_fix_button_of_a_fixed_cause_is_found(services, begin):
    """A Fix button is untrue once a finished run has changed the setting that was wrong."""
    channel = Channel("support@example.test")
    setup = begin()
    opened = services.store.open(channel, setup.requester, Origin("room-1", "t"), RunKind.CHECK)
    off = found("smtp_auth", State.WRONG, cause="smtp_auth_off_for_mailbox")
    services.store.append(opened.id, off, Event(Kind.CHECKED, now()))
    checked = services.store.load(opened.id)
    assert "smtp_auth" in check.checks_of(checked)
    services.store.end(setup, END)
    fix = services.store.open(channel, setup.requester, Origin("room-1", "t"), RunKind.FIX)
    made = replace(changing("smtp_auth"), changes=(LINE,))
    services.store.append(fix.id, *BEGUN, made, Event(Kind.CHANGED, now(), step="smtp_auth"))
    going_on = services.store.load(fix.id)
    assert wrong([message_of()], checked, (going_on,)) == []
    done = replace(going_on, ended=Kind.FINISHED)
    assert "fixes what run" in str(wrong([message_of()], checked, (done,)))


def test_a_turn_of_an_answer_and_of_an_older_card_is_found():
    """An answer has no turn, and an older card has no turn and no button, in any language."""
    for words in ("Approver's turn: press it.", "Der Genehmiger ist am Zug", "a@b.com's turn."):
        message = message_of({"type": "TextBlock", "text": words})
        answer = Shown(message, None, is_answer=True)
        assert ["an answer" in each for each in untrue([answer], lambda _: None)] == [True]
        assert len(untrue([Shown(message, None, newer="run R")], lambda _: None)) == 2


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
