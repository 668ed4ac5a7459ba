"""Card of the test mail: its way, station by station."""

from __future__ import annotations

from datetime import datetime

from adaptive_cards import Card, components as ui, elements as el, glyphs
from adaptive_cards.actions import button_rows, cancel, submit
from adaptive_cards.card import finished
from adaptive_cards.texts import text
from bot.cards.presenters import card_state as shared
from bot.services import Services
from jobs.causes.cause import Cause
from jobs.clock import parse
from jobs.model import Finding, RunKind, State, Text, Turn
from jobs.runs.run import Run

AGENT = "agent"
"""Question about which agent gets the test mail.

The answer is the address of the person asked 1:1.
"""


def cards(run: Run, services: Services) -> list[shared.DesiredCard]:
    if run.kind is RunKind.UNDO or "test_mail" not in run.findings or run.ended:
        return []
    stuck, for_agent, answers = _stuck(run), _is_for_agent(run), _answers(run)
    why = (stuck.cause, shared.code_of(stuck), stuck.waiting_for) if stuck else ""
    asked = shared.unreachable_recipient(run, AGENT)
    turn = f"{why}{_is_to_be_sent(run)}{for_agent}{answers}{asked}"
    with_agent = for_agent or answers
    asks = turn if stuck or _is_to_be_sent(run) or with_agent else ""
    places = shared.thread_and_person(run.answer(AGENT) if with_agent else "")
    copies = {to: drawn(run, shared.header(run, 7, to=to), to) for to in places}
    return shared.desired_cards("mail", copies, turn, asks)


def _is_to_be_sent(run: Run) -> bool:
    mail = run.findings["test_mail"]
    return mail.waiting_for is Turn.REQUESTER and not _is_late(run)


def _is_late(run: Run) -> bool:
    return run.findings["test_mail"].cause == Cause.TEST_MAIL_LATE


def _stuck(run: Run) -> Finding | None:
    """Return what holds up the mail or, if the mail is there, the agent's answer."""
    found = (run.findings.get(name) for name in ("test_mail", "agent_answer"))
    return next(
        (each for each in found if each and each.cause and each.state is not State.OK), None
    )


def _answers(run: Run) -> bool:
    answer = run.findings.get("agent_answer")
    return answer is not None and answer.state is State.WAITING


def _agent_at(run: Run) -> datetime | None:
    # An agent's confirmation counts. So does an answer to the mail, even one that was stopped.
    if told := run.answers.get("agent_has_it"):
        return told.at
    return parse(run.fact("answer_failed_at") or run.fact("answered_at"))


def _is_for_agent(run: Run) -> bool:
    return run.fact("forwarded_at") != "" and _agent_at(run) is None


def drawn(run: Run, head: ui.Header, to: str) -> Card:
    """Return the card; the copy of an agent has no button for what an agent cannot do."""
    seen = {
        "V1": parse(run.fact("arrived_at")),
        "M3": parse(run.fact("forwarded_at")),
        "V2": _agent_at(run),
        "V3": parse(run.fact("answered_at")),
    }
    reached, stuck, direct = sum(map(bool, seen.values())), _stuck(run), to != shared.THREAD
    body = [ui.beside("mail.subject", el.value_line(run.fact("subject")), "80px", "Medium")]
    if _is_to_be_sent(run):
        warning = el.said(Text("connect.to_itself", {"mailbox": run.channel.mailbox}))
        own = el.own("mail.from_elsewhere", **el.BOLD)
        body.append(ui.box("warning", glyphs.WARNING, own, warning))
    body.append(ui.section("mail.way"))
    for place, (name, at) in enumerate(seen.items()):
        body.append(_station(run, name, at, is_next=place == reached))
    if stuck and (words := shared.cause_text(stuck)):
        remedy = shared.remedy_of(stuck)
        body += ui.problem_box(ui.Trouble(words, shared.code_of(stuck), remedy=remedy))
    actions = _main(run, direct=direct)
    if not direct:
        actions.append(cancel(run.id, of_run=True))
    if _is_for_agent(run) and not stuck and not direct:
        title, asked = text("button.ask_agent"), shared.unreachable_recipient(run, AGENT)
        typed, opens = ui.ask_someone(title, "ask_agent", run.id, asked, who="agent")
        body, actions = [*body, *typed], [*actions, *opens]
    band = _band(run, head, stuck, direct=direct)
    return finished(ui.kicker(head), band, [*body, *button_rows(actions)])


def _band(run: Run, head: ui.Header, stuck: Finding | None, *, direct: bool) -> ui.Band:
    if _is_to_be_sent(run):
        words = text("mail.send_turn", mailbox=run.channel.mailbox)
        anyone = el.run(text("turn.anyone"), **el.BOLD), el.run(f": {words}")
        return ui.persons_turn(Text("mail.send"), el.rich(*anyone, spacing="Small"))
    if stuck:
        return _stopped(run, head, stuck)
    title, told = Text("mail.on_its_way"), Text("mail.on_its_way_next")
    asked: Text | None = None
    if _agent_at(run):
        title, told = Text("mail.answered"), Text("mail.answered_next")
        asked = Text("turn_words.answer") if _answers(run) else None
    elif run.fact("forwarded_at"):
        title, asked = Text("mail.forwarded"), Text("mail.agent_turn")
    if asked:
        return ui.persons_turn(title, ui.run_turn(head, Turn.AGENT, asked, direct=direct))
    return ui.Band.calm("emphasis", glyphs.RUNNING, title, told)


def _stopped(run: Run, head: ui.Header, stuck: Finding) -> ui.Band:
    turn = stuck.waiting_for or Turn.ADMINISTRATOR
    if _is_late(run):
        return ui.persons_turn(Text("mail.late"), ui.run_turn(head, turn, Text("mail.late_turn")))
    title, told = "mail.stopped", "mail.stopped_turn"
    if stuck.step == "agent_answer":
        title, told = "mail.answer_stopped", "mail.answer_stopped_turn"
    elif not glyphs.is_person(turn):
        told = "mail.stopped_time"
    return ui.Band.of(*ui.BROKEN, Text(title), ui.run_turn(head, turn, Text(told)))


def _station(run: Run, name: str, at: datetime | None, *, is_next: bool) -> el.Element:
    title = el.own(f"station.{name.lower()}")
    if at:
        return ui.row(glyphs.OK, name, title, right=ui.aside_time(at))
    asked = _is_to_be_sent(run) or _is_late(run)
    if not is_next:
        mark, state = glyphs.NOT_YET, "state.not_yet"
    elif _stuck(run) and not asked:
        mark, state = glyphs.WRONG, "state.stops_here"
    elif asked or name == "V2":
        mark, state = glyphs.PERSON, "state.waits_person"
    else:
        mark, state = glyphs.RUNNING, "state.running"
    return ui.row(mark, name, title, right=ui.aside(Text(state)))


def _main(run: Run, *, direct: bool) -> list[el.Element]:
    # An agent has no button for a problem, because an agent cannot fix it.
    verb, key = ("agent_has_it", "button.agent_has_it") if _is_for_agent(run) else ("", "")
    if _stuck(run):
        verb, key = ("", "") if direct else ("look_again", "button.look_again")
    if _is_to_be_sent(run):
        verb, key = "test_sent", "button.sent"
    return [submit(text(key), verb, main=True, run=run.id)] if verb else []
