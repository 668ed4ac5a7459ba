"""Path of the mail as two rows of three equal columns, whose words fit on the smallest phone.

A dash shows that mail passed, dots show that it did not. The time of the last mail is under each
column.
"""

from __future__ import annotations

from collections.abc import Iterator

from adaptive_cards import glyphs
from adaptive_cards.cards.verdict.view import Stop, VerdictView
from adaptive_cards.elements import BOLD, SMALL, SUBTLE, Element, Look, column, columns, rich, run
from adaptive_cards.glyphs import Mark
from adaptive_cards.texts import text
from adaptive_cards.times import day, day_month, minutes

_NOBODY_KNOWS = Mark("?")
_IN_A_ROW = 3
_WENT, _WENT_NOT = ("\u2014 ", " \u2014"), ("\u00b7  ", "  \u00b7")
_CENTRE: dict[str, Look] = {"horizontalAlignment": "Center"}


def way(view: VerdictView) -> list[Element]:
    drawn = list(_stations(view))
    rows = [drawn[at : at + _IN_A_ROW] for at in range(0, len(drawn), _IN_A_ROW)]
    return [columns(*row, spacing="Small" if at else "Medium") for at, row in enumerate(rows)]


def _stations(view: VerdictView) -> Iterator[Element]:
    came, stopped = True, False
    for stop in view.way:
        goes_on = came and stop.passes is True
        mark = _mark(view, stop, stopped=stopped)
        before, after = (
            (_WENT if (came and stop.passes is not None) else _WENT_NOT)[0],
            (_WENT if goes_on else _WENT_NOT)[1],
        )
        drawn = rich(
            run(before, **SUBTLE),
            run(mark.glyph, **BOLD, **mark.look),
            run(after, **SUBTLE),
            **_CENTRE,
        )
        yield _station(
            view,
            stop,
            drawn,
        )
        came, stopped = goes_on, stopped or stop.passes is False


def _station(view: VerdictView, stop: Stop, drawn: Element) -> Element:
    name = rich(run(text(f"station.{stop.station}"), **_look(stop)), spacing="None", **_CENTRE)
    told = _stop_text(view, stop)
    below = [rich(run(told, **SMALL), spacing="None", **_CENTRE)] if told else []
    return column("stretch", drawn, name, *below, spacing="None")


def _look(stop: Stop) -> dict[str, Look]:
    if stop.passes is None:
        return SMALL
    return {"size": "Small"} if stop.passes else {"size": "Small", **BOLD}


def _mark(view: VerdictView, stop: Stop, *, stopped: bool) -> Mark:
    if stop.passes is None:
        return glyphs.NOT_YET if stopped or view.looking else _NOBODY_KNOWS
    return glyphs.OK if stop.passes else glyphs.WRONG


def _stop_text(view: VerdictView, stop: Stop) -> str:
    if stop.passes is False:
        return text("verdict.stops")
    if stop.at is None:
        return text("verdict.unseen") if stop.passes is None and not view.looking else ""
    # The kicker names the zone. Another day than today is shown as a date.
    return minutes(stop.at) if day(stop.at) == day(view.at) else day_month(stop.at)
