"""The cards of a history and of a monthly summary in every state, with contents as they occur."""

from __future__ import annotations

from datetime import timedelta

import adaptive_cards as cards
from adaptive_cards.cards.history import HistoryDay, HistoryView, IncidentLine
from adaptive_cards.cards.report import ReportLine, ReportView
from jobs.model import State, Text, verbatim
from tests.unit.adaptive_cards.examples import AT, MAILBOX
from tests.unit.adaptive_cards.tac_examples import HOSTILE

PAGE = ("https://bot.example.test/history/abc", AT + timedelta(days=1))
ROWS = (
    ("history.row_broken", verbatim("2 h 5 min")),
    ("history.row_notice", verbatim("9 minutes")),
    ("history.row_fix", verbatim("58 minutes")),
    ("history.row_mails", Text("history.mails", {"mails": "1,240", "each": "41"})),
)


def days(states: str, mails: int = 40) -> tuple[HistoryDay, ...]:
    """Days by one letter each: o, x, ? or -."""
    known = {"o": State.OK, "x": State.WRONG, "?": State.UNKNOWN, "-": State.SKIPPED}
    first = AT.date() - timedelta(days=len(states) - 1)
    return tuple(
        HistoryDay(first + timedelta(days=number), known[each], mails * number // len(states))
        for number, each in enumerate(states)
    )


def incident(number: int, state: State = State.WRONG) -> IncidentLine:
    """An incident some days ago."""
    return IncidentLine(
        AT - timedelta(days=number), Text("cause.not_forwarded"), verbatim("58 minutes"), state
    )


def examples() -> dict[str, cards.Card]:
    """Return the example cards, by a name that says the state."""
    title = Text("history.title", {"share": "99.71%", "count": "2"})
    plain = HistoryView(
        MAILBOX,
        AT,
        title,
        State.OK,
        days("-" * 4 + "o" * 10 + "x?" + "o" * 14),
        ROWS,
        (incident(3), incident(9, State.UNKNOWN)),
        PAGE,
    )
    bad = HistoryView(
        MAILBOX,
        AT,
        title,
        State.WRONG,
        days("ox" * 15),
        ROWS,
        tuple(map(incident, range(9))),
        PAGE,
        watched=False,
    )
    none = HistoryView(
        MAILBOX, AT, Text("history.title_none"), State.SKIPPED, days("-" * 30, 0), (), (), PAGE
    )
    hostile = HistoryView(
        HOSTILE,
        AT,
        title,
        State.UNKNOWN,
        days("?" * 30),
        (("history.row_mails", verbatim(HOSTILE)),),
        (IncidentLine(AT, verbatim(HOSTILE), verbatim(HOSTILE)),),
        PAGE,
    )
    histories = {"well": plain, "broken": bad, "none": none}
    return (
        {f"history-{name}": cards.history(view) for name, view in histories.items()}
        | {"hostile-history": cards.history(hostile)}
        | {f"report-{name}": cards.report(view) for name, view in _reports().items()}
        | {"hostile-report": cards.report(_report((_line(HOSTILE, State.WRONG, 60.0),)))}
    )


def _line(mailbox: str, state: State, broken_s: float = 0.0) -> ReportLine:
    words = Text("report.line", {"count": "2", "mails": "310"})
    return ReportLine(mailbox, state, verbatim("99.5%"), broken_s, words)


def _report(lines: tuple[ReportLine, ...], remark: Text | None = None) -> ReportView:
    title = Text("report.title", {"count": "2", "month": "2026-11"})
    rows = (("report.row_channels", verbatim(str(len(lines)))),)
    return ReportView("2026-11", AT, title, rows, lines, remark)


def _reports() -> dict[str, ReportView]:
    every = tuple(
        _line(f"box{number}@contoso.com", state, number)
        for number, state in enumerate((State.OK, State.WRONG, State.UNKNOWN, State.SKIPPED) * 6)
    )
    return {
        "month": _report(every),
        "so-far": _report((_line(MAILBOX, State.OK),), Text("report.so_far")),
    }
