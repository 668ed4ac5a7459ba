"""Components of every card, from its kicker to its boxes, and the finished card as it is sent.

The sketches, "Anatomy", name the components.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Self

from adaptive_cards import elements as el, glyphs
from adaptive_cards.glyphs import Mark
from adaptive_cards.locale import SECONDS, day, day_clock, day_minutes, local_time
from adaptive_cards.texts import plural, render, text
from jobs.model import RunKind, Text, Turn, verbatim

STAGES = 7
_BESIDE_MOST = 24
"""Most characters to the right of a kicker, which leave room for its subject on a phone."""


BROKEN = "attention", glyphs.WRONG
WELL = "good", glyphs.OK
UNCLEAR = "emphasis", glyphs.UNKNOWN
UNDER_WAY = "emphasis", glyphs.RUNNING
NOT_BEGUN = "emphasis", glyphs.NOT_YET
OVER = "emphasis", glyphs.SKIPPED
WAITING = "emphasis", glyphs.TIME
REFUSED = "emphasis", glyphs.WRONG
WARNED = "accent", glyphs.WARNING
ASKED = "accent", glyphs.PERSON
PLAIN = "emphasis", None
"""Styles of a band with their glyphs."""
Style = tuple[str, Mark | None]


@dataclass(frozen=True, slots=True)
class Header:
    """Data for the kicker of a run's card.

    The stages, which only a setup has, are 1 to 7: details, sign-in, plan, changes, consent,
    connect, proof. ``people`` are the addresses of those who are known to act for the run. Only one
    of ``started``, which says who started it, and ``asked``, who asks the reader and where, is set.
    """

    mailbox: str
    stage: int
    kind: RunKind = RunKind.SETUP
    people: Mapping[Turn, Sequence[str]] = field(default_factory=dict)
    started: Text | None = None
    asked: Text | None = None


@dataclass(frozen=True, slots=True)
class Trouble:
    words: Text
    code: str = ""
    at: datetime | None = None
    remedy: Text | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    typed: str
    reason: Text


@dataclass(frozen=True, slots=True)
class Band:
    """Tinted band: what happened, then whose turn it is. A notification begins with ``asked``."""

    style: str
    mark: Mark | None
    title: el.Element
    lines: tuple[el.Element, ...]
    asked: tuple[el.Element, ...] = ()

    @classmethod
    def of(cls, style: str, mark: Mark | None, title: Text, *lines: el.Element) -> Self:
        return cls(style, mark, el.said(title, **el.TITLE), lines)

    @classmethod
    def calm(cls, title: Text, told: Text, *lines: el.Element) -> Self:
        return cls.of(*UNDER_WAY, title, turn_line(Turn.NOBODY, told), *lines)

    @property
    def element(self) -> el.Element:
        cells = [el.column("stretch", self.title, *self.lines, spacing="None")]
        if self.mark:
            sign = el.sign(self.mark.glyph, **el.TITLE, **self.mark.look)
            cells.insert(0, el.column("24px", sign))
        return el.container(self.style, el.columns(*cells), spacing="Small")


def persons_turn(title: Text, *lines: el.Element, asked: Text | None = None) -> Band:
    first = (el.said(asked),) if asked else ()
    return Band("accent", glyphs.PERSON, el.said(title, **el.TITLE), lines, first)


def kicker(header: Header) -> el.Element:
    key = header.kind if header.kind in {RunKind.FIX, RunKind.UNDO} else "run"
    about = Text(f"kicker.{key}" if header.mailbox else "kicker.new", {"mailbox": header.mailbox})
    head = kicker_of(about, stage(header.stage) if key == "run" else "")
    if header.asked:
        return el.container("", el.said(header.asked, **el.BOLD), head)
    told = [el.said(header.started, **el.SMALL, spacing="None")] if header.started else []
    return el.container("", head, *told) if told else head


def kicker_of(left: Text, right: str) -> el.Element:
    """Return a kicker with the subject and, at the right, a place or time.

    ``right`` must be the bot's own text and may be empty. A time in two zones is so long that it would
    break the words of the subject on a phone, so it is a line of its own.
    """
    if len(right) > _BESIDE_MOST:
        lines = el.said(left, **el.SMALL), el.sign(right, **el.SMALL, spacing="None")
        return el.columns(el.column("stretch", *lines))
    cells = [el.column("stretch", el.said(left, **el.SMALL))]
    if right:
        cells.append(el.column("auto", el.sign(right, **el.SMALL, horizontalAlignment="Right")))
    return el.columns(*cells)


def kicker_at(key: str, at: datetime, **values: str) -> el.Element:
    """Return a kicker with the time at the right, for a card that belongs to no run."""
    return kicker_of(Text(key, values), day_clock(at))


def stage(number: int) -> str:
    """Return the stage as ``3 of 7 · Plan``."""
    return text("stage.of", number=str(number), all=str(STAGES), stage=text(f"stage.{number}"))


def turn_line(
    turn: Turn, words: Text, *, direct: bool = False, who: Sequence[str] = ()
) -> el.Element:
    """Return a line such as ``Approver's turn: ...``, ``Your turn: ...`` or ``Nobody has to act``.

    ``who`` are the addresses of those who may act, if they are known.
    """
    told = render(words)
    if not glyphs.is_person(turn):
        rest = f" {_capital(told)}" if told else ""
        return el.rich(el.run(text("turn.nobody"), **el.BOLD), el.run(f".{rest}"), spacing="Small")
    whose = text("turn.you") if direct else render(whose_turn(turn, who))
    return el.rich(el.run(whose, **el.BOLD), el.run(f": {told}" if told else "."), spacing="Small")


def run_turn(header: Header, turn: Turn, words: Text, *, direct: bool = False) -> el.Element:
    return turn_line(turn, words, direct=direct, who=header.people.get(turn, ()))


def whose_turn(turn: Turn, who: Sequence[str] = ()) -> Text:
    if not glyphs.is_person(turn):
        return Text("turn.nobody")
    return Text("turn.of", {"who": text("turn.or").join(who) or f"key:turn.{turn}"})


def answer_line(words: Text) -> el.Element:
    """Return what to do next, for an answer. It names no turn, because nobody edits an answer."""
    return el.rich(el.run(_capital(render(words))), spacing="Small")


def _capital(told: str) -> str:
    # An address or a command at the beginning keeps its case.
    return told[:1].upper() + told[1:] if told.split(maxsplit=1)[0].isalpha() else told


def in_error(field: el.Element, why: el.Element, spacing: str = "Default") -> el.Element:
    told = el.column("stretch", why, spacing="None")
    reason = el.columns(glyphs.glyph(glyphs.WRONG), told, spacing="Small")
    return el.container("attention", field, reason, spacing=spacing)


def correction(field: el.Element, asked: Asked) -> el.Element:
    kept = {"value": el.plain(asked.typed, el.ADDRESS_MOST)} if asked.typed else {}
    return in_error(field | kept, el.rich(el.run(render(asked.reason))))


def section(key: str, right: str = "") -> el.Element:
    """Return a bold section title, with an optional text at the right that applies to all rows."""
    if not right:
        return el.own(key, **el.BOLD, spacing="Medium")
    beside = el.column("auto", el.own(right, **el.SUBTLE, horizontalAlignment="Right"))
    return el.columns(el.column("stretch", el.own(key, **el.BOLD)), beside, spacing="Medium")


def titled(key: str, rows: Sequence[el.Element], right: str = "") -> list[el.Element]:
    return [section(key, right), *rows] if rows else []


def row(
    mark: Mark, name: str, title: el.Element, *notes: el.Element, right: el.Element | None = None
) -> el.Element:
    return glyphs.marked(mark, title, *notes, name=name, width="28px", right=right)


def beside(label: str, value: el.Element, width: str, spacing: str = "Small") -> el.Element:
    named, told = el.own(label, **el.SUBTLE), el.column("stretch", value, spacing="Small")
    return el.columns(el.column(width, named), told, spacing=spacing)


def found_values(pairs: Iterable[tuple[str, str]]) -> list[el.Element]:
    return [
        beside(key, el.value_line(value) if value else el.own("found.unknown"), "120px")
        for key, value in pairs
    ]


def known(values: Mapping[str, str], spacing: str = "Medium") -> el.Element:
    return el.facts([(text(key), value) for key, value in values.items() if value], spacing)


def labeled(pairs: Iterable[tuple[str, Text]]) -> el.Element:
    return el.facts((text(key), render(words)) for key, words in pairs)


def aside(words: Text) -> el.Element:
    return el.said(words, **el.SUBTLE, horizontalAlignment="Right")


def aside_time(at: datetime, opened: datetime) -> el.Element:
    # A time without a date is of the day in the card's kicker.
    told = local_time(at, SECONDS) if day(at) == day(opened) else day_minutes(at)
    return el.sign(told, **el.SUBTLE, horizontalAlignment="Right")


def note(words: Text) -> el.Element:
    return el.said(words, **el.SMALL, spacing="None")


def small_print(words: Text) -> el.Element:
    return el.said(words, **el.SMALL, spacing="Medium")


def count_line(key: str, count: int, **values: str) -> list[el.Element]:
    return [small_print(verbatim(plural(key, count, **values)))] if count > 0 else []


def learn_more(page: str, **look: el.Look) -> list[el.Element]:
    return [el.link("link.learn_more", page, **el.SMALL, **look)] if page else []


def problem_box(problem: Trouble | None) -> list[el.Element]:
    """Return a box with an earlier problem. It is gray, because nothing is broken.

    Without a problem the result is empty.
    """
    if problem is None:
        return []
    words = render(problem.words)
    lines = [el.rich(el.run(words, **el.BOLD))]
    if problem.at:
        lines = [el.rich(el.run(f"{day_clock(problem.at)}: ", **el.BOLD), el.run(words))]
    if problem.code:
        lines.append(el.rich(el.run(problem.code, **el.MONO), spacing="Small"))
    if problem.remedy:
        lines.append(el.said(problem.remedy, spacing="Small"))
    return [box("emphasis", glyphs.WRONG, *lines)]


def box(style: str, mark: Mark, *lines: el.Element) -> el.Element:
    """Return a tinted box with a glyph, less prominent than the band."""
    glyph = el.column("24px", el.sign(mark.glyph, weight="Bolder", **mark.look))
    return el.container(style, el.columns(glyph, el.column("stretch", *lines, spacing="None")))


def ask_someone(  # noqa: PLR0913  a button, a field, and what was typed before
    title: str,
    do: str,
    run_id: str,
    asked: Asked | None,
    *,
    hint: str = "",
    who: str = "administrator",
    last: str = "",
) -> tuple[list[el.Element], list[el.Element]]:
    """Return the elements for the body and the actions of the card.

    ``who`` is the person whom the field's texts name, and ``last`` the address of last time. The
    field is in a part that opens, but after an invalid address it is shown open and in red.
    """
    field = el.text_input("administrator", f"field.{who}", error=f"field.{who}_error")
    send = el.submit(text("button.send_direct"), do, form=True, run=run_id)
    if asked is None:
        told = [el.own(hint, size="Small", isSubtle=True)] if hint else []
        return [], [el.show_card(title, [*told, field | ({"value": last} if last else {})], send)]
    return [correction(field, asked), el.buttons(send, spacing="Small")], []


SCHEMA = "http://adaptivecards.io/schemas/adaptive-card.json"
MOST_BYTES = 15_000
TEXT_MOST = 1000
_STEPS = (600, 300, 160, 100, 60, 40, 24, 12)


@dataclass(frozen=True, slots=True)
class Card:
    """Finished card, and its text of at most 1,000 characters for clients without cards."""

    content: dict[str, Any]
    text: str


def finished(
    kicker: el.Element, band: Band, body: el.Elements, actions: el.Elements = (), *, told: int = 1
) -> Card:
    """Return a card of these four parts, in which no text is a template, below 15 kB as sent.

    ``told`` is the number of lines of the band that go into the fallback text.
    """
    content: el.Element = {
        "$schema": SCHEMA,
        "type": "AdaptiveCard",
        "version": "1.3",
        "body": [kicker, band.element, *body],
    }
    if actions:
        content["actions"] = list(actions)
    sentences = [
        line if line.endswith((".", "?", ":")) else f"{line}."
        for line in map(el.read, (*band.asked, band.title, *band.lines[:told]))
        if line
    ]
    return Card(fit(_mapped(content, _inert)), el.clip(" ".join(sentences), TEXT_MOST))


def with_lines(card: Card, before: Sequence[Text], also: Sequence[tuple[Text, Text]] = ()) -> Card:
    """Return the card with the lines ``before`` at its end, about earlier requests.

    ``also`` are the turns of other people with their tasks, below the band. If the card has too
    little room, the earliest lines are left out.
    """
    kicker, band, *body = card.content["body"]
    asks = [(text("living.also", turn=render(turn)), el.run(render(words))) for turn, words in also]
    asked = [el.rich(el.run(turn, **el.BOLD), words, spacing="Small") for turn, words in asks]
    for first in range(len(before) + 1):
        lines = [f"{glyphs.OK.glyph}  {render(words)}" for words in before[first:]]
        answered = [
            el.rich(el.run(line, **el.SMALL), spacing="None" if place else "Medium")
            for place, line in enumerate(lines)
        ]
        content = card.content | {"body": [kicker, band, *asked, *body, *answered]}
        if size(content) <= MOST_BYTES:
            break
    return Card(fit(_mapped(content, _inert)), card.text)


def held(card: Card, words: Text, keep: Sequence[str]) -> Card:
    """Return the card while another has the turn: ``words`` replace its turn and its buttons.

    Only buttons with a verb in ``keep`` and parts that open stay.
    """
    kicker, band, *body = card.content["body"]
    (row,) = band["items"]
    *glyph, told = row["columns"]
    title, *lines = told["items"]
    begin = [[*line.get("inlines", ()), {}][0].get("weight") for line in lines]
    # A turn, which alone begins in bold, is over.
    lines = [line for line, weight in zip(lines, begin, strict=True) if weight != el.BOLD["weight"]]
    shown = [title, *lines, el.said(words, spacing="Small")]
    row = {**row, "columns": [*glyph, {**told, "items": shown}]}
    content = card.content | {"body": [kicker, {**band, "items": [row]}, *body]}
    fallback = el.clip(f"{el.read(title)}. {render(words)}", TEXT_MOST)
    return Card(fit(_unpressable(content, keep)), fallback)


def _unpressable(node: Any, keep: Sequence[str]) -> Any:
    if isinstance(node, list):
        # Fields are the end of a part, below a title, and nothing sends them any more.
        kinds = [str(item.get("type")) if isinstance(item, dict) else "" for item in node]
        fields = [place for place, kind in enumerate(kinds) if kind.startswith("Input.")]
        left = node[: max(fields[0] - 1, 0)] if fields else node
        return [_unpressable(item, keep) for item in left if not _is_empty(item, keep)]
    if not isinstance(node, dict):
        return node
    return {name: _unpressable(value, keep) for name, value in node.items()}


def _is_empty(node: el.Element, keep: Sequence[str]) -> bool:
    """Return whether nothing is left of an element without the buttons that send or open."""
    if node.get("type") == "ActionSet":
        return all(_is_empty(action, keep) for action in node["actions"])
    pressed = node.get("type") in {"Action.Submit", "Action.OpenUrl"}
    return pressed and node.get("data", {}).get("do") not in keep


def size(content: el.Element) -> int:
    """Return the size as sent, in bytes of ASCII; a glyph counts as six."""
    return len(json.dumps(content, separators=(",", ":")))


def fit(content: el.Element) -> el.Element:
    """Return the card with its longest texts shortened in the middle until the card fits."""
    for most in _STEPS:
        if size(content) <= MOST_BYTES:
            break
        content = _mapped(content, partial(_shorter, most), but="choices")
    return content


def _inert(_holder: el.Element, name: str, value: str) -> str:
    return value.replace("${", "%24%7B") if name == "url" else el.no_template(value)


def _shorter(most: int, holder: el.Element, name: str, value: str) -> str:
    # People see the text of an element, and the value of a fact.
    is_shown = name == "text" or (name == "value" and "type" not in holder)
    is_block = holder.get("type") == "TextBlock"
    # Only the line of a link begins so: in any other text, brackets are escaped.
    if not is_shown or (is_block and value.startswith("[")):
        return value
    short = el.shorten(value, most)
    return el.repair_cut(short) if is_block else el.tame(short)


def _mapped(node: Any, change: Callable[[el.Element, str, str], str], but: str = "") -> Any:
    if isinstance(node, list):
        return [_mapped(item, change, but) for item in node]
    if not isinstance(node, dict):
        return node
    found = {n: each if n == but else _mapped(each, change, but) for n, each in node.items()}
    texts = {n: change(node, n, each) for n, each in node.items() if isinstance(each, str)}
    return found | texts
