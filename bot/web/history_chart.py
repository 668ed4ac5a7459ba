"""Chart of a history's days as the numbers of an inline SVG.

A day is one unit wide. The bar is as high as the day's mails. Above the bars, a sign shows the day's
state by its form as well as by its color: a broken day fills the whole height, a day without sight is
an outline, and a day without a look is a low mark.
"""

from __future__ import annotations

from collections.abc import Sequence

from jobs.watch.figures import DayFigures, DayState

HEIGHT, STRIP, GAP = 100.0, 12.0, 4.0
"""Height of the chart, of the strip of states at its top, and of the gap below the strip."""
_STRIP_HEIGHT = {
    DayState.WELL: STRIP / 2,
    DayState.BROKEN: STRIP,
    DayState.BLIND: STRIP,
    DayState.NONE: STRIP / 6,
}


def bars(days: Sequence[DayFigures], words: Sequence[str]) -> list[dict[str, object]]:
    """Return one bar for each day, as a mapping with the names that the template uses.

    A bar has its place and that of its sign, the day's state, and the ``words`` that are shown when
    a pointer rests on it.
    """
    most = max((each.mails for each in days), default=0)
    room = HEIGHT - STRIP - GAP
    found = []
    for number, (day, told) in enumerate(zip(days, words, strict=True)):
        height = round(room * day.mails / most, 2) if most else 0.0
        sign = _STRIP_HEIGHT[day.state]
        found.append(
            {
                "x": number + 0.1,
                "top": round(HEIGHT - height, 2),
                "height": height,
                "state": str(day.state),
                "sign_top": round(STRIP - sign, 2),
                "sign_height": round(sign, 2),
                "words": told,
            }
        )
    return found
