"""Presenter of the cards that end a canceled run and an undo: what stays changed, and what is back."""

from __future__ import annotations

from collections.abc import Iterable

from adaptive_cards import notice
from adaptive_cards import undone as draw
from adaptive_cards.cards.done import UndoneView
from adaptive_cards.cards.notice import NoticeView
from adaptive_cards.glyphs import SKIPPED
from adaptive_cards.texts import listed, render
from adaptive_cards.views import Header
from bot.cards.presenters._common import approver, ended_at, is_ok
from bot.cards.presenters.card_state import DesiredCard, desired_card
from bot.cards.presenters.plan import LEFT
from bot.services import Services
from jobs.model import Finding, RunKind, State, Text
from jobs.runs.run import Changed, Kind, Run, ends_consent
from jobs.steps import steps_of


def cards(run: Run, _: Services) -> list[DesiredCard]:
    """Return the card of a canceled run; the progress card shows the end of a failed run."""
    if run.ended is not Kind.CANCELLED:
        return []
    view = NoticeView(
        Text("living.idle_kicker", {"mailbox": run.channel.mailbox}),
        Text("notice.over_cancelled", {"run": run.id}),
        left(run),
        glyph=SKIPPED.glyph,
        buttons=_undo_button(run),
    )
    return [desired_card("ended", view, notice(view))]


def _undo_button(run: Run) -> tuple[tuple[str, dict[str, str]], ...]:
    if not run.changed:
        return ()
    pressed = {"do": "undo", "mailbox_meant": run.channel.mailbox, "undoes": run.id}
    return (("button.undo", pressed),)


def left(run: Run) -> Text:
    """Return the words on what stays changed, in the order of the steps, and on what was under way.

    A change that was under way may still take effect. So may a consent, whose page at Microsoft
    knows nothing of the run.
    """
    words = _left(run)
    if run.state_of("admin_consent") is not State.WAITING:
        return words
    way = "undo" if ends_consent(run) else "entra"
    return Text(f"notice.consent_open_{way}", {"left": render(words), "app": run.fact("app_name")})


def _left(run: Run) -> Text:
    # Steps that the run does not know come last.
    places = {name: place for place, name in enumerate(steps_of(run))}
    names = sorted(run.changed, key=lambda name: places.get(name, len(places)))
    done = [run.changed[name] for name in names if run.change_applied(name)]
    late = [run.changed[name] for name in names if _is_under_way(run, name)]
    if late:
        # The words say what stays changed, if anything does, and what may still change.
        key = "notice.cancelled_late_words" if done else "notice.cancelled_only_late_words"
        return Text(key, {"done": _objects(done), "late": _objects(late)})
    if not done:
        return Text("living.cancelled_words")
    return Text("notice.cancelled_words", {"done": _objects(done)})


def _is_under_way(run: Run, step: str) -> bool:
    """Return whether a change was begun and has neither an answer nor a finding since."""
    changed = run.changed[step]
    seen = run.found_at.get(step)
    return changed.done is None and (seen is None or seen < changed.begun)


def _objects(changes: Iterable[Changed]) -> str:
    return listed(render(change.object) for changed in changes for change in changed.changes)


def undone_cards(run: Run, _: Services) -> list[DesiredCard]:
    if run.kind is not RunKind.UNDO or run.ended is not Kind.FINISHED:
        return []
    found = undone_view(run)
    return [desired_card("undone", found, draw(found))]


def undone_view(run: Run) -> UndoneView:
    return UndoneView(
        header=Header(run.id, run.channel.mailbox, 7, run.kind),
        at=ended_at(run),
        started=run.opened,
        restored=_lines(run, frozenset({State.OK})),
        left_alone=_lines(run, LEFT),
        approved_by=approver(run),
        binned=_is_app_deleted(run),
        undoes=run.undoes,
    )


def _is_app_deleted(run: Run) -> bool:
    app = run.past.get("application")
    return (
        app is not None
        and not app.values_before["object_id"]
        and is_ok(run.findings, "application")
    )


def _lines(run: Run, states: frozenset[State]) -> tuple[tuple[str, Text, Text], ...]:
    steps = steps_of(run).items()
    return tuple(
        _undo_line(step.article_row, run.findings[name])
        for name, step in steps
        if run.findings[name].state in states
    )


def _undo_line(row: str, finding: Finding) -> tuple[str, Text, Text]:
    return row, Text(f"step.{finding.step}"), finding.seen or Text("seen.undo_removed")
