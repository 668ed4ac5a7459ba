"""Tests of the effect of a look: two bad looks begin an incident, and one good look ends it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from jobs.model import Channel, Person, Turn
from jobs.watch.model import (
    BLIND_AFTER,
    CONFIRM,
    FAILED,
    NO_ANSWER,
    UNDER_WORK,
    ChannelState,
    Damage,
    Eye,
    Incident,
    LookOutcome,
    NewsKind,
    Present,
    Sight,
    WatchedChannel,
    apply,
    next_round,
)

BEGAN = datetime(2026, 11, 27, 3, 0, tzinfo=UTC)
WATCHED = WatchedChannel(
    Channel("support@contoso.com", tenant_id="Tenant-1"),
    "room-1",
    Person("person-1", "anna@contoso.com"),
    BEGAN,
)
GOOD = LookOutcome(Sight.HEALTHY)
BROKEN = LookOutcome(Sight.BROKEN, "not_forwarded")
BLIND = LookOutcome(Sight.CANNOT_LOOK, "app_access_withdrawn")
UNSURE = LookOutcome(Sight.UNSURE, "throttled")


class Watch:
    """Channel with its state and its incidents, which is looked at once a minute."""

    def __init__(self) -> None:
        self.at = BEGAN
        self.state = ChannelState()
        self.incidents: dict[str, Incident] = {}

    def look(self, outcome: LookOutcome, pause: timedelta = timedelta(minutes=1)) -> None:
        """Apply one look to the state, and move the clock."""
        known = self.incidents.get(self.state.incident)
        now = Present(WATCHED, self.state, known, f"I{len(self.incidents) + 1}")
        self.state, changed = apply(now, outcome, self.at)
        self.incidents |= {each.id: each for each in changed}
        self.at += pause

    def looks(self, *outcomes: LookOutcome) -> list[list[NewsKind]]:
        """Apply these looks, and return the kinds of changes of each incident."""
        for outcome in outcomes:
            self.look(outcome)
        return [[news.kind for news in each.news] for each in self.incidents.values()]


def test_one_bad_look_is_only_a_suspicion():
    """After one bad look the channel is looked at again within 90 seconds, without an incident.

    A good look then ends the suspicion.
    """
    watch = Watch()
    watch.look(BROKEN)
    assert watch.state.next_look == BEGAN + CONFIRM
    assert timedelta(seconds=90) >= CONFIRM
    assert watch.looks(GOOD, BROKEN, GOOD) == []
    assert watch.state.suspicion is None


def test_a_second_bad_look_begins_an_incident_and_a_good_one_ends_it():
    """The second bad look begins an incident, and the next good look ends it.

    The incident keeps the times of the first bad look, of the look that confirmed it, and of the
    good look. No cloud says when it began, so the time to notice is not known.
    """
    watch = Watch()
    kinds = watch.looks(GOOD, BROKEN, BROKEN, BROKEN, GOOD)
    incident, minute = watch.incidents["I1"], timedelta(minutes=1)
    assert kinds == [[NewsKind.BEGAN, NewsKind.RECOVERED]]
    times = (incident.since, incident.noticed, incident.confirmed, incident.ended)
    assert times == tuple(BEGAN + number * minute for number in (1, 1, 2, 4))
    assert (incident.time_to_notice, incident.duration) == (None, 3 * minute)


def test_the_clouds_know_since_when():
    """An incident is as old as the oldest of its causes, not as the first look at it."""
    watch = Watch()
    early = BEGAN - timedelta(days=10)
    older = replace(BROKEN, cause="consent_missing", since=early - timedelta(days=1))
    watch.looks(replace(BROKEN, since=early), replace(BROKEN, since=early))
    assert watch.incidents["I1"].since == early
    watch.looks(older, older)
    assert watch.incidents["I1"].since == older.since


def test_a_look_that_could_not_say_neither_confirms_nor_refutes():
    """After a look without an answer a suspicion stays, and the channel is looked at again soon."""
    watch = Watch()
    assert watch.looks(BROKEN, UNSURE, UNSURE) == []
    assert watch.state.next_look == watch.at - timedelta(minutes=1) + CONFIRM
    assert watch.looks(BROKEN) == [[NewsKind.BEGAN]]
    assert (watch.incidents["I1"].noticed, watch.state.unsure_since) == (BEGAN, None)


def test_another_cause_is_news_after_two_looks():
    """An incident takes over another cause only after two looks with it.

    A single look changes nothing.
    """
    watch = Watch()
    other = replace(BROKEN, cause="client_secret_expired")
    assert watch.looks(BROKEN, BROKEN, other, BROKEN) == [[NewsKind.BEGAN]]
    assert watch.looks(other, other) == [[NewsKind.BEGAN, NewsKind.OTHER_CAUSE]]
    assert watch.incidents["I1"].cause == "client_secret_expired"


def test_much_more_damage_is_news():
    """An incident reports that it got worse if the number of affected mails has doubled.

    A few more mails are only recorded. A late mail that bounces is counted once.
    """
    watch = Watch()
    watch.looks(BROKEN, replace(BROKEN, damage=Damage(late=3)))
    assert watch.looks(replace(BROKEN, damage=Damage(late=4))) == [[NewsKind.BEGAN]]
    assert watch.incidents["I1"].damage == Damage(late=4)
    kinds = watch.looks(replace(BROKEN, damage=Damage(late=5, bounced=4)), BROKEN)
    assert kinds == [[NewsKind.BEGAN, NewsKind.WORSE]]
    assert watch.incidents["I1"].damage == Damage(late=5, bounced=4)
    watch.looks(replace(BROKEN, damage=Damage(bounced=9)))
    assert watch.incidents["I1"].damage == Damage(bounced=9)


def test_an_access_that_ended_is_no_break():
    """A lost access begins an incident of its own kind, which is not a break of the channel.

    It ends when the watch can look again.
    """
    watch = Watch()
    watch.looks(GOOD, BLIND, BLIND)
    assert watch.incidents["I1"].sight is Sight.CANNOT_LOOK
    assert watch.looks(BROKEN, BROKEN) == [[NewsKind.BEGAN, NewsKind.SEES_AGAIN], [NewsKind.BEGAN]]
    assert [each.is_open for each in watch.incidents.values()] == [False, True]


def test_a_broken_channel_that_is_out_of_sight_stays_broken():
    """If the watch loses its access during a break, the incident stays open.

    A lost access must not look like a recovery.
    """
    watch = Watch()
    kinds = watch.looks(BROKEN, BROKEN, BLIND, BLIND, BLIND, BROKEN, BROKEN, GOOD)
    assert kinds == [[NewsKind.BEGAN, NewsKind.BLIND, NewsKind.SEES_AGAIN, NewsKind.RECOVERED]]
    assert watch.incidents["I1"].blind_since is None


def test_a_look_that_could_not_read_what_was_wrong_ends_nothing():
    """A good look that could not read the broken step does not end the incident.

    Nobody knows then whether the step is right again.
    """
    watch = Watch()
    policy = replace(BROKEN, step="outbound_policy")
    partly = replace(GOOD, unseen=("outbound_policy",))
    assert watch.looks(policy, policy, partly, partly) == [[NewsKind.BEGAN]]
    assert watch.looks(GOOD) == [[NewsKind.BEGAN, NewsKind.RECOVERED]]


def test_the_access_that_the_watch_has_had_is_remembered():
    """The state remembers each kind of access that the watch has had, so that a loss is noticed."""
    watch = Watch()
    watch.looks(replace(GOOD, eyes=(Eye.LOGIN,)), replace(GOOD, eyes=(Eye.APP,)), GOOD)
    assert set(watch.state.eyes) == {Eye.APP, Eye.LOGIN}


def test_long_silence_of_the_clouds_is_told_once():
    """After an hour without an answer of the clouds, one incident says that the watch cannot look.

    The incident never says that something is broken.
    """
    watch = Watch()
    for _ in range(8):
        watch.look(UNSURE, timedelta(minutes=15))
    (incident,) = watch.incidents.values()
    assert (incident.sight, incident.cause) == (Sight.CANNOT_LOOK, NO_ANSWER)
    assert incident.since == BEGAN
    assert incident.confirmed - BEGAN == BLIND_AFTER
    assert [news.kind for news in incident.news] == [NewsKind.BEGAN]
    assert watch.looks(GOOD) == [[NewsKind.BEGAN, NewsKind.RECOVERED]]


@pytest.mark.parametrize(("why", "told"), [(FAILED, [(FAILED, Turn.OPERATOR)]), (UNDER_WORK, [])])
def test_what_is_the_bots_own_is_no_silence_of_the_clouds(why, told):
    """Looks that the bot fails to make are the operator's turn; a run's own work is no incident."""
    watch = Watch()
    for _ in range(8):
        watch.look(LookOutcome(Sight.UNSURE, why), timedelta(minutes=15))
    assert [(each.cause, each.turn) for each in watch.incidents.values()] == told


def test_a_channel_that_comes_and_goes_has_one_incident():
    """A break soon after a recovery continues the same incident.

    After that, several good looks in a row are needed for a recovery.
    """
    watch = Watch()
    kinds = watch.looks(BROKEN, BROKEN, GOOD, BROKEN, BROKEN, GOOD, BROKEN, GOOD, GOOD, GOOD)
    assert kinds == [[NewsKind.BEGAN, NewsKind.RECOVERED, NewsKind.FLAPS]]
    incident = watch.incidents["I1"]
    assert (incident.flaps, incident.broke) == (1, incident.news[-1].at)
    assert watch.looks(GOOD)[0][-1] is NewsKind.RECOVERED


def test_a_break_long_after_a_recovery_is_another_incident():
    """A break more than two hours after a recovery begins another incident."""
    watch = Watch()
    watch.looks(BROKEN, BROKEN)
    watch.look(GOOD, timedelta(hours=3))
    kinds = [[NewsKind.BEGAN, NewsKind.RECOVERED], [NewsKind.BEGAN]]
    assert watch.looks(GOOD, BROKEN, BROKEN) == kinds


def test_the_rounds_are_spread_and_keep_their_place():
    """Each group has its own place within the interval, however late its last round was."""
    interval = timedelta(minutes=15)
    groups = [f"tenant-{number}" for number in range(60)]
    rounds = [next_round(BEGAN, group, interval) for group in groups]
    assert all(BEGAN < each <= BEGAN + interval for each in rounds)
    thirds = [int((each - BEGAN) / interval * 3) for each in rounds]
    assert min(thirds.count(third) for third in range(3)) >= 10
    late = rounds[0] + timedelta(seconds=100)
    assert next_round(late, groups[0], interval) - rounds[0] == interval
