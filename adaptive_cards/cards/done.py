"""Cards that end a run: a channel that works, and an undo.

The first shows every fact with its evidence, when the secret expires, and what to type in an
incident.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from adaptive_cards import glyphs
from adaptive_cards.actions import button_rows, press, show_card, submit, watch_button
from adaptive_cards.card import Card, finished
from adaptive_cards.components import (
    Band,
    aside_time,
    kicker,
    note,
    row,
    section,
    titled,
    turn_line,
)
from adaptive_cards.elements import BOLD, MONO, Element, container, facts, own, rich, run, said
from adaptive_cards.glyphs import Mark, marked
from adaptive_cards.texts import render, text
from adaptive_cards.times import clock, day, lasted
from adaptive_cards.views import Header, Proof
from jobs.model import Profile, RunKind, State, Text, Turn

_NO_BREAK = "\u00a0"


def done(view: DoneView) -> Card:
    """Return the card: what is proven, what was not checked, and what to know later.

    ``already`` means that nothing had to be changed.
    """
    title = Text(_title(view), {"mailbox": view.header.mailbox})
    told = turn_line(Turn.NOBODY, Text("done.finished", {"at": clock(view.at)}))
    rows = [
        row(glyphs.OK, proof.row, said(proof.words), right=aside_time(proof.at))
        for proof in view.proofs
    ]
    expires = (
        text("done.expires", day=day(view.secret_expires))
        if view.secret_expires
        else text("done.expires_unknown")
    )
    watched = [(text("watch.kicker"), text("watch.is_watched", interval=view.watched))]
    blind = [(text("done.automatic"), text("done.automatic_blind"))] if view.blind else []
    to_know = [
        *blind,
        *(watched if view.watched else []),
        (text("done.secret"), expires),
        (text("done.changes"), _changes(view)),
        (text("done.permissions"), text(f"done.profile_{view.profile}")),
        (text("done.run"), _run(view)),
    ]
    hint = own("done.if_mail_stops", **BOLD)
    command = rich(
        run(text("done.check_command", mailbox=view.header.mailbox), **MONO), spacing="Small"
    )
    skipped = [marked(glyphs.SKIPPED, said(words)) for words in view.skipped]
    body = [
        *titled("done.proven", rows),
        *titled("done.skipped", skipped),
        section("done.to_know"),
        facts(to_know, "Small"),
        container("emphasis", hint, command),
    ]
    watch = watch_button(view.header.mailbox, watched=bool(view.watched))
    steps = [
        (f"{glyphs.of_state(state).glyph}{_NO_BREAK}{name}", render(words))
        for name, words, state in view.steps
    ]
    every_step = [show_card(text("button.every_step"), [facts(steps, "")])] if steps else []
    check = {"do": "check", "channel": view.header.mailbox}
    actions = [
        submit(text("button.check_now"), "check", channel=view.header.mailbox),
        *([press(text("button.let_read"), check)] if view.blind else []),
        *watch,
        *every_step,
    ]
    body += button_rows(actions)
    band = Band.of("good", glyphs.OK, title, told)
    return finished(kicker(view.header), band, body)


def _changes(view: DoneView) -> str:
    if not view.changes:
        return text("done.changes_none")
    counts = {"changes": str(view.changes), "reversible": str(view.reversible)}
    return text("done.changes_made", mailbox=view.header.mailbox, **counts)


def _title(view: DoneView) -> str:
    if view.header.kind is RunKind.FIX:
        return "done.nothing_to_fix" if view.already else "done.fixed"
    return "done.already" if view.already else "done.title"


def _run(view: DoneView) -> str:
    span = lasted(view.at - view.started)
    if not view.approved_by:
        return text("done.run_alone", run=view.header.run, span=span)
    return text("done.run_approved", run=view.header.run, span=span, who=view.approved_by)


@dataclass(frozen=True, slots=True)
class DoneView:
    """Data of a channel that works.

    It has every fact with its evidence, when the secret expires, and what to type in an incident.
    ``watched`` is how often the channel is watched, such as ``15m``; empty if it is not. ``blind`` means
    that the tenant does not allow automatic checks yet.
    """

    header: Header
    at: datetime
    started: datetime
    proofs: tuple[Proof, ...]
    steps: tuple[tuple[str, Text, State], ...]
    secret_expires: datetime | None
    changes: int
    reversible: int
    profile: Profile
    approved_by: str
    skipped: tuple[Text, ...] = ()
    already: bool = False
    watched: str = ""
    blind: bool = False


@dataclass(frozen=True, slots=True)
class UndoneView:
    """Result of an undo.

    ``restored`` and ``left_alone`` are (row, object, what was seen). ``binned`` means that the app is in the
    recycle bin. ``undoes`` is the only run that was reversed, or empty if the channel was disconnected.
    """

    header: Header
    at: datetime
    started: datetime
    restored: tuple[tuple[str, Text, Text], ...]
    left_alone: tuple[tuple[str, Text, Text], ...]
    approved_by: str
    binned: bool = False
    undoes: str = ""


Line = tuple[str, Text, Text]


def undone(view: UndoneView) -> Card:
    done = "undone.title_run" if view.undoes else "undone.title"
    values = {"mailbox": view.header.mailbox, "run": view.undoes}
    title = Text(done if view.restored else "undone.nothing", values)
    told = turn_line(Turn.NOBODY, Text("undone.finished", {"at": clock(view.at)}))
    band = Band.of(
        "good" if view.restored else "emphasis",
        glyphs.OK if view.restored else glyphs.SKIPPED,
        title,
        told,
    )
    body = [
        *_lines("undone.back", glyphs.OK, view.restored),
        *_lines("undone.left", glyphs.WARNING, view.left_alone),
        section("done.to_know"),
        *([] if view.undoes else [marked(glyphs.SKIPPED, said(Text("plan.undo_asset")))]),
        facts(_to_know(view), "Small"),
    ]
    again = press(text("button.setup_new"), {"do": "setup", "mailbox_meant": view.header.mailbox})
    return finished(
        kicker(view.header), band, body, [again] if view.restored and not view.undoes else []
    )


def _lines(title: str, mark: Mark, lines: tuple[Line, ...]) -> list[Element]:
    rows = [row(mark, name, said(what), note(seen)) for name, what, seen in lines]
    return titled(title, rows)


def _to_know(view: UndoneView) -> list[tuple[str, str]]:
    who = {"run": view.header.run, "span": lasted(view.at - view.started), "who": view.approved_by}
    told = (
        text("done.run_approved", **who)
        if view.approved_by
        else text("done.run_alone", run=who["run"], span=who["span"])
    )
    binned = [(text("undone.app"), text("undone.binned"))] if view.binned else []
    gone = bool(view.restored) and not view.undoes
    watch = [(text("watch.kicker"), text("undone.unwatched"))] if gone else []
    return [*binned, *watch, (text("done.run"), told)]
