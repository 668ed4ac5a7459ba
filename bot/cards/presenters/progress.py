"""Card of every step of a run on its way."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from adaptive_cards import Card, glyphs
from adaptive_cards import components as ui
from adaptive_cards import elements as el
from adaptive_cards.actions import cancel, submit
from adaptive_cards.card import finished, size
from adaptive_cards.texts import text, with_counts
from adaptive_cards.times import clock_seconds
from adaptive_cards.views import Header, Trouble
from bot.cards.presenters import card_state as shared
from bot.cards.presenters import questions
from bot.services import Services
from jobs import next_action as turns
from jobs.clock import now
from jobs.clouds.errors import UNCONNECTED
from jobs.engine.step import Step
from jobs.model import Finding, RunKind, State, Text, Turn, minute_of
from jobs.runs.run import Kind, Run
from jobs.steps import steps_of

WITHOUT_CHANGES = frozenset({"admin_consent", "mailbox_fields"})
"""The steps that a run looks at next if its plan has nothing to approve."""
GROUPS = ("entra", "microsoft", "connect")
_ROWS_MOST_BYTES = 11_500
"""Size from which only the rows that need attention keep their notes."""
_ASKS = {State.WRONG, State.WAITING}


@dataclass(frozen=True, slots=True)
class Row:
    """Line of the progress card.

    A ``state`` of None means that the step is still to come. ``running`` overrides it.
    """

    row: str
    title: Text
    state: State | None = None
    running: bool = False
    waiting_for: Turn | None = None
    note: Text | None = None
    right: Text | None = None

    @property
    def done(self) -> bool:
        return self.state in {State.OK, State.WARNING} and not self.running


def progress_cards(run: Run, services: Services) -> list[shared.DesiredCard]:
    # If the plan has nothing to approve, the card starts with the plan. A failure is shown at any
    # time.
    begun = run.has_begun or not run.findings.keys().isdisjoint(WITHOUT_CHANGES)
    shown = run.ended is Kind.FAILED if run.ended else run.plan is not None and begun
    if not shown:
        return []
    who, action = run.requester.email, turns.next_action(run)
    unsent = not run.ended and shared.was_refused(services, run.id, shared.slot_of(who))
    told = Trouble(Text("progress.form_unsent", {"who": who})) if unsent else None
    head = shared.header(run, turns.stage_of(run), services)
    asked = f"{action.turn}{action.kind}" if glyphs.is_person(action.turn) else ""
    turn = f"{asked}{turns.ENDED[run.ended]}{unsent}{run.state_of('rehearsal') is State.OK}"
    asks = _asks(run, turn) if unsent or asked else str(run.ended or "")
    first, card = (progress(run, head, at, told) for at in (run.opened, now()))
    return [shared.desired_card("progress", first.content, card, urgency=turn, prompt=asks)]


def _asks(run: Run, turn: str) -> str:
    # The value includes the time of the last press of Look again, so that the person sees the
    # result of the press even if nothing changed.
    pressed = run.answers["look_again"].at if "look_again" in run.answers else ""
    finding = _persons_finding(run)
    why = finding.cause or finding.step if finding else ""
    return f"{turn}{why}{pressed}"


def progress(run: Run, head: Header, at: datetime, otherwise: Trouble | None = None) -> Card:
    """Return the card of every step; ``otherwise`` is the problem if no finding is one."""
    groups = _groups(run)
    rows = _drawn_groups(groups, every_note=True)
    if size({"rows": rows}) > _ROWS_MOST_BYTES:
        rows = _drawn_groups(groups, every_note=False)
    told = {"run": run.id, "at": clock_seconds(at)}
    body = [
        *ui.problem_box(_problem(run) or otherwise),
        *rows,
        *([ui.small_print(Text("progress.resumed"))] if run.resumed else []),
        ui.small_print(Text("progress.ended" if run.ended else "progress.goes_on", told)),
    ]
    buttons = [] if run.ended else [*_buttons(run), cancel(run.id, of_run=True)]
    return finished(ui.kicker(head), _band(run, head, groups), body, buttons)


def _problem(run: Run) -> Trouble | None:
    # A finding that waits for a person comes first, and then any other that is stuck.
    first = _persons_finding(run)
    stuck = first or next(filter(_is_stuck, run.findings.values()), None)
    # A missing connection may end without anybody in the tenant. But the bot's operator can help,
    # so its remedy is shown as well.
    helped = first or (stuck if stuck and stuck.cause in UNCONNECTED else None)
    words = stuck.seen if stuck and not stuck.cause else shared.cause_text(stuck)
    remedy = None if run.ended else shared.remedy_of(helped)
    return Trouble(words, shared.code_of(stuck), remedy=remedy) if words else None


def _band(run: Run, head: Header, groups: dict[str, tuple[Row, ...]]) -> ui.Band:
    action, wait = turns.next_action(run), turns.wait_of(run)
    calm = "emphasis", glyphs.TIME if action.turn is Turn.TIME else glyphs.RUNNING
    look = ("accent", glyphs.PERSON) if glyphs.is_person(action.turn) else calm
    waits = []
    if wait and wait.who:
        since = Text("progress.waits", {"who": wait.who, "at": minute_of(wait.since)})
        waits = [el.said(since, **el.SMALL, spacing="None")]
    rows = [line for group in groups.values() for line in group]
    # Running and skipped rows are left out if there are none.
    counts = {
        "progress.count_running": sum(line.running for line in rows),
        "progress.count_skipped": sum(line.state is State.SKIPPED for line in rows),
    }
    told = ", ".join([text("progress.count", **_count(rows)), *with_counts(counts)])
    key = "progress.title_failed" if run.ended else "progress.title"
    return ui.Band.of(
        *(("attention", glyphs.WRONG) if run.ended else look),
        Text(key, {"counts": told}),
        ui.run_turn(head, action.turn, action.words),
        *waits,
    )


def steps_done(run: Run) -> Text:
    return Text("progress.count", _count([row for group in _groups(run).values() for row in group]))


def _count(rows: list[Row]) -> dict[str, str]:
    return {"done": str(sum(row.done for row in rows)), "all": str(len(rows))}


def _persons_finding(run: Run) -> Finding | None:
    return next(
        (
            each
            for each in run.findings.values()
            if _is_stuck(each)
            and (
                not each.until
                if each.state is State.UNKNOWN
                else glyphs.is_person(each.waiting_for)
            )
        ),
        None,
    )


def _groups(run: Run) -> dict[str, tuple[Row, ...]]:
    steps = steps_of(run)
    groups = {
        f"progress.group.{name}": tuple(
            _row(run, line)
            for line in steps.values()
            if line.group == name and line.shown_in not in steps
        )
        for name in GROUPS
    }
    return {title: rows for title, rows in groups.items() if rows}


def _drawn_groups(groups: dict[str, tuple[Row, ...]], *, every_note: bool) -> list[el.Element]:
    return [
        part
        for title, rows in groups.items()
        for part in (ui.section(title), *(_drawn(line, every_note=every_note) for line in rows))
    ]


def _drawn(line: Row, *, every_note: bool) -> el.Element:
    mark = glyphs.of_state(line.state, line.waiting_for) if line.state else glyphs.NOT_YET
    right = _right(line)
    shown = every_note or line.running or line.state in _ASKS
    below = ui.note(line.note) if line.note and shown else None
    mark = glyphs.RUNNING if line.running else mark
    return ui.row(mark, line.row, el.said(line.title), below, ui.aside(right) if right else None)


def _right(line: Row) -> Text | None:
    if line.running:
        return Text("state.running")
    if line.state is State.WAITING:
        person = glyphs.is_person(line.waiting_for)
        return Text("state.waits_person" if person else "state.waits_time")
    if line.right or line.state in {None, State.OK}:
        return line.right
    return Text(f"state.{line.state}")


def _is_stuck(finding: Finding) -> bool:
    waits = finding.cause and finding.state is State.WAITING
    return finding.state is State.UNKNOWN or bool(waits)


def _buttons(run: Run) -> list[el.Element]:
    # No text mentions a button that is missing, and no button is shown that does nothing.
    turn = turns.next_action(run)
    unread = turn.kind is turns.ActionKind.LOOK or any(map(turns.is_unread, run.findings.values()))
    waits = questions.waits_for_administrator(run) or questions.waits_for_consent(run)
    there = {
        "look_again": run.account is not None and unread,
        "sign_in_other": questions.another_may(run),
        "consent_again": turn.turn is Turn.ADMINISTRATOR and waits,
    }
    return [
        submit(text(f"button.{verb}"), verb, main=verb == "look_again", run=run.id)
        for verb, shown in there.items()
        if shown
    ]


def _row(run: Run, line: Step) -> Row:
    """Return the row of a line; its first unsettled step determines how the row looks."""
    # In an undo the title names the step. Otherwise the title names the line, which represents
    # all its steps.
    title = Text(f"step.{line.name}") if run.kind is RunKind.UNDO else Text(f"line.{line.name}")
    steps = [each for each in steps_of(run).values() if line.name in {each.name, each.shown_in}]
    if not turns.steps_under_way(run).isdisjoint(step.name for step in steps):
        return Row(line.article_row, title, running=True)
    step = next((each for each in steps if not run.settled(each.name)), line)
    finding = run.findings.get(step.name)
    if finding is None or _is_to_come(run, step, finding):
        return Row(line.article_row, title, right=_after(run, step))
    seen = finding.seen if finding.state is not State.OK else None
    return Row(line.article_row, title, finding.state, waiting_for=finding.waiting_for, note=seen)


def _is_to_come(run: Run, step: Step, finding: Finding) -> bool:
    """Return whether the step runs later.

    A step runs later if it waits for another step, or if it is wrong and its change has not begun.
    A step that waited for an approval runs later if the approval was given after the finding.
    """
    if finding.waiting_for is Turn.APPROVER:
        lines = [change for change in turns.planned_changes(run) if change.step == step.name]
        return bool(lines) and all(map(run.approved, lines))
    return finding.waiting_for is Turn.NOBODY or (
        finding.state is State.WRONG and step.name not in run.changed
    )


def _after(run: Run, step: Step) -> Text | None:
    steps = steps_of(run)
    needs = [each for each in (*step.after, *step.needs) if each in steps and not run.settled(each)]
    return Text("progress.after", {"row": steps[needs[-1]].article_row}) if needs else None
