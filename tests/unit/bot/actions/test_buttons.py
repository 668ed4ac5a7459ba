"""Card buttons: pressed twice, late, by the wrong person, on an old card, and forged."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from adaptive_cards.texts import text
from bot.cards import delivery, draw
from bot.cards.presenters import progress, questions
from bot.commands import actions, changes, on_run, runs
from bot.events.handler import run_once
from jobs.clock import now
from jobs.model import Channel, Finding, RunKind, State, Turn
from jobs.runs.run import Event, Kind
from jobs.runs.run_store import Record, RunStore
from jobs.storage import keys
from jobs.storage.vault import Sealed
from tests.fixtures.parsed import table
from tests.fixtures.run_events import answered, changing, found, noted
from tests.fixtures.waiting import LIMIT_S
from tests.security.verbs import OF_NO_RUN
from tests.unit.bot.actions.presses import RIGHT, carry_out, other, press, queued, told
from tests.unit.bot.cards.presenters.stage_events import LINE, PLANNED, SIGNED_IN
from tests.unit.bot.watched import GOOD, look, watch

TYPED = table("typed_messages")
ON_A_RUN = sorted(set(actions()) - OF_NO_RUN - {v for v in actions() if v.startswith("tac")})


@pytest.fixture
def ben(anna):
    """Return the context of Ben, who takes no part in the run and is in another space."""
    return other(anna, "ben", room="room-2")


@pytest.mark.parametrize("do", ON_A_RUN)
def test_a_run_that_is_over(anna, begin, said, do):
    """A press on a card of an ended run is refused and changes nothing."""
    run = begin(SIGNED_IN, PLANNED, Event(Kind.CANCELLED, now()))
    press(anna, do, run=run.id, plan="plan-1", skip_reason="x", administrator="carl@example.test")
    assert text("refused.over") in said()[0][1]
    assert (told(anna, run), queued(anna)) == ([("cancelled", {})], set())


@pytest.mark.parametrize(("at", "answers"), [(now(), 0), (now() - timedelta(hours=1), 1)])
@pytest.mark.parametrize("do", ["agent_has_it", "test_sent", "token_saved", "registered"])
def test_the_proof_was_faster(anna, begin, said, do, at, answers):
    """Nobody is told that nothing was changed when the proof came before the person's press."""
    run = begin(SIGNED_IN, PLANNED, Event(Kind.FINISHED, at))
    press(anna, do, run=run.id)
    assert (len(said()), told(anna, run)) == (answers, [("finished", {})])


def test_a_press_that_takes_longer_than_its_lock_lasts(anna, begin, monkeypatch):
    """A press that takes longer than its lock lasts is carried out once, also if it is repeated."""
    monkeypatch.setattr("bot.commands.LONGEST_S", 0.1)
    run, done = begin(), []

    @on_run
    def slow(_talk, inputs: dict[str, str], _run) -> None:
        time.sleep(0.2)
        done.append(inputs["run"])

    for _ in range(2):
        run_once(anna, "action-1:press", lambda ctx: slow(ctx, {"run": run.id}))
    assert done == [run.id]


def test_two_presses_at_once(anna, begin, said):
    """A second press at the same time waits for the first, in any process, and sees its result."""
    run = begin(SIGNED_IN, PLANNED)
    with ThreadPoolExecutor(1) as second:
        with anna.services.redis.lock(f"run:{run.id}:press", timeout=15):
            pressed = second.submit(press, anna, "approve", run=run.id, plan="plan-1")
            time.sleep(0.3)
            data = {"plan": "plan-1", "scope": "mailbox"}
            approved = Event(Kind.APPROVED, now(), by="anna@example.test", data=data)
            anna.services.store.append(run.id, approved)
        pressed.result(LIMIT_S)
    assert told(anna, run) == [("approved", data)]
    assert text("refused.twice") in said()[0][1]


@pytest.mark.parametrize("do", ["test_sent", "agent_has_it", "rehearse", "skip_rehearsal"])
def test_everybody_in_the_runs_space_may_say_what_they_see(ben, begin, do):
    """Everybody in the run's space may report mail, and may start or skip the rehearsal."""
    run = begin(SIGNED_IN, PLANNED)
    press(replace(ben, room="room-1"), do, run=run.id, skip_reason="away")
    assert [kind for kind, _ in told(ben, run)] == ["answered"]
    assert f"jobs.advance.advance {run.id}" in queued(ben)


def test_who_was_asked_to_consent_takes_part(anna, ben, begin):
    """In the 1:1, the administrator asked for consent may say that it is already granted."""
    run = begin(SIGNED_IN, answered("consent_administrator", "ben@example.test"))
    after = press(replace(ben, room="room-ben", direct=True), "look_again", run=run.id)
    assert "look_again" in after.answers


@pytest.mark.parametrize("do", ["token_saved", "registered", "test_sent", "agent_has_it"])
def test_a_word_is_kept(anna, begin, do):
    """Each report of a person is recorded, and Registered also records that the token is saved."""
    answers = press(anna, do, run=begin(SIGNED_IN).id).answers
    wanted = {do: "yes"} | ({"token_saved": "yes"} if do == "registered" else {})
    assert {name: answer.value for name, answer in answers.items()} == wanted


def test_registered_after_the_test_mail_opens_it_again(anna, begin):
    """Registered opens an earlier test mail again, because Webex Connect dropped that mail.

    The card still shows the subject. A mail that an agent has received stays as it is.
    """
    mail = Finding("test_mail", State.WRONG)
    seen = Finding("test_mail", State.OK, facts={"subject": "Webex email test"})
    run = begin(
        SIGNED_IN,
        found("token"),
        Event(Kind.CHANGING, now(), step="test_mail", finding=mail),
        Event(Kind.CHANGED, now(), step="test_mail"),
        noted(seen),
    )
    after = press(anna, "registered", run=run.id)
    assert (after.state_of("test_mail"), set(after.answers)) == (State.WRONG, {"registered"})
    assert after.fact("subject") == "Webex email test"
    answered = Finding("agent_has_it", State.OK)
    anna.services.store.append(run.id, noted(seen), noted(answered))
    assert press(anna, "registered", run=run.id).state_of("test_mail") is State.OK


SEALED = (
    "rehearsal:{run}",
    "rehearsal-session:{run}",
    "rehearsal-secret:{run}",
    "check-session:{mailbox}",
    "check-secret:{mailbox}",
)


@pytest.mark.parametrize(
    ("do", "kind", "left"),
    [
        ("skip_rehearsal", "setup", []),
        ("rehearse", "setup", [2, 3, 4]),
        ("skip_rehearsal", "fix", [0, 1, 2, 3, 4]),
    ],
)
def test_what_is_kept_of_a_rehearsal(anna, begin, do, kind, left):
    """Skipping a rehearsal drops its secrets, and trying again keeps the client secret.

    A run without a rehearsal drops none of the channel's secrets.
    """
    run = begin(SIGNED_IN, PLANNED, kind=kind)
    names = [name.format(run=run.id, mailbox=run.channel.mailbox) for name in SEALED]
    for name in names:
        anna.services.vault.put(name, "value", 60)
    press(anna, do, run=run.id, skip_reason="away")
    assert [number for number, name in enumerate(names) if anna.services.vault.holds(name)] == left


@pytest.mark.parametrize(
    ("reason", "kept"),
    [
        ("  on   leave aB38Q~" + "x" * 34, "skip:on leave [removed]"),
        ("", None),
        ("   ", None),
        ("x" * 900, "skip:" + "x" * 200),
    ],
)
def test_skipping_takes_a_reason(anna, begin, reason, kept):
    """A rehearsal is skipped only with a reason, kept as one line of at most 200 characters."""
    after = press(anna, "skip_rehearsal", run=begin(SIGNED_IN).id, skip_reason=reason)
    assert after.answer("rehearse") == (kept or "")


def test_look_again(anna, begin):
    """The button Look again forgets the findings that did not hold, and a worker looks again."""
    run = begin(SIGNED_IN, found("ids", State.UNKNOWN), PLANNED)
    again = press(anna, "look_again", run=run.id)
    assert ("ids" in again.findings, again.plan) == (False, None)
    assert f"jobs.advance.advance {run.id}" in queued(anna)


def test_the_first_card(anna, begin):
    """The first card takes right details once, and a second press of the same card is refused."""
    run = begin(detailed=False)
    for _ in range(2):
        press(anna, "intake", run=run.id, **RIGHT, lifetime="6", unknown="x")
    events = [event for event in anna.services.store.events(run.id) if event.kind is Kind.DETAILS]
    assert [(event.channel and event.channel.lifetime_months) for event in events] == [6]


@pytest.mark.slow
@pytest.mark.parametrize(("status", "posts"), [(200, 1), (400, 12)])
def test_a_first_card_that_is_wrong_again_and_again(
    anna, begin, said, webex_script, reply, status, posts
):
    """A wrong first card is edited nine times before a new post. A refused edit becomes a post."""
    for message in ("card-1", "posted-1"):
        body = {"id": message, "message": "no"}
        webex_script.on("PUT", f"/messages/{message}", reply(status, body))
    run = begin(detailed=False)
    delivery.mark_posted(anna.services, (run.id, "living"), "card-1", "room-1")
    for number in range(12):
        wrong = RIGHT | {"callback_url": f"http://x{number}.y/callback"}
        press(anna, "intake", run=run.id, **wrong)
        draw.draw(run.id)
    assert [method for method, _ in said()].count("POST") == posts


def test_a_mailbox_that_is_busy(anna, begin, webex_script, reply):
    """The first card of a run without a mailbox cannot take the mailbox of another open run."""
    webex_script.on("PUT", "/messages/card-1", reply(body={"id": "card-1"}))
    busy = begin()
    origin = replace(anna.origin, message="typed-2")
    second = anna.services.store.open(Channel(""), anna.asker, origin)
    second = press(anna, "intake", run=second.id, **RIGHT, mailbox="support@example.test")
    assert second.detailed is False
    assert anna.services.store.channels.running("support@example.test") == busy.id


def test_a_mailbox_that_is_connected(anna, webex_script, reply):
    """The empty form does not begin a second setup, and says which command leads on."""
    webex_script.on("PUT", "/messages/card-1", reply(body={"id": "card-1"}))
    mailbox = "support@example.test"
    anna.services.channels.keep(Record("RUN", now(), Channel(mailbox)))
    anna.services.redis.sadd(keys.space_channels("room-1"), mailbox)
    run = anna.services.store.open(Channel(""), anna.asker, anna.origin)
    run = press(anna, "intake", run=run.id, **RIGHT, mailbox=mailbox)
    told = text("typed.mailbox_connected", mailbox=mailbox)
    assert (run.detailed, told in str(questions.intake_card(run, anna.services))) == (False, True)


@pytest.mark.parametrize(("pasted", "key"), TYPED["pasted"])
def test_a_pasted_error_is_explained(anna, said, pasted, key):
    """A pasted error is explained, or the answer says that the error is not known."""
    press(anna, "explain", error_text=pasted)
    assert text(key) in said()[0][1]


@pytest.mark.parametrize("who", ["anna", "ben"])
def test_cancelling(anna, ben, begin, who):
    """Only a person who takes part can cancel a run, and its secrets are deleted with it."""
    run = begin(SIGNED_IN)
    for name in ("session", "secret", "rehearsal"):
        anna.services.vault.put(f"{name}:{run.id}", "x", 60)
    run = press({"anna": anna, "ben": ben}[who], "cancel", run=run.id)
    held = {
        anna.services.vault.holds(f"{name}:{run.id}") for name in ("session", "secret", "rehearsal")
    }
    assert (run.ended, held) == (("cancelled", {False}) if who == "anna" else (None, {True}))


CHANGING = replace(changing("smtp_auth"), changes=(LINE,))


def test_a_look_follows_a_cancel_that_may_leave_changes(anna, begin):
    """The watch does not wait for its next round, which may be 15 minutes later."""
    watching, watched = anna.services.watching, watch(anna.services, "support@example.test")
    for changed in ((), (CHANGING,)):
        look(anna.services, watched, GOOD, now())
        watching.schedule.add(watched.group, now() + timedelta(minutes=15))
        press(anna, "cancel", run=begin(SIGNED_IN, *changed).id)
        is_due = watching.schedule.due(watched.group) <= now().timestamp()
        looks = watching.state(watched.mailbox).next_look is None
        assert (is_due, looks) == (bool(changed),) * 2


@pytest.fixture
def ends_meanwhile(anna, monkeypatch) -> None:
    """Let a worker finish the run after the press has read it, and before it writes."""
    refresh = RunStore.refresh

    def slow(store: RunStore, run):
        read = refresh(store, run)
        store.end(read, Event(Kind.FINISHED, now()))
        return read

    monkeypatch.setattr(RunStore, "refresh", slow)


@pytest.mark.usefixtures("ends_meanwhile")
@pytest.mark.parametrize("do", ["approve", "look_again"])
def test_a_press_that_comes_too_late(anna, begin, said, do):
    """A press that comes too late is told that the run has ended.

    The finish stays the last event of the run.
    """
    run = begin(SIGNED_IN, PLANNED)
    press(anna, do, run=run.id, plan="plan-1")
    assert anna.services.store.events(run.id)[-1].kind == Kind.FINISHED
    assert text("refused.over") in said()[0][1]


def test_a_cancellation_that_comes_too_late(anna, begin, said):
    """A late cancellation does not say that the run is canceled, because the run has finished."""
    run = begin(SIGNED_IN, PLANNED)
    anna.services.store.end(run, Event(Kind.FINISHED, now()))
    carry_out(anna, runs.cancel, run)
    assert anna.services.store.load(run.id).ended == "finished"
    assert text("refused.over") in said()[0][1]


@pytest.mark.parametrize(
    ("then", "late"),
    [
        ((), True),
        ((Event(Kind.CHANGED, now(), step="smtp_auth"),), False),
        ((found("smtp_auth", State.UNKNOWN),), False),
    ],
    ids=["under_way", "done", "failed"],
)
def test_a_change_under_way_is_named(anna, begin, said, then, late):
    """A call under way may still take effect, so the run's card says so and points to ``/undo``."""
    run = begin(SIGNED_IN, PLANNED, CHANGING, *then)
    runs.cancel_typed(anna, run.id)
    assert text("notice.cancelled_see") in said()[0][1]
    (card,) = progress.end_cards(anna.services.store.load(run.id), anna.services)
    told = card.card.text
    assert ("may still take effect: Authenticated SMTP" in told) is late
    assert not late or "/undo restores the earlier settings" in told


FORM = found("mailbox_fields", State.WAITING, waiting_for=Turn.REQUESTER)


def times(anna, run, kind: Kind) -> int:
    """Return how often an event of this kind is in the run."""
    return [each.kind for each in anna.services.store.events(run.id)].count(kind)


def test_an_approval_is_recorded_once_and_goes_on(anna, begin, said):
    """An approval that is handled again is recorded once, and a worker carries on the run.

    Nobody reads that the button was pressed before.
    """
    run, pressing = begin(SIGNED_IN, PLANNED), replace(anna, action_id="press-1")
    press(pressing, "approve", run=run.id, plan="plan-1")
    anna.services.runs.queue.empty()
    press(pressing, "approve", run=run.id, plan="plan-1")
    assert (times(anna, run, Kind.APPROVED), said()) == (1, [])
    assert f"jobs.advance.advance {run.id}" in queued(anna)


def test_the_sign_in_of_the_rehearsal_stays_sealed(anna, begin):
    """If Rehearse is handled again, the rehearsal's token from the time in between is kept.

    So the mailbox user does not sign in twice.
    """
    run, pressing = begin(SIGNED_IN, FORM), replace(anna, action_id="press-1")
    press(pressing, "rehearse", run=run.id)
    token = Sealed.REHEARSAL_TOKEN.of(run.id)
    anna.services.vault.put(token, "sealed-here", 60)
    press(pressing, "rehearse", run=run.id)
    assert anna.services.vault.get(token) == "sealed-here"
    press(replace(anna, action_id="press-2"), "rehearse", run=run.id)
    assert anna.services.vault.get(token) is None


def test_registered_does_not_repeat_a_mail_that_was_sent_meanwhile(anna, begin):
    """If Registered is handled again, the first test mail that it asked for stays the only one."""
    sent = found("test_mail")
    changing = replace(sent, kind=Kind.CHANGING)
    changed = Event(Kind.CHANGED, now(), step="test_mail")
    pressing, run = replace(anna, action_id="press-1"), begin(SIGNED_IN, FORM)
    press(pressing, "registered", run=run.id)
    anna.services.store.append(run.id, changing, changed, sent)
    press(pressing, "registered", run=run.id)
    assert anna.services.store.load(run.id).settled("test_mail")


def test_a_press_that_ended_the_run_drops_what_is_left(anna, begin, said):
    """If a worker died before it dropped the client secret, Cancel drops it when handled again."""
    run, pressing = begin(SIGNED_IN, PLANNED), replace(anna, action_id="press-1")
    press(pressing, "cancel", run=run.id)
    secret = Sealed.CLIENT_SECRET.of(run.id)
    anna.services.vault.put(secret, "sealed-here", 60)
    press(pressing, "cancel", run=run.id)
    assert (anna.services.vault.holds(secret), times(anna, run, Kind.CANCELLED)) == (False, 1)
    assert all("refused" not in words and "ended" not in words for _, words in said())


def test_a_typed_cancel_answers_although_the_run_is_over(anna, begin, said):
    """A ``/cancel`` that is handled again gets the same answer: the run is canceled."""
    run = begin(SIGNED_IN, PLANNED)
    for _ in range(2):
        runs.cancel_typed(anna, run.id)
    assert (len(said()), len({words for _, words in said()})) == (2, 1)
    runs.cancel_typed(replace(anna, message="typed-2"), run.id)
    assert said()[-1] != said()[0]


def test_a_repeated_cancel_ends_no_run_that_began_since(anna, begin, said):
    """The message that canceled a run means that run only, although another one is open by then."""
    runs.cancel_typed(anna, begin(SIGNED_IN, PLANNED).id)
    newer = begin(SIGNED_IN, PLANNED)
    runs.cancel_typed(anna, "")
    assert anna.services.store.load(newer.id).ended is None
    assert len({words for _, words in said()}) == 1


def test_a_typed_fix_does_not_point_to_its_own_run(anna, said, begin):
    """A ``/fix`` that is handled again finds its own run, wakes its worker, and says nothing."""
    run = begin(detailed=False)
    channel = run.channel
    anna.services.store.end(run, Event(Kind.CANCELLED, now()))
    for _ in range(2):
        changes.begin_known(anna, channel, RunKind.FIX)
    (opened,) = (each for each in anna.services.store.runs_in_space("room-1") if not each.ended)
    assert (times(anna, opened, Kind.DETAILS), said()) == (1, [])
    changes.begin_known(replace(anna, message="typed-2"), channel, RunKind.FIX)
    assert len(said()) == 1
