"""What the card that ends an undo needs to know; beside :mod:`adaptive_cards.views`, which is long enough."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from adaptive_cards.views import Header
from jobs.model import Words


@dataclass(frozen=True, slots=True)
class UndoneView:
    """An undo has ended. ``back`` and ``left`` are (row, object, what was seen); ``binned`` says that the app lies in the recycle bin."""

    header: Header
    at: datetime
    started: datetime
    back: tuple[tuple[str, Words, Words], ...]
    left: tuple[tuple[str, Words, Words], ...]
    approved_by: str
    binned: bool = False
