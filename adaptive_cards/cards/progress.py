"""Cards of a run on its way: every step, the test mail, and the end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from adaptive_cards import glyphs
from adaptive_cards.actions import button_rows, cancel, press, show_card, submit, watch_button
from adaptive_cards.card import Card, finished, size
from adaptive_cards.components import (
    Band,
    aside,
    aside_time,
    ask_someone,
    box,
    kicker,
    note,
    persons_turn,
    problem_box,
    row,
    run_turn,
    section,
    small_print,
    titled,
    turn_line,
)
from adaptive_cards.elements import (
    BOLD,
    MONO,
    SMALL,
    SUBTLE,
    Element,
    column,
    columns,
    container,
    facts,
    own,
    rich,
    run,
    said,
    value_line,
)
from adaptive_cards.glyphs import Mark, marked
from adaptive_cards.texts import render, text, with_counts
from adaptive_cards.times import clock, clock_seconds, day, lasted
from adaptive_cards.views import Asked, Header, Proof
from jobs.model import Profile, RunKind, State, Text, Turn

_DONE = {State.OK, State.WARNING}


# If the rows would fill the card, only the rows that need attention keep their notes.
_ROWS_MOST_BYTES = 11_500


_ASKS = {State.WRONG, State.WAITING}


_ENDED = {
    "done": ("good", glyphs.OK),
    "failed": ("attention", glyphs.WRONG),
    "cancelled": ("emphasis", glyphs.SKIPPED),
}


def progress(view: ProgressView) -> Card:
    rows = _groups(view, every_note=True)
    if size({"rows": rows}) > _ROWS_MOST_BYTES:
        rows = _groups(view, every_note=False)
    body = [*problem_box(view.problem, view.problem_code, remedy=view.remedy), *rows]
    if view.resumed:
        body.append(small_print(Text("progress.resumed")))
    told = "progress.ended" if view.ended else "progress.goes_on"
    body.append(small_print(Text(told, {"run": view.header.run, "at": clock_seconds(view.at)})))
    return finished(kicker(view.header), _band(view), body, _buttons(view))


def _band(view: ProgressView) -> Band:
    style, mark = _ENDED.get(view.ended) or _of_turn(view.turn)
    waits = (said(view.waits, **SMALL, spacing="None"),) if view.waits else ()
    lines = (run_turn(view.header, view.turn, view.turn_words), *waits)
    key = f"progress.title_{view.ended}" if view.ended in _ENDED else "progress.title"
    named = Text(
        key, {"counts": ", ".join(_counts([line for _, group in view.groups for line in group]))}
    )
    return Band.of(style, mark, named, *lines)


def _of_turn(turn: Turn) -> tuple[str, Mark]:
    if glyphs.is_person(turn):
        return "accent", glyphs.PERSON
    return "emphasis", glyphs.TIME if turn is Turn.TIME else glyphs.RUNNING


def _counts(rows: list[Row]) -> list[str]:
    # Running and skipped rows are left out if there are none.
    done = sum(line.done for line in rows)
    counts = {
        "progress.count_running": sum(line.running for line in rows),
        "progress.count_skipped": sum(line.state is State.SKIPPED for line in rows),
    }
    return [text("progress.count", done=str(done), all=str(len(rows))), *with_counts(counts)]


def _groups(view: ProgressView, *, every_note: bool) -> list[Element]:
    return [
        part
        for title, rows in view.groups
        for part in (section(title), *(_row(line, every_note=every_note) for line in rows))
    ]


def _row(line: Row, *, every_note: bool) -> Element:
    right = _right(line)
    shown = every_note or line.running or line.state in _ASKS
    below = note(line.note) if line.note and shown else None
    return row(_mark(line), line.row, said(line.title), below, aside(right) if right else None)


def _mark(line: Row) -> Mark:
    if line.running:
        return glyphs.RUNNING
    return glyphs.NOT_YET if line.state is None else glyphs.of_state(line.state, line.waiting_for)


def _right(line: Row) -> Text | None:
    if line.running:
        return Text("state.running")
    if line.state is State.WAITING:
        return Text(
            "state.waits_person" if glyphs.is_person(line.waiting_for) else "state.waits_time"
        )
    if line.right or line.state in {None, State.OK}:
        return line.right
    return Text(f"state.{line.state}")


def _buttons(view: ProgressView) -> list[Element]:
    if view.ended:
        return []
    on = [
        submit(text(f"button.{verb}"), verb, main=verb == "look_again", run=view.header.run)
        for verb in view.buttons
    ]
    return [*on, *([cancel(view.header.run, of_run=True)] if view.can_cancel else [])]


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
        return self.state in _DONE and not self.running


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
    can_cancel: bool = True
    resumed: bool = False
    ended: str = ""
    waits: Text | None = None


@dataclass(frozen=True, slots=True)
class TestMailView:
    """State of the test mail (V1 to V3).

    ``subject`` is unique. ``sent_by_bot`` is false if a person is asked to send the mail. Each time
    is when the mail was seen.

    ``problem`` is what holds up the mail, or the answer if ``of_answer`` is true. ``turn`` is whose
    turn it is. ``late`` means that nothing else is known. ``over`` means that the run has ended.
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
    over: bool = False
    asked: Asked | None = None
    direct: bool = False
    answers: bool = False


def test_mail(view: TestMailView) -> Card:
    subject = columns(
        column("80px", own("mail.subject", **SUBTLE)),
        column("stretch", value_line(view.subject), spacing="Small"),
        spacing="Medium",
    )
    seen = (
        ("V1", view.arrived_at),
        ("M3", view.forwarded_at),
        ("V2", view.agent_at),
        ("V3", view.answered_at),
    )
    reached = sum(at is not None for _, at in seen)
    stations = [_station(view, name, at, place - reached) for place, (name, at) in enumerate(seen)]
    body = [subject, *_from_elsewhere(view), section("mail.way"), *stations]
    body += problem_box(view.problem, view.problem_code, remedy=view.remedy)
    typed, opens = (
        ([], [])
        if view.direct or view.over or view.problem or not _is_for_agent(view)
        else ask_someone(
            text("button.ask_agent"), "ask_agent", view.header.run, view.asked, who="agent"
        )
    )
    rows = button_rows([*_test_mail_buttons(view), *opens])
    return finished(kicker(view.header), _test_mail_band(view), [*body, *typed, *rows])


def _test_mail_band(view: TestMailView) -> Band:
    if view.over:
        return Band.calm("good", glyphs.OK, Text("mail.over"), Text("mail.over_next"))
    if _to_be_sent(view):
        told = Text("mail.send_turn", {"mailbox": view.header.mailbox})
        return persons_turn(
            Text("mail.send"),
            rich(run(text("turn.anyone"), **BOLD), run(f": {render(told)}"), spacing="Small"),
        )
    if view.problem:
        return _stopped(view)
    if view.agent_at:
        return _agents(view)
    if view.forwarded_at:
        return persons_turn(
            Text("mail.forwarded"),
            run_turn(view.header, Turn.AGENT, Text("mail.agent_turn"), direct=view.direct),
        )
    return Band.calm(
        "emphasis", glyphs.RUNNING, Text("mail.on_its_way"), Text("mail.on_its_way_next")
    )


def _agents(view: TestMailView) -> Band:
    if view.answers:
        return persons_turn(
            Text("mail.answered"),
            run_turn(view.header, Turn.AGENT, Text("turn_words.answer"), direct=view.direct),
        )
    return Band.calm("emphasis", glyphs.RUNNING, Text("mail.answered"), Text("mail.answered_next"))


def _stopped(view: TestMailView) -> Band:
    if view.late:
        return persons_turn(
            Text("mail.late"), run_turn(view.header, view.turn, Text("mail.late_turn"))
        )
    if view.of_answer:
        title, told = "mail.answer_stopped", "mail.answer_stopped_turn"
    else:
        title, told = (
            "mail.stopped",
            "mail.stopped_turn" if glyphs.is_person(view.turn) else "mail.stopped_time",
        )
    return Band.of(
        "attention", glyphs.WRONG, Text(title), run_turn(view.header, view.turn, Text(told))
    )


def _is_for_agent(view: TestMailView) -> bool:
    """Return whether the mail was forwarded, and no agent was seen to have it."""
    return view.forwarded_at is not None and view.agent_at is None


def _to_be_sent(view: TestMailView) -> bool:
    return not view.sent_by_bot and view.sent_at is None


def _from_elsewhere(view: TestMailView) -> list[Element]:
    if view.over or not _to_be_sent(view):
        return []
    warning = said(Text("connect.to_itself", {"mailbox": view.header.mailbox}))
    return [box("warning", glyphs.WARNING, own("mail.from_elsewhere", **BOLD), warning)]


def _station(view: TestMailView, name: str, at: datetime | None, ahead: int) -> Element:
    title = own(f"station.{name.lower()}")
    if at:
        return row(glyphs.OK, name, title, right=aside_time(at))
    mark, state = (
        _pending(view, name) if ahead == 0 and not view.over else (glyphs.NOT_YET, "state.not_yet")
    )
    return row(mark, name, title, right=aside(Text(state)))


def _pending(view: TestMailView, name: str) -> tuple[Mark, str]:
    asked = _to_be_sent(view) or view.late
    if view.problem and not asked:
        return glyphs.WRONG, "state.stops_here"
    if asked or name == "V2":
        return glyphs.PERSON, "state.waits_person"
    return glyphs.RUNNING, "state.running"


def _test_mail_buttons(view: TestMailView) -> list[Element]:
    if view.over:
        return []
    stop = [] if view.direct else [cancel(view.header.run, of_run=True)]
    return [*_main(view), *stop]


def _main(view: TestMailView) -> list[Element]:
    # An agent has no button for a problem, because an agent cannot fix it.
    run_id = view.header.run
    if _to_be_sent(view):
        return [submit(text("button.sent"), "test_sent", main=True, run=run_id)]
    if view.problem:
        again = submit(text("button.look_again"), "look_again", main=True, run=run_id)
        return [] if view.direct else [again]
    if _is_for_agent(view):
        return [submit(text("button.agent_has_it"), "agent_has_it", main=True, run=run_id)]
    return []


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
