"""Presenter of the progress card: every step, its state, and whose turn it is.

The card is edited in place.
"""

from __future__ import annotations

from dataclasses import replace

from adaptive_cards import progress as draw
from adaptive_cards.cards.progress import ProgressView, Row
from adaptive_cards.glyphs import is_person
from bot.cards.presenters import sign_in
from bot.cards.presenters._common import cause_text, code_of, header, remedy_of
from bot.cards.presenters.card_state import DesiredCard, desired_card, slot_of, was_refused
from bot.services import Services
from jobs.clock import now
from jobs.clouds.errors import UNCONNECTED
from jobs.engine.step import Step
from jobs.model import Finding, RunKind, State, Text, Turn, minute_of
from jobs.next_action import (
    ENDED,
    ActionKind,
    NextAction,
    is_unread,
    next_action,
    planned_changes,
    stage_of,
    steps_under_way,
    wait_of,
)
from jobs.runs.run import Kind, Run
from jobs.steps import steps_of

WITHOUT_CHANGES = frozenset({"admin_consent", "mailbox_fields"})
"""The steps that a run looks at next if its plan has nothing to approve."""
GROUPS = ("entra", "microsoft", "connect")


def cards(run: Run, services: Services) -> list[DesiredCard]:
    # If the plan has nothing to approve, the card starts with the plan. A failure is shown at any
    # time.
    if not _is_begun(run) and run.ended is not Kind.FAILED:
        return []
    unsent = (
        "unsent"
        if was_refused(services, run.id, slot_of(run.requester.email)) and not run.ended
        else ""
    )
    found = _with_unsent(view(run, services), run) if unsent else view(run, services)
    rehearsed = "rehearsed" if run.state_of("rehearsal") is State.OK else ""
    action = next_action(run)
    asked = f"{action.turn}{action.kind}" if is_person(action.turn) else ""
    turn = f"{asked}{found.ended}{unsent}{rehearsed}"
    asks = _asks(run, found, turn) if unsent or is_person(found.turn) else _stopped(run)
    return [desired_card("progress", found, draw(found), urgency=turn, prompt=asks)]


def _is_begun(run: Run) -> bool:
    """Return whether the plan is being carried out, has nothing to approve, or has ended."""
    return run.plan is not None and (
        run.has_begun or bool(run.ended) or not run.findings.keys().isdisjoint(WITHOUT_CHANGES)
    )


def _with_unsent(found: ProgressView, run: Run) -> ProgressView:
    return replace(
        found, problem=found.problem or Text("progress.form_unsent", {"who": run.requester.email})
    )


def _asks(run: Run, found: ProgressView, turn: str) -> str:
    # The value includes the time of the last press of Look again, so that the person sees the
    # result of the press even if nothing changed.
    pressed = run.answers["look_again"].at if "look_again" in run.answers else ""
    finding = _persons_finding(run)
    why = finding.cause or finding.step if finding else ""
    return f"{turn}{why}{pressed}"


def _stopped(run: Run) -> str:
    return str(run.ended) if run.ended and run.ended is not Kind.FINISHED else ""


def view(run: Run, services: Services | None = None) -> ProgressView:
    turn = next_action(run)
    # A finding that waits for a person comes first, and then any other that is stuck.
    stuck = _persons_finding(run) or next(filter(_is_stuck, run.findings.values()), None)
    return ProgressView(
        header=header(run, stage_of(run), services),
        groups=_groups(run),
        turn=turn.turn,
        turn_words=turn.words,
        at=now(),
        problem=_problem(stuck),
        problem_code=code_of(stuck),
        remedy=None if run.ended else remedy_of(_told_finding(run, stuck)),
        buttons=_buttons(run, turn),
        can_cancel=not run.ended,
        resumed=run.resumed > 0,
        ended=ENDED[run.ended],
        waits=_waits(run),
    )


def _waits(run: Run) -> Text | None:
    """Return whom the run waits for and since when, or None if that person has no address here."""
    wait = wait_of(run)
    if wait is None or not wait.who:
        return None
    return Text("progress.waits", {"who": wait.who, "at": minute_of(wait.since)})


def steps_done(run: Run) -> Text:
    rows = [row for _, group in _groups(run) for row in group]
    done = sum(row.done for row in rows)
    return Text("progress.count", {"done": str(done), "all": str(len(rows))})


def _persons_finding(run: Run) -> Finding | None:
    return next(filter(_is_a_persons, run.findings.values()), None)


def _told_finding(run: Run, stuck: Finding | None) -> Finding | None:
    # A missing connection may end without anybody in the tenant. But the bot's operator can help,
    # so its remedy is shown as well.
    unconnected = stuck if stuck and stuck.cause in UNCONNECTED else None
    return _persons_finding(run) or unconnected


def _groups(run: Run) -> tuple[tuple[str, tuple[Row, ...]], ...]:
    return tuple((f"progress.group.{name}", rows) for name in GROUPS if (rows := _rows(run, name)))


def _is_stuck(finding: Finding) -> bool:
    return finding.state is State.UNKNOWN or (
        bool(finding.cause) and finding.state is State.WAITING
    )


def _is_a_persons(finding: Finding) -> bool:
    return _is_stuck(finding) and (
        not finding.until if finding.state is State.UNKNOWN else is_person(finding.waiting_for)
    )


def _buttons(run: Run, turn: NextAction) -> tuple[str, ...]:
    # No text mentions a button that is missing, and no button is shown that does nothing.
    if run.ended:
        return ()
    there = {
        "look_again": _may_look_again(run, turn),
        "sign_in_other": sign_in.another_may(run),
        "consent_again": _may_ask_again(run, turn),
    }
    return tuple(verb for verb, shown in there.items() if shown)


def _may_look_again(run: Run, turn: NextAction) -> bool:
    waits = turn.kind is ActionKind.LOOK or any(map(is_unread, run.findings.values()))
    return run.account is not None and waits


def _may_ask_again(run: Run, turn: NextAction) -> bool:
    return turn.turn is Turn.ADMINISTRATOR and (
        sign_in.waits_for_sign_in(run) or sign_in.waits_for_consent(run)
    )


def _problem(finding: Finding | None) -> Text | None:
    if finding is None:
        return None
    return cause_text(finding) if finding.cause else finding.seen


def _rows(run: Run, group: str) -> tuple[Row, ...]:
    return tuple(_row(run, line, _in_line(run, line)) for line in _lines(run, group))


def _lines(run: Run, group: str) -> list[Step]:
    steps = steps_of(run)
    return [step for step in steps.values() if step.group == group and step.shown_in not in steps]


def _in_line(run: Run, line: Step) -> list[Step]:
    return [step for step in steps_of(run).values() if line.name in {step.name, step.shown_in}]


def _row(run: Run, line: Step, steps: list[Step]) -> Row:
    """Return the row of a line; its first unsettled step determines how the row looks."""
    # In an undo the title names the step. Otherwise the title names the line, which represents
    # all its steps.
    title = Text(f"step.{line.name}") if run.kind is RunKind.UNDO else Text(f"line.{line.name}")
    if _is_running(run, steps):
        return Row(line.article_row, title, running=True)
    step = next((each for each in steps if not run.settled(each.name)), None) or line
    finding = run.findings.get(step.name)
    if finding is None or _is_to_come(run, step, finding):
        return Row(line.article_row, title, right=_after(run, step))
    return Row(
        line.article_row,
        title,
        finding.state,
        waiting_for=finding.waiting_for,
        note=finding.seen if finding.state is not State.OK else None,
    )


def _is_running(run: Run, steps: list[Step]) -> bool:
    return not steps_under_way(run).isdisjoint(step.name for step in steps)


def _is_to_come(run: Run, step: Step, finding: Finding) -> bool:
    """Return whether the step runs later.

    A step runs later if it waits for another step, or if it is wrong and its change has not begun.
    A step that waited for an approval runs later if the approval was given after the finding.
    """
    if finding.waiting_for is Turn.APPROVER:
        lines = [change for change in planned_changes(run) if change.step == step.name]
        return bool(lines) and all(map(run.approved, lines))
    return finding.waiting_for is Turn.NOBODY or (
        finding.state is State.WRONG and step.name not in run.changed
    )


def _after(run: Run, step: Step) -> Text | None:
    open_needs = [
        need
        for need in (*step.after, *step.needs)
        if need in steps_of(run) and not run.settled(need)
    ]
    return (
        Text("progress.after", {"row": steps_of(run)[open_needs[-1]].article_row})
        if open_needs
        else None
    )
