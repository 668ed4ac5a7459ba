"""Cards of a run on its way: every step, the test mail, and the end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from adaptive_cards import components as ui
from adaptive_cards import elements as el
from adaptive_cards import glyphs
from adaptive_cards.actions import button_rows, cancel, press, show_card, submit, watch_button
from adaptive_cards.card import Card, finished, size
from adaptive_cards.glyphs import Mark, marked
from adaptive_cards.texts import render, text, with_counts
from adaptive_cards.times import clock, clock_seconds, day, lasted
from adaptive_cards.views import Asked, Header, Proof
from jobs.model import Profile, RunKind, State, Text, Turn

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
        """Return whether nothing is left to do for the row's step."""
        return self.state in {State.OK, State.WARNING} and not self.running


@dataclass(frozen=True, slots=True)
class ProgressView:
    """Progress of a run, for the card that is edited in place.

    ``groups`` are (title key, rows). ``turn`` and ``turn_words`` fill the second line of the band.
    ``buttons`` are the verbs that lead on from here, in addition to Cancel. ``waits`` names the person
    whom the run waits for, and since when.
    """

    header: Header
    groups: tuple[tuple[str, tuple[Row, ...]], ...]
    turn: Turn
    turn_words: Text
    at: datetime
    problem: Text | None = None
    problem_code: str = ""
    remedy: Text | None = None
    buttons: tuple[str, ...] = ()
    resumed: bool = False
    failed: bool = False
    waits: Text | None = None


def progress(view: ProgressView) -> Card:
    rows = _groups(view, every_note=True)
    if size({"rows": rows}) > _ROWS_MOST_BYTES:
        rows = _groups(view, every_note=False)
    told = "progress.ended" if view.failed else "progress.goes_on"
    body = [
        *ui.problem_box(view.problem, view.problem_code, remedy=view.remedy),
        *rows,
        *([ui.small_print(Text("progress.resumed"))] if view.resumed else []),
        ui.small_print(Text(told, {"run": view.header.run, "at": clock_seconds(view.at)})),
    ]
    run_id = view.header.run
    actions = [
        submit(text(f"button.{verb}"), verb, main=verb == "look_again", run=run_id)
        for verb in view.buttons
    ]
    actions.append(cancel(run_id, of_run=True))
    return finished(ui.kicker(view.header), _band(view), body, [] if view.failed else actions)


def _band(view: ProgressView) -> ui.Band:
    calm = "emphasis", glyphs.TIME if view.turn is Turn.TIME else glyphs.RUNNING
    asks = "accent", glyphs.PERSON
    look = asks if glyphs.is_person(view.turn) else calm
    if view.failed:
        look = "attention", glyphs.WRONG
    waits = [el.said(view.waits, **el.SMALL, spacing="None")] if view.waits else []
    rows = [line for _, group in view.groups for line in group]
    # Running and skipped rows are left out if there are none.
    counts = {
        "progress.count_running": sum(line.running for line in rows),
        "progress.count_skipped": sum(line.state is State.SKIPPED for line in rows),
    }
    done = text("progress.count", done=str(sum(line.done for line in rows)), all=str(len(rows)))
    key = "progress.title_failed" if view.failed else "progress.title"
    title = Text(key, {"counts": ", ".join([done, *with_counts(counts)])})
    return ui.Band.of(*look, title, ui.run_turn(view.header, view.turn, view.turn_words), *waits)


def _groups(view: ProgressView, *, every_note: bool) -> list[el.Element]:
    return [
        part
        for title, rows in view.groups
        for part in (ui.section(title), *(_row(line, every_note=every_note) for line in rows))
    ]


def _row(line: Row, *, every_note: bool) -> el.Element:
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


@dataclass(frozen=True, slots=True)
class TestMailView:
    """State of the test mail (V1 to V3).

    ``subject`` is unique. ``sent_by_bot`` is false if a person is asked to send the mail. Each time
    is when the mail was seen.

    ``problem`` is what holds up the mail, or the answer if ``of_answer`` is true. ``turn`` is whose
    turn it is. ``late`` means that nothing else is known.
    ``asked`` is an agent's address to which nothing could be sent. ``direct`` is true for the copy of
    an agent, who cannot cancel the run.
    ``answers`` is true while an agent is to answer the mail.
    """

    header: Header
    subject: str
    sent_by_bot: bool
    sent_at: datetime | None = None
    arrived_at: datetime | None = None
    forwarded_at: datetime | None = None
    agent_at: datetime | None = None
    problem: Text | None = None
    problem_code: str = ""
    remedy: Text | None = None
    turn: Turn = Turn.ADMINISTRATOR
    late: bool = False
    of_answer: bool = False
    answered_at: datetime | None = None
    asked: Asked | None = None
    direct: bool = False
    answers: bool = False

    @property
    def is_to_be_sent(self) -> bool:
        """Return whether a person is asked to send the mail."""
        return not self.sent_by_bot and self.sent_at is None

    @property
    def is_for_agent(self) -> bool:
        """Return whether the mail was forwarded, and no agent was seen to have it."""
        return self.forwarded_at is not None and self.agent_at is None


def test_mail(view: TestMailView) -> Card:
    seen = {
        "V1": view.arrived_at,
        "M3": view.forwarded_at,
        "V2": view.agent_at,
        "V3": view.answered_at,
    }
    reached = sum(at is not None for at in seen.values())
    body = [ui.beside("mail.subject", el.value_line(view.subject), "80px", "Medium")]
    if view.is_to_be_sent:
        warning = el.said(Text("connect.to_itself", {"mailbox": view.header.mailbox}))
        body.append(
            ui.box("warning", glyphs.WARNING, el.own("mail.from_elsewhere", **el.BOLD), warning)
        )
    body.append(ui.section("mail.way"))
    for place, (name, at) in enumerate(seen.items()):
        body.append(_station(view, name, at, is_next=place == reached))
    body += ui.problem_box(view.problem, view.problem_code, remedy=view.remedy)
    actions, run_id = _main(view), view.header.run
    if not view.direct:
        actions.append(cancel(run_id, of_run=True))
        if view.is_for_agent and not view.problem:
            title = text("button.ask_agent")
            typed, opens = ui.ask_someone(title, "ask_agent", run_id, view.asked, who="agent")
            body, actions = [*body, *typed], [*actions, *opens]
    return finished(ui.kicker(view.header), _mail_band(view), [*body, *button_rows(actions)])


def _mail_band(view: TestMailView) -> ui.Band:
    if view.is_to_be_sent:
        words = text("mail.send_turn", mailbox=view.header.mailbox)
        turn = el.rich(
            el.run(text("turn.anyone"), **el.BOLD), el.run(f": {words}"), spacing="Small"
        )
        return ui.persons_turn(Text("mail.send"), turn)
    if view.problem:
        return _stopped(view)
    title, told = Text("mail.on_its_way"), Text("mail.on_its_way_next")
    asked: Text | None = None
    if view.agent_at:
        title, told = Text("mail.answered"), Text("mail.answered_next")
        asked = Text("turn_words.answer") if view.answers else None
    elif view.forwarded_at:
        title, asked = Text("mail.forwarded"), Text("mail.agent_turn")
    if asked:
        return ui.persons_turn(
            title, ui.run_turn(view.header, Turn.AGENT, asked, direct=view.direct)
        )
    return ui.Band.calm("emphasis", glyphs.RUNNING, title, told)


def _stopped(view: TestMailView) -> ui.Band:
    if view.late:
        turn = ui.run_turn(view.header, view.turn, Text("mail.late_turn"))
        return ui.persons_turn(Text("mail.late"), turn)
    title, told = "mail.stopped", "mail.stopped_time"
    if glyphs.is_person(view.turn):
        told = "mail.stopped_turn"
    if view.of_answer:
        title, told = "mail.answer_stopped", "mail.answer_stopped_turn"
    turn = ui.run_turn(view.header, view.turn, Text(told))
    return ui.Band.of("attention", glyphs.WRONG, Text(title), turn)


def _station(view: TestMailView, name: str, at: datetime | None, *, is_next: bool) -> el.Element:
    title = el.own(f"station.{name.lower()}")
    if at:
        return ui.row(glyphs.OK, name, title, right=ui.aside_time(at))
    asked = view.is_to_be_sent or view.late
    if not is_next:
        mark, state = glyphs.NOT_YET, "state.not_yet"
    elif view.problem and not asked:
        mark, state = glyphs.WRONG, "state.stops_here"
    elif asked or name == "V2":
        mark, state = glyphs.PERSON, "state.waits_person"
    else:
        mark, state = glyphs.RUNNING, "state.running"
    return ui.row(mark, name, title, right=ui.aside(Text(state)))


def _main(view: TestMailView) -> list[el.Element]:
    # An agent has no button for a problem, because an agent cannot fix it.
    verb, key = ("agent_has_it", "button.agent_has_it") if view.is_for_agent else ("", "")
    if view.problem:
        verb, key = ("", "") if view.direct else ("look_again", "button.look_again")
    if view.is_to_be_sent:
        verb, key = "test_sent", "button.sent"
    return [submit(text(key), verb, main=True, run=view.header.run)] if verb else []


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


def done(view: DoneView) -> Card:
    """Return the card: what is proven, what was not checked, and what to know later.

    ``already`` means that nothing had to be changed.
    """
    mailbox = view.header.mailbox
    title = "done.already" if view.already else "done.title"
    if view.header.kind is RunKind.FIX:
        title = "done.nothing_to_fix" if view.already else "done.fixed"
    typed = el.run(text("done.check_command", mailbox=mailbox), **el.MONO)
    command = el.rich(typed, spacing="Small")
    steps = [
        (f"{glyphs.of_state(state).glyph}\u00a0{name}", render(words))
        for name, words, state in view.steps
    ]
    check = {"do": "check", "channel": mailbox}
    actions = [
        submit(text("button.check_now"), "check", channel=mailbox),
        *([press(text("button.let_read"), check)] if view.blind else []),
        *watch_button(mailbox, watched=bool(view.watched)),
        *([show_card(text("button.every_step"), [el.facts(steps, "")])] if steps else []),
    ]
    proven = [
        ui.row(glyphs.OK, proof.row, el.said(proof.words), right=ui.aside_time(proof.at))
        for proof in view.proofs
    ]
    skipped = [marked(glyphs.SKIPPED, el.said(words)) for words in view.skipped]
    body = [
        *ui.titled("done.proven", proven),
        *ui.titled("done.skipped", skipped),
        ui.section("done.to_know"),
        ui.known(_to_know(view), "Small"),
        el.container("emphasis", el.own("done.if_mail_stops", **el.BOLD), command),
        *button_rows(actions),
    ]
    told = ui.turn_line(Turn.NOBODY, Text("done.finished", {"at": clock(view.at)}))
    band = ui.Band.of("good", glyphs.OK, Text(title, {"mailbox": mailbox}), told)
    return finished(ui.kicker(view.header), band, body)


def _to_know(view: DoneView) -> dict[str, str]:
    expires, changes = text("done.expires_unknown"), text("done.changes_none")
    if view.secret_expires:
        expires = text("done.expires", day=day(view.secret_expires))
    if view.changes:
        counts = {"changes": str(view.changes), "reversible": str(view.reversible)}
        changes = text("done.changes_made", mailbox=view.header.mailbox, **counts)
    return {
        "done.automatic": text("done.automatic_blind") if view.blind else "",
        "watch.kicker": text("watch.is_watched", interval=view.watched) if view.watched else "",
        "done.secret": expires,
        "done.changes": changes,
        "done.permissions": text(f"done.profile_{view.profile}"),
        "done.run": _run_line(view),
    }


def _run_line(view: DoneView | UndoneView) -> str:
    span = lasted(view.at - view.started)
    if not view.approved_by:
        return text("done.run_alone", run=view.header.run, span=span)
    return text("done.run_approved", run=view.header.run, span=span, who=view.approved_by)


Line = tuple[str, Text, Text]


@dataclass(frozen=True, slots=True)
class UndoneView:
    """Result of an undo.

    ``restored`` and ``left_alone`` are (row, object, what was seen). ``binned`` means that the app is in the
    recycle bin. ``undoes`` is the only run that was reversed, or empty if the channel was disconnected.
    """

    header: Header
    at: datetime
    started: datetime
    restored: tuple[Line, ...]
    left_alone: tuple[Line, ...]
    approved_by: str
    binned: bool = False
    undoes: str = ""


def undone(view: UndoneView) -> Card:
    mailbox, gone = view.header.mailbox, bool(view.restored) and not view.undoes
    done = "undone.title_run" if view.undoes else "undone.title"
    title = Text(
        done if view.restored else "undone.nothing", {"mailbox": mailbox, "run": view.undoes}
    )
    told = ui.turn_line(Turn.NOBODY, Text("undone.finished", {"at": clock(view.at)}))
    look = ("good", glyphs.OK) if view.restored else ("emphasis", glyphs.SKIPPED)
    to_know = {
        "undone.app": text("undone.binned") if view.binned else "",
        "watch.kicker": text("undone.unwatched") if gone else "",
        "done.run": _run_line(view),
    }
    asset = marked(glyphs.SKIPPED, el.said(Text("plan.undo_asset")))
    body = [
        *_lines("undone.back", glyphs.OK, view.restored),
        *_lines("undone.left", glyphs.WARNING, view.left_alone),
        ui.section("done.to_know"),
        *([] if view.undoes else [asset]),
        ui.known(to_know, "Small"),
    ]
    again = press(text("button.setup_new"), {"do": "setup", "mailbox_meant": mailbox})
    band = ui.Band.of(*look, title, told)
    return finished(ui.kicker(view.header), band, body, [again] if gone else [])


def _lines(title: str, mark: Mark, lines: tuple[Line, ...]) -> list[el.Element]:
    return ui.titled(
        title, [ui.row(mark, name, el.said(what), ui.note(seen)) for name, what, seen in lines]
    )
