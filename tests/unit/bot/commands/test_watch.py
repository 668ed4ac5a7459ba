"""/watch and /history: a watch begins, changes and ends, and what it has seen."""

import json
from dataclasses import replace
from datetime import UTC, date, timedelta

import pytest

from adaptive_cards.locale import written_date
from adaptive_cards.texts import text
from bot.chat import preferences
from jobs.access import tenants
from jobs.clock import now
from jobs.watch.model import Eye, LookOutcome, Sight
from tests.fixtures.parsed import table
from tests.fixtures.queue_state import claimed
from tests.fixtures.webex_script import person
from tests.unit.bot.actions.presses import of_bot, other, press
from tests.unit.bot.commands.typed_commands import MAILBOX, cards, pressed, proven, type_
from tests.unit.bot.watched import GOOD, look, watch, with_incident

TYPED = table("typed_messages")


@pytest.fixture
def connected(anna):
    """Return the context of Anna, in a space with a connected channel."""
    proven(anna)
    return anna


def watched(ctx):
    """Return the watched channel."""
    found = ctx.services.watching.load(MAILBOX)
    assert found is not None
    return found


def break_it(services) -> str:
    """Record two looks that find the channel broken, and return the id of the incident."""
    (one,) = services.watching.channels()
    for _ in range(2):
        services.watching.add_look(one, LookOutcome(Sight.BROKEN, "not_forwarded"), now())
    (incident,) = services.watching.open_incidents()
    return incident.id


@pytest.mark.parametrize(("typed", "seconds", "told"), TYPED["intervals"])
def test_a_channel_is_watched_from_now_on(connected, said, typed, seconds, told):
    """The first look at a watched channel is due at once, and the answer says how often it is."""
    type_(connected, "watch", f"{MAILBOX} {typed}".strip())
    known = watched(connected)
    assert (known.interval_s, known.room, known.notify) == (seconds, "room-1", ())
    assert known.by.email == "anna@example.test"
    assert claimed(connected.services.redis) == (known.group,)
    assert f"{MAILBOX} is watched {told}" in said()[0][1]


def test_a_channel_out_of_sight_is_not_well(connected, webex_script):
    """The list says first that the watch cannot look, also if it has all its ways to look."""
    type_(connected, "watch", MAILBOX)
    blind = LookOutcome(Sight.CANNOT_LOOK, "webex_key_refused", eyes=(Eye.APP, Eye.LOGIN))
    for _ in range(2):
        connected.services.watching.add_look(watched(connected), blind, now())
    type_(connected, "watch")
    assert "1 of 1 watched channels cannot be looked at now" in cards(webex_script)


@pytest.mark.parametrize("allowed", [True, False])
def test_what_the_watch_would_not_notice_is_said_first(connected, said, allowed, monkeypatch):
    """Without the tenant's read access the answer is not green, and offers to change that."""
    grant = tenants.AppAccess("t", now(), "carl@example.test", ()) if allowed else None
    monkeypatch.setattr(tenants, "grant_for", lambda *_: grant)
    type_(connected, "watch", MAILBOX)
    assert (text("watch.begun_blind") in said()[0][1]) is not allowed


@pytest.mark.parametrize(
    "typed", ["0m", "4m", "25h", "5", "often", "5m off", "pause", "pause 31d", "notify"]
)
def test_what_is_not_understood_changes_nothing(connected, said, typed):
    """The answer repeats a text that is not understood, and says which texts can be typed.

    The watch does not change.
    """
    type_(connected, "watch", MAILBOX)
    before = watched(connected)
    type_(connected, "watch", f"{MAILBOX} {typed}")
    assert text("watch.not_understood", typed=typed) in said()[1][1]
    assert watched(connected) == before


def test_an_address_that_nobody_knows(connected, said):
    """The answer is the same for an unknown address and for a channel of another space."""
    type_(connected, "watch", "other@contoso.com")
    type_(replace(connected, room="room-2"), "watch", MAILBOX)
    titles = [
        text("notice.unknown_channel_title", mailbox=each)
        for each in ("other@contoso.com", MAILBOX)
    ]
    assert [title in words for title, (_, words) in zip(titles, said(), strict=True)] == [True] * 2
    assert connected.services.watching.channels() == ()


def test_the_end_of_a_watch_ends_its_incident(connected, said):
    """The end of a watch ends its incident, whose card is drawn once more.

    A second end says that nothing was watched.
    """
    type_(connected, "watch", MAILBOX)
    incident = break_it(connected.services)
    type_(connected, "watch", f"{MAILBOX} off")
    assert connected.services.watching.channels() == ()
    assert connected.services.watching.open_incidents() == ()
    assert connected.services.cards.due(incident) > 0
    type_(connected, "watch", f"{MAILBOX} off")
    assert text("watch.ended", mailbox=MAILBOX) in said()[1][1]
    assert text("watch.not_watched", mailbox=MAILBOX) in said()[2][1]


def test_a_pause_keeps_the_watch(connected, said):
    """A pause stops the looks until a given time, and watching again ends the pause."""
    type_(connected, "watch", MAILBOX)
    type_(connected, "watch", f"{MAILBOX} pause 2h")
    until = watched(connected).paused_until
    assert until is not None
    assert timedelta(hours=2) - (until - now()) < timedelta(seconds=1)
    assert f"{MAILBOX} is not looked at until" in said()[1][1]
    type_(connected, "watch", MAILBOX)
    assert watched(connected).paused_until is None


def test_people_are_named(connected, webex_script, reply, said):
    """Only people whom the bot serves can be named for a watch. Any other name changes nothing.

    A bot finds nobody of another organization, so it writes first, and says what for.
    """
    found = [[person("ben", "ben@example.test")]] * 2
    webex_script.on("GET", "/people", *(reply(body={"items": each}) for each in (*found, [])))
    webex_script.on("POST", "/messages", reply(body={"id": "posted-1", "roomId": "room-ben"}))
    member = {"id": "m-1", "personId": "ben", "personEmail": "ben@example.test"}
    webex_script.on("GET", "/memberships", reply(body={"items": [member]}))
    type_(connected, "watch", MAILBOX)
    type_(connected, "watch", f"{MAILBOX} notify Ben@example.test,ben@example.test")
    assert watched(connected).notify == ("ben@example.test",)
    type_(connected, "watch", f"{MAILBOX} notify eve@elsewhere.example")
    assert text("watch.nobody_told", address="eve@elsewhere.example") in said()[2][1]
    assert watched(connected).notify == ("ben@example.test",)
    type_(connected, "watch", f"{MAILBOX} notify off")
    assert text("watch.notified_nobody_words", mailbox=MAILBOX) in said()[3][1]
    assert watched(connected).notify == ()
    type_(connected, "watch", f"{MAILBOX} notify ben@example.test")
    assert said()[4][1] == text("watch.hello")


def test_the_audit_trail_names_who_began_and_ended_it(connected):
    """The audit trail names the person who began or ended a watch.

    A person may end a watch to hide the events that follow.
    """
    type_(connected, "watch", MAILBOX)
    type_(connected, "watch", f"{MAILBOX} off")
    entries = [json.loads(line) for line in connected.services.store.audit.entries()][-2:]
    assert [(each["what"], each["by"], each["mailbox"]) for each in entries] == [
        ("watched", "anna@example.test", MAILBOX),
        ("unwatched", "anna@example.test", MAILBOX),
    ]


@pytest.mark.parametrize("typed", ["pause 2h", "notify ben@example.test"])
def test_a_channel_that_is_not_watched_has_nothing_to_change(connected, said, typed):
    """A change of a watch that does not exist is refused, and the answer offers to watch."""
    type_(connected, "watch", f"{MAILBOX} {typed}")
    assert text("watch.not_watched", mailbox=MAILBOX) in said()[0][1]


def test_the_list(connected, webex_script):
    """``/watch`` alone lists the state of each channel, and offers to watch the others."""
    type_(connected, "watch")
    assert pressed(webex_script) == [{"do": "watch", "channel": MAILBOX}]
    type_(connected, "watch", MAILBOX)
    type_(connected, "watch")
    assert "Not looked at yet. The bot looks every 15 minutes." in cards(webex_script)
    break_it(connected.services)
    type_(connected, "watch")
    assert text("cause.not_forwarded") in cards(webex_script)
    assert pressed(webex_script) == [{"do": "check", "channel": MAILBOX}]


def test_the_list_of_all_is_for_approvers_in_a_1_1(connected, said):
    """``/watch all`` is only for approvers in a 1:1.

    In a space, everybody would read about the channels of other spaces.
    """
    type_(connected, "watch", MAILBOX)
    own = of_bot(connected, approvers=("anna@example.test",))
    for ctx in (connected, own, replace(own, room="direct-1", direct=True)):
        type_(ctx, "watch", "all")
    assert [text("watch.all_refused") in words for _, words in said()[1:]] == [True, True, False]


def test_another_space_of_the_channel_takes_the_watch_over(connected, said):
    """If another space of the channel takes the watch over, the interval and the named people stay.

    The answer says that the cards come here now.
    """
    type_(connected, "watch", f"{MAILBOX} 1h")
    connected.services.watching.save(replace(watched(connected), notify=("ben@example.test",)))
    connected.services.redis.sadd("space:room-2:channels", MAILBOX)
    type_(replace(connected, room="room-2"), "watch", MAILBOX)
    known = watched(connected)
    assert (known.room, known.interval_s, known.notify) == ("room-2", 3600, ("ben@example.test",))
    assert connected.services.watching.of_space("room-1") == ()
    assert text("watch.begun", mailbox=MAILBOX, interval="every hour") in said()[1][1]


@pytest.mark.parametrize(("typed", "kept"), TYPED["quiet_hours"])
def test_quiet_hours(connected, said, typed, kept):
    """``/watch quiet`` sets or ends the quiet hours; a text that names no hours changes nothing."""
    type_(connected, "watch", "quiet 1-2")
    type_(connected, "watch", f"quiet {typed}")
    assert (text("watch.quiet_missing") in said()[1][1]) == (not typed)
    assert preferences.quiet_hours(connected.services, "room-1") == kept


def test_the_buttons_do_what_the_commands_do(connected):
    """The buttons of the done card, the list and each answer do the same as the commands."""
    press(connected, "watch", channel=MAILBOX)
    assert watched(connected).interval_s == 900
    press(connected, "watch_list")
    press(connected, "watch_off", channel=MAILBOX)
    assert connected.services.watching.channels() == ()


def test_who_is_on_it(connected, said):
    """Everybody in the space, and each person who was told 1:1, may take an incident on.

    Others are refused.
    """
    type_(connected, "watch", MAILBOX)
    incident = break_it(connected.services)
    watching = connected.services.watching
    elsewhere = other(connected, "ben", room="direct-2", direct=True)
    press(elsewhere, "watch_on_it", card=incident)
    assert text("watch.not_here") in said()[-1][1]
    watching.change(incident, lambda each: replace(each, told=("ben@example.test",)))
    press(elsewhere, "watch_on_it", card=incident)
    assert watching.incident(incident).acting == "ben@example.test"
    press(connected, "watch_on_it", card=incident)
    press(connected, "watch_on_it", card="GONE")
    assert text("watch.card_gone") in said()[-1][1]
    type_(connected, "watch", f"{MAILBOX} off")
    press(connected, "watch_on_it", card=incident)
    assert text("watch.over") in said()[-1][1]


def links_in(posted: str) -> bool:
    """Return whether a card has a link to a history."""
    return "https://bot.example.test/history/" in posted


def test_each_history_has_a_link_of_its_own(anna, webex_script):
    """Each ``/history`` answer has a link of its own, because a link works once."""
    with_incident(anna.services)
    type_(anna, "history", MAILBOX)
    first = set(anna.services.redis.scan_iter("sealed:page:*"))
    type_(anna, "history", MAILBOX)
    assert (len(first), len(set(anna.services.redis.scan_iter("sealed:page:*")))) == (1, 2)
    assert links_in(cards(webex_script))


def test_what_was_not_seen_is_not_called_available(anna, webex_script):
    """Without the tenant's read access, nothing is measured, and the card says what is not seen."""
    watched = watch(anna.services)
    look(anna.services, watched, LookOutcome(Sight.HEALTHY), now() - timedelta(minutes=5))
    type_(anna, "history", MAILBOX)
    posted = cards(webex_script)
    assert "No incident seen since" in posted
    assert "would not notice a changed forwarding, policy or secret." in posted
    assert ("not seen" in posted, "Let the watch see more" in posted) == (True, True)
    assert "Available" not in posted


def test_a_channel_that_is_not_watched_has_no_history(anna, webex_script):
    """For a channel that is not watched, the answer says how a history begins.

    The answer has the button for it.
    """
    proven(anna)
    type_(anna, "history", MAILBOX)
    assert "There is no history" in cards(webex_script)
    assert {"do": "watch", "channel": MAILBOX} in pressed(webex_script)


@pytest.mark.parametrize("month", ["", "{month}"])
def test_a_channel_of_another_space_is_unknown_here(anna, webex_script, month):
    """A person outside a channel's space learns nothing, not even that the channel exists."""
    look(anna.services, watch(anna.services, room="room-9"), GOOD, now())
    type_(anna, "history", f"{MAILBOX} {month.format(month=this_month())}".strip())
    posted = cards(webex_script)
    assert ("was not set up in this space" in posted, links_in(posted)) == (True, False)
    assert list(anna.services.redis.scan_iter("sealed:page:*")) == []


def this_month() -> str:
    """Return the present month in UTC."""
    return f"{now().astimezone(UTC):%Y-%m}"


@pytest.mark.parametrize("typed", ["{mailbox} {month}", "{month} {mailbox}"])
def test_a_month(anna, webex_script, typed):
    """``/history`` with a month shows its days, its figures and its incidents."""
    began = with_incident(anna.services).since - timedelta(days=2)
    month = f"{began.astimezone(UTC):%Y-%m}"
    type_(anna, "history", typed.format(mailbox=MAILBOX, month=month))
    posted = cards(webex_script)
    first = written_date(date.fromisoformat(f"{month}-01"))
    assert (f"{first} to " in posted, links_in(posted)) == (True, True)
    assert ("1 incident" in posted, "goes on" in posted) == (True, False)


def test_another_month_has_other_days(anna, webex_script):
    """The month before that of the incident has no look."""
    first = (with_incident(anna.services).since - timedelta(days=2)).replace(day=1)
    type_(anna, "history", f"{MAILBOX} {first - timedelta(days=1):%Y-%m}")
    assert "Nobody has looked at this channel in these days" in cards(webex_script)


def test_a_month_without_an_address(anna, webex_script):
    """With a month alone, the buttons of the channels show that month."""
    proven(anna)
    type_(anna, "history", this_month())
    meant = {"do": "typed", "command": "history", "mailbox_meant": f"{MAILBOX} {this_month()}"}
    assert meant in pressed(webex_script)


@pytest.mark.parametrize(("typed", "answer"), TYPED["bad_months"])
def test_a_bad_month_is_answered(anna, webex_script, typed, answer):
    """The answer to a bad month gives the reason, and says which text can be typed."""
    with_incident(anna.services)
    type_(anna, "history", f"{MAILBOX} {typed}")
    posted = cards(webex_script)
    assert (answer in posted, "Type /history ADDRESS 2" in posted) == (True, True)
