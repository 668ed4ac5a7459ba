"""The one card that is edited in place: every step, its state, and whose turn it is."""

from __future__ import annotations

from dataclasses import replace

from adaptive_cards import progress as draw
from adaptive_cards.cards.progress import ProgressView, Row
from adaptive_cards.glyphs import is_person
from adaptive_cards.views import Header
from bot.cards.delivery import DesiredCard, desired_card, refused
from bot.cards.presenters import consent, sign_in
from bot.cards.presenters._common import code_of, remedy_of
from bot.services import Services
from jobs.clock import now
from jobs.engine.step import Step
from jobs.model import Finding, RunKind, State, Text, Turn
from jobs.next_action import ENDED, NextAction, next_action, stage_of
from jobs.runs.run import Kind, Run
from jobs.steps import steps_of

GROUPS = ("entra", "microsoft", "connect")


def cards(run: Run, services: Services) -> list[DesiredCard]:
    """From the first approval on, or from the plan that has nothing to approve, to the end; a failure is shown at any time."""
    begun = run.plan and (run.has_begun or run.findings.keys() & {"admin_consent", "mailbox_fields"} or run.ended)
    if not begun and run.ended is not Kind.FAILED:
        return []
    found = view(run)
    unsent = refused(services, run.id, "connect") and not run.ended
    if unsent and found.problem is None:
        found = replace(found, problem=Text("progress.form_unsent", {"who": run.requester.email}))
    turn = f"{found.turn}{found.ended}{found.turn_words.key}{'unsent' if unsent else ''}"
    asks = _asks(run, found, turn) if unsent or is_person(found.turn) else _stopped(run)
    return [desired_card("progress", found, draw(found), urgency=turn, final=bool(run.ended), prompt=asks)]


def _asks(run: Run, found: ProgressView, turn: str) -> str:
    """Whoever has pressed Look again waits for what comes of it, even where that is the same."""
    pressed = run.answers["look_again"].at if "look_again" in run.answers else ""
    why = next((finding.cause or finding.step for finding in run.findings.values() if _is_a_persons(finding)), "")
    return f"{turn}{why}{pressed}"


def _stopped(run: Run) -> str:
    """The end, where no other card tells of it."""
    return str(run.ended) if run.ended and run.ended is not Kind.FINISHED else ""


def view(run: Run) -> ProgressView:
    """The run as rows."""
    turn = next_action(run)
    stuck = next(filter(_is_a_persons, run.findings.values()), None) or next(filter(_is_stuck, run.findings.values()), None)
    return ProgressView(
        header=Header(run.id, run.channel.mailbox, stage_of(run), run.kind),
        groups=tuple((f"progress.group.{name}", rows) for name in GROUPS if (rows := _rows(run, name))),
        turn=turn.turn,
        turn_words=turn.words,
        at=now(),
        problem=_problem(stuck) if stuck else None,
        problem_code=code_of(stuck),
        remedy=remedy_of(stuck) if stuck and _is_a_persons(stuck) and not run.ended else None,
        buttons=_buttons(run, turn),
        can_cancel=not run.ended,
        resumed=run.resumed > 0,
        ended=ENDED[run.ended],
    )


def _is_stuck(finding: Finding) -> bool:
    return finding.state is State.UNKNOWN or (bool(finding.cause) and finding.state is State.WAITING)


def _is_a_persons(finding: Finding) -> bool:
    """Whether it stays as it is until somebody has seen to it."""
    return _is_stuck(finding) and (not finding.until if finding.state is State.UNKNOWN else is_person(finding.waiting_for))


def _buttons(run: Run, turn: NextAction) -> tuple[str, ...]:
    """What leads on from here: no sentence asks for a button that is not there, and none is there that does nothing."""
    unknown = any(finding.state is State.UNKNOWN and not finding.until for finding in run.findings.values())
    asks = turn.turn is Turn.ADMINISTRATOR and (sign_in.asks(run) or consent.asks(run))
    there = {
        "look_again": run.account is not None and (unknown or turn.words.key == "turn_words.look"),
        "sign_in_other": sign_in.another_may(run),
        "consent_again": asks,
    }
    return tuple(verb for verb, shown in there.items() if shown and not run.ended)


def _problem(finding: Finding) -> Text | None:
    return Text(f"cause.{finding.cause}") if finding.cause else finding.seen


def _rows(run: Run, group: str) -> tuple[Row, ...]:
    """A line for each step that has one, which stands for all the steps in it."""
    steps = steps_of(run)
    lines = [step for step in steps.values() if step.group == group and step.shown_in not in steps]
    return tuple(_row(run, line, [s for s in steps.values() if line.name in {s.name, s.shown_in}]) for line in lines)


def _row(run: Run, line: Step, steps: list[Step]) -> Row:
    """The first step in the line that is not settled decides how the line looks."""
    title = Text(f"step.{line.name}") if run.kind is RunKind.UNDO else Text(f"line.{line.name}")
    step = next((each for each in steps if not run.settled(each.name)), line)
    finding = run.findings.get(step.name)
    if any(each.name in run.running for each in steps):
        return Row(line.article_row, title, running=True)
    if finding is None or finding.waiting_for is Turn.NOBODY or (finding.state is State.WRONG and step.name not in run.changed):
        return Row(line.article_row, title, right=_after(run, step))
    return Row(line.article_row, title, finding.state, waiting_for=finding.waiting_for, note=_note(finding))


def _note(finding: Finding) -> Text | None:
    return finding.seen if finding.state is not State.OK else None


def _after(run: Run, step: Step) -> Text | None:
    open_needs = [need for need in (*step.after, *step.needs) if need in steps_of(run) and not run.settled(need)]
    return Text("progress.after", {"row": steps_of(run)[open_needs[-1]].article_row}) if open_needs else None
