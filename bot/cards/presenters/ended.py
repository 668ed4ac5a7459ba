"""Cards of a run that has ended: done, undone, or canceled."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

from adaptive_cards import Card, glyphs, notice
from adaptive_cards import components as ui
from adaptive_cards import elements as el
from adaptive_cards.actions import button_rows, press, show_card, submit, watch_button
from adaptive_cards.card import finished
from adaptive_cards.cards.notice import NoticeView
from adaptive_cards.glyphs import Mark, marked
from adaptive_cards.texts import listed, render, text
from adaptive_cards.times import clock, day, lasted
from adaptive_cards.views import Header
from bot.cards.presenters import card_state as shared
from bot.cards.presenters import watch
from bot.cards.presenters.plan import LEFT
from bot.services import Services
from jobs.access import app_access
from jobs.clock import parse
from jobs.model import RunKind, State, Text, Turn
from jobs.runs.run import Changed, Kind, Run, ends_consent
from jobs.steps import steps_of
from jobs.steps.connect_form import token_at


def cards(run: Run, services: Services) -> list[shared.DesiredCard]:
    """Return the card of a run that is finished or canceled.

    The progress card shows the end of a failed run.
    """
    if run.ended is Kind.CANCELLED:
        return [_canceled(run)]
    if run.ended is not Kind.FINISHED:
        return []
    if run.kind is RunKind.UNDO:
        card = undone(run)
        return [shared.desired_card("undone", card.content, card)]
    record = services.channels.record(run.channel.mailbox)
    tenant = record.channel.tenant_id if record else ""
    blind = bool(tenant) and app_access.grant_for(services.redis, tenant) is None
    card = done(run, watch.interval_of(run, services), blind=blind)
    return [shared.desired_card("done", card.content, card)]


def done(run: Run, watched: str = "", *, blind: bool = False) -> Card:
    """Return the card: what is proven, what was not checked, and what to know later.

    ``watched`` is how often the channel is watched, such as ``15m``; empty if it is not. ``blind``
    means that the tenant does not allow automatic checks yet.
    """
    mailbox, steps = run.channel.mailbox, steps_of(run)
    found = [(step.article_row, run.findings[name]) for name, step in steps.items()]
    skipped = [
        marked(glyphs.SKIPPED, el.said(each.seen))
        for each in run.findings.values()
        if each.state is State.SKIPPED and each.step in steps and each.seen
    ]
    lines = [
        (
            f"{glyphs.of_state(each.state).glyph}\u00a0{row}",
            text(
                "verdict.line_seen",
                title=f"key:step.{each.step}",
                seen=render(each.seen or Text(f"expected.{each.step}")),
            ),
        )
        for row, each in found
    ]
    typed = el.run(text("done.check_command", mailbox=mailbox), **el.MONO)
    check = {"do": "check", "channel": mailbox}
    actions = [
        submit(text("button.check_now"), "check", channel=mailbox),
        *([press(text("button.let_read"), check)] if blind else []),
        *watch_button(mailbox, watched=bool(watched)),
        show_card(text("button.every_step"), [el.facts(lines, "")]),
    ]
    body = [
        *ui.titled("done.proven", _proofs(run)),
        *ui.titled("done.skipped", skipped),
        ui.section("done.to_know"),
        ui.known(_to_know(run, watched, blind=blind), "Small"),
        el.container(
            "emphasis", el.own("done.if_mail_stops", **el.BOLD), el.rich(typed, spacing="Small")
        ),
        *button_rows(actions),
    ]
    told = ui.turn_line(Turn.NOBODY, Text("done.finished", {"at": clock(shared.ended_at(run))}))
    band = ui.Band.of("good", glyphs.OK, Text(_title(run), {"mailbox": mailbox}), told)
    return finished(ui.kicker(shared.header(run, 7)), band, body)


def _title(run: Run) -> str:
    # A fix may have changed nothing but the token of Webex Connect.
    is_fix = run.kind is RunKind.FIX
    if any(changed.changes for changed in run.changed.values()) or (is_fix and token_at(run)):
        return "done.fixed" if is_fix else "done.title"
    return "done.nothing_to_fix" if is_fix else "done.already"


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
        ui.row(glyphs.OK, name.upper(), el.said(words), right=ui.aside_time(at))
        for name, words, at in proofs
    ]


def _to_know(run: Run, watched: str, *, blind: bool) -> dict[str, str]:
    made = list(chain.from_iterable(changed.changes for changed in run.changed.values()))
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


def _canceled(run: Run) -> shared.DesiredCard:
    pressed = {"do": "undo", "mailbox_meant": run.channel.mailbox, "undoes": run.id}
    about = Text("living.idle_kicker", {"mailbox": run.channel.mailbox})
    view = NoticeView(
        about if run.channel.mailbox else Text("kicker.new"),
        Text("notice.over_cancelled", {"run": run.id}),
        left(run),
        glyph=glyphs.SKIPPED.glyph,
        buttons=(("button.undo", pressed),) if run.changed else (),
    )
    return shared.desired_card("ended", view, notice(view))


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


def undone(run: Run) -> Card:
    """Return the card of an undo, which has reversed one run, or disconnected the channel."""
    restored = _lines(run, frozenset({State.OK}), glyphs.OK)
    mailbox, gone = run.channel.mailbox, bool(restored) and not run.undoes
    title = "undone.title_run" if run.undoes else "undone.title"
    told = ui.turn_line(Turn.NOBODY, Text("undone.finished", {"at": clock(shared.ended_at(run))}))
    look = ("good", glyphs.OK) if restored else ("emphasis", glyphs.SKIPPED)
    app = run.past.get("application") if run.state_of("application") is State.OK else None
    to_know = {
        "undone.app": text("undone.binned") if app and not app.values_before["object_id"] else "",
        "watch.kicker": text("undone.unwatched") if gone else "",
        "done.run": _lasted(run),
    }
    asset = marked(glyphs.SKIPPED, el.said(Text("plan.undo_asset")))
    body = [
        *ui.titled("undone.back", restored),
        *ui.titled("undone.left", _lines(run, LEFT, glyphs.WARNING)),
        ui.section("done.to_know"),
        *([] if run.undoes else [asset]),
        ui.known(to_know, "Small"),
    ]
    values = {"mailbox": mailbox, "run": run.undoes}
    again = press(text("button.setup_new"), {"do": "setup", "mailbox_meant": mailbox})
    band = ui.Band.of(*look, Text(title if restored else "undone.nothing", values), told)
    head = Header(run.id, mailbox, 7, run.kind)
    return finished(ui.kicker(head), band, body, [again] if gone else [])


def _lines(run: Run, states: frozenset[State], mark: Mark) -> list[el.Element]:
    found = ((step.article_row, run.findings[name]) for name, step in steps_of(run).items())
    removed = Text("seen.undo_removed")
    return [
        ui.row(mark, row, el.said(Text(f"step.{each.step}")), ui.note(each.seen or removed))
        for row, each in found
        if each.state in states
    ]
