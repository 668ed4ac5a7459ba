"""Examples of the card of a history, with realistic contents."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import adaptive_cards as cards
from adaptive_cards.cards.watch import HistoryDay, HistoryView, IncidentLine
from adaptive_cards.numbers import number, percent
from adaptive_cards.times import lasted
from jobs.model import State, Text, verbatim
from tests.unit.adaptive_cards.examples import AT, MAILBOX
from tests.unit.adaptive_cards.tac_examples import HOSTILE

PAGE = ("https://bot.example.test/history/abc", AT + timedelta(days=1))


def rows() -> tuple[tuple[str, Text], ...]:
    """Return the facts of a history, in the language that is drawn."""
    broken, noticed, fixed = (
        verbatim(lasted(timedelta(minutes=minutes))) for minutes in (125, 9, 58)
    )
    mails = Text("history.mails", {"mails": number(1240), "each": number(41)})
    return (
        ("history.row_broken", broken),
        ("history.row_notice", noticed),
        ("history.row_fix", fixed),
        ("history.row_mails", mails),
    )


def days(states: str, mails: int = 40) -> tuple[HistoryDay, ...]:
    """Return the days of a history from one letter for each: o, x, ? or -."""
    known = {"o": State.OK, "x": State.WRONG, "?": State.UNKNOWN, "-": State.SKIPPED}
    first = AT.date() - timedelta(days=len(states) - 1)
    return tuple(
        HistoryDay(first + timedelta(days=at), known[each], mails * at // len(states))
        for at, each in enumerate(states)
    )


def incident(days_ago: int, state: State = State.WRONG) -> IncidentLine:
    """Return an incident that began some days ago."""
    took = verbatim(lasted(timedelta(minutes=58)))
    return IncidentLine(AT - timedelta(days=days_ago), Text("cause.not_forwarded"), took, state)


def examples() -> dict[str, cards.Card]:
    """Return the example cards, by a name that says the state."""
    title = Text("history.title", {"share": percent(0.9971), "count": "2"})
    plain = HistoryView(
        MAILBOX,
        AT,
        title,
        State.OK,
        days("-" * 4 + "o" * 10 + "x?" + "o" * 14),
        rows(),
        (incident(3), incident(9, State.UNKNOWN)),
        PAGE,
    )
    bad = HistoryView(
        MAILBOX,
        AT,
        title,
        State.WRONG,
        days("ox" * 15),
        rows(),
        tuple(map(incident, range(9))),
        PAGE,
        watched=False,
    )
    none = HistoryView(
        MAILBOX, AT, Text("history.title_none"), State.SKIPPED, days("-" * 30, 0), (), (), PAGE
    )
    seen = Text("history.title_unmeasured", {"day": f"day:{AT.date().isoformat()}"})
    blind = replace(
        plain,
        title=seen,
        state=State.SKIPPED,
        days=days("-" * 20 + "?" * 10, 0),
        rows=(("history.row_mails", Text("history.not_seen")),),
        incidents=(),
        unseen=Text("history.unseen", {"mailbox": MAILBOX}),
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
    histories = {"well": plain, "broken": bad, "none": none, "blind": blind}
    return {f"history-{name}": cards.history(view) for name, view in histories.items()} | {
        "hostile-history": cards.history(hostile)
    }
