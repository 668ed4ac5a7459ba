"""What becomes of the cards of a run that was cancelled or stopped: none of them asks for anything any more."""

from __future__ import annotations

from adaptive_cards import notice
from adaptive_cards.cards.notice import NoticeView
from adaptive_cards.glyphs import SKIPPED
from bot.cards.delivery import Face, face, read
from bot.services import Desk
from jobs.model import Words
from jobs.next_action import ENDED
from jobs.runs.run import Run

ASKING = ("signin", "consent", "connect", "rehearsal", "mail")
ANSWERED = frozenset({"signed in", "granted"})
"""Whose news on a card is that nothing is asked for."""


def faces(run: Run, desk: Desk) -> list[Face]:
    """Each card that still asks for something says that the run is over. One that was never shown is not shown now."""
    if run.ended not in {"cancelled", "failed"}:
        return []
    return [_over(run, slot, to) for slot, to in _slots(run) if (shown := read(desk, run.id, slot)) and shown.turn not in ANSWERED]


def _slots(run: Run) -> list[tuple[str, str]]:
    """The slots of these cards, and where each stands."""
    asked = [run.answer(question) for question in ("administrator", "consent_administrator")]
    direct = [(f"{slot}-direct:{person}", person) for slot in ("signin", "consent") for person in dict.fromkeys(filter(None, asked))]
    return [*((slot, run.requester.email if slot == "connect" else "thread") for slot in ASKING), *direct]


def _over(run: Run, slot: str, to: str) -> Face:
    view = NoticeView(
        kicker=Words("notice.over_kicker", {"mailbox": run.channel.mailbox}),
        title=Words(f"notice.over_{ENDED[run.ended]}", {"run": run.id}),
        words=Words("notice.over_words"),
        glyph=SKIPPED.glyph,
    )
    return face(slot, view, notice(view), to=to, turn="over", last=True, closes=True)
