"""Cards of every step of a run on its way, and of its end: done, undone, or canceled."""

from dataclasses import dataclass
from datetime import datetime

from adaptive_cards import Card, components as ui, elements as el, glyphs, notice
from adaptive_cards.locale import SECONDS, clock, day, lasted
from adaptive_cards.texts import listed, render, text, with_counts
from bot.cards.presenters import card_state as shared, questions, watch
from bot.cards.presenters.plan import LEFT
from bot.services import Services
from jobs import next_action as turns
from jobs.access import tenants
from jobs.checks.check import repaired
from jobs.clock import now, parse
from jobs.clouds.errors import UNCONNECTED
from jobs.engine.step import Step
from jobs.model import Finding, RunKind, State, Text, Turn, minute_of
from jobs.runs.run import Changed, Kind, Run, ends_consent
from jobs.steps import steps_of

WITHOUT_CHANGES = frozenset({"admin_consent", "mailbox_fields"})
"""The steps that a run looks at next if its plan has nothing to approve."""
GROUPS = ("entra", "microsoft", "connect")
_ROWS_MOST_BYTES = 11_500
"""Size from which only the rows that need attention keep their notes."""


@dataclass(frozen=True, slots=True)
class Row:
    """Line of the progress card; ``finding`` is None for a step that runs or is still to come."""

    row: str
    title: Text
    mark: glyphs.Mark
    right: Text | None
    finding: Finding | None = None

    @property
    def state(self) -> State | None:
        return self.finding.state if self.finding else None


def progress_cards(run: Run, services: Services) -> list[shared.DesiredCard]:
    # If the plan has nothing to approve, the card starts with the plan. A failure is shown at any
    # time.
    begun = run.has_begun or not run.findings.keys().isdisjoint(WITHOUT_CHANGES)
    shown = run.ended is Kind.FAILED if run.ended else run.plan is not None and begun
    if not shown:
        return []
    who, action = run.requester.email, turns.next_action(run)
    unsent = not run.ended and shared.was_refused(services, run, who)
    told = ui.Trouble(Text("progress.form_unsent", {"who": who})) if unsent else None
    head = shared.header(run, services)
    asked = f"{action.turn}{action.kind}" if glyphs.is_person(action.turn) else ""
    turn = f"{asked}{turns.ENDED[run.ended]}{unsent}{run.state_of('rehearsal') is State.OK}"
    asks = _asks(run, turn) if unsent or asked else str(run.ended or "")
    card = progress(run, head, now(), told)
    *lines, _at = card.content["body"]
    timeless = shared.marked((lines, card.content.get("actions")))
    return [shared.DesiredCard("progress", card, timeless, urgency=turn, prompt=asks)]


def _asks(run: Run, turn: str) -> str:
    # The value includes the time of the last press of Look again, so that the person sees the
    # result of the press even if nothing changed.
    pressed = run.answers["look_again"].at if "look_again" in run.answers else ""
    finding = _persons_finding(run)
    why = finding.cause or finding.step if finding else ""
    return f"{turn}{why}{pressed}"


def progress(run: Run, head: ui.Header, at: datetime, otherwise: ui.Trouble | None = None) -> Card:
    """Return the card of every step; ``otherwise`` is the problem if no finding is one."""
    groups = _groups(run)
    rows = _drawn_groups(groups, every_note=True)
    if ui.size({"rows": rows}) > _ROWS_MOST_BYTES:
        rows = _drawn_groups(groups, every_note=False)
    told = {"run": run.id, "at": clock(at, SECONDS)}
    body = [
        *ui.problem_box(_problem(run) or otherwise),
        *rows,
        *([ui.small_print(Text("progress.resumed"))] if run.resumed else []),
        ui.small_print(Text("progress.ended" if run.ended else "progress.goes_on", told)),
    ]
    buttons = [] if run.ended else [*_buttons(run), el.cancel(run.id, of_run=True)]
    return ui.finished(ui.kicker(head), _band(run, head, groups), body, buttons)


def _problem(run: Run) -> ui.Trouble | None:
    # A finding that waits for a person comes first, and then any other that is stuck.
    first = _persons_finding(run)
    stuck = first or next(filter(_is_stuck, run.findings.values()), None)
    if stuck is None:
        return None
    # A missing connection may end without anybody in the tenant. But the bot's operator can help,
    # so its remedy is shown as well.
    helped = not run.ended and (first or stuck.cause in UNCONNECTED)
    words = shared.cause_text(stuck.cause) if stuck.cause else stuck.seen
    remedy = shared.remedy_of(stuck) if helped else None
    return ui.Trouble(words, shared.code_of(stuck), remedy=remedy) if words else None


def _band(run: Run, head: ui.Header, groups: dict[str, tuple[Row, ...]]) -> ui.Band:
    action, wait = turns.next_action(run), turns.wait_of(run)
    calm = "emphasis", glyphs.TIME if action.turn is Turn.TIME else glyphs.RUNNING
    look = ("accent", glyphs.PERSON) if glyphs.is_person(action.turn) else calm
    look, key = (ui.BROKEN, "progress.title_failed") if run.ended else (look, "progress.title")
    waits = []
    if wait and wait.who:
        since = Text("progress.waits", {"who": wait.who, "at": minute_of(wait.since)})
        waits = [el.said(since, **el.SMALL, spacing="None")]
    rows = [line for group in groups.values() for line in group]
    # Running and skipped rows are left out if there are none.
    counts = {
        "progress.count_running": sum(line.mark is glyphs.RUNNING for line in rows),
        "progress.count_skipped": sum(line.state is State.SKIPPED for line in rows),
    }
    told = ", ".join([text("progress.count", **_count(rows)), *with_counts(counts)])
    turn = ui.run_turn(head, action.turn, action.words)
    return ui.Band.of(*look, Text(key, {"counts": told}), turn, *waits)


def steps_done(run: Run) -> Text:
    return Text("progress.count", _count([row for group in _groups(run).values() for row in group]))


def _count(rows: list[Row]) -> dict[str, str]:
    done = sum(row.state in {State.OK, State.WARNING} for row in rows)
    return {"done": str(done), "all": str(len(rows))}


def _persons_finding(run: Run) -> Finding | None:
    stuck = filter(_is_stuck, run.findings.values())
    return next((each for each in stuck if glyphs.is_person(each.waiting_for)), None)


def _groups(run: Run) -> dict[str, tuple[Row, ...]]:
    steps = steps_of(run)
    shown = [line for line in steps.values() if line.shown_in not in steps]
    groups = {
        f"progress.group.{name}": tuple(_row(run, line) for line in shown if line.group == name)
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
    told = every_note or line.state in {State.WRONG, State.WAITING}
    seen = line.finding.seen if line.finding and told and line.state is not State.OK else None
    notes = [ui.note(seen)] if seen else []
    beside = ui.aside(line.right) if line.right else None
    return ui.row(line.mark, line.row, el.said(line.title), *notes, right=beside)


def _right(found: Finding) -> Text | None:
    if found.state is State.WAITING:
        person = glyphs.is_person(found.waiting_for)
        return Text("state.waits_person" if person else "state.waits_time")
    return None if found.state is State.OK else Text(f"state.{found.state}")


def _is_stuck(finding: Finding) -> bool:
    waits = finding.cause and finding.state is State.WAITING
    return finding.state is State.UNKNOWN or bool(waits)


def _buttons(run: Run) -> list[el.Element]:
    # No text mentions a button that is missing, and no button is shown that does nothing.
    turn = turns.next_action(run)
    unread = turn.kind is turns.ActionKind.LOOK or any(map(turns.is_unread, run.findings.values()))
    waits = questions.waits_for_administrator(run) or turns.waits_for_consent(run)
    there = {
        "look_again": run.account is not None and unread,
        "sign_in_other": questions.another_may(run),
        "consent_again": turn.turn is Turn.ADMINISTRATOR and waits,
    }
    verbs = [verb for verb, is_so in there.items() if is_so]
    return [el.submit(text(f"button.{v}"), v, main=v == "look_again", run=run.id) for v in verbs]


def _row(run: Run, line: Step) -> Row:
    """Return the row of a line; its first unsettled step determines how the row looks."""
    # In an undo the title names the step. Otherwise the title names the line, which represents
    # all its steps.
    title = Text(f"step.{line.name}") if run.kind is RunKind.UNDO else Text(f"line.{line.name}")
    steps = [each for each in steps_of(run).values() if line.name in {each.name, each.shown_in}]
    if not turns.steps_under_way(run).isdisjoint(step.name for step in steps):
        return Row(line.article_row, title, glyphs.RUNNING, Text("state.running"))
    step = next((each for each in steps if not run.settled(each.name)), line)
    finding = run.findings.get(step.name)
    if finding is None or _is_to_come(run, step, finding):
        return Row(line.article_row, title, glyphs.NOT_YET, _after(run, step))
    mark = glyphs.of_state(finding.state, finding.waiting_for)
    return Row(line.article_row, title, mark, _right(finding), finding)


def _is_to_come(run: Run, step: Step, finding: Finding) -> bool:
    """Return whether the step runs later: it waits for another, or its change has not begun.

    A step that waited for an approval runs later if the approval was given after the finding.
    """
    if finding.waiting_for is Turn.APPROVER:
        lines = [change for change in run.plan_lines if change.step == step.name]
        return bool(lines) and all(map(run.approved, lines))
    unchanged = finding.state is State.WRONG and step.name not in run.changed
    return unchanged or finding.waiting_for is Turn.NOBODY


def _after(run: Run, step: Step) -> Text | None:
    steps = steps_of(run)
    needs = [each for each in (*step.after, *step.needs) if each in steps and not run.settled(each)]
    return Text("progress.after", {"row": steps[needs[-1]].article_row}) if needs else None


def end_cards(run: Run, services: Services) -> list[shared.DesiredCard]:
    """Return the card of a run that is finished or canceled.

    The progress card shows the end of a failed run.
    """
    if run.ended is Kind.CANCELLED:
        mailbox = run.channel.mailbox
        kicker = Text("living.idle_kicker", {"mailbox": mailbox}) if mailbox else Text("kicker.new")
        undo = "button.undo", {"do": "undo", "mailbox_meant": mailbox, "undoes": run.id}
        check = "button.check_now", {"do": "check", "channel": mailbox}
        # the cards of earlier checks are history now
        buttons = (undo, check) if run.changed else ()
        card = notice(kicker, shared.end_title(run), left(run), ui.OVER, buttons=buttons)
        return [shared.DesiredCard("ended", card)]
    if run.ended is not Kind.FINISHED:
        return []
    if run.kind is RunKind.UNDO:
        return [shared.DesiredCard("undone", undone(run))]
    tenant = services.channels.channel(run.channel.mailbox).tenant_id
    blind = bool(tenant) and tenants.grant_for(services.redis, tenant) is None
    return [shared.DesiredCard("done", done(run, watch.interval_of(run, services), blind=blind))]


def done(run: Run, watched: str = "", *, blind: bool = False) -> Card:
    """Return the card: what is proven, what was not checked, and what to know later.

    ``watched`` is the interval of the watch, or empty. ``blind`` means that the tenant does not
    allow automatic checks yet.
    """
    mailbox, steps = run.channel.mailbox, steps_of(run)
    skipped = [
        glyphs.marked(glyphs.SKIPPED, el.said(each.seen))
        for each in run.findings.values()
        if each.state is State.SKIPPED and each.step in steps and each.seen
    ]
    lines = []
    for name, step in steps.items():
        each = run.findings[name]
        seen = render(each.seen or Text(f"expected.{name}"))
        words = text("verdict.line_seen", title=f"key:step.{name}", seen=seen)
        lines.append((f"{glyphs.of_state(each.state).glyph}\u00a0{step.article_row}", words))
    typed = el.run(text("done.check_command", mailbox=mailbox), **el.MONO)
    tip = el.own("done.if_mail_stops", **el.BOLD), el.rich(typed, spacing="Small")
    check = {"do": "check", "channel": mailbox}
    actions = [
        el.submit(text("button.check_now"), "check", channel=mailbox),
        *([el.press(text("button.let_read"), check)] if blind else []),
        *el.watch_button(mailbox, watched=bool(watched)),
        el.show_card(text("button.every_step"), [el.facts(lines, "")]),
    ]
    body = [
        *ui.titled("done.proven", _proofs(run)),
        *ui.titled("done.skipped", skipped),
        ui.section("done.to_know"),
        ui.known(_to_know(run, watched, blind=blind), "Small"),
        el.container("emphasis", *tip),
        *el.button_rows(actions),
    ]
    told = ui.turn_line(Turn.NOBODY, Text("done.finished", {"at": minute_of(shared.ended_at(run))}))
    band = ui.Band.of("good", glyphs.OK, Text(_title(run), {"mailbox": mailbox}), told)
    return ui.finished(ui.kicker(shared.header(run)), band, body)


def _title(run: Run) -> str:
    if run.kind is RunKind.FIX:
        return "done.fixed" if repaired(run) else "done.nothing_to_fix"
    made = any(changed.changes for changed in run.changed.values())
    return "done.title" if made else "done.already"


def _proofs(run: Run) -> list[el.Element]:
    shown, answered = run.found_at.get("agent_has_it"), parse(run.fact("answered_at"))
    times = {
        "v1": parse(run.fact("arrived_at")),
        "m3": parse(run.fact("forwarded_at")),
        "v2": min(filter(None, (shown, answered)), default=None),
        "v3": answered,
    }
    proofs = [(name, Text(f"station.{name}"), at) for name, at in times.items() if at]
    login = run.findings.get("rehearsal") or run.findings.get("own_login")
    if login and login.seen and login.state is State.OK:
        proofs.append(("c6", login.seen, run.found_at[login.step]))
    return [
        ui.row(glyphs.OK, name.upper(), el.said(words), right=ui.aside_time(at, run.opened))
        for name, words, at in proofs
    ]


def _to_know(run: Run, watched: str, *, blind: bool) -> dict[str, str]:
    made = [change for changed in run.changed.values() for change in changed.changes]
    expires, changes = text("done.expires_unknown"), text("done.changes_none")
    if end := parse(run.fact("expires")):
        expires = text("done.expires", day=day(end))
    if made:
        reversible = str(sum(change.reversible for change in made))
        values = {"mailbox": run.channel.mailbox, "changes": str(len(made))}
        changes = text("done.changes_made", reversible=reversible, **values)
    return {
        "done.automatic": text("done.automatic_blind") if blind else "",
        "watch.kicker": text("watch.is_watched", interval=watched) if watched else "",
        "done.secret": expires,
        "done.changes": changes,
        "done.permissions": text(f"done.profile_{run.channel.profile}"),
        "done.run": _lasted(run),
    }


def _lasted(run: Run) -> str:
    values = {"run": run.id, "span": lasted(shared.ended_at(run) - run.opened)}
    if run.approvals:
        first = next(iter(run.approvals.values()))
        return text("done.run_approved", who=first.by, **values)
    return text("done.run_alone", **values)


def left(run: Run) -> Text:
    """Return the words on what stays changed, in the order of the steps, and on what was under way.

    That may still take effect. So may a consent, whose page at Microsoft knows nothing of the run.
    """
    words = _left(run)
    if run.state_of("admin_consent") is not State.WAITING:
        return words
    way = "undo" if ends_consent(run) else "entra"
    return Text(f"notice.consent_open_{way}", {"left": render(words), "app": run.fact("app_name")})


def _left(run: Run) -> Text:
    # Steps that the run does not know come last.
    changed = {name: run.changed[name] for name in steps_of(run) if name in run.changed}
    changed |= run.changed
    done = [each for name, each in changed.items() if run.change_applied(name)]
    late = [  # begun, and neither answered nor found since
        each
        for name, each in changed.items()
        if each.done is None and run.found_at.get(name, shared.NEVER) < each.begun
    ]
    if late:
        # The words say what stays changed, if anything does, and what may still change.
        key = "notice.cancelled_late_words" if done else "notice.cancelled_only_late_words"
        return Text(key, {"done": _objects(done), "late": _objects(late)})
    if not done:
        return Text("living.cancelled_words")
    return Text("notice.cancelled_words", {"done": _objects(done)})


def _objects(changes: list[Changed]) -> str:
    return listed(render(change.object) for changed in changes for change in changed.changes)


def undone(run: Run) -> Card:
    restored = _lines(run, frozenset({State.OK}), glyphs.OK)
    left_as_is = _lines(run, LEFT, glyphs.WARNING)
    mailbox, gone = run.channel.mailbox, bool(restored) and not run.undoes
    title = f"undone.title{'_run' if run.undoes else ''}{'_left' if left_as_is else ''}"
    told = ui.turn_line(Turn.NOBODY, Text("done.finished", {"at": minute_of(shared.ended_at(run))}))
    look = ("good", glyphs.OK) if restored else ("emphasis", glyphs.SKIPPED)
    app = run.past.get("application") if run.state_of("application") is State.OK else None
    to_know = {
        "undone.app": text("undone.binned") if app and not app.values_before["object_id"] else "",
        "watch.kicker": text("undone.unwatched") if gone else "",
        "done.run": _lasted(run),
    }
    asset = glyphs.marked(glyphs.SKIPPED, el.said(Text("plan.undo_asset")))
    body = [
        *ui.titled("undone.back", restored),
        *ui.titled("undone.left", left_as_is),
        ui.section("done.to_know"),
        *([] if run.undoes else [asset]),
        ui.known(to_know, "Small"),
    ]
    values = {"mailbox": mailbox, "run": run.undoes}
    again = el.press(text("button.setup_new"), {"do": "setup", "mailbox_meant": mailbox})
    band = ui.Band.of(*look, Text(title if restored else "undone.nothing", values), told)
    head = ui.Header(mailbox, 7, run.kind)
    return ui.finished(ui.kicker(head), band, body, [again] if gone else [])


def _lines(run: Run, states: frozenset[State], mark: glyphs.Mark) -> list[el.Element]:
    found = ((step.article_row, run.findings[name]) for name, step in steps_of(run).items())
    removed = Text("seen.undo_removed")
    return [
        ui.row(mark, row, el.said(Text(f"step.{each.step}")), ui.note(each.seen or removed))
        for row, each in found
        if each.state in states
    ]
