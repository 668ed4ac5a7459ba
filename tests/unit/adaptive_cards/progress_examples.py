"""Cards of a run under way and of its end: progress, undone and done, in every state."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import adaptive_cards as cards
from adaptive_cards.cards import undo
from adaptive_cards.cards.done import DoneView
from adaptive_cards.cards.progress import ProgressView, Row
from adaptive_cards.views import Proof
from jobs.model import (
    Profile,
    RunKind,
    State,
    Text,
    Turn,
    verbatim,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
from tests.unit.adaptive_cards.examples import AT, CLIENT_ID, HOSTILE, header, later


def examples() -> dict[str, cards.Card]:
    """Return the cards by a name that says the state."""
    return {**dict(_progresses()), **dict(_ends())}


def _rows() -> tuple[Row, ...]:
    return (
        Row("E1", verbatim("App registration"), State.OK),
        Row("E3", verbatim("Client secret, expires 24 Nov 2027"), State.WARNING),
        Row(
            "E5",
            verbatim("Admin consent"),
            State.WAITING,
            waiting_for=Turn.ADMINISTRATOR,
            note=verbatim("Since 14:32 UTC."),
        ),
        Row(
            "E5",
            verbatim("SMTP.Send"),
            State.WAITING,
            waiting_for=Turn.TIME,
            note=verbatim("Next look 14:33:10 UTC."),
        ),
        Row("E7", verbatim("User consent read, not changed"), State.SKIPPED),
        Row("M1", verbatim("Mailbox and Exchange license"), State.UNKNOWN),
        Row(
            "M2",
            verbatim("Authenticated SMTP on"),
            State.WRONG,
            running=True,
            note=verbatim("Set. Reading it back."),
        ),
        Row("M3", verbatim("Forwarding, copy kept"), State.WRONG),
        Row("M4", verbatim("Outbound spam policy"), right=verbatim("after M5")),
    )


def progressed(turn: Turn, told: str, **more: object) -> cards.Card:
    """A progress card."""
    rows = _rows()
    groups = (("progress.group.entra", rows[:5]), ("progress.group.microsoft", rows[5:]))
    return cards.progress(
        ProgressView(
            header(4),
            groups,
            turn,
            verbatim(told),
            AT,
            **more,  # type: ignore[arg-type]  # the view's own names
        )
    )


def _progresses() -> Iterator[tuple[str, cards.Card]]:
    yield (
        "progress-person",
        progressed(
            Turn.ADMINISTRATOR,
            "grant consent in the 1:1 message of 14:32 UTC. The other steps go on meanwhile.",
            buttons=("consent_again",),
        ),
    )
    yield "progress-time", progressed(Turn.TIME, "Microsoft may take up to 24 hours.")
    yield (
        "progress-running",
        progressed(Turn.NOBODY, "the steps go on by themselves.", can_cancel=False),
    )
    yield "progress-done", progressed(Turn.NOBODY, "", ended="done")
    problem = verbatim("The app could not be changed.")
    ways = {
        "buttons": ("look_again", "sign_in_other"),
        "problem": problem,
        "remedy": verbatim("Somebody with the role signs in."),
    }
    yield "progress-look", progressed(Turn.ADMINISTRATOR, "see what is marked.", **ways)
    yield (
        "progress-failed",
        progressed(
            Turn.REQUESTER,
            "read the reason.",
            ended="failed",
            problem=problem,
            problem_code="Graph 403 Forbidden",
        ),
    )
    yield "progress-cancelled", progressed(Turn.NOBODY, "what is done stays.", ended="cancelled")


def _undone() -> Iterator[tuple[str, cards.Card]]:
    back = (
        ("E1", verbatim("App registration"), Text("seen.undo_removed")),
        ("M3", verbatim("Forwarding"), verbatim("As before: none")),
    )
    left = (
        (
            "M2",
            verbatim("Authenticated SMTP"),
            verbatim("Changed by somebody else since, now off. It stays"),
        ),
    )
    whole = undo.UndoneView(
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
        tuple(Proof(row, verbatim(words), later(minutes=20)) for row, words in proofs),
        (
            ("C1", verbatim("Email app, said by the requester"), State.OK),
            ("E1", verbatim(f"App registration, client ID {CLIENT_ID}"), State.OK),
        ),
        later(days=365),
        9,
        8,
        Profile.ARTICLE,
        "the administrator",
        (verbatim("Conditional Access: the signed-in account may not read policies."),),
    )
    yield "done", cards.done(done)
    yield "done-watched", cards.done(replace(done, watched="15m"))
    yield (
        "done-already",
        cards.done(
            DoneView(header(7), AT, AT, (), (), None, 0, 0, Profile.LEAST, "", already=True)
        ),
    )
