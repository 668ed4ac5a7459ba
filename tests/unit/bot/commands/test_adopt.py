"""``/adopt`` and ``/check`` of a mailbox whose channel nobody set up here, and their buttons."""

from dataclasses import replace
from datetime import timedelta

import pytest

from adaptive_cards.texts import text
from bot.cards.notices import ending_of
from bot.cards.presenters import verdict
from jobs.clock import now
from jobs.model import Channel
from jobs.runs.run import AppCandidate, Brief, Event, Kind, Search
from tests.fixtures.run_events import found
from tests.unit.bot.actions.presses import press
from tests.unit.bot.commands.typed_commands import MAILBOX, begun, cards, proven, type_

ADDRESS = "ab12@mail-us.imiconnect.io"
CHANNEL = Channel(MAILBOX, "https://contoso.us.webexconnect.io/callback", ADDRESS, tenant_id="t")
APPS = (AppCandidate("client-1", "Mail", CHANNEL.callback_url), AppCandidate("client-2", "Other"))


def asking(ctx, search: Search):
    """Return a check that asks for the values that this search did not find."""
    type_(ctx, "check", MAILBOX)
    (run,) = begun(ctx)
    ctx.services.store.append(run.id, Event(Kind.SEARCHED, now(), search=search))
    return ctx.services.store.load(run.id)


def whole(ctx):
    """Return a check that has found a whole channel."""
    type_(ctx, "check", MAILBOX)
    (run,) = begun(ctx)
    found = Event(Kind.DISCOVERED, now(), channel=CHANNEL, data={"client_id": "client-1"})
    ctx.services.store.append(run.id, found, Event(Kind.CHECKED, now()))
    return ctx.services.store.load(run.id)


@pytest.mark.parametrize(("command", "keep"), [("check", False), ("adopt", True)])
def test_an_unknown_channel_is_looked_for(anna, command, keep):
    """For an unknown channel, ``/check`` and ``/adopt`` open a check with only the address."""
    type_(anna, command, MAILBOX)
    (run,) = begun(anna)
    assert (run.kind, run.channel) == ("check", Channel(MAILBOX))
    assert run.brief == Brief(by_hand=True, discover=True, keep=keep)


def test_a_channel_of_another_space_is_looked_for_like_an_unknown_one(anna):
    """A check of another space's channel uses nothing that the other space knows."""
    proven(replace(anna, room="room-2"))
    type_(anna, "check", MAILBOX)
    (run,) = begun(anna)
    assert (run.channel, run.brief.client_id) == (Channel(MAILBOX), "")


@pytest.mark.parametrize("command", ["adopt", "setup-email"])
def test_a_channel_of_another_space_is_named_to_its_members(anna, webex_script, reply, command):
    """``/adopt`` and ``/setup-email`` of another space's channel name that space to its members.

    The channel is not taken, and no run begins.
    """
    proven(replace(anna, room="room-2"))
    webex_script.on("GET", "/rooms/room-2", reply(body={"id": "room-2", "title": "Mail team"}))
    webex_script.on("GET", "/memberships", reply(body={"items": [{"personId": anna.person.id}]}))
    type_(anna, command, MAILBOX)
    told = cards(webex_script)
    assert text("notice.elsewhere_title", mailbox=MAILBOX) in told
    assert text("notice.elsewhere_words_space", space="Mail team") in told
    assert len(anna.services.runs.queue.jobs) == 0


@pytest.mark.parametrize("command", ["adopt", "setup-email"])
def test_a_channel_of_another_space_is_answered_like_an_unknown_one(
    anna, webex_script, reply, command
):
    """A person who is not in the other space gets the same answer if the mailbox is connected.

    The answer has no data of the channel, its run or its space.
    """
    answers, channels = [], []
    webex_script.on("GET", "/memberships", reply(body={"items": []}))
    for connected in (False, True):
        anna.services.redis.flushdb()
        webex_script.asked.clear()
        known = {proven(replace(anna, room="room-2")).id} if connected else set()
        type_(anna, command, MAILBOX)
        every = {key.decode().split(":")[1] for key in anna.services.redis.keys("run:*:events")}
        run = anna.services.store.load((every - known).pop())
        answers.append(cards(webex_script).replace(run.id, "RUN"))
        channels.append(run.channel)
    assert answers[0] == answers[1]
    assert channels == [Channel(MAILBOX)] * 2


def test_keep_records_and_draws(anna):
    """After Keep, the channel is one of this space, and the card offers the other commands."""
    run = press(anna, "keep", run=whole(anna).id)
    assert (run.kept, anna.services.channels.of_space("room-1")) == (True, (MAILBOX,))
    view = verdict.view(run, anna.services)
    assert (view.is_ours, view.found and view.found.may_keep, view.sign_in_url) == (True, False, "")


def test_a_kept_channel_is_reminded_of_the_end_of_its_secret(anna):
    """The check that found the channel knows the end of its secret, so the reminders know it."""
    run, end = whole(anna), now() + timedelta(days=200)
    secret = found("client_secret", facts={"expires": end.isoformat()})
    anna.services.store.append(run.id, secret)
    press(anna, "keep", run=run.id)
    ending = ending_of(anna.services.store, MAILBOX)
    assert (ending.end, ending.made) == (end, run.opened)
    assert [record.run for record in anna.services.channels.connected()] == [run.id]


def test_keep_of_what_another_space_has_is_named(anna, webex_script):
    """Keep is refused if another space has taken the channel between the check and the press."""
    run = whole(anna)
    proven(replace(anna, room="room-2"))
    assert not press(anna, "keep", run=run.id).kept
    assert text("notice.elsewhere_title", mailbox=MAILBOX) in cards(webex_script)


def test_keep_before_the_end_is_refused(anna, webex_script):
    """Keep is refused while the check has not found its channel yet."""
    run = press(anna, "keep", run=asking(anna, Search()).id)
    assert (run.kept, text("refused.old") in cards(webex_script)) == (False, True)


@pytest.mark.parametrize(
    ("search", "inputs", "answers"),
    [
        (Search(APPS, forwarding_address=ADDRESS), {"client_id": "client-2"}, {"client-2"}),
        (Search(APPS[:1], certain=True), {"forwarding_address": ADDRESS.upper()}, {ADDRESS}),
    ],
)
def test_an_answer_carries_the_check_on(anna, search, inputs, answers):
    """The value that was chosen or typed is recorded, and the check's card asks no more."""
    asked = asking(anna, search)
    assert [card.slot for card in verdict.cards(asked, anna.services)] == ["verdict"]
    run = press(anna, "discovered", run=asked.id, **inputs)
    assert {reply.value for reply in run.answers.values()} == answers


@pytest.mark.parametrize(
    ("search", "inputs", "why"),
    [
        (Search(APPS, forwarding_address=ADDRESS), {"client_id": "client-9"}, "typed.client_id"),
        (Search(forwarding_address=ADDRESS), {"client_id": "12"}, "typed.client_id"),
        (
            Search(APPS[:1], certain=True),
            {"forwarding_address": MAILBOX},
            "typed.forwarding_is_mailbox",
        ),
        (Search(APPS[:1], certain=True), {"forwarding_address": "x"}, "typed.no_at"),
    ],
)
def test_a_wrong_answer_is_refused(anna, webex_script, search, inputs, why):
    """A wrong answer is not recorded, the check's card stays, and the person reads the reason."""
    run = press(anna, "discovered", run=asking(anna, search).id, **inputs)
    assert (run.answers, text(why) in cards(webex_script)) == ({}, True)


def test_going_on_without_answers_both(anna, webex_script):
    """A press to go on without the values answers both questions. A second press finds none."""
    asked = asking(anna, Search())
    run = press(anna, "discovered_without", run=asked.id)
    assert {reply.value for reply in run.answers.values()} == {"without"}
    press(anna, "discovered_without", run=run.id)
    assert text("refused.twice") in cards(webex_script)


def test_undo_of_a_kept_channel_is_honest(anna, webex_script):
    """``/undo`` of a kept channel says that no earlier values are known, and changes nothing."""
    press(anna, "keep", run=whole(anna).id)
    before = anna.services.store.channels.count_in_space(anna.room)
    type_(anna, "undo", MAILBOX)
    assert text("notice.undo_kept_words") in cards(webex_script)
    assert anna.services.store.channels.count_in_space(anna.room) == before
