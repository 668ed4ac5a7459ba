"""Presenter of a channel's history and of the monthly summary: from figures to the views of cards."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from adaptive_cards.cards.history import HistoryDay, HistoryView, IncidentLine
from adaptive_cards.cards.report import ReportLine, ReportView
from adaptive_cards.numbers import number, percent
from adaptive_cards.times import lasted
from bot.cards.presenters.incident import cause_of, verbatim_moment
from bot.links import Link
from jobs.model import State, Text, verbatim
from jobs.watch.figures import DayState, Figures
from jobs.watch.model import Incident, NewsKind, Sight

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

    ``incidents`` are those that touch these days, oldest first, also the times without sight.
    """
    return HistoryView(
        mailbox=mailbox,
        at=at,
        title=title_of(found),
        state=_worst(found, incidents),
        days=tuple(HistoryDay(each.date, _STATES[each.state], each.mails) for each in found.days),
        rows=rows_of(found),
        incidents=tuple(_line(each) for each in reversed(incidents)),
        page=(page.url, page.until),
        watched=watched,
    )


def title_of(found: Figures) -> Text:
    """Return the result in a few words: the availability, or that nobody has looked."""
    if found.availability is None:
        return Text("history.title_none")
    return Text(
        "history.title",
        {"share": percent(found.availability), "count": str(len(found.incidents))},
    )


def _worst(found: Figures, incidents: Sequence[Incident]) -> State:
    if found.availability is None:
        return State.SKIPPED
    if any(each.is_open and each.sight is Sight.BROKEN for each in incidents):
        return State.WRONG
    return State.UNKNOWN if any(each.is_open for each in incidents) else State.OK


def rows_of(found: Figures) -> tuple[tuple[str, Text], ...]:
    """Return the figures as (label key, value); one that is not known is left out."""
    rows = [("history.row_broken", span(found.broken))] if found.broken else []
    rows += _times(found)
    days = sum(1 for each in found.days if each.looks)
    if found.mails and days:
        values = {"mails": number(found.mails), "each": number(round(found.mails / days))}
        rows.append(("history.row_mails", Text("history.mails", values)))
    if found.late or found.bounced:
        hit = {"late": number(found.late), "bounced": number(found.bounced)}
        rows.append(("history.row_hit", Text("watch.mails", hit)))
    if found.blind:
        rows.append(("history.row_blind", verbatim(number(found.blind))))
    if (first := found.first_day) is not None and found.days[0].date != first:
        rows.append(("history.row_since", Text("history.day", {"day": f"day:{first.isoformat()}"})))
    return tuple(rows)


def _times(found: Figures) -> list[tuple[str, Text]]:
    """Return the time to notice and the time to fix."""
    pairs = (("notice", found.to_notice), ("fix", found.to_fix))
    return [(f"history.row_{name}", span(value)) for name, value in pairs if value is not None]


def span(value: timedelta) -> Text:
    """Return a length of time in words."""
    return verbatim(lasted(value))


def lasted_of(incident: Incident) -> Text:
    """Return how long an incident lasted, that it goes on, or that its watch has ended."""
    if incident.duration is None:
        return Text("history.goes_on")
    if incident.news and incident.news[-1].kind is NewsKind.UNWATCHED:
        return Text("history.unwatched")
    return span(incident.duration)


def _line(incident: Incident) -> IncidentLine:
    state = State.WRONG if incident.sight is Sight.BROKEN else State.UNKNOWN
    return IncidentLine(incident.since, cause_of(incident), lasted_of(incident), state)


def ended_by(incident: Incident) -> Text:
    """Return what has ended the incident: a run of the bot, somebody else, or nothing yet."""
    if incident.is_open:
        return Text("history.goes_on")
    if incident.fixed_by:
        return Text("history.fixed_by", {"run": incident.fixed_by})
    unwatched = incident.news and incident.news[-1].kind is NewsKind.UNWATCHED
    return Text("history.unwatched" if unwatched else "history.fixed_outside")


def moment(at: datetime) -> Text:
    """Return a moment in the reader's time zone."""
    return verbatim_moment(at)


def report_view(
    month: str, every: Sequence[tuple[str, Figures]], at: datetime, remark: Text | None
) -> ReportView:
    """Return the summary of a month for these channels."""
    watched = [found for _, found in every if found.watched]
    incidents = sum(len(found.incidents) for found in watched)
    shares = [share for found in watched if (share := found.availability) is not None]
    rows = [("report.row_channels", verbatim(number(len(every))))]
    if shares:
        rows.append(("report.row_share", verbatim(percent(sum(shares) / len(shares)))))
    rows += [
        ("report.row_incidents", verbatim(number(incidents))),
        ("report.row_mails", verbatim(number(sum(found.mails for found in watched)))),
    ]
    return ReportView(
        month=month,
        at=at,
        title=Text("report.title", {"count": str(incidents), "month": month}),
        rows=tuple(rows),
        lines=tuple(_report_line(mailbox, found) for mailbox, found in every),
        remark=remark,
    )


def _report_line(mailbox: str, found: Figures) -> ReportLine:
    share = found.availability
    if share is None:
        return ReportLine(
            mailbox, State.SKIPPED, Text("report.not_watched"), 0, Text("report.no_figures")
        )
    values = {"count": str(len(found.incidents)), "mails": number(found.mails)}
    words = Text("report.line", values)
    if found.to_notice is not None and found.to_fix is not None:
        times = {"notice": lasted(found.to_notice), "fix": lasted(found.to_fix)}
        words = Text("report.line_fixed", values | times)
    elif found.to_notice is not None:
        words = Text("report.line_open", values | {"notice": lasted(found.to_notice)})
    state = State.WRONG if found.incidents else (State.UNKNOWN if found.blind else State.OK)
    return ReportLine(mailbox, state, verbatim(percent(share)), found.broken.total_seconds(), words)
