"""Presenters of the cards of a run on its way: every step, the test mail, and the end."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import chain

from adaptive_cards import notice
from adaptive_cards.cards import progress as cards
from adaptive_cards.cards.notice import NoticeView
from adaptive_cards.cards.progress import Row
from adaptive_cards.glyphs import SKIPPED, is_person
from adaptive_cards.texts import listed, render
from adaptive_cards.views import Header, Proof
from bot.cards.presenters import questions, watch
from bot.cards.presenters.card_state import (
    THREAD,
    DesiredCard,
    approver,
    cause_text,
    code_of,
    desired_card,
    ended_at,
    header,
    is_ok,
    remedy_of,
    slot_of,
    thread_and_person,
    unreachable_recipient,
    was_refused,
)
from bot.cards.presenters.plan import LEFT
from bot.services import Services
from jobs.access import app_access
from jobs.causes.cause import Cause
from jobs.clock import now, parse
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
from jobs.runs.run import Changed, Kind, Run, ends_consent
from jobs.steps import steps_of
from jobs.steps.connect_form import token_at

WITHOUT_CHANGES = frozenset({"admin_consent", "mailbox_fields"})
"""The steps that a run looks at next if its plan has nothing to approve."""
GROUPS = ("entra", "microsoft", "connect")


def progress_cards(run: Run, services: Services) -> list[DesiredCard]:
    # If the plan has nothing to approve, the card starts with the plan. A failure is shown at any
    # time.
    begun = run.has_begun or not run.findings.keys().isdisjoint(WITHOUT_CHANGES)
    shown = run.ended is Kind.FAILED if run.ended else run.plan is not None and begun
    if not shown:
        return []
    who = run.requester.email
    unsent = "unsent" if was_refused(services, run.id, slot_of(who)) and not run.ended else ""
    found = view(run, services)
    if unsent and not found.problem:
        found = replace(found, problem=Text("progress.form_unsent", {"who": who}))
    rehearsed = "rehearsed" if run.state_of("rehearsal") is State.OK else ""
    action = next_action(run)
    asked = f"{action.turn}{action.kind}" if is_person(action.turn) else ""
    turn = f"{asked}{ENDED[run.ended]}{unsent}{rehearsed}"
    asks = _asks(run, turn) if unsent or is_person(found.turn) else str(run.ended or "")
    return [desired_card("progress", found, cards.progress(found), urgency=turn, prompt=asks)]


def _asks(run: Run, turn: str) -> str:
    # The value includes the time of the last press of Look again, so that the person sees the
    # result of the press even if nothing changed.
    pressed = run.answers["look_again"].at if "look_again" in run.answers else ""
    finding = _persons_finding(run)
    why = finding.cause or finding.step if finding else ""
    return f"{turn}{why}{pressed}"


def view(run: Run, services: Services | None = None) -> cards.ProgressView:
    turn, wait = next_action(run), wait_of(run)
    # A finding that waits for a person comes first, and then any other that is stuck.
    stuck = _persons_finding(run) or next(filter(_is_stuck, run.findings.values()), None)
    # A missing connection may end without anybody in the tenant. But the bot's operator can help,
    # so its remedy is shown as well.
    told = stuck if stuck and stuck.cause in UNCONNECTED else None
    problem = stuck.seen if stuck and not stuck.cause else cause_text(stuck)
    waits = {"who": wait.who, "at": minute_of(wait.since)} if wait and wait.who else None
    return cards.ProgressView(
        header=header(run, stage_of(run), services),
        groups=_groups(run),
        turn=turn.turn,
        turn_words=turn.words,
        at=now(),
        problem=problem,
        problem_code=code_of(stuck),
        remedy=None if run.ended else remedy_of(_persons_finding(run) or told),
        buttons=() if run.ended else _buttons(run, turn),
        resumed=run.resumed > 0,
        failed=bool(run.ended),
        waits=Text("progress.waits", waits) if waits else None,
    )


def steps_done(run: Run) -> Text:
    rows = [row for _, group in _groups(run) for row in group]
    done = sum(row.done for row in rows)
    return Text("progress.count", {"done": str(done), "all": str(len(rows))})


def _persons_finding(run: Run) -> Finding | None:
    return next(
        (
            each
            for each in run.findings.values()
            if _is_stuck(each)
            and (not each.until if each.state is State.UNKNOWN else is_person(each.waiting_for))
        ),
        None,
    )


def _groups(run: Run) -> tuple[tuple[str, tuple[Row, ...]], ...]:
    steps = steps_of(run)
    groups = {
        f"progress.group.{name}": tuple(
            _row(run, line)
            for line in steps.values()
            if line.group == name and line.shown_in not in steps
        )
        for name in GROUPS
    }
    return tuple((title, rows) for title, rows in groups.items() if rows)


def _is_stuck(finding: Finding) -> bool:
    waits = finding.cause and finding.state is State.WAITING
    return finding.state is State.UNKNOWN or bool(waits)


def _buttons(run: Run, turn: NextAction) -> tuple[str, ...]:
    # No text mentions a button that is missing, and no button is shown that does nothing.
    unread = turn.kind is ActionKind.LOOK or any(map(is_unread, run.findings.values()))
    waits = questions.waits_for_administrator(run) or questions.waits_for_consent(run)
    there = {
        "look_again": run.account is not None and unread,
        "sign_in_other": questions.another_may(run),
        "consent_again": turn.turn is Turn.ADMINISTRATOR and waits,
    }
    return tuple(verb for verb, shown in there.items() if shown)


def _row(run: Run, line: Step) -> Row:
    """Return the row of a line; its first unsettled step determines how the row looks."""
    # In an undo the title names the step. Otherwise the title names the line, which represents
    # all its steps.
    title = Text(f"step.{line.name}") if run.kind is RunKind.UNDO else Text(f"line.{line.name}")
    steps = [each for each in steps_of(run).values() if line.name in {each.name, each.shown_in}]
    if not steps_under_way(run).isdisjoint(step.name for step in steps):
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
        lines = [change for change in planned_changes(run) if change.step == step.name]
        return bool(lines) and all(map(run.approved, lines))
    return finding.waiting_for is Turn.NOBODY or (
        finding.state is State.WRONG and step.name not in run.changed
    )


def _after(run: Run, step: Step) -> Text | None:
    steps = steps_of(run)
    needs = [each for each in (*step.after, *step.needs) if each in steps and not run.settled(each)]
    return Text("progress.after", {"row": steps[needs[-1]].article_row}) if needs else None


AGENT = "agent"
"""Question about which agent gets the test mail.

The answer is the address of the person asked 1:1.
"""


def proof_cards(run: Run, services: Services) -> list[DesiredCard]:
    if run.kind is RunKind.UNDO:
        return []
    if run.ended is Kind.FINISHED:
        record = services.channels.record(run.channel.mailbox)
        tenant = record.channel.tenant_id if record else ""
        done = replace(
            done_view(run),
            watched=watch.interval_of(run, services),
            blind=bool(tenant) and app_access.grant_for(services.redis, tenant) is None,
        )
        return [desired_card("done", done, cards.done(done))]
    if "test_mail" not in run.findings or run.ended:
        return []
    mail = mail_view(run, services)
    asks_agent = mail.is_for_agent or mail.answers
    turn = (
        f"{mail.problem}{mail.problem_code}{mail.turn}{mail.is_to_be_sent}{mail.is_for_agent}"
        f"{mail.answers}{mail.asked}"
    )
    asks, found = turn if mail.problem or mail.is_to_be_sent or asks_agent else "", []
    for to in thread_and_person(run.answer(AGENT) if asks_agent else ""):
        copy = replace(mail, direct=to != THREAD, header=header(run, 7, to=to))
        card = cards.test_mail(copy)
        found.append(desired_card("mail", copy, card, to=to, urgency=turn, prompt=asks))
    return found


def mail_view(run: Run, services: Services) -> cards.TestMailView:
    arrival, answer = run.findings["test_mail"], run.findings.get("agent_answer")
    stuck = next(filter(_proof_is_stuck, (arrival, answer)), None)
    asked = arrival.waiting_for is Turn.REQUESTER and arrival.cause != Cause.TEST_MAIL_LATE
    # An agent's confirmation counts. So does an answer to the mail, even one that was stopped.
    told, sent = run.answers.get("agent_has_it"), run.answers.get("test_sent")
    facts = answer.facts if answer else {}
    answered = facts.get("answer_failed_at") or facts.get("answered_at")
    by_bot = run.changed.get("test_mail")
    sent_at = sent.at if sent else None
    return cards.TestMailView(
        header=header(run, 7, services),
        subject=run.fact("subject"),
        sent_by_bot=not asked and not run.answer("test_sent"),
        sent_at=None if asked else by_bot.begun if by_bot else sent_at,
        arrived_at=parse(run.fact("arrived_at")),
        forwarded_at=parse(run.fact("forwarded_at")),
        agent_at=told.at if told else parse(answered),
        problem=cause_text(stuck),
        problem_code=code_of(stuck),
        remedy=remedy_of(stuck),
        turn=stuck.waiting_for or Turn.ADMINISTRATOR if stuck else Turn.NOBODY,
        late=arrival.cause == Cause.TEST_MAIL_LATE,
        of_answer=stuck is not None and stuck is answer,
        answered_at=parse(run.fact("answered_at")),
        asked=unreachable_recipient(run, AGENT),
        answers=answer is not None and answer.waiting_for is Turn.AGENT,
    )


def _proof_is_stuck(finding: Finding | None) -> bool:
    return finding is not None and finding.cause != "" and finding.state is not State.OK


def done_view(run: Run) -> cards.DoneView:
    made = list(chain.from_iterable(changed.changes for changed in run.changed.values()))
    steps = steps_of(run)
    skipped = (
        f.seen for f in run.findings.values() if f.state is State.SKIPPED and f.step in steps
    )
    shown, answered = run.found_at.get("agent_has_it"), parse(run.fact("answered_at"))
    lines = (
        ("V1", Text("station.v1"), parse(run.fact("arrived_at"))),
        ("M3", Text("station.m3"), parse(run.fact("forwarded_at"))),
        ("V2", Text("station.v2"), min(filter(None, (shown, answered)), default=None)),
        ("V3", Text("station.v3"), answered),
    )
    proofs = [Proof(row, words, at) for row, words, at in lines if at is not None]
    login = run.findings.get("rehearsal") or run.findings.get("own_login")
    if login and login.seen and login.state is State.OK:
        proofs.append(Proof("C6", login.seen, run.found_at[login.step]))
    # A fix may have changed nothing but the token of Webex Connect.
    new_token = run.kind is RunKind.FIX and token_at(run) is not None
    return cards.DoneView(
        header=header(run, 7),
        at=ended_at(run),
        started=run.opened,
        proofs=tuple(proofs),
        steps=tuple(_step_line(step, run.findings[name]) for name, step in steps.items()),
        secret_expires=parse(run.fact("expires")),
        changes=len(made),
        reversible=sum(change.reversible for change in made),
        profile=run.channel.profile,
        approved_by=approver(run),
        skipped=tuple(filter(None, skipped)),
        already=not made and not new_token,
    )


def _step_line(step: Step, finding: Finding) -> tuple[str, Text, State]:
    seen = render(finding.seen or Text(f"expected.{step.name}"))
    words = Text("verdict.line_seen", {"title": f"key:step.{step.name}", "seen": seen})
    return step.article_row, words, finding.state


def ended_cards(run: Run, _: Services) -> list[DesiredCard]:
    """Return the card of a canceled run; the progress card shows the end of a failed run."""
    if run.ended is not Kind.CANCELLED:
        return []
    pressed = {"do": "undo", "mailbox_meant": run.channel.mailbox, "undoes": run.id}
    about = Text("living.idle_kicker", {"mailbox": run.channel.mailbox})
    view = NoticeView(
        about if run.channel.mailbox else Text("kicker.new"),
        Text("notice.over_cancelled", {"run": run.id}),
        left(run),
        glyph=SKIPPED.glyph,
        buttons=(("button.undo", pressed),) if run.changed else (),
    )
    return [desired_card("ended", view, notice(view))]


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
    return [desired_card("undone", found, cards.undone(found))]


def undone_view(run: Run) -> cards.UndoneView:
    app, gone = run.past.get("application"), is_ok(run.findings, "application")
    return cards.UndoneView(
        header=Header(run.id, run.channel.mailbox, 7, run.kind),
        at=ended_at(run),
        started=run.opened,
        restored=_ended_lines(run, frozenset({State.OK})),
        left_alone=_ended_lines(run, LEFT),
        approved_by=approver(run),
        binned=gone and app is not None and not app.values_before["object_id"],
        undoes=run.undoes,
    )


def _ended_lines(run: Run, states: frozenset[State]) -> tuple[cards.Line, ...]:
    found = ((step.article_row, run.findings[name]) for name, step in steps_of(run).items())
    return tuple(
        (row, Text(f"step.{each.step}"), each.seen or Text("seen.undo_removed"))
        for row, each in found
        if each.state in states
    )
