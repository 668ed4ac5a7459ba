"""Findings of a check: causes, symptoms, proofs and the list of all, as far as they fit."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from adaptive_cards import elements as el, glyphs
from adaptive_cards.components import aside, count_line, known, learn_more, note, section, titled
from adaptive_cards.glyphs import Mark
from adaptive_cards.texts import has_text, known_text, plural, render, render_if_any, text
from jobs.causes.cause import Cause, page_of
from jobs.checks.reading import CHANGES, Line, Reading
from jobs.clock import parse
from jobs.model import Access, Evidence, Finding, State, Text, Turn, minute_of, second_of, verbatim

EXPLAINED = Mark("\u2192")
_TITLE_MOST = 200


def sentence(words: Text) -> str:
    return el.clip(render(words), _TITLE_MOST).removesuffix(".")


def cause_of(line: Line) -> Text:
    return known_text(f"cause.{line.found.cause}") or line.title


class Room(NamedTuple):
    """Available space: rows per section, causes with all facts, and detail of the list.

    ``written`` is the number of pieces of evidence as the services wrote them. ``seen`` means that
    the list says what was seen. ``compact`` makes a row one line if it has no text at the right.
    """

    rows: int
    causes: int
    written: int
    seen: bool = True
    compact: bool = False

    def row(self, mark: Mark, name: str, title: str, told: str = "", right: str = "") -> el.Element:
        if self.compact and not right:
            words = text("verdict.line_seen", title=title, seen=told) if told else title
            named = el.run(_label(mark, name), **el.BOLD)
            return el.rich(named, el.run(f"  {words}"), spacing="Small")
        below = [note(verbatim(told))] if told else []
        beside = aside(verbatim(right)) if right else None
        return glyphs.marked(mark, el.rich(el.run(title)), *below, name=name or None, right=beside)

    def section(self, key: str, rows: Sequence[el.Element]) -> list[el.Element]:
        return titled(key, fitting(rows, self.rows))


def fitting(rows: Sequence[el.Element], most: int) -> list[el.Element]:
    return [*rows[:most], *count_line("verdict.more_rows", len(rows) - most)]


def _label(mark: Mark, name: str) -> str:
    return f"{mark.glyph}\u00a0{name}" if name else mark.glyph


_MOST = 4
_TRANSCRIPT_MOST = 2
_KIND_MOST, _SENTENCE_MOST = 24, 160
_TRACE = "trace"
_IDS = frozenset({"correlation-id", "request-id", "trace-id", "transaction-id"})
_TRACED = re.compile(r"\s*(?P<at>[^|]*?) \| (?P<event>[^|]*?)\s*(?:\||$)")
"""Event of a message trace (Get-MessageTraceDetailV2); its moment is in UTC."""
_FAILED = re.compile(r"[^|]* \| (?:fail|defer|drop)\s*(?:\||$)", re.IGNORECASE)
"""Event that shows why a mail was stopped."""
_REPLY = re.compile(r"\b(?:[45]\d\d[ -])?[45]\.\d{1,3}\.\d{1,3}[^;|\]}]*")
"""Pattern of a mail server's reply: its codes (RFC 3463) and its sentence, without other values."""
_PLACEHOLDER = re.compile(r"\s*(?:\b(?:for|of|with) (?:the )?\w+ )?'?\{\w+\}'?")
"""Placeholder that Microsoft's sign-in log does not fill in, with the words before it."""
_END = re.compile(r"(?<=[a-z)'\"])\.(?=\s+[A-Z])|\s+\[[^\]]*\]\s*$|\s+https?://")
"""Pattern of the end of the first sentence, after which come the mail server's name or a link."""


def _words(found: Finding, seen: str) -> str:
    """Return the evidence in words, without what is shown as seen already."""
    items = [
        item
        for item in found.evidence
        if item.text not in seen
        and _sentence(item.text) not in seen
        and not (item.kind in _IDS and found.cause != Cause.UNEXPECTED)
    ]
    kept = _kept(items)
    # Of a message trace only the failed events tell why.
    failed = [item for item in kept if item.kind == _TRACE and _FAILED.match(item.text)]
    return "; ".join(dict.fromkeys(filter(None, map(_in_words, failed or kept))))


def _kept(items: Sequence[Evidence]) -> list[Evidence]:
    """Return the first replies, or the end of a transcript: a space does not get a whole one."""
    replies = [item for item in items if item.text and item.kind != "transcript"]
    return replies[:_MOST] or list(items[-_TRANSCRIPT_MOST:])


def _in_words(item: Evidence) -> str:
    traced = _TRACED.match(item.text) if item.kind == _TRACE else None
    if not (traced and (at := parse(traced["at"]))):
        return _evidence_line(item.kind, _sentence(item.text))
    named, reply = f"trace_event.{traced['event'].lower()}", _REPLY.search(item.text)
    shown = text(named) if has_text(named) else el.plain(traced["event"].lower(), _KIND_MOST)
    values = {"at": second_of(at), "event": shown}
    if reply is None:
        return text("verdict.traced", **values)
    return text("verdict.traced_reply", **values, reply=_sentence(reply.group()))


def _sentence(told: str) -> str:
    first = _END.split(_PLACEHOLDER.sub("", told), maxsplit=1)[0]
    return el.clip(first.strip().removesuffix("."), _SENTENCE_MOST)


def _evidence_line(kind: str, told: str) -> str:
    key = f"evidence.{kind}"
    named = text(key) if has_text(key) else el.shorten(el.plain(kind), _KIND_MOST)
    return text("verdict.evidence_line", kind=named, text=told) if told else ""


_CAUSES_MOST = 6


def causes(view: Reading, room: Room) -> list[el.Element]:
    one = len(view.causes) == 1
    drawn = []
    for place, line in enumerate(view.causes):
        # A single cause is in the band, and the same sentence should not appear twice.
        title = sentence(line.title if one else cause_of(line))
        details = _details(view, line) if place < room.causes else []
        told = el.rich(el.run(title, **el.BOLD))
        drawn.append(glyphs.marked(glyphs.WRONG, told, *details, name=line.row))
    return titled(f"verdict.root_cause{'' if one else 's'}", fitting(drawn, _CAUSES_MOST))


def _details(view: Reading, line: Line) -> list[el.Element]:
    planned = view.fix is not None and "url" not in view.fix[1]
    is_button = planned and view.turn is Turn.APPROVER and line == view.causes[0]
    remedy = None if is_button else known_text(f"remedy.{line.found.cause}")
    seen = render_if_any(line.found.seen)
    # A setting has no error text, but the mail that the setting stopped has one.
    told_of = (line, *(each for each in view.symptoms if each.explained_by == line.row))
    values = {
        "verdict.expected": render_if_any(line.found.expected),
        "verdict.seen": seen,
        "verdict.who_changed": _changed(view, line),
        "verdict.evidence": next(filter(None, (_words(each.found, seen) for each in told_of)), ""),
        "verdict.remedy": render_if_any(remedy),
    }
    told = [known(values, "Small")] if any(values.values()) else []
    return [*told, *learn_more(page_of(line.found.cause))]


def _changed(view: Reading, line: Line) -> str:
    """Return who changed the cause, or that the bot has set it right before."""
    past, changes = line.set_back, line.found.signals.changes
    if past is None:
        return render(changes[0].text()) if changes and line.found.step != CHANGES else ""
    values = {"run": past.run, "at": minute_of(past.at)}
    if not past.baselines:
        return text("verdict.set_back", **values)
    exemption = text(f"exemption.{past.step}", mailbox=view.mailbox)
    values |= {"ids": ", ".join(past.baselines), "exemption": exemption}
    return text("verdict.set_back_again", **values)


_LINES_MOST, _COMMANDS_MOST = 40, 12
_WHY_MOST = 200
DAYS = ("7", "30", "90")
"""Days for which a finding can be accepted."""
_WRITTEN_SIGNS = 400
"""Maximum number of characters of one piece of evidence as a service wrote it."""


def opened(view: Reading, room: Room) -> list[el.Element]:
    wrong = (line for line in view.lines if line.found.state is not State.OK)
    told = [
        (line.row, _evidence_line(each.kind, each.text.removesuffix(".")))
        for line in (*view.causes, *view.symptoms, *wrong)
        for each in _kept(line.found.evidence)
    ]
    details = dict.fromkeys(text("verdict.evidence_of", row=r, evidence=each) for r, each in told)
    written = [_small(el.clip(line, _WRITTEN_SIGNS)) for line in list(details)[: room.written]]
    return [*titled("verdict.as_written", written), *found(view, room), *_commands(view)]


def _small(written: str) -> el.Element:
    return el.literal(written, size="Small", spacing="Small")


def accepting(view: Reading) -> tuple[list[el.Element], list[el.Element]]:
    if not view.accepts:
        return [], []
    titles = [(days, plural("verdict.days", int(days))) for days in DAYS]
    fields = [
        section("verdict.accept"),
        el.input_text("why", "verdict.accept_why", _WHY_MOST),
        el.choice("days", text("verdict.accept_days"), titles, value=DAYS[0]),
    ]
    title, cause = text("verdict.accept_button"), view.accepts
    return fields, [el.submit(title, "accept", form=True, run=view.run, cause=cause)]


def found(view: Reading, room: Room) -> list[el.Element]:
    # A finding that is a symptom is shown as one, so that it is never a second cause.
    symptoms = {line.found.step: line for line in reversed(view.symptoms)}
    lines = [symptoms.get(line.found.step, line) for line in view.lines[:_LINES_MOST]]
    lines.sort(key=lambda line: (line.found.state is State.OK, line.row))
    groups: dict[str, list[tuple[str, str]]] = {f"access.{each}": [] for each in reversed(Access)}
    groups["verdict.skipped_group"] = []
    for line in lines:
        mark = EXPLAINED if line.explained_by else glyphs.of_state(line.found.state)
        left_out = line.found.state in {State.SKIPPED, State.UNKNOWN}
        key = "verdict.skipped_group" if left_out else f"access.{line.found.access}"
        groups[key].append((_label(mark, line.row), _told(line, room)))
    lists = [
        part
        for key, pairs in groups.items()
        if pairs
        for part in (section(key), el.facts(pairs, "Small"))
    ]
    return [*lists, *count_line("verdict.more_rows", len(view.lines) - _LINES_MOST)]


def _told(line: Line, room: Room) -> str:
    words, seen, expected = sentence(line.title), line.found.seen, line.found.expected
    if seen and room.seen:
        words = text("verdict.line_seen", title=words, seen=render(seen).removesuffix("."))
    if expected and room.seen and line.found.state is not State.OK:
        words = text("verdict.line_expected", line=words, expected=render(expected))
    if line.explained_by:
        words = text("verdict.line_explained", line=words, row=line.explained_by)
    return words


def _commands(view: Reading) -> list[el.Element]:
    values = {"mailbox": view.mailbox, "domain": view.mailbox.rpartition("@")[2]}
    lines = {f"command_of.{line.found.step}": line.row for line in (*view.causes, *view.possible)}
    named = [
        _small(f"{row}  {command}")
        for key, row in lines.items()
        if has_text(key)
        for command in text(key, **values).splitlines()
    ]
    return [el.own("verdict.by_hand", **el.SMALL), *named[:_COMMANDS_MOST]] if named else []
