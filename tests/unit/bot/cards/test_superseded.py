"""Cards that speak of a channel: the newest one lives, and the older ones are one line."""

from dataclasses import replace

import pytest

from adaptive_cards.locale import DEFAULT
from adaptive_cards.texts import render, text
from bot.cards import draw, superseded
from bot.cards.presenters import lists
from bot.cards.presenters.card_state import EDITS, posted_card, protected
from bot.chat.permissions import mark_members_checked
from jobs.clock import now
from jobs.model import Channel, Person, RunKind, State, Turn
from jobs.runs.run import Brief, Event, Kind, Origin
from jobs.runtime import install
from jobs.steps import steps_for
from jobs.storage import keys
from jobs.watch.model import LookOutcome, Sight
from jobs.watch.store import assessment
from practice import cardtext
from practice.client import actions
from tests.fixtures.run_events import changing
from tests.unit.bot.cards.presenters.stage_events import APPROVED, LINE, PLANNED, SIGNED_IN, found
from tests.unit.bot.watched import incident_card, watch

MAILBOX = "support@example.test"
CHANNEL = Channel(MAILBOX)
WHO = Person("anna", "anna@example.test", "org-1")
OFF = found("smtp_auth", State.WRONG, cause="smtp_auth_off_for_mailbox")
CAUSE = "SMTP AUTH is off for the mailbox"
TURNS = ("'s turn", "Your turn")
CHANGES = (
    SIGNED_IN,
    PLANNED,
    APPROVED,
    replace(changing("smtp_auth"), changes=(LINE,)),
    Event(Kind.CHANGED, now(), step="smtp_auth"),
)


@pytest.fixture
def check(services, pass_time):
    """Return a function that makes a finished check that found SMTP AUTH off."""

    def made(room: str = "room-1", *events: Event):
        opened = services.store.open(CHANNEL, WHO, Origin(room, "t"), RunKind.CHECK)
        services.store.append(opened.id, *(events or (OFF,)), Event(Kind.CHECKED, now()))
        services.channels.set_last_check(MAILBOX, opened.id)
        pass_time(60)
        return tell(services, opened.id)

    return made


@pytest.fixture
def start(services, pass_time):
    """Return a function that begins a run of the mailbox, and ends it with ``end`` if given."""

    def made(kind: RunKind, *events: Event, end: Kind | None = None, room: str = "room-1"):
        request = f"typed-{now().timestamp()}"
        run = services.store.open(CHANNEL, WHO, Origin(room, "t", message=request), kind)
        services.store.append(run.id, Event(Kind.DETAILS, now(), channel=CHANNEL), *events)
        pass_time(60)
        return stop(services, run, end, pass_time) if end else tell(services, run.id)

    return made


def stop(services, run, end: Kind, pass_time):
    """End the run."""
    finish(services, run, end)
    pass_time(60)
    return tell(services, run.id)


def finish(services, run, end: Kind = Kind.FINISHED) -> None:
    """End the run, after every step of one that finishes was seen to be right."""
    if end is Kind.FINISHED:
        services.store.append(run.id, *map(found, (*steps_for(CHANNEL.profile), "own_login")))
    services.store.end(services.store.load(run.id), Event(end, now()))


def tell(services, run_id: str):
    """Return the run as it is now, on the list of its mailbox."""
    run = services.store.load(run_id)
    if speaker := superseded.of_run(run):
        superseded.note(services, speaker)
    return run


def shown(services, run):
    """Return the run's card in its thread as it is now."""
    current = services.store.load(run.id)
    cards = draw._cards_in(DEFAULT, services, current)  # noqa: SLF001  what a draw shows
    return next(card for card in cards if card.slot in superseded.SPEAKS)


def words(card) -> str:
    """Return the text of a card."""
    return "\n".join(cardtext.lines(card.card.content))


def verbs(card) -> set[str]:
    """Return what the card's buttons do; a link is an empty string."""
    message = {"card": card.card.content}
    every = (each for each in actions(message) if each["type"] != "Action.ShowCard")
    return {str(each.get("data", {}).get("do", "")) for each in every}


def is_history(card) -> bool:
    """Return whether the card has no turn and no buttons, and takes no further edit."""
    turn = any(each in words(card) for each in TURNS)
    return card.retires and card.final and not turn and not verbs(card)


def test_a_finished_fix_makes_the_verdict_one_line(services, check, start):
    """A verdict says what it found and which run fixed it. A later fix does not rewrite that.

    A list of channels says what the newest run did, and nothing about cards.
    """
    verdict = check()
    assert "fix" in verbs(shown(services, verdict))
    first = start(RunKind.FIX, *CHANGES, end=Kind.FINISHED)
    over = shown(services, verdict)
    assert is_history(over)
    assert f"by run {first.id} ({WHO.email})" in words(over)
    assert CAUSE in words(over)
    second = start(RunKind.FIX, *CHANGES, end=Kind.FINISHED)
    assert words(shown(services, verdict)) == words(over)
    assert assessment(services.store, MAILBOX).needs_no_fix
    line = lists.line_of(MAILBOX, assessment(services.store, MAILBOX))
    assert render(line.words).startswith(f"Run {second.id} fixed it")


def test_a_run_in_progress_has_the_turn(services, check, start, pass_time):
    """While a fix runs, the verdict keeps its cause, in another space as well, but not its button.

    The fields that the button would send are gone, too. A fix that is canceled before it changes anything gives the button back.
    """
    verdicts = check("room-1"), check("room-2")
    before = [words(shown(services, each)) for each in verdicts]
    fix = start(RunKind.FIX)
    for each in verdicts:
        card = shown(services, each)
        is_here = each.origin.room == fix.origin.room
        assert (fix.id in words(card), CAUSE in words(card), verbs(card)) == (is_here, True, set())
        assert not any(turn in words(card) for turn in (*TURNS, text("verdict.accept")))
        assert not card.final
    assert all(text("verdict.accept") in each for each in before)
    stop(services, fix, Kind.CANCELLED, pass_time)
    assert [words(shown(services, each)) for each in verdicts] == before


def test_a_fix_that_is_canceled_after_changes_makes_history(services, check, start):
    """After a change nobody knows whether the verdict still holds, so it is history."""
    verdict = check()
    start(RunKind.FIX, *CHANGES, end=Kind.CANCELLED)
    assert is_history(shown(services, verdict))


def test_a_newer_check_is_newer_only_in_its_space(services, check, start):
    """A check makes older cards of its own space history, the done card included."""
    done = start(RunKind.FIX, *CHANGES, end=Kind.FINISHED)
    elsewhere, older = check("room-2"), check()
    assert not is_history(shown(services, elsewhere))
    cards = [shown(services, each) for each in (done, older, check(), elsewhere)]
    assert [is_history(each) for each in cards] == [True, True, False, False]
    assert f"Run {done.id} fixed it" in words(cards[0])


def test_a_check_that_is_history_may_go_on(services, check, pass_time):
    """A check that goes on after a grant is the newest one again, until there is a newer one.

    Until a check has found something, it says nothing of the channel.
    """
    assert superseded.of_run(services.store.open(CHANNEL, WHO, Origin("r"), RunKind.CHECK)) is None
    first, second = check(), check()
    assert is_history(shown(services, first))
    services.store.append(first.id, Event(Kind.READABLE, now()), OFF, Event(Kind.CHECKED, now()))
    pass_time(60)
    tell(services, first.id)
    assert [is_history(shown(services, each)) for each in (first, second)] == [False, True]
    services.redis.delete(keys.due())
    check()
    assert services.cards.due(first.id) > 0
    assert is_history(shown(services, first))


def test_the_cards_of_an_incident(services, check, start, pass_time):
    """An incident makes older cards history.

    It keeps "I'm on it" while a newer check or a run has the turn, and is history after the fix. A
    further break makes the card of that fix history.
    """
    before = check("room-1", *(found(name) for name in ("arrivals", "copies", "answers")))
    watching = services.watching
    watched = watch(services, MAILBOX)
    broken = LookOutcome(Sight.BROKEN, "smtp_auth_off_for_mailbox", fix="fix.smtp_auth")
    for _ in range(2):
        changed = watching.add_look(watched, broken, now())
    (card_id,) = changed[0].cards
    assert is_history(shown(services, before))
    assert verbs(incident_card(services, card_id)) == {"fix", "watch_on_it", "check"}
    check()
    assert verbs(incident_card(services, card_id)) == {"watch_on_it"}
    fix = start(RunKind.FIX, *CHANGES)
    assert verbs(incident_card(services, card_id)) == {"watch_on_it"}
    finish(services, fix)
    watching.prove(MAILBOX, fix.id, now())
    assert "fix" not in verbs(incident_card(services, card_id))
    assert not is_history(shown(services, fix))
    for _ in range(2):
        pass_time(60)
        watching.add_look(watched, broken, now())
    assert verbs(incident_card(services, card_id)) == {"fix", "watch_on_it", "check"}
    assert is_history(shown(services, fix))


def test_approvers_are_named(services, check):
    """The cards of a check and of an incident name the approvers that the settings name."""
    boss = "boss@example.test"
    services = replace(services, bot=replace(services.bot, approvers=(boss,)))
    watched = watch(services, MAILBOX)
    broken = LookOutcome(Sight.BROKEN, "smtp_auth_off_for_mailbox", turn=Turn.APPROVER)
    for _ in range(2):
        changed = services.watching.add_look(watched, broken, now())
    for card in (incident_card(services, changed[0].cards[0]), shown(services, check())):
        assert f"{boss}'s turn" in words(card)


def test_the_end_of_the_watch_is_not_the_end_of_the_break(services, check, pass_time):
    """The card of an incident that nobody looks at any more does not say that it ended."""
    watching, watched = services.watching, watch(services, MAILBOX)
    for _ in range(2):
        broken = LookOutcome(Sight.BROKEN, "smtp_auth_off_for_mailbox")
        changed = watching.add_look(watched, broken, now())
    pass_time(60)
    watching.end(MAILBOX, now())
    (card_id,) = changed[0].cards
    assert text("watch.cause_seen", cause=CAUSE) in words(incident_card(services, card_id))
    assert text("watch.row_ended") not in words(incident_card(services, card_id))
    check()
    assert "The watch was ended" in words(incident_card(services, card_id))


def test_something_new_draws_the_others_once(services, check, start):
    """The beginning and the end of a run draw the mailbox's other cards again, once each."""
    verdict = check()
    services.redis.delete(keys.due())
    run = start(RunKind.FIX)
    assert services.cards.due(verdict.id) > 0
    services.redis.delete(keys.due())
    tell(services, run.id)
    assert services.cards.due(verdict.id) == 0
    services.store.append(run.id, *CHANGES)
    finish(services, run)
    tell(services, run.id)
    assert services.cards.due(verdict.id) > 0
    assert is_history(shown(services, verdict))
    assert services.redis.smembers(keys.cards_about(MAILBOX)) == {run.id.encode()}


def test_a_fact_that_the_bot_did_not_record_counts_for_nothing(services, check):
    """A line in Redis that this bot did not write makes no card history."""
    verdict = check()
    services.redis.hset(keys.cards(verdict.id), "history", b'{"kind":"fixed"}')
    assert not is_history(shown(services, verdict))
    assert text("result.asked", at="") not in words(shown(services, verdict))


def test_a_check_of_a_channel_that_is_not_known_here_tells_nothing_of_others(
    services, start, pass_time
):
    """A check that searches a channel of another space shows no run and no person of that space.

    One that has made it a channel of its own space is like any other card.
    """
    brief = Brief(by_hand=True, discover=True)
    opened = services.store.open(CHANNEL, WHO, Origin("room-2", "t"), RunKind.CHECK, brief=brief)
    services.store.append(opened.id, OFF, Event(Kind.CHECKED, now()))
    pass_time(60)
    verdict = tell(services, opened.id)
    before = words(shown(services, verdict))
    fix = start(RunKind.FIX, *CHANGES)
    assert words(shown(services, verdict)) == before
    stop(services, fix, Kind.FINISHED, pass_time)
    assert words(shown(services, verdict)) == before
    start(RunKind.FIX, *CHANGES, end=Kind.FINISHED, room="room-2")
    assert is_history(shown(services, verdict))
    services.store.end(verdict, Event(Kind.FINISHED, now()))
    kept = superseded.of_run(services.store.load(verdict.id))
    assert (superseded.of_run(verdict).apart, kept.apart) == (True, False)


def test_a_space_that_has_disconnected_a_channel_hears_little_of_another_space(services, start):
    """The card of the undo names neither the new setup elsewhere nor its person, but says of it."""
    undo = start(RunKind.UNDO, end=Kind.FINISHED)
    before = words(shown(services, undo))
    elsewhere = start(RunKind.SETUP, *CHANGES, room="room-2")
    card = words(shown(services, undo))
    assert (card == before, elsewhere.id in card, "in another space" in card) == (
        False,
        False,
        True,
    )


def test_the_last_edit_of_a_message_is_left_for_its_history(
    services, check, start, webex_script, pass_time
):
    """A verdict whose message has taken nine edits is one line with the tenth. Nothing is posted."""
    install(services)
    mark_members_checked(services, "room-1")
    verdict = check()
    draw.draw(verdict.id)
    known = posted_card(services, verdict.id, "verdict")
    assert known is not None
    used = protected(services, verdict.id, "verdict", replace(known, edits=EDITS - 1))
    services.redis.hset(keys.cards(verdict.id), "verdict", used)
    start(RunKind.FIX, *CHANGES, end=Kind.FINISHED)
    before = len(webex_script.asked)
    pass_time(30)
    draw.draw(verdict.id)
    sent = [(method, path) for method, path, _ in webex_script.asked[before:] if method != "GET"]
    assert sent == [("PUT", f"/messages/{known.message}")]
    assert "Fixed" in str(webex_script.asked[-1][2])
    pass_time(30)
    draw.draw(verdict.id)
    assert webex_script.asked[-1][1] == f"/messages/{known.message}"
