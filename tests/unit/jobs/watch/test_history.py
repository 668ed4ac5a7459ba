"""Tests of the figures of a channel.

The figures are its availability, its mails, the times to notice and to fix a break, and the state
of each day.
"""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from jobs.storage import keys
from jobs.watch import history
from jobs.watch.history import DAY, DayState, Tally, figures, last_days, midnight, month
from jobs.watch.model import Damage, Eye, Incident, LookOutcome, News, NewsKind, Sight

AT = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
SINCE, _ = last_days(AT, 3)
LOOKED = Tally(healthy=96, hours={8: 10})


def days(*tallies: Tally) -> dict[date, Tally]:
    """Return consecutive days that end with the present day, with these counts."""
    first = AT.date() - timedelta(days=len(tallies) - 1)
    return {first + timedelta(days=number): each for number, each in enumerate(tallies)}


def incident(begins: datetime, ends: datetime | None, sight: Sight = Sight.BROKEN) -> Incident:
    """Return an incident that was confirmed ten minutes after its beginning."""
    confirmed = begins + timedelta(minutes=10)
    return Incident(
        sight,
        id="I1",
        mailbox="support@contoso.com",
        room="room-1",
        since=begins,
        noticed=confirmed,
        confirmed=confirmed,
        ended=ends,
        damage=Damage(late=3, bounced=1),
    )


def test_the_time_between_two_breaks_is_not_broken():
    """The same cause within two hours continues an incident, but the channel worked in between."""
    hour = timedelta(hours=1)
    times = {NewsKind.BEGAN: 0, NewsKind.RECOVERED: 1, NewsKind.FLAPS: 3}
    news = tuple(News(kind, SINCE + after * hour) for kind, after in times.items())
    twice = replace(incident(SINCE, SINCE + 4 * hour), news=news)
    assert (twice.duration, found(twice).broken) == (2 * hour, 2 * hour)


def found(*incidents: Incident, tallies: tuple[Tally, ...] = (LOOKED,) * 3):
    """Return the figures of the last three days."""
    return figures(days(*tallies), incidents, SINCE, AT)


def test_without_a_break_a_channel_is_always_available():
    """Without a break, the availability is 100 percent. The present day counts only up to now."""
    whole = found()
    assert (whole.availability, whole.watched, whole.mails) == (1.0, timedelta(hours=60), 30)
    assert [each.state for each in whole.days] == [DayState.WELL] * 3
    assert (whole.to_notice, whole.to_fix) == (None, None)


def test_a_break_over_midnight_counts_on_both_days():
    """A break over midnight is one incident, and each of the two days shows its own part of it.

    The length of the break lowers the availability.
    """
    begins = midnight(date(2026, 11, 26)) - timedelta(hours=2)
    broken = found(incident(begins, begins + timedelta(hours=6)))
    assert [each.broken / timedelta(hours=1) for each in broken.days] == [2, 4, 0]
    assert broken.availability == pytest.approx(0.9)
    assert broken.to_notice == timedelta(minutes=10)
    assert broken.to_fix == timedelta(hours=5, minutes=50)
    assert (len(broken.incidents), broken.late, broken.bounced) == (1, 3, 1)


@pytest.mark.parametrize("ended", [None, AT - timedelta(hours=1)])
def test_a_break_that_goes_on_or_is_not_watched_any_more_has_no_time_to_fix(ended):
    """Nobody knows after the end of a watch whether the channel works."""
    news = (News(NewsKind.UNWATCHED, ended),) if ended else ()
    broken = found(replace(incident(AT - timedelta(hours=3), ended), news=news))
    assert (broken.broken, broken.to_fix) == (timedelta(hours=2 if ended else 3), None)


def test_a_time_without_sight_is_no_break():
    """A time in which the watch cannot look marks its day, and does not lower the availability."""
    blind = found(incident(AT - timedelta(hours=3), None, Sight.CANNOT_LOOK))
    assert (blind.availability, blind.blind, blind.days[-1].state) == (1.0, 1, DayState.BLIND)


@pytest.mark.parametrize(
    ("tally", "state"),
    [
        (Tally(), DayState.NONE),
        (Tally(unsure=4), DayState.BLIND),
        (Tally(healthy=96, partly=96), DayState.BLIND),
        (Tally(healthy=1, unsure=95), DayState.WELL),
    ],
)
def test_a_day_without_an_answer_is_not_called_well(tally, state):
    """A day is called well only if a look with the tenant's read access got an answer.

    A day without such a look does not count for the availability.
    """
    only = found(tallies=(Tally(), Tally(), tally))
    assert only.days[-1].state is state
    assert (only.availability is None) is (state is not DayState.WELL)
    assert only.is_blind_now is (state is DayState.BLIND)


def test_a_break_before_the_first_look_is_not_counted():
    """The part of a break before the first watched day is not counted.

    Microsoft or Webex may say that a break began long before the watch.
    """
    early = found(incident(SINCE, AT), tallies=(Tally(), Tally(), LOOKED))
    assert (early.broken, early.availability) == (timedelta(hours=12), 0.0)


def test_the_first_day_counts_from_its_first_look(redis):
    """Nobody looked before the first look, so a day is watched from there.

    A watch that is begun again on the same day cuts nothing away, and on the next day it does.
    """
    looks = (AT - 2 * DAY, AT - DAY - timedelta(hours=9), AT - DAY, AT)
    for before, at in pairwise((None, *looks)):
        add_look(redis, LookOutcome(Sight.HEALTHY, eyes=(Eye.APP,)), at, before)
    add_look(redis, LookOutcome(Sight.HEALTHY), AT + DAY)
    assert history.days(redis, MAILBOX, AT + DAY)[(AT + DAY).date()].began == AT + DAY
    known = history.days(redis, MAILBOX, AT, 3)
    assert [each.began for each in known.values()] == [AT - 2 * DAY, None, None]
    whole = figures(known, (), SINCE, AT)
    hours = [each.length / timedelta(hours=1) for each in whole.days]
    assert (hours, whole.watched) == ([12, 24, 12], timedelta(hours=48))
    broken = figures(known, (incident(AT - 3 * DAY, AT - 1.5 * DAY),), SINCE, AT)
    assert broken.availability == pytest.approx(0.75)
    only = figures(history.days(redis, MAILBOX, AT - 2 * DAY, 1), (), SINCE, AT - 2 * DAY)
    assert (only.first_day, only.availability) == ((AT - 2 * DAY).date(), None)


def test_incidents_of_another_time_are_left_out():
    """An incident that ended before the first of the days is left out of the figures."""
    assert found(incident(SINCE - DAY, SINCE)).incidents == ()


@pytest.mark.parametrize(
    ("year", "number", "length"), [(2026, 11, 30), (2024, 2, 29), (2026, 12, 31)]
)
def test_a_month_is_as_long_as_the_calendar_says(year, number, length):
    """A month lasts from midnight to midnight in UTC, and is as long as the calendar says.

    A month 13, a month 0 or a month of the year 0 raises ``ValueError``.
    """
    begins, ends = month(year, number)
    assert (ends - begins, begins.day, ends.day) == (timedelta(days=length), 1, 1)
    for wrong in ((2026, 13), (2026, 0), (0, 1)):
        with pytest.raises(ValueError, match=r"must be in|out of range"):
            month(*wrong)


MAILBOX = "support@contoso.com"
EARLY = datetime(2026, 11, 27, 3, 10, tzinfo=UTC)


def add_look(redis, outcome: LookOutcome, at: datetime, before: datetime | None = None) -> None:
    with redis.pipeline() as pipe:
        pipe.watch(keys.watch_history(MAILBOX))
        fields = history.add(pipe, MAILBOX, outcome, at, before)
        pipe.multi()
        history.write(pipe, MAILBOX, fields)
        pipe.execute()


def test_looks_are_counted(redis):
    add_look(redis, LookOutcome(Sight.HEALTHY, eyes=(Eye.APP,)), EARLY)
    add_look(redis, LookOutcome(Sight.BROKEN), EARLY + timedelta(minutes=1))
    add_look(redis, LookOutcome(Sight.UNSURE), EARLY + timedelta(hours=2))
    counted = Tally(healthy=1, broken=1, unsure=1, partly=1, began=EARLY)
    assert history.days(redis, MAILBOX, EARLY, 1) == {EARLY.date(): counted}
    assert counted.looks == 3


def test_the_same_mails_count_once(redis):
    """Mails of an hour that two looks see count once, and the larger number is kept."""
    hour = "2026-11-26T23:00:00+00:00"
    add_look(redis, LookOutcome(Sight.HEALTHY, mails={hour: 4}), EARLY)
    add_look(redis, LookOutcome(Sight.HEALTHY, mails={hour: 3}), EARLY)
    yesterday, _today = history.days(redis, MAILBOX, EARLY, 2).values()
    assert yesterday == Tally(hours={23: 4})


def test_old_hours_are_added_up_and_old_days_are_dropped(redis):
    """The mails of a day's hours are added up after a week. A day is dropped after 90 days.

    So are the days from before a time without looks.
    """
    for age in (99, 90, 89, *range(8, -1, -1)):
        for hour in (2, 1):
            at = EARLY - timedelta(days=age, hours=hour)
            add_look(redis, LookOutcome(Sight.HEALTHY, mails={at.isoformat(): hour}), at)
    kept = history.days(redis, MAILBOX, EARLY, 100)
    totals = {age: kept[EARLY.date() - timedelta(days=age)] for age in (99, 90, 89, 8, 7, 6)}
    hours = {age: total.hours for age, total in totals.items()}
    assert hours == {99: {}, 90: {}, 89: {1: 2, 2: 1}, 8: {0: 3}, 7: {0: 3}, 6: {1: 2, 2: 1}}
    assert [totals[age].looks for age in (99, 90, 89, 7)] == [0, 0, 2, 2]


@pytest.mark.slow
def test_a_quarter_of_a_channel_is_small(redis):
    """Looks in each hour of 90 days take less than 12 kB in Redis; more looks only count higher."""
    begin = EARLY - timedelta(days=95)
    for number in range(95 * 24):
        at = begin + timedelta(hours=number)
        add_look(redis, LookOutcome(Sight.HEALTHY, mails={at.isoformat(): 12}), at)
    used = redis.memory_usage(keys.watch_history(MAILBOX), samples=0)
    assert redis.hlen(keys.watch_history(MAILBOX)) <= 91
    assert used is not None
    assert int(used) < 12_000
