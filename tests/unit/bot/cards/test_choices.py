"""The card of ``/cancel`` that offers runs: as soon as a run has ended, its button goes."""

from dataclasses import replace

import pytest

from adaptive_cards.texts import text
from bot.cards import delivery, draw, living
from bot.cards.living import living_cards
from bot.cards.presenters.card_state import posted_cards
from bot.commands import commands
from jobs.clock import now
from jobs.model import Channel, minute_of
from jobs.runs.run import Event, Kind
from jobs.runtime import install
from practice import cardtext
from tests.unit.bot.commands.typed_commands import sent

MESSAGE = "choice-1"


@pytest.fixture
def runs(anna):
    """Two open runs of the space, the newest first, which one card offers."""
    store = anna.services.store
    for at, mailbox in enumerate(("support@contoso.com", "sales@contoso.com")):
        store.open(Channel(mailbox), anna.asker, replace(anna.origin, message=f"typed-{at}"))
    newer, older = store.runs_in_space(anna.room)
    delivery.mark_posted(anna.services, living.shows_choice([newer, older]), MESSAGE, anna.room)
    return newer, older


def shown(services, run):
    """Return the ``/cancel`` cards that a draw of this run makes now."""
    return living.earlier_cards(services.store.load(run.id), services)


def test_a_choice_stays_while_its_runs_are_open(anna, runs):
    """A card that offers runs is not edited while its runs are open.

    The card is not taken for an earlier card of the thread either.
    """
    assert [shown(anna.services, run) for run in runs] == [[], []]
    own = living_cards(runs[0], anna.services, [])
    assert [card.slot for card in own if MESSAGE in card.slot] == []


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        (Kind.CANCELLED, "notice.over_cancelled"),
        (Kind.FAILED, "notice.over_failed"),
        (Kind.FINISHED, "living.over_done"),
    ],
)
def test_a_choice_is_one_line_when_one_of_its_runs_has_ended(anna, runs, kind, key):
    """A card that offered runs says how the first of them ended and who canceled it, and no more.

    It names the mailbox, because the card may have answered another command than ``/cancel``. If
    Webex refuses the edit, nothing new is posted.
    """
    _, older = runs
    end = Event(kind, now(), by="ben@example.test")
    anna.services.store.end(older, end)
    (card,) = shown(anna.services, older)
    told = "\n".join(cardtext.lines(card.card.content))
    title = text(key, run=older.id, at=minute_of(end.at), who=end.by)
    assert (title in told, "Action" in str(card.card.content)) == (True, False)
    assert told.splitlines()[0] == older.channel.mailbox
    assert (card.final, card.retires) == (True, True)


def test_the_command_keeps_its_card(anna, runs):
    """``/cancel`` without a name notes its message for each run, so that a draw edits it."""
    newer, older = ({*posted_cards(anna.services, run.id)} for run in runs)
    commands()["cancel"].run(anna, "")
    new = {*posted_cards(anna.services, runs[0].id)} - newer
    assert ({*posted_cards(anna.services, runs[1].id)} - older, len(new)) == (new, 1)


def test_a_draw_edits_the_message(anna, runs, webex_script, reply, monkeypatch):
    """A draw of the run that has ended edits the ``/cancel`` card in place."""
    _, older = runs
    monkeypatch.setattr(delivery, "MIN_EDIT_S", 0.0)
    webex_script.on("POST", "/messages", reply(body={"id": "posted-1"}))
    webex_script.on("PUT", f"/messages/{MESSAGE}", reply(body={"id": MESSAGE}))
    install(anna.services)
    anna.services.store.end(older, Event(Kind.CANCELLED, now()))
    draw.draw(older.id)
    (edit,) = sent(webex_script, "PUT", f"/messages/{MESSAGE}")
    assert f"Run {older.id} was canceled" in str(edit)
