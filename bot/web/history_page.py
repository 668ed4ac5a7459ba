"""Page with the last 90 days of a channel, behind a one-time link.

Opening the link uses nothing up, so previews and scanners may look. Pressing its button binds the
link to that browser, which may then read the page and take its files along for an hour.

In the chart, an inline SVG, a day is one unit wide. The bar is as high as the day's mails. Above
the bars, a sign shows the day's state by its form as well as by its color: a broken day fills the
whole height, a day without sight is an outline, and a day without a look is a low mark.
"""

import csv
import io
import secrets
from collections import Counter
from datetime import datetime
from http import HTTPStatus
from typing import NamedTuple

from flask import Blueprint, Response, request

from adaptive_cards.locale import day_clock, lasted, number, written_date
from adaptive_cards.texts import known_text, render, render_if_any, text
from bot import links
from bot.cards.presenters import watch
from bot.web import pages as web
from jobs.clock import now
from jobs.model import Text
from jobs.watch import history as past
from jobs.watch.model import Incident, Sight

HEIGHT, STRIP, GAP = 100.0, 12.0, 4.0
"""Height of the chart, of the strip of states at its top, and of the gap below the strip."""
_STRIP_HEIGHT = {
    past.DayState.WELL: STRIP / 2,
    past.DayState.BROKEN: STRIP,
    past.DayState.BLIND: STRIP,
    past.DayState.NONE: STRIP / 6,
}


pages = Blueprint("history", __name__, url_prefix="/history")
KIND = "history"


class Found(NamedTuple):
    mailbox: str
    at: datetime
    figures: past.Figures
    incidents: tuple[Incident, ...]


@pages.get("/<token>")
def page(token: str) -> Response:
    """Return the history to the browser that opened the link.

    The result for any other browser is a page with a button, or a page that says why there is none.
    """
    ticket, browser = web.ticket_of(KIND, token), web.known_browser()
    if _may_read(ticket, browser):
        return _history_page(_found(ticket.run))
    if ticket.browser:
        return web.plain("history_used", {"mailbox": ticket.run}, status=HTTPStatus.GONE)
    if ticket.is_expired:
        return web.plain("over", status=HTTPStatus.GONE)
    form = {"button": "page.history_open_button", "post": request.path}
    browser = browser or secrets.token_urlsafe(32)
    return web.plain("history_open", {"mailbox": ticket.run}, browser=browser, **form)


@pages.post("/<token>")
def open_page(token: str) -> Response:
    """Bind the link to this browser and show the page; of several browsers only one gets it."""
    ticket, browser = web.ticket_of(KIND, token), web.pressing_browser()
    opened = links.open_once(web.web_services(), KIND, token, web.fingerprint(browser))
    if not opened and not _may_read(ticket, browser):
        return web.plain("history_used", {"mailbox": ticket.run}, status=HTTPStatus.GONE)
    return Response(status=HTTPStatus.SEE_OTHER, headers={"Location": request.path})


@pages.get("/<token>/history.csv")
def take_along(token: str) -> Response:
    """Return the days as CSV (RFC 4180), oldest first, to the browser that opened the link."""
    ticket = web.ticket_of(KIND, token)
    if not _may_read(ticket, web.known_browser()):
        return web.plain("unknown", status=HTTPStatus.NOT_FOUND)
    found, written = _found(ticket.run), io.StringIO()
    table = csv.writer(written, lineterminator="\r\n")
    table.writerow(("day", "state", "broken_s", "mails", "looks", "causes"))
    table.writerows(_row(found, day) for day in found.figures.days)
    headers = {"Content-Disposition": 'attachment; filename="history.csv"'}
    return Response(written.getvalue(), content_type="text/csv; charset=utf-8", headers=headers)


def _row(found: Found, day: past.DayFigures) -> tuple[object, ...]:
    begin = past.midnight(day.date)
    causes = {
        each.cause
        for each in found.incidents
        if each.since < begin + past.DAY and (each.ended or found.at) > begin
    }
    broken_s = round(day.broken.total_seconds()) if day.measured or day.broken else ""
    mails = day.mails if day.measured or day.mails else ""
    return day.date, day.state, broken_s, mails, day.looks, " ".join(sorted(causes))


def _may_read(ticket: links.Link, browser: str) -> bool:
    return web.is_browser_of(ticket.browser, browser) and not ticket.is_expired


def _found(mailbox: str) -> Found:
    services, at = web.web_services(), now()
    since, until = past.last_days(at, watch.PAGE_DAYS)
    every = services.watching.of_channel(mailbox)
    known = past.days(services.redis, mailbox, at, watch.PAGE_DAYS)
    touching = tuple(each for each in every if (each.ended or at) > since)
    return Found(mailbox, at, past.figures(known, every, since, min(until, at)), touching)


def _history_page(found: Found) -> Response:
    chosen, most = found.figures.days, max((each.mails for each in found.figures.days), default=0)
    unseen = watch.unseen_of(found.mailbox, found.figures)
    counts = Counter(each.state for each in chosen)
    first, last = written_date(chosen[0].date), written_date(chosen[-1].date)
    return web.respond_with(
        "history.html",
        title=text("page.history_title", mailbox=found.mailbox),
        result=f"{render(watch.title_of(found.figures))}. {render_if_any(unseen)}".strip(),
        at=day_clock(found.at),
        facts=watch.rows_of(found.figures),
        bars=[_bar(place, day, most) for place, day in enumerate(chosen)],
        width=len(chosen),
        height=int(HEIGHT),
        chart_desc=text(
            "page.history_chart_desc",
            days=str(len(chosen)),
            mails=_seen(found.figures, found.figures.mails),
            most=_seen(found.figures, most),
            first=first,
            last=last,
            **{str(state): str(counts[state]) for state in past.DayState},
        ),
        most=text("page.history_most", most=_seen(found.figures, most)),
        first=first,
        last=last,
        states=past.DayState,
        incidents=[_box(each) for each in reversed(found.incidents)],
        days=[each for each in reversed(chosen) if each.looks or each.mails],
        file=f"{request.path}/history.csv",
        written_date=written_date,
        lasted=lasted,
        mails_of=watch.mails_of,
    )


def _bar(place: int, day: past.DayFigures, most: int) -> dict[str, object]:
    state, mails = text(f"history.state_{day.state}"), watch.mails_of(day)
    words = f"{state}, {text('page.history_most', most=mails)}"
    height = round((HEIGHT - STRIP - GAP) * day.mails / most, 2) if most else 0.0
    sign = _STRIP_HEIGHT[day.state]
    return {
        "x": place + 0.1,
        "top": round(HEIGHT - height, 2),
        "height": height,
        "state": str(day.state),
        "sign_top": round(STRIP - sign, 2),
        "sign_height": round(sign, 2),
        "words": f"{written_date(day.date)}: {words}",
    }


def _seen(found: past.Figures, mails: int) -> str:
    return number(mails) if mails or not found.is_blind_now else text("history.not_seen")


def _box(incident: Incident) -> dict[str, object]:
    ended, damage = incident.ended, incident.damage
    hit = {"late": number(damage.late), "bounced": number(damage.bounced)}
    rows: list[tuple[str, Text | str | None]] = [
        ("begin", day_clock(incident.since)),
        ("noticed", day_clock(incident.confirmed)),
        ("end", day_clock(ended) if ended is not None else Text("history.goes_on")),
        ("lasted", watch.lasted_of(incident) if ended is not None else None),
        ("ended_by", watch.ended_by(incident) if ended is not None else None),
        ("verdict", watch.cause_text(incident.cause)),
        ("station", Text(f"station.{incident.station}") if incident.station else None),
        ("turn", known_text(f"turn.{incident.turn}") if ended is None else None),
        ("remedy", known_text(f"remedy.{incident.cause}")),
        ("hit", Text("watch.mails", hit) if damage.mails else None),
        ("acting", incident.acting),
        ("flaps", str(incident.flaps or "")),
    ]
    state = past.DayState.BROKEN if incident.sight is Sight.BROKEN else past.DayState.BLIND
    shown = tuple(
        (text(f"page.history_{name}"), value if isinstance(value, str) else render(value))
        for name, value in rows
        if value
    )
    return {"title": day_clock(incident.since), "state": str(state), "rows": shown}
