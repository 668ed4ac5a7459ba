"""Format of numbers in the present language (:mod:`adaptive_cards.locale`)."""

from __future__ import annotations

import math

from babel.numbers import format_decimal, format_percent

from adaptive_cards import locale

_HUNDREDTHS = 10_000


def percent(share: float) -> str:
    """Return a share as ``99.87%``, rounded down, so that only a whole share is ``100%``."""
    here = locale.current().babel
    pattern = here.percent_formats[None].pattern.replace("#,##0", "#,##0.##")
    floored = math.floor(share * _HUNDREDTHS + 1e-6) / _HUNDREDTHS
    return str(format_percent(floored, pattern, here))


def number(value: int) -> str:
    return str(format_decimal(value, locale=locale.current().babel))
