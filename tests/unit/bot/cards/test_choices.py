"""The card of ``/cancel`` that offers runs: as soon as a run has ended, its button goes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from adaptive_cards.texts import text
from bot.cards import choices, delivery, draw
from bot.cards.living import living_cards
from bot.cards.presenters.card_state import DesiredCard, posted_cards
from bot.chat.context import ChatContext
from bot.commands import commands
from bot.services import Services
from jobs.clock import now
from jobs.model import Channel
from jobs.runs.run import Event, Kind, Run
from jobs.runtime import install
from jobs.storage import keys
from practice import cardtext
from tests.fixtures.webex_script import Reply

MESSAGE = "choice-1"
Ends = Callable[[Run], None]


@pytest.fixture
def runs(anna: ChatContext) -> tuple[Run, Run]:
    """Two open runs of the space, the newest first, which one card offers."""
    store = anna.services.store
    for at, mailbox in enumerate(("support@contoso.com", "sales@contoso.com")):
        store.open(Channel(mailbox), anna.asker, replace(anna.origin, message=f"typed-{at}"))
    newer, older = store.runs_in_space(anna.room)
    choices.mark_posted(anna.services, choices.shows([newer, older]), MESSAGE, anna.room)
    return newer, older


@pytest.fixture
def ends(anna: ChatContext) -> Ends:
    """Return a function that ends a run elsewhere, and draws the cards that offer the run."""

    def end(run: Run, kind: Kind = Kind.CANCELLED) -> None:
        anna.services.store.end(run, Event(kind, now()))
        choices.draw_at_end(anna.services, anna.services.store.load(run.id))

    return end


def shown(services: Services, owner: Run) -> list[DesiredCard]:
    """Return the ``/cancel`` cards that a draw of this run makes now."""
    return choices.cards(services.store.load(owner.id), services)


def buttons(card: DesiredCard) -> list[str]:
    """Return the runs whose buttons the card has."""
    found = json.dumps(card.card.content)
    return [part.partition('"')[0] for part in found.split('"run": "')[1:]]


def due(services: Services) -> set[str]:
    """Return the runs whose cards are to be drawn."""
    return set(services.cards.schedule.all())


def test_a_choice_stays_while_its_runs_are_open(anna: ChatContext, runs: tuple[Run, Run]):
    """A card that offers runs is not edited while its runs are open.

    The card is not taken for an earlier card of the thread either.
    """
    assert shown(anna.services, runs[0]) == []
    own = living_cards(runs[0], anna.services, [])
    assert [card.slot for card in own if MESSAGE in card.slot] == []


def test_the_end_of_another_run_draws_the_owner_once(
    anna: ChatContext, runs: tuple[Run, Run], ends: Ends
):
    """The end of an offered run draws the card once.

    The card keeps the run that is open, and says how many open runs there are.
    """
    newer, older = runs
    anna.services.redis.delete(keys.due())
    ends(older)
    assert due(anna.services) >= {newer.id}
    (card,) = shown(anna.services, newer)
    assert (buttons(card), card.final) == ([newer.id], False)
    assert text("notice.cancel_left_title.one") in "\n".join(cardtext.lines(card.card.content))
    anna.services.redis.delete(keys.due())
    choices.draw_at_end(anna.services, anna.services.store.load(older.id))
    assert due(anna.services) == set()


def test_a_choice_without_a_run_is_one_line(anna: ChatContext, runs: tuple[Run, Run], ends: Ends):
    """A card whose offered runs have all ended is one line, in whatever order the runs ended.

    If Webex refuses the edit, nothing new is posted.
    """
    newer, older = runs
    ends(newer)
    ends(older)
    (card,) = shown(anna.services, newer)
    assert (buttons(card), card.final, card.retires) == ([], True, True)
    assert text("notice.cancel_over_title") in "\n".join(cardtext.lines(card.card.content))


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        (Kind.CANCELLED, "notice.over_cancelled"),
        (Kind.FAILED, "notice.over_failed"),
        (Kind.FINISHED, "living.over_done"),
    ],
)
def test_a_choice_of_one_run_says_how_it_ended(anna: ChatContext, ends: Ends, kind: Kind, key: str):
    """A card that offered one run says how that run ended, with the run's id."""
    run = anna.services.store.open(Channel("support@contoso.com"), anna.asker, anna.origin)
    choices.mark_posted(anna.services, choices.shows([run]), MESSAGE, anna.room)
    ends(run, kind)
    (card,) = shown(anna.services, run)
    told = "\n".join(cardtext.lines(card.card.content))
    assert (text(key, run=run.id) in told, buttons(card)) == (True, [])


def test_a_run_that_is_gone_counts_as_ended(anna: ChatContext, runs: tuple[Run, Run]):
    """A run that an operator deleted counts as ended, so the card has no button for it."""
    newer, older = runs
    anna.services.redis.delete(keys.run_events(older.id))
    (card,) = shown(anna.services, newer)
    assert buttons(card) == [newer.id]


def test_the_command_keeps_its_card(anna: ChatContext, runs: tuple[Run, Run]):
    """``/cancel`` without a name notes its message, so that a press leaves the edit to the draw."""
    services = anna.services
    before = set(posted_cards(services, runs[0].id))
    commands()["cancel"].run(anna, "")
    (slot,) = set(posted_cards(services, runs[0].id)) - before
    message = posted_cards(services, runs[0].id)[slot].message
    assert [choices.is_choice(services, run.id, message) for run in runs] == [True, True]


def test_a_draw_edits_the_message(
    anna: ChatContext,
    runs: tuple[Run, Run],
    webex_script: Any,
    reply: type[Reply],
    monkeypatch: pytest.MonkeyPatch,
):
    """A draw of the run that keeps the ``/cancel`` card edits the card in place."""
    newer, older = runs
    monkeypatch.setattr(delivery, "MIN_EDIT_INTERVAL", timedelta(0))
    webex_script.on("POST", "/messages", reply(body={"id": "posted-1"}))
    webex_script.on("PUT", f"/messages/{MESSAGE}", reply(body={"id": MESSAGE}))
    install(anna.services)
    anna.services.store.end(older, Event(Kind.CANCELLED, now()))
    draw.draw(newer.id)
    (edit,) = [body for method, _, body in webex_script.asked if method == "PUT"]
    assert (newer.id in str(edit), older.id in str(edit)) == (True, False)
