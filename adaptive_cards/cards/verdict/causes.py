"""Root causes, each with what was expected, what was seen, the evidence, and the fix."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

from adaptive_cards import glyphs
from adaptive_cards.cards.verdict.band import sentence
from adaptive_cards.cards.verdict.rows import Budget, more, row
from adaptive_cards.cards.verdict.view import VerdictView
from adaptive_cards.components import learn_more, section
from adaptive_cards.elements import BOLD, Element, facts, rich, run
from adaptive_cards.escape import clip, plain, shorten
from adaptive_cards.texts import has_text, render_if_any, text
from adaptive_cards.views import CheckLine
from jobs.model import Evidence, Text, Turn, second_of

_MOST = 4
_TRANSCRIPT = "transcript"
_TRANSCRIPT_MOST = 2
_KIND_MOST, _SENTENCE_MOST = 24, 160
_TRACE = "trace"
_UNEXPECTED = Text("cause.unexpected")
_IDS = frozenset({"correlation-id", "request-id", "trace-id", "transaction-id"})
_FAILURES = frozenset({"fail", "defer", "drop"})
"""Events of a message trace that show why a mail was stopped (Get-MessageTraceDetailV2)."""
_REPLY = re.compile(r"\b(?:[45]\d\d[ -])?[45]\.\d{1,3}\.\d{1,3}[^;|\]}]*")
"""Pattern of a mail server's reply: its codes (RFC 3463) and its sentence, without other values."""
_PLACEHOLDER = re.compile(r"\s*(?:\b(?:for|of|with) (?:the )?\w+ )?'?\{\w+\}'?")
"""Placeholder that Microsoft's sign-in log does not fill in, with the words before it."""
_END = re.compile(r"(?<=[a-z)'\"])\.(?=\s+[A-Z])|\s+\[[^\]]*\]\s*$|\s+https?://")
"""Pattern of the end of the first sentence.

The mail server's name and a link after that sentence are not part of it.
"""


def in_words(view: VerdictView, cause: CheckLine) -> str:
    """Return a cause's own evidence in words, or that of the first finding that it explains.

    A setting has no error text, but the mail that the setting stopped has one. Evidence that is
    already shown as seen is left out.
    """
    explained = (
        replace(line, seen=cause.seen) for line in view.symptoms if line.explained_by == cause.row
    )
    return next(filter(None, map(_words, (cause, *explained))), "")


def details(view: VerdictView) -> Iterator[str]:
    shown: dict[str, None] = {}
    for line in (*view.causes, *view.symptoms):
        shown |= dict.fromkeys(
            text("verdict.evidence_of", row=line.row, evidence=written)
            for written in as_written(line)
        )
    yield from shown


def as_written(line: CheckLine) -> list[str]:
    """Return each piece of evidence as the service wrote it, in one line each.

    Only the end of a transcript is used, because a space does not get a whole one.
    """
    return [_evidence_line(item.kind, item.text.removesuffix(".")) for item in _kept(line.evidence)]


def of_finding(line: CheckLine) -> str:
    """Return a finding's evidence as written, without text that is already shown as seen."""
    return "; ".join(as_written(replace(line, evidence=tuple(_unseen(line)))))


def _unseen(line: CheckLine) -> list[Evidence]:
    seen = render_if_any(line.seen)
    return [item for item in line.evidence if item.text and item.text not in seen]


def _words(line: CheckLine) -> str:
    seen = render_if_any(line.seen)
    items = [item for item in _unseen(line) if _sentence(item.text) not in seen]
    if line.title != _UNEXPECTED:
        items = [item for item in items if item.kind not in _IDS]
    told = dict.fromkeys(filter(None, map(_in_words, _telling(_kept(items)))))
    return "; ".join(told)


def _kept(items: tuple[Evidence, ...] | list[Evidence]) -> list[Evidence]:
    replies = [item for item in items if item.text and item.kind != _TRANSCRIPT]
    return replies[:_MOST] or list(items[-_TRANSCRIPT_MOST:])


def _telling(items: list[Evidence]) -> list[Evidence]:
    """Return only the failed events of a message trace, or all evidence if there are none."""
    failed = [item for item in items if item.kind == _TRACE and _event(item) in _FAILURES]
    return failed or items


def _event(item: Evidence) -> str:
    """Return the name of a message trace's event in lower case, or an empty string."""
    return next(iter(item.text.split(" | ")[1:2]), "").strip().lower()


def _in_words(item: Evidence) -> str:
    if item.kind == _TRACE and (at := _moment(item)):
        return _traced(item, at)
    return _evidence_line(item.kind, _sentence(item.text))


def _moment(item: Evidence) -> datetime | None:
    """Return the time of a message trace's event, which is in UTC, or None for any other line."""
    try:
        at = datetime.fromisoformat(item.text.partition(" | ")[0].strip())
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _traced(item: Evidence, at: datetime) -> str:
    event = _event(item)
    named = f"trace_event.{event}"
    values = {
        "at": second_of(at),
        "event": text(named) if has_text(named) else plain(event, _KIND_MOST),
    }
    reply = _REPLY.search(item.text)
    if reply is None:
        return text("verdict.traced", **values)
    return text("verdict.traced_reply", **values, reply=_sentence(reply.group()))


def _sentence(told: str) -> str:
    first = _END.split(_PLACEHOLDER.sub("", told), maxsplit=1)[0]
    return clip(first.strip().removesuffix("."), _SENTENCE_MOST)


def _evidence_line(kind: str, told: str) -> str:
    key = f"evidence.{kind}"
    named = text(key) if has_text(key) else shorten(plain(kind), _KIND_MOST)
    return text("verdict.evidence_line", kind=named, text=told) if told else ""


_CAUSES_MOST = 6


def causes(view: VerdictView, room: Budget) -> list[Element]:
    if not view.causes:
        return []
    drawn = [
        _cause(view, line, whole=place < room.whole)
        for place, line in enumerate(view.causes[:_CAUSES_MOST])
    ]
    title = section("verdict.root_cause" if len(view.causes) == 1 else "verdict.root_causes")
    return [title, *drawn, *more(len(view.causes) - _CAUSES_MOST)]


def _cause(view: VerdictView, line: CheckLine, *, whole: bool) -> Element:
    details = _details(view, line) if whole else []
    title = sentence(_fact(view, line) if len(view.causes) == 1 else line.title)
    return row(glyphs.WRONG, line.row, rich(run(title, **BOLD)), *details)


def _details(view: VerdictView, line: CheckLine) -> list[Element]:
    values = {
        "verdict.expected": render_if_any(line.expected),
        "verdict.seen": render_if_any(line.seen),
        "verdict.who_changed": render_if_any(line.changed),
        "verdict.evidence": in_words(view, line),
        "verdict.remedy": "" if _is_the_button(view, line) else render_if_any(line.remedy),
    }
    told = [(text(key), value) for key, value in values.items() if value]
    return [*([facts(told, "Small")] if told else []), *learn_more(line.page)]


def _fact(view: VerdictView, cause: CheckLine) -> Text:
    # A single cause is already shown in the band, and the same sentence should not appear twice.
    return next((line.title for line in view.lines if line.step == cause.step), cause.title)


def _is_the_button(view: VerdictView, line: CheckLine) -> bool:
    """Return whether the card's button is the remedy of the cause."""
    planned = view.fix is not None and "url" not in view.fix[1]
    return planned and view.turn is Turn.APPROVER and line == view.causes[0]
