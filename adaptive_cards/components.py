"""Components of every card: kicker, band, sections, rows and boxes (sketches, "Anatomy")."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from adaptive_cards import glyphs
from adaptive_cards.actions import ADDRESS_MOST, buttons, show_card, submit, text_input
from adaptive_cards.elements import (
    BOLD,
    MONO,
    SMALL,
    SUBTLE,
    TITLE,
    Element,
    Look,
    column,
    columns,
    container,
    facts,
    link,
    own,
    rich,
    run,
    said,
    sign,
    value_line,
)
from adaptive_cards.escape import plain
from adaptive_cards.glyphs import Mark
from adaptive_cards.texts import plural, render, text
from adaptive_cards.times import clock, seconds
from adaptive_cards.views import Asked, Header
from jobs.model import RunKind, Text, Turn, verbatim

STAGES = 7
_BESIDE_MOST = 24
"""Maximum number of characters to the right of a kicker.

On a phone they leave room for the kicker's subject.
"""


@dataclass(frozen=True, slots=True)
class Band:
    """Tinted band of a card: what happened, then whose turn it is.

    ``asked`` is who asks the reader; the text for a notification begins with it.
    """

    style: str
    mark: Mark | None
    title: Element
    lines: tuple[Element, ...]
    asked: tuple[Element, ...] = ()

    @classmethod
    def of(cls, style: str, mark: Mark | None, title: Text, *lines: Element) -> Band:
        return cls(style, mark, said(title, **TITLE), lines)

    @classmethod
    def calm(cls, style: str, mark: Mark, title: Text, told: Text, *lines: Element) -> Band:
        """Return a band that asks nobody for anything."""
        return cls.of(style, mark, title, turn_line(Turn.NOBODY, told), *lines)

    @property
    def element(self) -> Element:
        words = column("stretch", self.title, *self.lines, spacing="None")
        glyph = (
            [column("24px", sign(self.mark.glyph, **TITLE, **self.mark.look))] if self.mark else []
        )
        return container(self.style, columns(*glyph, words), spacing="Small")


def persons_turn(title: Text, *lines: Element, asked: Text | None = None) -> Band:
    first = (said(asked),) if asked else ()
    return Band("accent", glyphs.PERSON, said(title, **TITLE), lines, first)


def kicker(header: Header) -> Element:
    key = header.kind if header.kind in {RunKind.FIX, RunKind.UNDO} else "run"
    about = Text(f"kicker.{key}" if header.mailbox else "kicker.new", {"mailbox": header.mailbox})
    head = kicker_of(about, stage(header.stage) if key == "run" else "")
    if header.asked:
        return container("", said(header.asked, **BOLD), head)
    told = [said(header.started, **SMALL, spacing="None")] if header.started else []
    return container("", head, *told) if told else head


def kicker_of(left: Text, right: str) -> Element:
    """Return a kicker with the subject and, at the right, a place or time.

    ``right`` must be the bot's own text and may be empty. A time in two zones is so long that it would
    break the words of the subject on a phone, so it is a line of its own.
    """
    if len(right) > _BESIDE_MOST:
        lines = said(left, **SMALL), sign(right, **SMALL, spacing="None")
        return columns(column("stretch", *lines))
    cells = [column("stretch", said(left, **SMALL))]
    if right:
        cells.append(column("auto", sign(right, **SMALL, horizontalAlignment="Right")))
    return columns(*cells)


def stage(number: int) -> str:
    """Return the stage as ``3 of 7 · Plan``; a number out of range becomes the nearest stage."""
    known = min(max(number, 1), STAGES)
    return text("stage.of", number=str(known), all=str(STAGES), stage=text(f"stage.{known}"))


def turn_line(turn: Turn, words: Text, *, direct: bool = False, who: str = "") -> Element:
    """Return a line such as ``Approver's turn: ...``, or ``Your turn`` in a 1:1 message.

    ``who`` is the person's address, if it is known. If the run waits for time or for nobody, the
    line is ``Nobody has to act.``
    """
    told = render(words)
    if not glyphs.is_person(turn):
        rest = f" {_capital(told)}" if told else ""
        return rich(run(text("turn.nobody"), **BOLD), run(f".{rest}"), spacing="Small")
    whose = text("turn.you") if direct else render(whose_turn(turn, who))
    return rich(run(whose, **BOLD), run(f": {told}" if told else "."), spacing="Small")


def run_turn(header: Header, turn: Turn, words: Text, *, direct: bool = False) -> Element:
    """Return the line of a run's turn, which names the person if the run knows who acts."""
    return turn_line(turn, words, direct=direct, who=header.people.get(turn, ""))


def whose_turn(turn: Turn, who: str = "") -> Text:
    if not glyphs.is_person(turn):
        return Text("turn.nobody")
    return Text("turn.of", {"who": who or f"key:turn.{turn}"})


def answer_line(words: Text) -> Element:
    """Return what to do next, for an answer. It names no turn, because nobody edits an answer."""
    return rich(run(_capital(render(words))), spacing="Small")


def _capital(told: str) -> str:
    # An address or a command at the beginning keeps its case.
    return told[:1].upper() + told[1:] if told.split(maxsplit=1)[0].isalpha() else told


def in_error(field: Element, why: Element) -> Element:
    reason = columns(
        glyphs.glyph(glyphs.WRONG), column("stretch", why, spacing="None"), spacing="Small"
    )
    return container("attention", field, reason, spacing="Default")


def correction(field: Element, asked: Asked) -> Element:
    kept = {"value": plain(asked.typed, ADDRESS_MOST)} if asked.typed else {}
    return in_error(field | kept, rich(run(render(asked.reason))))


def section(key: str, right: str = "") -> Element:
    """Return a bold section title, with an optional text at the right that applies to all rows."""
    if not right:
        return own(key, **BOLD, spacing="Medium")
    beside = column("auto", own(right, **SUBTLE, horizontalAlignment="Right"))
    return columns(column("stretch", own(key, **BOLD)), beside, spacing="Medium")


def titled(key: str, rows: Sequence[Element]) -> list[Element]:
    return [section(key), *rows] if rows else []


def row(
    mark: Mark, name: str, title: Element, note: Element | None = None, right: Element | None = None
) -> Element:
    """Return a row with glyph, id, title and state.

    The columns on the left have fixed pixel widths, so that rows of separate ColumnSets align.
    """
    cells = [
        glyphs.glyph(mark),
        column("28px", sign(name, **SUBTLE), spacing="None"),
        column("stretch", title, *([note] if note else []), spacing="Small"),
    ]
    if right:
        cells.append(column("auto", right, spacing="Default"))
    return columns(*cells, spacing="Small")


def beside(label: str, value: Element, width: str, spacing: str = "Small") -> Element:
    """Return a value at the right of its label; the width in pixels aligns several such rows."""
    cells = column(width, own(label, **SUBTLE)), column("stretch", value, spacing="Small")
    return columns(*cells, spacing=spacing)


def found_values(pairs: Iterable[tuple[str, str]]) -> list[Element]:
    """Return a row for each label's key and value; an empty value is shown as unknown."""
    return [
        beside(key, value_line(value) if value else own("found.unknown"), "120px")
        for key, value in pairs
    ]


def labeled(pairs: Iterable[tuple[str, Text]]) -> Element:
    return facts((text(key), render(words)) for key, words in pairs)


def aside(words: Text) -> Element:
    return said(words, **SUBTLE, horizontalAlignment="Right")


def aside_time(at: datetime) -> Element:
    return sign(seconds(at), **SUBTLE, horizontalAlignment="Right")


def note(words: Text) -> Element:
    return said(words, **SMALL, spacing="None")


def small_print(words: Text) -> Element:
    return said(words, **SMALL, spacing="Medium")


def count_line(key: str, count: int, **values: str) -> list[Element]:
    return [small_print(verbatim(plural(key, count, **values)))] if count > 0 else []


def learn_more(page: str, **look: Look) -> list[Element]:
    return [link("link.learn_more", page, **SMALL, **look)] if page else []


def problem_box(
    words: Text | None, code: str = "", at: datetime | None = None, remedy: Text | None = None
) -> list[Element]:
    """Return a box with an earlier problem: its time, description, full code and remedy.

    It is gray, because nothing is broken. Without a problem the result is empty.
    """
    if words is None:
        return []
    when = [run(f"{clock(at)}: ", **BOLD)] if at else []
    lines = [rich(*when, run(render(words), **({} if at else BOLD)))]
    if code:
        lines.append(rich(run(code, **MONO), spacing="Small"))
    if remedy:
        lines.append(said(remedy, spacing="Small"))
    return [box("emphasis", glyphs.WRONG, *lines)]


def box(style: str, mark: Mark, *lines: Element) -> Element:
    """Return a tinted box with a glyph, less prominent than the band."""
    glyph = column("24px", sign(mark.glyph, weight="Bolder", **mark.look))
    return container(style, columns(glyph, column("stretch", *lines, spacing="None")))


def ask_someone(  # noqa: PLR0913  a button, a field, and what was typed before
    title: str,
    do: str,
    run_id: str,
    asked: Asked | None,
    *,
    hint: str = "",
    who: str = "administrator",
    last: str = "",
) -> tuple[list[Element], list[Element]]:
    """Return the elements for the body and the actions of the card.

    ``who`` is the person whom the field's texts name, and ``last`` the address that was named last
    time. The field is in a part that opens. If an invalid address was typed, the field is shown
    open and in red.
    """
    field = text_input(
        "administrator",
        f"field.{who}",
        error=f"field.{who}_error",
        example=f"field.{who}_example",
    )
    send = submit(text("button.send_direct"), do, reads=True, run=run_id)
    if asked is None:
        told = [own(hint, size="Small", isSubtle=True)] if hint else []
        return [], [show_card(title, [*told, field | ({"value": last} if last else {})], send)]
    return [correction(field, asked), buttons(send, spacing="Small")], []


_UNITS = (("seconds", 1, 120), ("minutes", 60, 120), ("hours", 3600, 48))
_DAY_S = 86_400
_MONTH_DAYS = 30.4


def time_until(at: datetime, now: datetime) -> str:
    """Return the time until ``at`` as ``in 12 days``, or from two months on as ``in 12 months``."""
    days = max(0, (at - now).days)
    if days < _MONTH_DAYS * 2:
        return text("age.in_days", count=str(days))
    return text("age.in_months", count=str(round(days / _MONTH_DAYS)))


def time_since(at: datetime, now: datetime) -> str:
    """Return the age as ``now``, ``4 s ago``, ``11 min ago``, ``5 h ago`` or ``3 days ago``.

    A time in the future, from a clock that is fast, gives ``now``.
    """
    passed = (now - at).total_seconds()
    if passed < 1:
        return text("age.now")
    for unit, length, most in _UNITS:
        if passed < length * most:
            return text(f"age.{unit}", count=str(int(passed // length)))
    return text("age.days", count=str(int(passed // _DAY_S)))
