"""Cards that follow mail: the test mail station by station, and the search for missing mail."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from adaptive_cards import Card, components as ui, elements as el, finished, glyphs
from adaptive_cards.texts import has_text, text
from bot.cards.presenters import card_state as shared
from bot.services import Services
from jobs.causes.cause import Cause
from jobs.checks.reading import Line
from jobs.clock import parse
from jobs.engine.findings import ROLE_CAUSES, UNSEEN
from jobs.model import Finding, RunKind, State, Text, Turn
from jobs.runs.run import Run

AGENT = "agent"
"""Question about which agent gets the test mail; the answer is that person's address."""


def cards(run: Run, services: Services) -> list[shared.DesiredCard]:
    if run.kind is RunKind.UNDO or run.ended or not _is_mail_seen(run):
        return []
    mail = _Mail.of(run)
    stuck = mail.stuck
    why = (stuck.cause, shared.code_of(stuck), stuck.waiting_for) if stuck else ""
    asked = shared.unreachable_recipient(run, AGENT)
    turn = f"{why}{mail.to_send}{mail.for_agent}{mail.answers}{asked}"
    with_agent = mail.for_agent or mail.answers
    asks = turn if stuck or mail.to_send or with_agent else ""
    places = shared.thread_and_person(run.answer(AGENT) if with_agent else "")
    copies = {to: drawn(run, shared.header(run, to=to), to) for to in places}
    return shared.desired_cards("mail", copies, turn, asks)


def _is_mail_seen(run: Run) -> bool:
    # If nobody can read where the mail is, the progress card names the error and who acts.
    found, answer = run.findings.get("test_mail"), run.findings.get("agent_answer")
    if answer is not None and _is_unread(answer) and not answer.until:
        return False  # or else it is looked for again by itself
    return found is not None and not _is_unread(found)


def waits_for_agent(run: Run) -> bool:
    return run.state_of("test_mail") is State.OK and not run.settled("agent_has_it")


@dataclass(frozen=True, slots=True)
class _Mail:
    """Place of the test mail: ``stuck`` holds up the mail or, if the mail is there, its answer.

    ``agent_at`` is when an agent had it, by an agent's word or by an answer, even a stopped one.
    ``after`` names the step after which an agent can answer, if an answer could not leave now.
    """

    late: bool
    to_send: bool
    stuck: Finding | None
    agent_at: datetime | None
    for_agent: bool
    answers: bool
    after: Text | None

    @classmethod
    def of(cls, run: Run) -> Self:
        mail, answer = run.findings["test_mail"], run.findings.get("agent_answer", UNSEEN)
        late = mail.cause == Cause.TEST_MAIL_LATE
        stopped = (each for each in (mail, answer) if each.cause and not _is_unread(each))
        stuck = next((each for each in stopped if each.state is not State.OK), None)
        told = run.answers.get("agent_has_it")
        answered = parse(run.fact("answer_failed_at") or run.fact("answered_at"))
        at, forwarded = told.at if told else answered, run.fact("forwarded_at") != ""
        to_send = mail.waiting_for is Turn.REQUESTER and not late
        after = answer.seen if answer.waiting_for is Turn.NOBODY else None
        answers = (answer.state, after) == (State.WAITING, None)
        return cls(late, to_send, stuck, at, not (at or after) and forwarded, answers, after)


def _is_unread(finding: Finding) -> bool:
    return finding.state is State.UNKNOWN or finding.cause in ROLE_CAUSES


def drawn(run: Run, head: ui.Header, to: str) -> Card:
    """Return the card; the copy of an agent has no button for what an agent cannot do."""
    mail = _Mail.of(run)
    seen = {
        "V1": parse(run.fact("arrived_at")),
        "M3": parse(run.fact("forwarded_at")),
        "V2": mail.agent_at,
        "V3": parse(run.fact("answered_at")),
    }
    reached, stuck, direct = sum(map(bool, seen.values())), mail.stuck, to != shared.THREAD
    body = [ui.beside("mail.subject", el.value_line(run.fact("subject")), "80px", "Medium")]
    if mail.to_send:
        warning = el.said(Text("connect.to_itself", {"mailbox": run.channel.mailbox}))
        own = el.own("mail.from_elsewhere", **el.BOLD)
        body.append(ui.box("warning", glyphs.WARNING, own, warning))
    body.append(ui.section("mail.way"))
    for place, (name, at) in enumerate(seen.items()):
        body.append(_station(mail, name, at, run, is_next=place == reached))
    if stuck:
        words, remedy = shared.cause_text(stuck.cause), shared.remedy_of(stuck)
        body += ui.problem_box(ui.Trouble(words, shared.code_of(stuck), remedy=remedy))
    actions = _main(run.id, mail, direct=direct)
    if not direct:
        actions.append(el.cancel(run.id, of_run=True))
    if mail.for_agent and not stuck and not direct:
        title, asked = text("button.ask_agent"), shared.unreachable_recipient(run, AGENT)
        typed, opens = ui.ask_someone(title, "ask_agent", run.id, asked, who="agent")
        body, actions = [*body, *typed], [*actions, *opens]
    band = _band(run, mail, head, direct=direct)
    return finished(ui.kicker(head), band, [*body, *el.button_rows(actions)])


def _band(run: Run, mail: _Mail, head: ui.Header, *, direct: bool) -> ui.Band:
    if mail.to_send:
        words = text("mail.send_turn", mailbox=run.channel.mailbox)
        anyone = el.run(text("turn.anyone"), **el.BOLD), el.run(f": {words}")
        return ui.persons_turn(Text("mail.send"), el.rich(*anyone, spacing="Small"))
    if mail.stuck:
        return _stopped(mail.stuck, head, late=mail.late)
    if mail.for_agent:
        title, asked = Text("mail.forwarded"), Text("mail.agent_turn")
    elif mail.agent_at and mail.answers:
        title, asked = Text("mail.answered"), Text("turn_words.answer")
    else:
        seen = "answered" if mail.agent_at else "forwarded" if mail.after else "on_its_way"
        words, of = ("answer_after", mail.after.values) if mail.after else (f"{seen}_next", {})
        return ui.Band.calm(Text(f"mail.{seen}"), Text(f"mail.{words}", of))
    return ui.persons_turn(title, ui.run_turn(head, Turn.AGENT, asked, direct=direct))


def _stopped(stuck: Finding, head: ui.Header, *, late: bool) -> ui.Band:
    turn = stuck.waiting_for or Turn.ADMINISTRATOR
    if late:
        return ui.persons_turn(Text("mail.late"), ui.run_turn(head, turn, Text("mail.late_turn")))
    title = "mail.answer_stopped" if stuck.step == "agent_answer" else "mail.stopped"
    title = "mail.answer_held" if stuck.cause == Cause.SESSION_REVOKED else title
    told = f"{title}_turn" if glyphs.is_person(turn) else "mail.stopped_time"
    return ui.Band.of(*ui.BROKEN, Text(title), ui.run_turn(head, turn, Text(told)))


def _station(mail: _Mail, name: str, at: datetime | None, run: Run, *, is_next: bool) -> el.Element:
    title = el.own(f"station.{name.lower()}")
    if at:
        return ui.row(glyphs.OK, name, title, right=ui.aside_time(at, run.opened))
    asked = mail.to_send or mail.late
    if not is_next or mail.after:
        mark, state = glyphs.NOT_YET, "state.not_yet"
    elif mail.stuck and not asked and (name, mail.stuck.cause) != ("V2", Cause.SESSION_REVOKED):
        mark, state = glyphs.WRONG, "state.stops_here"
    elif asked or name == "V2":
        mark, state = glyphs.PERSON, "state.waits_person"
    else:
        mark, state = glyphs.RUNNING, "state.running"
    return ui.row(mark, name, title, right=ui.aside(Text(state)))


def _main(run_id: str, mail: _Mail, *, direct: bool) -> list[el.Element]:
    # An agent has no button for a problem, because an agent cannot fix it.
    verb = "agent_has_it" if mail.for_agent else ""
    if mail.stuck:
        verb = "" if direct else "look_again"
    if mail.to_send:
        return [el.submit(text("button.sent"), "test_sent", main=True, run=run_id)]
    return [el.submit(text(f"button.{verb}"), verb, main=True, run=run_id)] if verb else []


_SEEN_MOST = 2000
PLACES = ("unread", "mail", "connect", "agent")
"""Places of a search in their order. The file for Cisco TAC is the step after them."""


def search(  # noqa: PLR0913  everything that the card shows
    mailbox: str,
    at: datetime,
    place: str,
    *,
    lines: Sequence[Line] = (),
    told: tuple[Text, Text] | None = None,
    mail: Text | None = None,
    sends: bool = False,
    sign_in_url: str = "",
) -> Card:
    """Return the card of one place of a search, with the ``lines`` of the newest check about it.

    ``told`` is what a pasted text or the newest check means: a sentence and what to do. ``mail``
    says where the test mail is. ``sends`` offers to send one. ``sign_in_url`` leads to what the
    check could not read.
    """
    title = Text(f"search.title_{place}")
    values = {"number": str(PLACES.index(place) + 1), "all": str(len(PLACES) + 1)}
    step = Text("search.step", values)
    band = ui.persons_turn(title, el.said(step), ui.answer_line(Text("search.turn")))
    means = told and (el.said(told[0], **el.BOLD), el.said(told[1]))
    ways = [el.own(way) for way in (f"search.{place}_{each}" for each in "12345") if has_text(way)]
    known = []
    for line in lines:
        notes = [ui.note(line.found.seen)] if line.found.seen else []
        mark = glyphs.of_state(line.found.state)
        known.append(ui.row(mark, line.row, el.said(line.title), *notes))
    sign_in = [el.open_url(text("button.see_more"), sign_in_url)] if sign_in_url else []
    send = [el.submit(text("search.send"), "send_mail", channel=mailbox)] if sends else []
    again = el.submit(text("button.check_again"), "check", channel=mailbox)
    body = [
        *([ui.box("warning", glyphs.WARNING, *means)] if means else []),
        *ui.titled("search.look_at", [ui.row(glyphs.PERSON, "", way) for way in ways]),
        *ui.titled("search.known", known),
        *([ui.small_print(mail)] if mail else []),
        *el.button_rows([*sign_in, *send, again]),
        el.input_text("seen_text", f"search.paste_{place}", _SEEN_MOST, isMultiline=True),
    ]
    go_on = el.submit(text("search.go_on"), "look_on", main=True, form=True, place=place)
    return finished(ui.kicker_at("search.kicker", at, mailbox=mailbox), band, body, [go_on])
