"""Cards of an undo: its plan with everything that stays, its progress, and its end."""

from dataclasses import replace

import pytest

from adaptive_cards.texts import has_text
from bot.cards import draw
from bot.cards.presenters import plan
from bot.cards.presenters.card_state import header
from jobs.clock import now
from jobs.engine.step import Step, Undoable
from jobs.model import Change, Finding, Scope, State, Text, Turn
from jobs.next_action import next_action
from jobs.runs.run import UNDOES, Event, Kind, RecordedChange
from jobs.steps import all_steps
from practice.client import actions
from tests.fixtures.run_events import found
from tests.unit.bot.cards.presenters.stage_events import SIGNED_IN

SEEN = Text("seen.undo_changed_since", {"seen": "key:seen.off"})
FINDINGS = {
    "application": Finding("application", State.OK, seen=Text("seen.undo_removed")),
    "smtp_auth": Finding("smtp_auth", State.WARNING, seen=SEEN),
    "forwarding": Finding("forwarding", State.WRONG, seen=Text("seen.on")),
    "customization": Finding(
        "customization", State.SKIPPED, seen=Text("skipped.undo_customization")
    ),
}


def line(name: str) -> Change:
    """Return a line of a plan for this step."""
    return Change(
        name, "M3", Text(f"step.{name}"), Text("seen.on"), Text("seen.none"), Scope.MAILBOX, "x"
    )


PASTS = tuple(
    RecordedChange(name, line(name), Text("seen.none"), {"object_id": ""}, {}, ("R1",))
    for name in FINDINGS
)
RECALLED = Event(Kind.RECALLED, now(), past=PASTS)
FOUND = tuple(
    Event(Kind.FOUND, now(), step=name, finding=finding) for name, finding in FINDINGS.items()
)
PLANNED = Event(Kind.PLANNED, now(), data={"plan": "p"}, changes=(line("forwarding"),))
APPROVED = Event(
    Kind.APPROVED, now(), by="anna@example.test", data={"plan": "p", "scope": "mailbox"}
)
BACK = found("forwarding", seen=Text("seen.undo_back", {"seen": "key:seen.none"}))
FINISHED = Event(Kind.FINISHED, now())


@pytest.mark.parametrize(
    ("only", "title", "button"),
    [
        ("", "Disconnect support@example.test? After this no mail", "Disconnect"),
        ("R1", "Undo run R1? After this mail of support@example.test may stop.", "Undo 1 change"),
    ],
)
def test_the_plan_says_that_mail_stops(begin, only, title, button):
    """The headline and the button of an undo say what stops, and the button is not green."""
    data = {UNDOES: only} if only else {}
    run = begin(replace(RECALLED, data=data), SIGNED_IN, *FOUND, PLANNED, kind="undo")
    card = plan.plan(run, header(run, 3))
    (main,) = (each for each in actions({"card": card.content}) if _verb(each) == "approve")
    assert (main["title"], main["style"]) == (button, "destructive")
    assert title in card.text


def _verb(action) -> str:
    return str(action.get("data", {}).get("do", ""))


def test_the_end_of_an_undo(begin, services):
    """At the end of an undo there is one card, and no other card of a setup."""
    run = begin(RECALLED, SIGNED_IN, *FOUND, PLANNED, APPROVED, BACK, FINISHED, kind="undo")
    slots = [card.slot for of in draw.PRESENTERS for card in of(run, services)]
    assert slots == ["undone"]
    assert (next_action(run).words.key, next_action(run).turn) == ("turn_words.undone", Turn.NOBODY)


def test_every_change_can_be_undone_or_says_why_not():
    """Every step that changes something has an undo of its own or a text that says why not."""
    changing = [
        step
        for step in all_steps().values()
        if type(step).apply is not Step.apply and (step.line or type(step).plan is not Step.plan)
    ]
    without = [
        step.name
        for step in changing
        if not isinstance(step, Undoable) and not has_text(f"skipped.undo_{step.name}")
    ]
    assert (without, len(changing) > 10) == ([], True)


def test_the_notes_of_an_undo_have_texts():
    """A step has the text of a note for the undo if, and only if, its undo has a note."""
    undoable = [step for step in all_steps().values() if isinstance(step, Undoable)]
    assert {
        step.name for step in undoable if step.undo_note != has_text(f"note.undo_{step.name}")
    } == set()
