"""Lists of a space: its channels, worst first, and its runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from adaptive_cards import actions as act, components as ui, elements as el, glyphs
from adaptive_cards.card import Card, finished
from adaptive_cards.cards.channels import ChannelLine, channels
from adaptive_cards.texts import known_text, render, text
from bot.cards import superseded
from bot.cards.presenters.card_state import DesiredCard
from bot.services import Services
from jobs.checks import bulk
from jobs.checks.assessment import Assessment
from jobs.clock import now
from jobs.model import Finding, RunKind, State, Text, Turn, minute_of
from jobs.next_action import ENDED, next_action, stage_of, wait_of
from jobs.runs.run import Kind, Run

EDITS = 7
"""Number of intermediate edits of the card, however many channels there are.

A message takes ten edits (platforms/webex.md 2).
"""


def cards(run: Run, _: Services) -> list[DesiredCard]:
    mailboxes, done = bulk.mailboxes(run), run.checked is not None or bool(run.ended)
    withdrawn = sum(question.startswith("app_access") for question in run.problems)
    card = channels(
        [_channel_line(run, mailbox) for mailbox in mailboxes],
        run.checked or now(),
        checking=0 if done else len(mailboxes) - len(run.findings),
        withdrawn=withdrawn,
        direct=run.origin.direct,
    )
    # Progress is shown in ``EDITS`` parts.
    part = len(run.findings) * EDITS // max(len(mailboxes), 1)
    fingerprint = f"{part} {done} {withdrawn}"
    return [DesiredCard("channels", card, fingerprint, urgency=str(done), final=done)]


def line_of(mailbox: str, found: Assessment) -> ChannelLine:
    fact, words = found.fact, superseded.in_progress(found)
    if words is not None:
        return ChannelLine(mailbox, State.WAITING, words)
    if fact is None:
        return ChannelLine(mailbox, None, Text("channels.never"))
    if fact.finding is not None:
        return ChannelLine(mailbox, fact.finding.state, words_of(fact.finding), fact.at)
    state = State.OK if found.needs_no_fix else State.UNKNOWN
    return ChannelLine(mailbox, state, superseded.words_of(fact), fact.at)


def words_of(judged: Finding) -> Text:
    if judged.state is not State.WRONG:
        return judged.seen or Text("channels.nothing_wrong")
    return known_text(f"cause.{judged.cause}") or Text(f"step.{judged.facts['step']}")


def _channel_line(run: Run, mailbox: str) -> ChannelLine:
    judged = run.findings.get(mailbox)
    if judged is None:
        return ChannelLine(mailbox, None, Text("channels.waiting"))
    return ChannelLine(mailbox, judged.state, words_of(judged), run.found_at[mailbox])


_RUNS_MOST = 10
_ENDED = {Kind.FINISHED: glyphs.OK, Kind.FAILED: glyphs.WRONG, Kind.CANCELLED: glyphs.SKIPPED}


def status(runs: Sequence[Run], at: datetime, more: int = 0, *, direct: bool = False) -> Card:
    """Return the card of the runs of a space; ``more`` is the number of runs that are not known."""
    going = [run for run in runs if not run.ended]
    title = Text("status.title", {"count": str(len(going))}) if going else Text("status.none")
    if any(map(wait_of, going)):
        band = ui.persons_turn(title, ui.answer_line(Text("status.waits")))
    else:
        told = Text("status.nobody" if going else "status.nothing_next")
        mark = glyphs.RUNNING if going else glyphs.SKIPPED
        band = ui.Band.of("emphasis", mark, title, ui.answer_line(told))
    body = [_run_row(run) for run in runs[:_RUNS_MOST]]
    body += ui.count_line("status.more", more + max(len(runs) - _RUNS_MOST, 0))
    again = act.submit(text("button.look_again"), "status")
    setup = act.submit(text("button.setup"), "setup", main=True)
    kicker = ui.kicker_at("status.kicker_direct" if direct else "status.kicker", at)
    return finished(kicker, band, body, [again if runs else setup])


def _run_row(run: Run) -> el.Element:
    action, wait, state = next_action(run), wait_of(run), text(f"status.kind_{run.kind}")
    mark = glyphs.TIME if action.turn is Turn.TIME else glyphs.RUNNING
    notes = [Text("kicker.started", {"who": run.requester.email, "at": minute_of(run.opened)})]
    if run.ended:
        mark, ended = _ENDED[run.ended], text(f"status.ended_{ENDED[run.ended]}")
        state = f"{state}, {ended}"
    else:
        # Only a setup has stages; of other runs the kind is shown.
        state = ui.stage(stage_of(run)) if run.kind is RunKind.SETUP else state
        mark, who = glyphs.PERSON if wait else mark, wait.who if wait else ""
        values = {"who": f"key:who.{action.turn}", "name": who, "words": render(action.words)}
        notes.insert(0, Text("status.line_named" if who else "status.line", values))
    about = el.rich(el.run(run.id, **el.SUBTLE), el.run(f"  {state}", **el.SUBTLE), spacing="None")
    # A run that was begun without an address has no mailbox yet. Webex rejects a card with an
    # empty line.
    mailbox = run.channel.mailbox
    address = el.rich(el.run(mailbox)) if mailbox else el.own("kicker.new")
    return glyphs.marked(mark, address, about, *map(ui.note, notes))
