"""Cards that a run shows at each of its stages and after its end, and their recipients."""

import json
import re

import pytest

from adaptive_cards.components import stage
from adaptive_cards.texts import text
from bot.cards import delivery, draw
from bot.cards.presenters import progress
from bot.cards.presenters.card_state import THREAD, slot_of
from jobs.clock import now
from jobs.model import Finding, Profile, Scope, State, Text, Turn
from jobs.next_action import stage_of
from jobs.runs.run import Event, Kind
from jobs.steps import steps_for, steps_of
from jobs.storage import keys
from practice.cardtext import lines
from tests.fixtures.copies import replace
from tests.fixtures.run_events import changing
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
    cards,
    found,
    living,
    shown as posted,
    verbs,
)

TO_HER = "anna@example.test"
STAGE = re.compile(r"\d of 7 · [\w-]+")
RUNS = [SIGNED_IN, PLANNED, APPROVED]
STAGES: dict[str, tuple[list[Event], str]] = {
    "details are in": ([], "signin!"),
    "somebody else is asked": ([answered("administrator", ADMIN)], f"signin! signin!{ADMIN}"),
    "signed in": ([SIGNED_IN], "signin"),
    "planned": ([SIGNED_IN, PLANNED], "plan!"),
    "approved": (RUNS, "plan progress"),
    "waits": ([*RUNS, found("ids", State.WAITING, waiting_for=Turn.TIME, until=now())], "plan progress"),
    "look": ([*RUNS, found("ids", State.UNKNOWN)], "plan progress!"),
    "signed out": ([*RUNS, SIGNED_OUT], "signin! progress!"),
    "consent": ([*RUNS, CONSENT], "plan progress! consent!"),
    "consent, somebody asked": ([*RUNS, CONSENT, answered("consent_administrator", ADMIN)],
                                f"plan progress! consent! consent!{ADMIN}"),
    "granted": ([*RUNS, found("admin_consent")], "plan progress"),
    "form": ([*RUNS, FORM], f"plan progress! connect!{TO_HER} rehearsal!"),
    "proof": ([*RUNS, FORM, ON_THE_WAY], f"plan progress! connect!{TO_HER} rehearsal! mail"),
    "registered": ([*RUNS, FORM, found("registered")], f"plan progress! connect!{TO_HER} rehearsal!"),
    "filled in": ([*RUNS, found("mailbox_fields"), answered("token_saved"), answered("registered"),
                   answered("rehearse", "skip:away"), ON_THE_WAY], "plan progress mail"),
    "cancelled before a plan": ([Event(Kind.CANCELLED, now())], "ended!"),
    "cancelled": ([*RUNS, CONSENT, FORM, ON_THE_WAY, Event(Kind.CANCELLED, now())], "ended!"),
    "failed": ([SIGNED_IN, PLANNED, Event(Kind.FAILED, now())], "progress!"),
}  # fmt: skip
"""Events of each stage and its cards: the slot, ``!`` if a person has to see it, and a 1:1 place."""


def card_in(services, run, slot: str):
    """Return the first card of this slot that the run wants."""
    return next(card for card in cards(services, run) if card.slot == slot)


def test_the_progress_card_says_where_the_form_cannot_go(services, begin, webex_script, reply):
    """The progress card says if the form could not be sent 1:1 to the requester.

    Other people would not learn otherwise that a form waits. The card also shows when the form was
    sent later.
    """
    run = begin(SIGNED_IN, PLANNED, APPROVED, FORM)
    says = text("progress.form_unsent", who=TO_HER)

    def told() -> bool:
        card = card_in(services, run, "progress").card
        return says in card.text + json.dumps(card.content, ensure_ascii=False)

    def form():
        return replace(card_in(services, run, "connect"), slot=slot_of(TO_HER))

    webex_script.on(
        "POST",
        "/messages",
        reply(403, {"message": "no"}),
        reply(403, {"message": "no"}),
        reply(body={"id": "posted-1"}),
    )
    turns = [card_in(services, run, "progress").urgency]
    drawn = []
    assert not told()
    for _ in range(2):
        services.redis.delete(keys.due())
        delivery.show(services, run, form())
        drawn.append(services.cards.due(run.id) > 0)
        turns.append(card_in(services, run, "progress").urgency)
        assert told()
    delivery.show(services, run, form())
    assert drawn == [True, False]
    assert services.cards.due(run.id) > 0
    assert not told()
    assert turns[0] != turns[1] == turns[2]


@pytest.mark.parametrize(("events", "expected"), STAGES.values(), ids=STAGES)
def test_the_cards_of_a_stage(services, begin, events, expected):
    """Each stage has its cards, by slot and place, in the order of drawing.

    Only cards for a turn, a problem or the end are posted again if Webex allows no edits. A second
    look at the same run draws the same. All cards say the stage that ``/status`` says.
    """
    run = begin(*events)
    first, second = cards(services, run), cards(services, run)
    shown = [card.slot + "!" * (card.prompt != "") + card.to.replace(THREAD, "") for card in first]
    assert " ".join(shown) == expected
    assert [(card.slot, card.fingerprint, card.urgency) for card in first] == [
        (card.slot, card.fingerprint, card.urgency) for card in second
    ]
    said = STAGE.findall("\n".join(line for card in first for line in lines(card.card.content)))
    assert set(said) <= {stage(stage_of(run))}


def test_a_finished_run(services, begin):
    """A finished run shows the done card. Its last edit is left for what comes later."""
    everything = [found(name, seen=Text("seen.on")) for name in steps_for(Profile.ARTICLE)]
    run = begin(SIGNED_IN, PLANNED, APPROVED, *everything, Event(Kind.FINISHED, now()))
    assert [(card.slot, card.final) for card in cards(services, run)] == [("done", False)]


def test_the_secret_stands_on_no_card(services, begin):
    """No secret of a run is on a card, at any stage and for any reader."""
    run = begin(
        SIGNED_IN,
        PLANNED,
        APPROVED,
        CONSENT,
        FORM,
        ON_THE_WAY,
        answered("rehearse"),
        found("rehearsal", State.WAITING, waiting_for=Turn.MAILBOX_USER),
    )
    for name in (
        f"secret:{run.id}",
        "check-secret:support@example.test",
        f"session:{run.id}",
        f"rehearsal:{run.id}",
    ):
        services.vault.put(name, "canary-s3cret", 60)
    drawn = json.dumps([[card.card.content, card.card.text] for card in cards(services, run)])
    assert ("canary" in drawn, len(drawn) > 1000) == (False, True)


def test_the_progress_card_stands_for_every_step(services, begin):
    """The progress card has a line for every step, or shows it in another step's line.

    The line of a running step says so.
    """
    run = begin(
        SIGNED_IN,
        PLANNED,
        APPROVED,
        Event(Kind.RUNNING, now(), step="application"),
        found("tenant"),
    )
    shown = list(lines(card_in(services, run, "progress").card.content))
    steps = steps_of(run)
    names = [step.name for step in steps.values() if step.shown_in not in steps]
    assert [name for name in names if text(f"line.{name}") not in "\n".join(shown)] == []
    (running,) = (line for line in shown if text("line.application") in line)
    assert text("state.running") in running


@pytest.mark.parametrize("turn", [[FORM], []], ids=["a person's turn", "nobody's turn"])
@pytest.mark.parametrize(
    ("state", "kind"), [(State.WAITING, Kind.CHANGING), (State.UNKNOWN, Kind.RUNNING)]
)
def test_a_try_of_a_step_that_waits_for_time_is_no_news(services, begin, turn, state, kind):
    """A wait of a day is tried again many times, and a card takes ten edits.

    So the card and its turn are the same before and during a try. The card changes with the result.
    """
    begun, step = begin(SIGNED_IN, PLANNED, APPROVED, *turn), "outbound_policy"
    waits = found(step, state, waiting_for=Turn.TIME, until=now())
    tried = Event(kind, now(), step=step, finding=Finding(step, State.WRONG))
    before, during, after = (
        _progress(services, begun.id, event) for event in (waits, tried, found(step))
    )
    assert (before.fingerprint, before.urgency) == (during.fingerprint, during.urgency)
    assert after.fingerprint != during.fingerprint


def _progress(services, run_id: str, event: Event):
    """Add an event to the run, and return the progress card afterward."""
    services.store.append(run_id, event)
    (card,) = progress.progress_cards(services.store.load(run_id), services)
    return card


def test_drawing_posts_each_card_once(services, begin, said):
    """A second draw of the same run posts nothing.

    A draw takes the run's queued mark off first, so that later news queues another draw.
    """
    run = begin(SIGNED_IN, PLANNED, APPROVED)
    services.cards.request(run.id)
    services.cards.request(run.id)
    assert len(services.cards.queue.jobs) == 1
    draw.draw(run.id)
    draw.draw(run.id)
    assert [method for method, _ in said()] == ["POST"]
    services.cards.request(run.id)
    assert len(services.cards.queue.jobs) == 2


def test_a_mistake_of_ours_is_shown_before_there_is_a_plan(services, begin):
    """A bug before the plan is shown with the reference that the log has.

    A run that was only canceled shows no such card.
    """
    mistake = Event(
        Kind.PROBLEM, now(), data={"question": "run", "cause": "unexpected", "code": "REF-1A2B3C"}
    )
    failed = begin(SIGNED_IN, mistake, Event(Kind.FAILED, now(), data={"reference": "REF-1A2B3C"}))
    (shown,) = progress.progress_cards(failed, services)
    assert "REF-1A2B3C" in json.dumps(shown.card.content)
    assert progress.progress_cards(replace(failed, ended=Kind.CANCELLED), services) == []


WIDE = replace(LINE, step="customization", row="M5", scope=Scope.TENANT)
OF_BOTH = Event(Kind.PLANNED, now(), data={"plan": "plan-1"}, changes=(LINE, WIDE))
ASKED = answered("administrator", ADMIN)


def places(services, run):
    """Return all cards that the run shows, by their place."""
    return {card.to: card for card in living(services, run)}


@pytest.mark.parametrize("end", [Kind.CANCELLED, Kind.FAILED])
@pytest.mark.parametrize(
    "events", [(ASKED,), (ASKED, SIGNED_IN, OF_BOTH), (ASKED, SIGNED_IN, OF_BOTH, APPROVED)]
)
def test_nothing_is_asked_for_any_more(services, begin, events, end):
    """After the end of a run, the card of each place says so and has no button.

    The card in the space may become history later, so its last edit is left.
    """
    run = begin(*events, Event(end, now()))
    posted(services, run, *map(slot_of, ("thread", ADMIN)))
    shown = places(services, run)
    assert shown.keys() == {"thread", ADMIN}
    assert [verbs(card) for card in shown.values()] == [[], []]
    assert {place: card.final for place, card in shown.items()} == {"thread": False, ADMIN: True}
    assert text("living.over_words") in "\n".join(lines(shown[ADMIN].card.content))


def test_a_cancelled_run_that_changed_something_offers_to_undo_it(services, begin):
    """A canceled run names its changes, and offers to undo or to check them."""
    changes = replace(changing("smtp_auth"), changes=(LINE,))
    changed = Event(Kind.CHANGED, now(), step="smtp_auth")
    run = begin(SIGNED_IN, OF_BOTH, APPROVED, changes, changed, Event(Kind.CANCELLED, now()))
    card = places(services, run)["thread"]
    assert verbs(card) == ["undo", "check"]
    assert "These changes remain" in card.card.text


NO_ROLE = "exchange_role_missing"


def unknown(cause: str, turn: Turn = Turn.ADMINISTRATOR, **more: object) -> Event:
    """Return a finding that could not be read because of this cause."""
    return found("ids", State.UNKNOWN, cause=cause, waiting_for=turn, **more)


def stopped(cause: str, turn: Turn, **more: object) -> Event:
    """Return a test mail that was stopped, and who acts."""
    return found("test_mail", State.WAITING, cause=cause, waiting_for=turn, **more)


@pytest.mark.parametrize(
    ("event", "buttons", "remedy"),
    [
        (unknown("change_never_shown"), ["look_again"], "change_never_shown"),
        (unknown(NO_ROLE), ["look_again", "sign_in_other"], NO_ROLE),
        (unknown("entra_busy", Turn.TIME, until=now()), [], ""),
        (unknown("of_another_version"), ["look_again"], ""),
        (stopped("mail_not_delivered", Turn.ADMINISTRATOR), ["look_again"], "mail_not_delivered"),
        (stopped("forwarding_blocked", Turn.TIME, until=now()), [], ""),
        (CONSENT, ["consent_again"], ""),
        (found("smtp_auth"), [], ""),
    ],
)
def test_what_leads_on_stands_on_the_progress_card(services, begin, event, buttons, remedy):
    """The progress card shows Look again if it is needed, with the remedy.

    The card shows Send card again if a card can be sent again.
    """
    tenant = Event(Kind.APPROVED, now(), data={"plan": "plan-1", "scope": "tenant"})
    run = begin(SIGNED_IN, OF_BOTH, APPROVED, tenant, event)
    (card,) = progress.progress_cards(run, services)
    assert verbs(card) == [*buttons, "cancel"]
    told = remedy and text(f"remedy.{remedy}")
    assert told in "\n".join(lines(card.card.content))


@pytest.mark.parametrize(
    ("state", "object_id", "told"),
    [
        (State.WAITING, "", "it remains until Undo deletes the app"),
        (State.WAITING, "object-1", "Enterprise applications, Webex mail, Permissions"),
        (State.OK, "", ""),
    ],
)
def test_an_open_consent_is_named(services, begin, state, object_id, told):
    """The card of a canceled run says that a consent may still be accepted, and how it is revoked."""
    facts, values = {"app_name": "Webex mail"}, {"object_id": object_id}
    app = Finding("application", State.OK, facts=facts, values=values)
    consent = Finding("admin_consent", state, waiting_for=Turn.ADMINISTRATOR)
    run = begin(
        SIGNED_IN,
        Event(Kind.CHANGING, now(), step="application", finding=app),
        Event(Kind.FOUND, now(), step="application", finding=app),
        Event(Kind.FOUND, now(), step="admin_consent", finding=consent),
        Event(Kind.CANCELLED, now()),
    )
    (card,) = progress.end_cards(run, services)
    words = str(card.card.content)
    assert ("Admin consent was still open" in words, told in words) == (bool(told), True)
