"""Notices of a closed space, of lost data and of gaps, and reminders of a secret's end."""

from datetime import timedelta
from functools import partial
from unittest.mock import Mock

import pytest

from adaptive_cards import locale
from bot.cards import delivery, notices
from bot.cards.notices import CLOSED, LASTS_S, Ending, LossWatch
from bot.cards.presenters.card_state import LIVING
from bot.chat.permissions import mark_members_checked, members_changed
from jobs.clock import now
from jobs.model import Channel, Finding, Person, State
from jobs.runs.run import Event, Kind, Origin
from jobs.storage import codec, keys
from jobs.watch.model import LookOutcome, Sight, WatchedChannel
from tests.fixtures.copies import replace
from tests.fixtures.parsed import table
from tests.fixtures.run_events import found
from tests.fixtures.webex_script import Reply
from tests.unit.bot.commands.typed_commands import pressed, sent


@pytest.fixture
def refuse(services, run):
    """Return a function that records that Webex has refused the run's card for so long."""

    def refused(status: int = 403, lasted_s: float = LASTS_S) -> None:
        since = now().timestamp() - lasted_s
        refusal = delivery.Refusal(run.id, run.origin.room, status, since)
        services.redis.hset(keys.cards_refused(), f"{run.id}:{LIVING}", codec.dump(refusal))

    return refused


@pytest.mark.parametrize("status", sorted(CLOSED))
def test_it_is_told_once(services, run, said, refuse, status):
    """The requester is told once, with the mailbox and the next action of the run."""
    refuse(status)
    for _ in range(3):
        for card in notices.closed_cards(run, services):
            delivery.sync(services, run, card)
    ((_, text),) = said()
    assert run.channel.mailbox in text


@pytest.mark.parametrize(
    ("status", "lasted_s"), [(403, LASTS_S - 1), (401, LASTS_S), (400, LASTS_S)]
)
def test_what_may_be_something_else_is_not_told(services, run, refuse, status, lasted_s):
    """The requester is not told of a short absence, a refused token, or a card with a mistake."""
    refuse(status, lasted_s)
    assert notices.closed_cards(run, services) == []


def test_a_run_of_a_1_1_has_no_space(services, run, refuse):
    """A run of a 1:1 gets no message about a closed space, because the 1:1 itself is closed.

    Neither does a check that has answered, which would name a turn that nobody has.
    """
    refuse()
    direct = replace(run, origin=replace(run.origin, direct=True))
    assert notices.closed_cards(direct, services) == []
    assert notices.closed_cards(replace(run, checked=now()), services) == []


def test_a_run_that_has_ended_has_no_button(services, run):
    """The message about an ended run has no button, because there is nothing to cancel."""
    assert notices.card_of_closed(run).content["actions"]
    services.store.end(run, Event(Kind.CANCELLED, now(), by=run.requester.email))
    assert "actions" not in notices.card_of_closed(services.store.load(run.id)).content


@pytest.mark.parametrize("end", [None, Kind.CANCELLED, Kind.FINISHED])
def test_the_message_is_over_with_the_run_or_the_refusal(services, run, redis, refuse, end):
    """The message to the requester is over with the run, or with the refusal of its cards.

    The last edit has no button, and asks nobody for anything.
    """
    assert notices.closed_cards(run, services) == []
    refuse()
    (first,) = notices.closed_cards(run, services)
    delivery.sync(services, run, first)
    (still,) = notices.closed_cards(run, services)
    if end is None:
        redis.delete(keys.cards_refused())
    else:
        services.store.end(run, Event(end, now()))
    (over,) = notices.closed_cards(services.store.load(run.id), services)
    assert ("cancel" in str(still.card.content), "'do'" in str(over.card.content)) == (True, False)
    assert (still.final, over.final, over.retires) == (False, True, True)


@pytest.fixture
def lose(services, redis):
    """Return a function that makes Redis lose everything, with no outsider in the space."""

    def lost() -> None:
        redis.flushall()
        mark_members_checked(services, "room-1")

    return lost


def test_a_space_with_a_run_is_told_once(services, begin, said, lose):
    """A space with a run is told of the loss once, although two processes watch.

    The words name the mailbox and the next command.
    """
    begin()
    watches = [LossWatch(services), LossWatch(services)]
    for watch in watches:
        watch()
    assert said() == []
    lose()
    for watch in (*watches, *watches):
        watch()
    ((_, text),) = said()
    assert ("/setup-email" in text, "support@example.test" in text) == (True, True)


def test_a_space_with_a_channel_is_told(services, begin, said, lose):
    """A space with a channel is told of the loss, although the run of the channel has ended.

    The channel may have been connected a moment ago. Redis may be away while it is looked at, before
    the loss and after it.
    """
    run, watch = begin(), LossWatch(services)
    watch()
    services.store.end(run, Event(Kind.FINISHED, now()))
    watch()
    for part, name in ((services.channels, "connected"), (services.store, "length")):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(part, name, Mock(side_effect=ConnectionError))
            with pytest.raises(ConnectionError):
                watch()
        lose()
    watch()
    assert len(said()) == 1


def test_what_an_older_backup_has_goes_on(services, redis, begin, said):
    """Only the run that began after the backup is lost.

    The space of the lost run is told, and the other space is not.
    """
    begin()
    at = [0.0]
    watch = LossWatch(services, lambda: at[0])
    for _ in range(3):
        watch()
    backup = {key: redis.dump(key) for key in redis.scan_iter()}
    channel = Channel("sales@example.test", "https://uk.webexconnect.io/callback", "x2@mail.test")
    anna = Person("anna", "anna@example.test", "org-1")
    later = services.store.open(channel, anna, Origin("room-2", direct=True))
    services.store.append(later.id, Event(Kind.DETAILS, now(), channel=channel))
    for _ in range(20):
        at[0] += 5
        watch()
    redis.flushall()
    for key, value in backup.items():
        redis.restore(key, 0, value)
    watch()
    ((_, text),) = said()
    assert ("sales@example.test" in text, "support@example.test" in text) == (True, False)


def test_an_outsider_learns_nothing(services, redis, begin, said, webex_script):
    """If an outsider is in the space, the notice says that cards are held back.

    The notice names no address.
    """
    begin()
    watch = LossWatch(services)
    watch()
    redis.flushall()
    stranger = {"personId": "x", "personEmail": "x@elsewhere.test", "personOrgId": "org-9"}
    webex_script.on("GET", "/memberships", Reply(body={"items": [stranger]}))
    webex_script.on("GET", "/people", Reply(body={"items": []}))
    watch()
    assert all("support@example.test" not in text for _, text in said())


MAILBOX = "support@example.test"


@pytest.fixture
def gap(services):
    """Return services with a watched channel that was not looked at for three hours."""
    channel = Channel(MAILBOX, tenant_id="t")
    began = now() - timedelta(hours=4)
    watched = WatchedChannel(channel, "room-1", Person("anna", "anna@example.test"), began)
    services.watching.save(watched)
    looked = now() - timedelta(hours=3)
    services.watching.add_look(watched, LookOutcome(Sight.HEALTHY), looked)
    services.watching.note_gaps("t", now() - timedelta(minutes=2))
    mark_members_checked(services, "room-1")
    return services


def test_a_space_is_told_once(gap, said):
    """A space is told once from when to when nobody looked at its channels."""
    for _ in range(2):
        notices.tell_spaces(gap)
    ((method, words),) = said()
    assert (method, "1 channel was not looked at for a while" in words) == ("POST", True)


def test_nothing_is_lost_while_webex_is_away(gap, said, webex_script, reply):
    """If Webex does not answer, the notice of the gap is sent five minutes later."""
    webex_script.on("POST", "/messages", reply(503))
    notices.tell_spaces(gap)
    refused = len(said())
    notices.tell_spaces(gap)
    assert len(said()) == refused
    webex_script.on("POST", "/messages", reply(body={"id": "posted-1"}))
    mark_members_checked(gap, "room-1")
    notices.tell_spaces(gap, lambda: now() + timedelta(minutes=6))
    assert len(said()) == refused + 1
    assert gap.watching.gaps_due(now() + timedelta(days=1)) == {}


def test_a_gap_is_told_once_the_outsider_has_left(gap, said, webex_script):
    """While an outsider is in the space, the notice of the gap waits."""
    members_changed(gap, "room-1")
    stranger = {"personId": "x", "personEmail": "x@elsewhere.test", "personOrgId": "org-9"}
    webex_script.on("GET", "/memberships", Reply(body={"items": [stranger]}))
    notices.tell_spaces(gap)
    mark_members_checked(gap, "room-1")
    notices.tell_spaces(gap, lambda: now() + timedelta(minutes=6))
    assert ["not looked at" in words for _, words in said()] == [False, True]


def test_a_space_without_watched_channels_is_not_told(gap, said):
    """A space whose watch has ended meanwhile is not told of the gap."""
    gap.watching.end(MAILBOX, now())
    notices.tell_spaces(gap)
    assert said() == []


def test_a_notice_that_is_cut_off_is_told_later(services, redis):
    """If Redis fails after the mark and before the message, the notice is told in a later round."""
    told, tell = keys.loss_told("data-1", "room-1"), Mock(side_effect=[ConnectionError, True])
    once = partial(notices.tell_once, services, told, timedelta(days=1), tell)
    with pytest.raises(ConnectionError):
        once()
    assert (once(), redis.ttl(told) <= notices.CLAIMED.total_seconds()) == (False, True)
    redis.delete(told)
    assert ([once(), once()], tell.call_count) == ([True, True], 2)


JUDGED = table("judged")

MADE = now()
END = MADE.replace(hour=9) + timedelta(days=365)


@pytest.fixture
def proven(services, begin):
    """Return a function that finishes a run of the channel with a known end of the secret."""

    def made(end=END, kind: str = "setup"):
        secret = Finding("client_secret", State.OK, facts={"expires": end.isoformat()})
        run = begin(Event(Kind.FOUND, MADE, step="client_secret", finding=secret), kind=kind)
        services.store.end(run, Event(Kind.FINISHED, MADE))
        return services.store.load(run.id)

    return made


def on(services, *days_before: float) -> None:
    """Look for reminders this many days before the end, and once more, as after a restart."""
    for days in days_before:
        mark_members_checked(services, "room-1")
        for _ in range(2):
            notices.remind(services, lambda: END - timedelta(days=days))  # noqa: B023  called at once


def ends(said) -> list[str]:
    """Return the end of the secret in the words of each message."""
    return [text.partition(". ")[0].rpartition(" expires ")[2] for _, text in said()]


def test_each_is_told_once(services, proven, said):
    """Each reminder is sent once: 60, 30, 14, 7 and 1 days before the end.

    The reminders are posted in the space, not in the setup's old thread.
    """
    proven()
    on(services, *range(90, -2, -1))
    assert ends(said) == ["in 60 days", "in 30 days", "in 14 days", "in 7 days", "tomorrow"]


@pytest.mark.parametrize(("zone", "left"), [("UTC", "tomorrow"), ("Africa/Lagos", "today")])
def test_a_day_begins_at_midnight_in_the_reader_s_zone(zone, left):
    """Half an hour before midnight in UTC, it is the next day in Lagos, and the secret's last."""
    end = END.replace(hour=22, minute=50)
    at = end - timedelta(hours=23, minutes=20)
    with locale.drawn_for(locale.Locale(zone=zone)):
        text = notices.card_of(MAILBOX, notices.Ending(MADE, end), at).text
        assert (f"expires {left}." in text, locale.day(end) in text) == (True, True)


def test_the_next_click_is_the_fix(services, proven, webex_script):
    """The reminder has a Fix button once a fix would renew the secret.

    Before that, the reminder says from which day on a fix renews the secret.
    """
    proven()
    on(services, 60, 29)
    early, soon = sent(webex_script)
    assert ({early["roomId"], soon["roomId"]}, "parentId" in early) == ({"room-1"}, False)
    assert (
        "/fix" in early["text"],
        locale.day(END - timedelta(days=30)) in early["text"],
        '"fix"' in str(early).replace("'", '"'),
    ) == (True, True, False)
    assert {"do": "fix", "channel": MAILBOX} in pressed(webex_script)


def test_the_newest_proven_run_counts(services, proven, begin, said):
    """A finished fix that renewed the secret moves the days; an unfinished run moves nothing."""
    proven()
    begin(found("client_secret", facts={"expires": "2099-01-01T00:00:00+00:00"}))
    assert notices.ending_of(services.store, MAILBOX).end == END
    services.redis.delete(f"channel:{MAILBOX}:run")
    proven(END + timedelta(days=365), kind="fix")
    on(services, 60, 30, 1)
    assert said() == []


def test_a_deleted_run_ends_no_round(services, proven, said):
    """A channel whose proof an operator has deleted is left out, and others are told as before."""
    deleted = proven()
    proven(kind="fix")
    services.redis.delete(keys.run_events(deleted.id))
    on(services, 7)
    assert said() == []


def test_where_webex_is_away_it_is_told_at_the_next_look(
    services, proven, said, webex_script, reply, hasty_retries
):
    """If Webex does not answer, the reminder is sent once, at the next look of the same day."""
    proven()
    webex_script.on("POST", "/messages", reply(503))
    on(services, 7)
    failed = len(said())
    webex_script.on("POST", "/messages", reply(body={"id": "posted-1"}))
    on(services, 7)
    assert (failed > 0, len(said()) - failed) == (True, 1)


@pytest.mark.parametrize(("life", "left", "due"), JUDGED["due"])
def test_when_it_is_due(life, left, due):
    """The reminder that is due is the shortest period reached.

    A period as long as the secret's whole life is skipped. A secret that has ended is reported by a
    check.
    """
    assert Ending(END - timedelta(days=life), END).due(END - timedelta(days=left)) == due
