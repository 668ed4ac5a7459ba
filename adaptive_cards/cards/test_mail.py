"""Card of the test mail, and its data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from adaptive_cards import glyphs
from adaptive_cards.actions import button_rows, cancel, submit
from adaptive_cards.card import Card, finished
from adaptive_cards.components import (
    Band,
    aside,
    aside_time,
    ask_someone,
    box,
    kicker,
    persons_turn,
    problem_box,
    row,
    run_turn,
    section,
)
from adaptive_cards.elements import (
    BOLD,
    SUBTLE,
    Element,
    column,
    columns,
    own,
    rich,
    run,
    said,
    value_line,
)
from adaptive_cards.glyphs import Mark
from adaptive_cards.texts import render, text
from adaptive_cards.views import Asked, Header
from jobs.model import Text, Turn


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
    rows = button_rows([*_buttons(view), *opens])
    return finished(kicker(view.header), _band(view), [*body, *typed, *rows])


def _band(view: TestMailView) -> Band:
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


def _buttons(view: TestMailView) -> list[Element]:
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
