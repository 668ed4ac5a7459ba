"""Card for a short answer: what happened, whose turn it is or what is next, and a few facts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from adaptive_cards import glyphs
from adaptive_cards.actions import press
from adaptive_cards.card import Card, finished
from adaptive_cards.components import Band, kicker_of, labeled
from adaptive_cards.elements import MONO, SUBTLE, container, rich, run, said
from adaptive_cards.texts import render, text
from adaptive_cards.times import day_clock
from jobs.model import Evidence, Text

_BUTTONS_MOST = 5


_EVIDENCE_MOST = 8


def notice(view: NoticeView) -> Card:
    """Return the card; refusals, receipts and small failures all have this form."""
    mark = glyphs.of_glyph(view.glyph) if view.glyph else None
    band = Band.of(view.tone, mark, view.title, said(view.words, spacing="Small"))
    lines = [
        rich(run(f"{item.kind}  ", **SUBTLE), run(item.text, **MONO))
        for item in view.evidence[:_EVIDENCE_MOST]
    ]
    written = [container("", *lines)] if lines else []
    body = [*([labeled(view.facts)] if view.facts else []), *written]
    actions = [
        press(text(key) if isinstance(key, str) else render(key), data)
        for key, data in view.buttons[:_BUTTONS_MOST]
    ]
    return finished(
        kicker_of(view.kicker, day_clock(view.at) if view.at else ""), band, body, actions
    )


@dataclass(frozen=True, slots=True)
class NoticeView:
    """Short answer: what happened, whose turn it is or what is next, and facts.

    ``title`` is what happened. ``words`` are whose turn it is or what is next. ``facts`` are (label
    key, value). ``buttons`` are (text or its key, data). ``tone`` is a container style: emphasis, accent,
    good or attention.
    """

    kicker: Text
    title: Text
    words: Text
    tone: str = "emphasis"
    glyph: str = ""
    facts: tuple[tuple[str, Text], ...] = ()
    evidence: tuple[Evidence, ...] = ()
    buttons: tuple[tuple[str | Text, dict[str, str]], ...] = ()
    at: datetime | None = None
