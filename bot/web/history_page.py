"""Page with the last 90 days of a channel, behind a one-time link.

Opening the link uses nothing up, so previews and scanners may look. Pressing its button binds the
link to that browser, which may then read the page and take its files along for an hour.

In the chart, an inline SVG, a day is one unit wide. The bar is as high as the day's mails. Above
the bars, a sign shows the day's state by its form as well as by its color: a broken day fills the
whole height, a day without sight is an outline, and a day without a look is a low mark.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

from flask import Blueprint, Response, request

from adaptive_cards.locale import number
from adaptive_cards.texts import known_text, render, render_if_any, text
from adaptive_cards.times import day_clock, lasted, written_date
from bot import links
from bot.cards.presenters import watch
from bot.services import Services
from bot.web import oauth_flow
from bot.web.pages import Page, plain, respond, respond_with, web_services
from jobs.clock import now
from jobs.model import Text
from jobs.watch import history as past
from jobs.watch.history import days, figures
from jobs.watch.model import Incident, Sight

HEIGHT, STRIP, GAP = 100.0, 12.0, 4.0
"""Height of the chart, of the strip of states at its top, and of the gap below the strip."""
_STRIP_HEIGHT = {
    past.DayState.WELL: STRIP / 2,
    past.DayState.BROKEN: STRIP,
    past.DayState.BLIND: STRIP,
    past.DayState.NONE: STRIP / 6,
}


def bars(days: Sequence[past.DayFigures]) -> list[dict[str, object]]:
    """Return one bar for each day, as a mapping with the names that the template uses.

    A bar has its place and that of its sign, the day's state, and the ``words`` that are shown when
    a pointer rests on it.
    """
    most = _most(days)
    room = HEIGHT - STRIP - GAP
    found = []
    for place, day in enumerate(days):
        state, mails = text(f"history.state_{day.state}"), watch.mails_of(day)
        words = f"{state}, {text('page.history_most', most=mails)}"
        height = round(room * day.mails / most, 2) if most else 0.0
        sign = _STRIP_HEIGHT[day.state]
        found.append(
            {
                "x": place + 0.1,
                "top": round(HEIGHT - height, 2),
                "height": height,
                "state": str(day.state),
                "sign_top": round(STRIP - sign, 2),
                "sign_height": round(sign, 2),
                "words": f"{written_date(day.date)}: {words}",
            }
        )
    return found


pages = Blueprint("history", __name__, url_prefix="/history")
KIND = "history"


@dataclass(frozen=True, slots=True)
class Found:
    """Everything that the page and its file show about a channel."""

    mailbox: str
    at: datetime
    figures: past.Figures
    incidents: tuple[Incident, ...]


@pages.get("/<token>")
def page(token: str) -> Response:
    """Return the history to the browser that opened the link.

    The result for any other browser is a page with a button, or a page that says why there is none.
    """
    services, ticket = web_services(), oauth_flow.ticket_of(KIND, token)
    browser = oauth_flow.read_browser(services.bot, request)
    if _may_read(ticket, browser):
        return _history_page(services, ticket, request.path)
    if ticket.browser:
        return plain("history_used", status=HTTPStatus.GONE, mailbox=ticket.run)
    if ticket.is_expired:
        return plain("over", status=HTTPStatus.GONE)
    browser = browser or oauth_flow.new_browser()
    landing = Page(
        Text("page.history_open_title"),
        Text("page.history_open_words", {"mailbox": ticket.run}),
        button="page.history_open_button",
        post=request.path,
        hidden=((oauth_flow.FORM, oauth_flow.form_token(browser, request.path)),),
    )
    return oauth_flow.remember_browser(services.bot, respond(landing), browser)


@pages.post("/<token>")
def open_page(token: str) -> Response:
    """Bind the link to this browser and show the page; of several browsers only one gets it."""
    ticket, browser = oauth_flow.ticket_of(KIND, token), oauth_flow.pressing_browser()
    opened = links.open_once(web_services(), KIND, token, oauth_flow.fingerprint(browser))
    if not opened and not _may_read(ticket, browser):
        return plain("history_used", status=HTTPStatus.GONE, mailbox=ticket.run)
    return Response(status=HTTPStatus.SEE_OTHER, headers={"Location": request.path})


@pages.get("/<token>/history.csv")
def take_along(token: str) -> Response:
    """Return the days as CSV (RFC 4180), oldest first, to the browser that opened the link."""
    services, ticket = web_services(), oauth_flow.ticket_of(KIND, token)
    if not _may_read(ticket, oauth_flow.read_browser(services.bot, request)):
        return plain("unknown", status=HTTPStatus.NOT_FOUND)
    found, written = _found(services, ticket.run), io.StringIO()
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


def _may_read(ticket: links.PageToken, browser: str) -> bool:
    return oauth_flow.is_browser_of(ticket.browser, browser) and not ticket.is_expired


def _found(services: Services, mailbox: str) -> Found:
    at = now()
    since, until = past.last_days(at, watch.PAGE_DAYS)
    every = services.watching.incidents.of_channel(mailbox)
    known = days(services.redis, mailbox, at, watch.PAGE_DAYS)
    touching = tuple(each for each in every if (each.ended or at) > since)
    return Found(mailbox, at, figures(known, every, since, until, at), touching)


def _history_page(services: Services, ticket: links.PageToken, path: str) -> Response:
    found = _found(services, ticket.run)
    chosen = found.figures.days
    unseen = watch.unseen_of(found.mailbox, found.figures)
    return respond_with(
        "history.html",
        title=text("page.history_title", mailbox=found.mailbox),
        result=f"{render(watch.title_of(found.figures))}. {render_if_any(unseen)}".strip(),
        at=day_clock(found.at),
        facts=[(text(key), render(value)) for key, value in watch.rows_of(found.figures)],
        bars=bars(chosen),
        width=len(chosen),
        height=int(HEIGHT),
        chart_desc=_description(found.figures),
        most=text("page.history_most", most=_seen(found.figures, _most(chosen))),
        first=written_date(chosen[0].date),
        last=written_date(chosen[-1].date),
        states=[(str(each), text(f"history.state_{each}")) for each in past.DayState],
        incidents=[_box(each) for each in reversed(found.incidents)],
        days=[_cells(each) for each in reversed(chosen) if each.looks or each.mails],
        heads=[text(f"page.history_{name}") for name in ("day", "state", "broken_for", "mails")],
        file=f"{path}/history.csv",
        text=text,
    )


def _description(found: past.Figures) -> str:
    states = Counter(each.state for each in found.days)
    return text(
        "page.history_chart_desc",
        days=str(len(found.days)),
        first=written_date(found.days[0].date),
        last=written_date(found.days[-1].date),
        mails=_seen(found, found.mails),
        most=_seen(found, _most(found.days)),
        **{str(state): str(states[state]) for state in past.DayState},
    )


def _seen(found: past.Figures, mails: int) -> str:
    return number(mails) if mails or not found.is_blind_now else text("history.not_seen")


def _most(chosen: Sequence[past.DayFigures]) -> int:
    return max((each.mails for each in chosen), default=0)


def _cells(day: past.DayFigures) -> tuple[str, ...]:
    broken = lasted(day.broken) if day.broken else ""
    state = text(f"history.state_{day.state}")
    return written_date(day.date), state, broken, watch.mails_of(day)


def _box(incident: Incident) -> dict[str, object]:
    """Return an incident's title, whether it goes on, and (label, value) rows."""
    ended, damage = incident.ended, incident.damage
    hit = {"late": number(damage.late), "bounced": number(damage.bounced)}
    rows: list[tuple[str, Text | str | None]] = [
        ("begin", day_clock(incident.since)),
        ("noticed", day_clock(incident.confirmed)),
        ("end", day_clock(ended) if ended is not None else Text("history.goes_on")),
        ("lasted", watch.lasted_of(incident) if ended is not None else None),
        ("ended_by", watch.ended_by(incident) if ended is not None else None),
        ("verdict", watch.cause_of(incident)),
        ("station", Text(f"station.{incident.station}") if incident.station else None),
        ("turn", known_text(f"turn.{incident.turn}")),
        ("remedy", known_text(f"remedy.{incident.cause}")),
        ("hit", Text("watch.mails", hit) if damage.mails else None),
        ("acting", incident.acting),
        ("flaps", str(incident.flaps) if incident.flaps else None),
    ]
    state = past.DayState.BROKEN if incident.sight is Sight.BROKEN else past.DayState.BLIND
    shown = tuple(
        (text(f"page.history_{name}"), value if isinstance(value, str) else render(value))
        for name, value in rows
        if value
    )
    return {"title": day_clock(incident.since), "state": str(state), "rows": shown}
