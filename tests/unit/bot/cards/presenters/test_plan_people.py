"""The plan of a run that somebody asked for 1:1 without the right to approve it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from adaptive_cards.texts import text
from bot.cards.presenters import plan
from bot.cards.presenters.card_state import DesiredCard, slot_of
from bot.services import Services
from jobs.clock import now
from jobs.model import Channel, Person, Scope
from jobs.runs.run import Event, Kind, Origin, Run
from jobs.storage import keys
from tests.fixtures.run_events import answered
from tests.unit.bot.cards.presenters.stage_events import (
    APPROVED,
    LINE,
    PLANNED,
    SIGNED_IN,
    living,
    shown,
)

BOSS, DEPUTY, OUTSIDE = "boss@example.test", "deputy@example.test", "boss@elsewhere.test"
COPIES = ["thread", BOSS, DEPUTY]


@pytest.fixture
def governed(services) -> Services:
    """Return the same services with two approvers."""
    return replace(services, bot=replace(services.bot, approvers=(BOSS, DEPUTY)))


@pytest.fixture
def asked(services) -> Callable[..., Run]:
    """Return a function that opens a run with a plan, in a 1:1 unless told otherwise."""

    def opened(*events: Event, direct: bool = True, by: str = "anna@example.test") -> Run:
        channel = Channel(
            "support@example.test", "https://uk.webexconnect.io/callback", "x1@mail.webexconnect.io"
        )
        origin = Origin("room-1", "thread-1", direct=direct, message="typed-1")
        run = services.store.open(channel, Person("anna", by, "org-1"), origin)
        details = Event(Kind.DETAILS, now(), channel=channel)
        services.store.append(run.id, details, SIGNED_IN, PLANNED, *events)
        return services.store.load(run.id)

    return opened


def test_a_space_without_an_approver(governed, asked):
    """If no approver is in the space, each approver gets the plan 1:1, as from a 1:1.

    With an approver in the space, no approver gets the plan 1:1.
    """
    absent = answered("approvers_absent")
    assert list(by_place(asked(absent, direct=False), governed)) == COPIES


def by_place(run: Run, services: Services) -> dict[str, DesiredCard]:
    """Return the plan cards of the run, by their place."""
    return {card.to: card for card in plan.cards(run, services)}


def buttons(card: DesiredCard) -> set[str]:
    """Return the verbs of a card that approve or cancel."""
    return {
        verb for verb in ("approve", "approve_tenant", "cancel") if f"'{verb}'" in str(card.card)
    }


def test_each_approver_gets_the_plan_with_the_buttons(governed, asked):
    """The requester and the approvers see who is waited for, and an approver who asks.

    The requester has no button that would be refused. No copy says where the run began.
    """
    found = by_place(asked(), governed)
    assert list(found) == COPIES
    assert [buttons(card) for card in found.values()] == [{"cancel"}, *[{"approve", "cancel"}] * 2]
    assert text("plan.waits_for", who=f"{BOSS}, {DEPUTY}") in str(found["thread"].card)
    copy = found[COPIES[1]].card.text
    assert copy.startswith(text("kicker.asked_direct", who="anna@example.test"))
    assert text("turn.you") in copy
    assert text("plan.waits_for", who=DEPUTY) in str(found[COPIES[1]].card)


@pytest.mark.parametrize(
    ("approvers", "how"),
    [((), {}), (("anna@example.test", BOSS), {}), ((BOSS,), {"direct": False})],
)
def test_no_copy_where_an_approver_can_press(services, asked, approvers, how):
    """No copy of the plan is sent to approvers if none are set, or if the requester is one.

    The same holds if the plan is in a space.
    """
    run = asked(**how)
    found = by_place(run, replace(services, bot=replace(services.bot, approvers=approvers)))
    assert list(found) == ["thread"]
    assert buttons(found["thread"]) == {"approve", "cancel"}
    assert "Waiting for an approver" not in str(found["thread"].card)


def test_the_tenants_approval_is_asked_for_there_too(governed, asked):
    """The button for the whole tenant's changes is on the approvers' copies alone."""
    lines = (LINE, replace(LINE, step="customization", scope=Scope.TENANT))
    found = by_place(asked(replace(PLANNED, changes=lines)), governed)
    assert [buttons(card) for card in found.values()] == [
        {"cancel"},
        *[{"approve", "approve_tenant", "cancel"}] * 2,
    ]


def test_the_other_copies_show_who_decided(governed, asked):
    """After a decision, every card shows who decided, with the time.

    Nobody is waited for any more, and no button approves.
    """
    at = datetime(2026, 11, 27, 15, 22, tzinfo=UTC)
    run = asked(replace(APPROVED, by=BOSS, at=at))
    shown(governed, run, *map(slot_of, COPIES))
    found = {card.to: card for card in living(governed, run)}
    words = text("history.approved_mailbox", who=BOSS, at="27 Nov 15:22 UTC")
    assert words == "Approved by boss@example.test, 27 Nov 15:22 UTC"
    told = [json.dumps(card.card.content) for card in found.values()]
    assert (found.keys(), [words in each for each in told]) == ({*COPIES}, [True] * 3)
    assert "approve" not in {verb for card in found.values() for verb in buttons(card)}
    assert "Waiting for" not in str(told)


def test_after_the_decision_nobody_new_is_told(governed, asked):
    """A copy of the plan that was not posted before the decision is not posted afterward."""
    assert list(by_place(asked(APPROVED), governed)) == ["thread"]


def test_an_approver_without_a_webex_account_is_named(governed, asked):
    """The requester reads which approvers no message reaches, and which approvers are left."""
    run = asked()
    governed.redis.hset(keys.cards_refused(), f"{run.id}:{slot_of(BOSS)}", "x")
    card = str(by_place(run, governed)["thread"].card)
    assert text("plan.unreachable", who=BOSS) in card
    assert text("plan.waits_for", who=DEPUTY) in card
    assert text("plan.nobody_reached") not in card
    governed.redis.hset(keys.cards_refused(), f"{run.id}:{slot_of(DEPUTY)}", "x")
    assert text("plan.nobody_reached") in str(by_place(run, governed)["thread"].card)


def test_an_approver_whom_the_bot_does_not_serve_is_told_nothing(services, asked):
    """An approver of another domain gets no plan, and the requester reads that."""
    run = asked()
    found = by_place(run, replace(services, bot=replace(services.bot, approvers=(OUTSIDE,))))
    assert list(found) == ["thread"]
    assert text("plan.unreachable", who=OUTSIDE) in str(found["thread"].card)
