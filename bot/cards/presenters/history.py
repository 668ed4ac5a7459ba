"""Presenter of a channel's history: the view of its card, and the texts of its page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from adaptive_cards.cards.history import HistoryDay, HistoryView, IncidentLine
from adaptive_cards.numbers import number, percent
from adaptive_cards.texts import text
from adaptive_cards.times import lasted
from bot.cards.presenters.watch import Row, cause_of, open_ones
from bot.links import Link
from jobs.model import State, Text, verbatim
from jobs.watch.history import DayFigures, DayState, Figures
from jobs.watch.model import Incident, Sight

DAYS, PAGE_DAYS = 30, 90
_STATES = {
    DayState.WELL: State.OK,
    DayState.BROKEN: State.WRONG,
    DayState.BLIND: State.UNKNOWN,
    DayState.NONE: State.SKIPPED,
}


def history_view(  # noqa: PLR0913  everything that the card shows
    mailbox: str,
    found: Figures,
    incidents: Sequence[Incident],
    at: datetime,
    page: Link,
    *,
    watched: bool,
) -> HistoryView:
    """Return the view of a channel's last days.

    ``incidents`` are those that touch these days, oldest first. They include the times in which the
    watch could not look at the channel.
    """
    return HistoryView(
        mailbox=mailbox,
        at=at,
        title=title_of(found),
        state=_worst(found, incidents),
        days=tuple(HistoryDay(each.date, _STATES[each.state], each.mails) for each in found.days),
        rows=rows_of(found),
        incidents=tuple(_incident_line(each) for each in reversed(incidents)),
        page=(page.url, page.until),
        watched=watched,
        unseen=unseen_of(mailbox, found),
    )


def title_of(found: Figures) -> Text:
    if found.first_day is None:
        return Text("history.title_none")
    seen = {"count": str(len(found.incidents)), "day": f"day:{found.first_day.isoformat()}"}
    if found.availability is not None:
        return Text("history.title", {"share": percent(found.availability), **seen})
    return Text("history.title_seen" if found.incidents else "history.title_unmeasured", seen)


def _worst(found: Figures, incidents: Sequence[Incident]) -> State:
    open_sights = {each.sight for each in open_ones(incidents)}
    if Sight.BROKEN in open_sights:
        return State.WRONG
    if found.availability is None:
        return State.SKIPPED
    return State.UNKNOWN if open_sights else State.OK


def unseen_of(mailbox: str, found: Figures) -> Text | None:
    """Return what the newest looks could not see, or None."""
    return Text("history.unseen", {"mailbox": mailbox}) if found.is_blind_now else None


def rows_of(found: Figures) -> tuple[Row, ...]:
    broken = [("history.row_broken", span(found.broken))] if found.broken else []
    blind = [("history.row_blind", verbatim(number(found.blind)))] if found.blind else []
    return (
        *broken,
        *_times(found),
        *_mails(found),
        *_hit(found),
        *blind,
        *_first_day(found),
    )


def _times(found: Figures) -> list[Row]:
    pairs = (("notice", found.to_notice), ("fix", found.to_fix)) if found.incidents else ()
    unknown = Text("history.not_known")
    return [(f"history.row_{name}", span(value) if value else unknown) for name, value in pairs]


def _mails(found: Figures) -> list[Row]:
    days = sum(each.measured for each in found.days)
    if found.first_day and not days and not found.mails:
        return [("history.row_mails", Text("history.not_seen"))]
    if not found.mails or not days:
        return []
    values = {"mails": number(found.mails), "each": number(round(found.mails / days))}
    return [("history.row_mails", Text("history.mails", values))]


def _hit(found: Figures) -> list[Row]:
    if not found.late and not found.bounced:
        return []
    values = {"late": number(found.late), "bounced": number(found.bounced)}
    return [("history.row_hit", Text("watch.mails", values))]


def _first_day(found: Figures) -> list[Row]:
    first = found.first_day
    if first is None or found.days[0].date == first:
        return []
    return [("history.row_since", Text("history.day", {"day": f"day:{first.isoformat()}"}))]


def mails_of(day: DayFigures) -> str:
    """Return the number of the day's mails; that of a day that was not measured is not known."""
    return number(day.mails) if day.measured or day.mails else text("history.not_seen")


def span(value: timedelta) -> Text:
    return verbatim(lasted(value))


def lasted_of(incident: Incident) -> Text:
    if incident.duration is None:
        return Text("history.goes_on")
    return Text("history.unwatched") if incident.is_unwatched else span(incident.duration)


def _incident_line(incident: Incident) -> IncidentLine:
    state = State.WRONG if incident.sight is Sight.BROKEN else State.UNKNOWN
    return IncidentLine(incident.since, cause_of(incident), lasted_of(incident), state)


def ended_by(incident: Incident) -> Text:
    if incident.is_open:
        return Text("history.goes_on")
    if incident.fixed_by:
        return Text("history.fixed_by", {"run": incident.fixed_by})
    return Text("history.unwatched" if incident.is_unwatched else "history.fixed_outside")
