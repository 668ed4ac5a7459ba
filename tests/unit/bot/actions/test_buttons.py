"""Card buttons: pressed twice, by the wrong person, on an old card, of an ended run, and forged."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from adaptive_cards.texts import text
from bot import actions
from bot.cards import delivery, draw
from bot.chat.context import ChatContext
from bot.events.outbox import run_once
from jobs.clock import now
from jobs.model import Finding, State
from jobs.runs.run import Event, Kind, Run
from tests.fixtures.run_events import answered, found, noted
from tests.fixtures.waiting import LIMIT_S
from tests.security.verbs import OF_NO_RUN
from tests.unit.bot.actions.presses import RIGHT, press, queued, told
from tests.unit.bot.cards.presenters.stage_events import PLANNED, SIGNED_IN

ON_A_RUN = sorted(
    set(actions.actions()) - OF_NO_RUN - {v for v in actions.actions() if v.startswith("tac")}
)


@pytest.fixture
def ben(anna) -> ChatContext:
    """Return the context of Ben, who takes no part in the run and is in another space."""
    return replace(
        anna, person=replace(anna.person, id="ben", email="ben@example.test"), room="room-2"
    )


@pytest.mark.parametrize("do", ON_A_RUN)
@pytest.mark.parametrize("run_id", ["NOBODY", "", "../x", "run:1:events"])
def test_an_unknown_run(anna, said, do, run_id):
    """A press with a forged run id is answered, and nothing else happens."""
    press(anna, do, run=run_id)
    assert (text("refused.unknown") in said()[0][1], len(said()), queued(anna)) == (True, 1, set())


@pytest.mark.parametrize("do", ON_A_RUN)
def test_a_run_that_is_over(anna, begin, said, do):
    """A press on a card of an ended run is refused and changes nothing."""
    run = begin(SIGNED_IN, PLANNED, Event(Kind.CANCELLED, now()))
    press(anna, do, run=run.id, plan="plan-1", skip_reason="x", administrator="carl@example.test")
    assert text("refused.over") in said()[0][1]
    assert told(anna, run) == [("cancelled", {})]
    assert queued(anna) == set()


@pytest.mark.slow
@pytest.mark.parametrize("do", ON_A_RUN)
def test_somebody_who_takes_no_part(ben, begin, said, do):
    """In another space, a person who takes no part in the run is refused and changes nothing."""
    run = begin(SIGNED_IN, PLANNED)
    press(ben, do, run=run.id, plan="plan-1", skip_reason="x", administrator="carl@example.test")
    assert text("refused.not_part") in said()[0][1]
    assert told(ben, run) == []
    assert queued(ben) == set()


def test_a_press_that_takes_longer_than_its_lock_lasts(anna, begin, monkeypatch):
    """A press that takes longer than its lock lasts is carried out once, also if it is repeated."""
    monkeypatch.setattr(actions, "LONGEST_S", 0.1)
    run, done = begin(), []

    @actions.on_run
    def slow(_talk: ChatContext, inputs: dict[str, str], _run: Run) -> None:
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
            approved = Event(
                Kind.APPROVED,
                now(),
                by="anna@example.test",
                data={"plan": "plan-1", "scope": "mailbox"},
            )
            anna.services.store.append(run.id, approved)
        pressed.result(LIMIT_S)
    assert told(anna, run) == [("approved", {"plan": "plan-1", "scope": "mailbox"})]
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
    press(replace(ben, room="room-ben", direct=True), "look_again", run=run.id)
    assert "look_again" in anna.services.store.load(run.id).answers


@pytest.mark.parametrize("do", ["token_saved", "registered", "test_sent", "agent_has_it"])
def test_a_word_is_kept(anna, begin, do):
    """Each report of a person is recorded, and Registered also records that the token is saved."""
    run = begin(SIGNED_IN)
    press(anna, do, run=run.id)
    wanted = {do: "yes"} | ({"token_saved": "yes"} if do == "registered" else {})
    assert {
        name: answer.value for name, answer in anna.services.store.load(run.id).answers.items()
    } == wanted


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
    press(anna, "registered", run=run.id)
    after = anna.services.store.load(run.id)
    assert (after.state_of("test_mail"), set(after.answers)) == (State.WRONG, {"registered"})
    assert after.fact("subject") == "Webex email test"
    answered = Finding("agent_has_it", State.OK)
    anna.services.store.append(run.id, noted(seen), noted(answered))
    press(anna, "registered", run=run.id)
    assert anna.services.store.load(run.id).state_of("test_mail") is State.OK


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
        ("  on   leave ", "skip:on leave"),
        ("", None),
        ("   ", None),
        ("x" * 900, "skip:" + "x" * 200),
    ],
)
def test_skipping_takes_a_reason(anna, begin, reason, kept):
    """A rehearsal is skipped only with a reason, kept as one line of at most 200 characters."""
    run = begin(SIGNED_IN)
    press(anna, "skip_rehearsal", run=run.id, skip_reason=reason)
    assert anna.services.store.load(run.id).answer("rehearse") == (kept or "")


def test_look_again(anna, begin):
    """The button Look again forgets the findings that did not hold, and a worker looks again."""
    run = begin(SIGNED_IN, found("ids", State.UNKNOWN), PLANNED)
    press(anna, "look_again", run=run.id)
    again = anna.services.store.load(run.id)
    assert "ids" not in again.findings
    assert again.plan is None
    assert f"jobs.advance.advance {run.id}" in queued(anna)


def test_the_first_card(anna, begin):
    """The first card takes right details once, and a second press of the same card is refused."""
    run = begin(detailed=False)
    for _ in range(2):
        press(anna, "intake", run=run.id, **RIGHT, lifetime="6", unknown="x")
    events = [event for event in anna.services.store.events(run.id) if event.kind is Kind.DETAILS]
    assert [(event.channel and event.channel.lifetime_months) for event in events] == [6]


def wrong(ctx: ChatContext, run: Run, number: int = 0) -> None:
    """Press Continue with a wrong address on the first card, and have the card drawn."""
    press(ctx, "intake", run=run.id, **RIGHT | {"callback_url": f"http://x{number}.y/callback"})
    draw.draw(run.id)


def first_card(ctx: ChatContext, run: Run) -> None:
    """Note that Webex shows the first card."""
    delivery.mark_posted(ctx.services, run.id, "card-1", "room-1")


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
    first_card(anna, run)
    for number in range(12):
        wrong(anna, run, number)
    assert [method for method, _ in said()].count("POST") == posts


def test_a_mailbox_that_is_busy(anna, begin, webex_script, reply):
    """The first card of a run without a mailbox cannot take the mailbox of another open run."""
    webex_script.on("PUT", "/messages/card-1", reply(body={"id": "card-1"}))
    busy = begin()
    other = anna.services.store.open(
        replace(busy.channel, mailbox="", callback_url="", forwarding_address=""),
        anna.asker,
        replace(anna.origin, message="typed-2"),
    )
    press(anna, "intake", run=other.id, **RIGHT, mailbox="support@example.test")
    assert anna.services.store.load(other.id).detailed is False
    assert anna.services.store.channels.running("support@example.test") == busy.id


@pytest.mark.parametrize(
    ("pasted", "key"),
    [
        ("AADSTS7000215: Invalid client secret", "cause.client_secret_wrong"),
        ("Error 7523: invalid address", "cause.connect_recipient_refused"),
        ("Trace ID: 0d1f7bba-7553-4c3e-7554-2b1f3c4d5e6f", "explain.unknown_title"),
        ("", "explain.unknown_title"),
    ],
)
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
    press({"anna": anna, "ben": ben}[who], "cancel", run=run.id)
    held = [
        anna.services.vault.holds(f"{name}:{run.id}") for name in ("session", "secret", "rehearsal")
    ]
    assert (anna.services.store.load(run.id).ended, held) == (
        ("cancelled", [False] * 3) if who == "anna" else (None, [True] * 3)
    )
