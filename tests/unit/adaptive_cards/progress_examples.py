"""Examples of the cards of a running run and of its end, in every state."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import adaptive_cards as cards
from adaptive_cards.cards import progress
from adaptive_cards.cards.progress import DoneView, ProgressView, Row
from adaptive_cards.views import Proof
from jobs.model import Profile, RunKind, State, Text, Turn, verbatim

if TYPE_CHECKING:
    from collections.abc import Iterator
from tests.unit.adaptive_cards.examples import AT, HOSTILE, header, later
from tests.unit.adaptive_cards.words import told


def examples() -> dict[str, cards.Card]:
    """Return the example cards, by a name that says the state."""
    return {**dict(_progresses()), **dict(_ends())}


def _rows() -> tuple[Row, ...]:
    return (
        Row("E1", told("App registration"), State.OK),
        Row("E3", told("Client secret"), State.WARNING),
        Row(
            "E5",
            told("Admin consent"),
            State.WAITING,
            waiting_for=Turn.ADMINISTRATOR,
            note=told("Not granted yet"),
        ),
        Row(
            "E5",
            told("SMTP.Send for the mailbox user"),
            State.WAITING,
            waiting_for=Turn.TIME,
            note=told("Written. The run waits for directory replication."),
        ),
        Row("E7", told("User consent read, not changed"), State.SKIPPED),
        Row("M1", told("Mailbox and Exchange license"), State.UNKNOWN),
        Row(
            "M2",
            told("Authenticated SMTP on"),
            State.WRONG,
            running=True,
            note=told("Written. The run waits for directory replication."),
        ),
        Row("M3", told("Forwarding to Webex Connect"), State.WRONG),
        Row("M4", told("Outbound spam policy"), right=Text("progress.after", {"row": "M5"})),
    )


def progressed(turn: Turn, words: str, **more: object) -> cards.Card:
    """Return a progress card that says whose turn it is."""
    rows = _rows()
    if more.get("ended") == "done":
        rows = tuple(Row(each.row, each.title, State.OK) for each in rows)
    groups = (("progress.group.entra", rows[:5]), ("progress.group.microsoft", rows[5:]))
    return cards.progress(
        ProgressView(
            header(4),
            groups,
            turn,
            Text(f"turn_words.{words}", {"reference": "REF-3F9A"}),
            AT,
            **more,  # type: ignore[arg-type]  # the view's own names
        )
    )


def _progresses() -> Iterator[tuple[str, cards.Card]]:
    yield (
        "progress-person",
        progressed(
            Turn.ADMINISTRATOR,
            "consent",
            buttons=("consent_again",),
        ),
    )
    yield "progress-time", progressed(Turn.TIME, "waiting")
    yield (
        "progress-running",
        progressed(Turn.NOBODY, "running"),
    )
    problem = Text("cause.not_allowed")
    ways = {
        "buttons": ("look_again", "sign_in_other"),
        "problem": problem,
        "remedy": Text("remedy.not_allowed"),
    }
    yield "progress-look", progressed(Turn.ADMINISTRATOR, "look", **ways)
    yield (
        "progress-failed",
        progressed(
            Turn.NOBODY,
            "failed",
            failed=True,
            problem=problem,
            problem_code="Graph 403 Forbidden",
        ),
    )


def _undone() -> Iterator[tuple[str, cards.Card]]:
    back = (
        ("E1", told("App registration"), Text("seen.undo_removed")),
        ("M3", told("Forwarding"), Text("seen.undo_back", {"seen": "key:seen.not_set"})),
    )
    left = (
        (
            "M2",
            told("Authenticated SMTP"),
            Text("seen.undo_changed_since", {"seen": "key:seen.off"}),
        ),
    )
    whole = progress.UndoneView(
        replace(header(7), kind=RunKind.UNDO),
        later(minutes=3),
        AT,
        back,
        left,
        "anna@contoso.com",
        binned=True,
    )
    yield "undone", cards.undone(whole)
    yield (
        "undone-hostile",
        cards.undone(
            replace(whole, restored=(("E1", verbatim(HOSTILE), verbatim(HOSTILE)),), left_alone=())
        ),
    )
    yield "undone-nothing", cards.undone(replace(whole, restored=(), approved_by="", binned=False))


def _ends() -> Iterator[tuple[str, cards.Card]]:
    proofs = (
        ("V1", "Test mail arrived in the mailbox"),
        ("C6", "235 2.7.0 Authentication successful"),
    )
    yield from _undone()
    done = DoneView(
        header(7),
        later(minutes=58),
        AT,
        tuple(Proof(row, told(words), later(minutes=20)) for row, words in proofs),
        (
            ("C1", told("Email app in Webex Connect"), State.OK),
            ("E1", told("App registration"), State.OK),
        ),
        later(days=365),
        9,
        8,
        Profile.ARTICLE,
        "admin@contoso.com",
        (told("The signed-in account may not read policies"),),
    )
    yield "done", cards.done(done)
    yield "done-blind", cards.done(replace(done, blind=True))
    yield "done-watched", cards.done(replace(done, watched="span:900.0"))
    yield (
        "done-already",
        cards.done(
            DoneView(header(7), AT, AT, (), (), None, 0, 0, Profile.LEAST, "", already=True)
        ),
    )
