"""Card of the test mail: its way, station by station."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from adaptive_cards import components as ui
from adaptive_cards import elements as el
from adaptive_cards import glyphs
from adaptive_cards.actions import button_rows, cancel, submit
from adaptive_cards.card import Card, finished
from adaptive_cards.texts import text
from adaptive_cards.views import Asked, Header, Trouble
from jobs.model import Text, Turn


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
    problem: Trouble | None = None
    turn: Turn = Turn.ADMINISTRATOR
    late: bool = False
    of_answer: bool = False
    answered_at: datetime | None = None
    asked: Asked | None = None
    direct: bool = False
    answers: bool = False

    @property
    def is_to_be_sent(self) -> bool:
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
    body += ui.problem_box(view.problem)
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
