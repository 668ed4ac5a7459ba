"""Card of a check: what is broken, who can fix it and how, during the check and after it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from adaptive_cards import components as ui, elements as el, glyphs
from adaptive_cards.locale import day, day_clock, day_minutes, day_month, local_time
from adaptive_cards.texts import has_text, known_text, listed, plural, render, render_if_any, text
from bot import links
from bot.cards.presenters import card_state as shared, findings, questions, watch
from bot.cards.presenters.findings import Room, cause_of, sentence
from bot.services import Services
from jobs.causes.cause import Cause
from jobs.checks.reading import ENDS, Line, Reading, Stop, Suspect, read
from jobs.model import State, Station, Text, Turn, minute_of
from jobs.runs.run import Run


def cards(run: Run, services: Services) -> list[shared.DesiredCard]:
    seen = view(run, services)
    # While the check must ask for something about the channel, the card is that question.
    if seen.asks:
        return questions.discovery_cards(run, seen.asks)
    # That a cloud gives no answer is a problem, and so is the first finding that was read. That the
    # cloud answers again is not urgent.
    looked = any(line.found.state not in {State.SKIPPED, State.UNKNOWN} for line in seen.lines)
    urgency = (
        f"{bool(run.checked)}{run.kept}{looked}{seen.fix is not None}"
        f"{[(line.found.step, line.found.cause) for line in seen.causes]}"
        f"{seen.problem.at if seen.problem else ''}{sorted(run.once_silent)}"
    )
    prompt = f"{run.checked}{seen.problem}{run.ended}" if run.checked else ""
    timeless = shared.marked(replace(seen, at=shared.NEVER))
    wanted = shared.DesiredCard("verdict", draw(seen), timeless, urgency=urgency, prompt=prompt)
    return [replace(wanted, at_once=2)]  # the first finding, and the cause


def view(run: Run, services: Services) -> Reading:
    seen = read(run, services.store, watch.interval_of(run, services) if run.kept else "")
    sign_in = links.link(services, "signin", run.id).url if seen.may_sign_in else ""
    grant = links.link(services, "access", run.id).url if seen.may_grant else ""
    return replace(seen, sign_in_url=sign_in, grant_url=grant, approvers=services.bot.approvers)


def matter(view: Reading, room: Room) -> list[el.Element]:
    # The findings that were not checked appear only after the check ended.
    changed = room.section("verdict.changed", [_change(room, each) for each in view.changes])
    changed += [ui.small_print(Text("verdict.changed_next"))] if changed else []
    parts = [*findings.causes(view, room), *_symptoms(view, room), *changed, *_noticed(view, room)]
    if view.looking:
        return parts
    if view.found and view.found.values:
        parts += [ui.section("verdict.found"), *ui.found_values(view.found.values)]
        parts += [ui.small_print(view.found.told)] if view.found.told else []
    parts += room.section("verdict.proven", [] if view.causes else _proven(view, room))
    # After a check without a sign-in, a dozen findings share the same reason.
    reasons: dict[tuple[State, str], list[Line]] = {}
    for line in view.skipped:
        reasons.setdefault((line.found.state, render_if_any(line.found.seen)), []).append(line)
    rows = (
        room.row(glyphs.of_state(state), "", _names(lines), why)
        for (state, why), lines in reasons.items()
    )
    parts += room.section("verdict.not_looked", [*rows])
    # The next date by which a person must act, although no action is needed now.
    if view.secret_expires and not view.causes:
        told = text("verdict.expires", day=day(view.secret_expires))
        parts += [ui.section("verdict.next_date"), room.row(glyphs.TIME, "E3", told)]
    return parts


def _row(room: Room, mark: glyphs.Mark, line: Line) -> el.Element:
    return room.row(mark, line.row, sentence(line.title), render_if_any(line.found.seen))


def _symptoms(view: Reading, room: Room) -> list[el.Element]:
    parts: list[el.Element] = []
    for cause in dict.fromkeys(line.explained_by for line in view.symptoms):
        theirs = (line for line in view.symptoms if line.explained_by == cause)
        rows = [_row(room, findings.EXPLAINED, line) for line in theirs]
        title = el.said(Text("verdict.explained", {"row": cause}), **el.BOLD, spacing="Medium")
        parts += [title, *findings.fitting(rows, room.rows)]
    return parts


def _change(room: Room, suspect: Suspect) -> el.Element:
    change, cause = suspect.change, render_if_any(known_text(f"cause.{suspect.cause}"))
    by = change.by or text("verdict.nobody")
    title = text("verdict.changed_failed", event=change.event) if change.failed else change.event
    parts = [
        text("verdict.changed_by", at=day_clock(change.at), by=by),
        f"{change.told.removesuffix('.')}." if change.told else "",
        text("verdict.changed_suspect", cause=cause) if cause else "",
    ]
    return room.row(glyphs.UNKNOWN, "AL", title, " ".join(filter(None, parts)))


def _noticed(view: Reading, room: Room) -> list[el.Element]:
    warned = [
        _row(room, glyphs.TIME if line.found.state is State.WAITING else glyphs.WARNING, line)
        for line in view.warnings
    ]
    possible = []
    for line in view.possible:
        told = text("verdict.possible")
        if line.found.seen:
            told = text("verdict.possible_seen", seen=render(line.found.seen).removesuffix("."))
        if proof := known_text(f"proof.{line.found.step}"):
            told = text("verdict.proof", possible=told, proof=render(proof))
        possible.append(room.row(glyphs.UNKNOWN, line.row, sentence(cause_of(line)), told))
    if view.causes:
        return room.section("verdict.noticed", [*warned, *possible])
    # Without a known cause, possible obstacles to mail come before the rest.
    return room.section("verdict.noticed_alone", [*possible, *warned])


def _proven(view: Reading, room: Room) -> list[el.Element]:
    rows = [
        room.row(glyphs.OK, proof.row, render(proof.words), right=day_minutes(proof.at))
        for proof in view.proofs
    ]
    if right := sum(line.found.state is State.OK for line in view.lines):
        rows.append(room.row(glyphs.OK, "", text("verdict.as_expected", count=str(right))))
    return rows


_IN_A_ROW = 3
_SIGNS = {True: ("\u2014 ", " \u2014"), False: ("\u00b7  ", "  \u00b7")}
"""Signs before and after a station, by whether mail went there."""
_CENTER: dict[str, el.Look] = {"horizontalAlignment": "Center"}
_LOOKS: dict[bool | None, tuple[glyphs.Mark, dict[str, el.Look]]] = {
    True: (glyphs.OK, {"size": "Small"}),
    False: (glyphs.WRONG, {"size": "Small", **el.BOLD}),
    None: (glyphs.Mark("?"), el.SMALL),
}


def way(view: Reading) -> list[el.Element]:
    """Return the path of the mail: a dash shows that mail passed, dots show that it did not."""
    drawn = []
    came, in_doubt = True, not view.looking
    for stop in view.way:
        goes_on = came and stop.passes is True
        (before, _), (_, after) = _SIGNS[came and stop.passes is not None], _SIGNS[goes_on]
        mark, look = _LOOKS[stop.passes]
        if stop.passes is None and not in_doubt:
            mark = glyphs.NOT_YET
        first, last = el.run(before, **el.SUBTLE), el.run(after, **el.SUBTLE)
        signs = first, el.run(mark.glyph, **el.BOLD, **mark.look), last
        below = (text(f"station.{stop.station}"), look), (_stop_text(view, stop), el.SMALL)
        names = (
            el.rich(el.run(told, **how), **_CENTER, spacing="None") for told, how in below if told
        )
        drawn.append(el.column("stretch", el.rich(*signs, **_CENTER), *names, spacing="None"))
        came, in_doubt = goes_on, in_doubt and stop.passes is not False
    rows = [drawn[at : at + _IN_A_ROW] for at in range(0, len(drawn), _IN_A_ROW)]
    return [el.columns(*row, spacing="Small" if at else "Medium") for at, row in enumerate(rows)]


def _stop_text(view: Reading, stop: Stop) -> str:
    if stop.passes is False:
        return text("verdict.stops")
    if stop.at is None:
        return text("verdict.unseen") if stop.passes is None and not view.looking else ""
    # The kicker names the zone. Another day than today is shown as a date.
    return local_time(stop.at) if day(stop.at) == day(view.at) else day_month(stop.at)


# The first one in which the card is small enough.
_ROOMS = (
    Room(8, 3, 6),
    Room(8, 3, 4, compact=True),
    Room(8, 2, 2, seen=False, compact=True),
    Room(2, 1, 0, seen=False, compact=True),
)
_FRAME_BYTES = 200


def draw(view: Reading) -> ui.Card:
    kicker = ui.kicker_at("verdict.kicker", view.at, mailbox=view.mailbox)
    head = _verdict(view)
    left = ui.MOST_BYTES - _FRAME_BYTES - ui.size({"head": [kicker, head.element]})
    for room in _ROOMS:
        body, actions = _drawn(view, room)
        if ui.size({"parts": (body, actions)}) <= left:
            break
    return ui.finished(kicker, head, body, actions, told=2)


def _drawn(view: Reading, room: Room) -> tuple[list[el.Element], list[el.Element]]:
    again, fix = _again(view), list[el.Element]()
    if view.fix:
        (key, data), main = view.fix, glyphs.is_person(view.turn)
        button = el.press(text(key), data, main=main)
        if page := data.get("url"):
            button = el.open_url(text(key), page, main=main)
        fix = [el.buttons(button, spacing="Default")]
    body = [*fix, *way(view), *matter(view, room)]
    rows = [*ui.problem_box(shared.trouble(view.problem)), *el.button_rows(again)]
    # While nothing is certain yet, the findings are shown directly instead.
    if view.looking and not view.causes:
        return [*body, *findings.found(view, room), *rows], []
    if not view.lines:
        return [*body, *rows], []
    # A button inside the part that opens counts, too.
    room_left = el.ACTIONS_MOST - len(again) - len(fix) > 1
    fields, accept = findings.accepting(view) if room_left else ([], [])
    title = plural("button.findings", len(view.lines))
    return [*body, *rows], [el.show_card(title, [*findings.opened(view, room), *fields], *accept)]


def _again(view: Reading) -> list[el.Element]:
    if view.looking:
        return []
    # One action is left free for the list of findings.
    title = text("button.find" if view.is_unknown else "button.see_more")
    deeper = [el.open_url(title, view.sign_in_url)] if view.sign_in_url else []
    granted = [el.open_url(text("button.let_read"), view.grant_url)] if view.grant_url else []
    again = el.submit(text("button.check_again"), "check", channel=view.mailbox)
    if not view.is_ours:
        keep = [el.submit(text("button.keep"), "keep", run=view.run)] if view.may_keep else []
        return [*keep, again, *deeper]
    watch: list[el.Element] = []
    # Only the card of a channel that was kept from this card offers to watch it.
    if view.found and view.found.kept:
        watch = el.watch_button(view.mailbox, watched=bool(view.found.watched))
    bundle = text("button.bundle" if view.causes else "button.mail_missing")
    missing = el.submit(bundle, "missing", channel=view.mailbox)
    every = [*watch, again, *deeper, *granted, missing]
    return every[: el.ACTIONS_MOST - 1 - bool(view.fix)]


SIGN_IN_TELLS = {Cause.WHAT_STOPS_MAIL_NOT_READ, Cause.APP_DISABLED, Cause.SMTP_LOGIN_UNEXPLAINED}
"""Causes for which a sign-in would reveal the cause, or which of several causes it is."""
_NAMED_MOST = 4


def _verdict(view: Reading) -> ui.Band:
    """Return the band; a certain cause is shown at once, even before the other findings arrive."""
    if view.causes:
        return _broken(view)
    if view.looking:
        title = Text("verdict.looking", {"done": str(len(view.lines)), "all": str(_total(view))})
        turn = ui.turn_line(Turn.NOBODY, Text("verdict.looking_next"))
        return ui.Band.of(*ui.UNDER_WAY, title, *_paragraph(_silent(view)), turn)
    both_ways = bool(view.proofs) and {Station.MAILBOX, *ENDS} <= _passed(view)
    return _well(view) if both_ways else _unproven(view)


def _total(view: Reading) -> int:
    return len(view.lines) + view.looking


def _names(lines: Sequence[Line]) -> str:
    named = [render(line.title) for line in lines[:_NAMED_MOST]]
    left = len(lines) - _NAMED_MOST
    if left <= 0:
        return listed(named)
    return text("verdict.and_more", what=", ".join(named), count=str(left))


def _broken(view: Reading) -> ui.Band:
    title = el.rich(el.run(sentence(cause_of(view.causes[0])), **el.TITLE))
    others, left = len(view.causes) - 1, ""
    more = plural("verdict.others", others) if others else ""
    if view.looking:
        left = text("verdict.still_looking", left=str(view.looking), all=str(_total(view)))
        left = " ".join(filter(None, (left, _silent(view))))
    seen, effect = view.causes[0].found.seen, ""
    stopped = [stop.station for stop in view.way if stop.passes is False]
    if seen is not None and has_text(f"effect.{seen.key}"):
        effect = text(f"effect.{seen.key}", **seen.values)
    elif stopped and view.damage is None:  # or the missed mails say the same with a figure
        effect = text(f"effect.{stopped[0]}")
    told = _paragraph(effect, _when(view), more, left)
    who = view.approvers if view.turn is Turn.APPROVER else ()
    return ui.Band(*ui.BROKEN, title, (*told, ui.turn_line(view.turn, _click(view), who=who)))


def _when(view: Reading) -> str:
    since = text("verdict.since", at=minute_of(view.since)) if view.since else ""
    if (damage := view.damage) is None:
        return since
    mails = plural("verdict.mails", damage.mails)
    told = (
        # If both have the same start, the start is given only once.
        "" if view.since == damage.since else since,
        text("verdict.missed", at=minute_of(damage.since), count=mails),
        text("verdict.kept") if damage.kept else "",
        plural("verdict.bounced", damage.bounced) if damage.bounced else "",
    )
    return " ".join(filter(None, told))


def _silent(view: Reading) -> str:
    clouds = listed(render_if_any(known_text(f"evidence.{each}")) or each for each in view.silent)
    return text("verdict.silent", clouds=clouds) if clouds else ""


def _click(view: Reading) -> Text:
    if view.looking:  # the buttons that the other texts name are not there yet
        return Text("verdict.turn_looking")
    if not glyphs.is_person(view.turn):
        return Text("verdict.turn_wait")
    if view.may_keep and view.turn is Turn.REQUESTER:
        return Text("verdict.turn_keep")
    if view.fix is None:
        tells = view.sign_in_url and view.causes[0].found.cause in SIGN_IN_TELLS
        return _sign_in(view) if tells else Text("verdict.turn_remedy")
    if "url" in view.fix[1]:
        return Text("verdict.turn_page")
    return Text("verdict.turn_fix" if view.turn is Turn.APPROVER else "verdict.turn_fix_other")


def _passed(view: Reading) -> set[Station]:
    return {stop.station for stop in view.way if stop.passes}


def _well(view: Reading) -> ui.Band:
    if (ends := view.secret_ends) is not None:
        turn = ui.turn_line(Turn.APPROVER, Text("verdict.turn_fix"), who=view.approvers)
        told = f"{render(_not_proven(view)[0])}." if view.unread else text("verdict.still_flows")
        title = shared.days_left("verdict.secret_ends.", ends, view.at, day=day(ends))
        return ui.Band.of("warning", glyphs.WARNING, title, turn, *_paragraph(told))
    if view.unread:
        return _unproven(view)
    newest = minute_of(max(proof.at for proof in view.proofs))
    known = {Station.CONNECT, Station.AGENT} <= _passed(view)
    between = "" if known else text("verdict.between_unread")
    turn = ui.turn_line(Turn.NOBODY, Text("verdict.newest_proof", {"at": newest}))
    told_next = _paragraph(between, _possible(view))
    return ui.Band.of(*ui.WELL, Text("verdict.well"), turn, *told_next)


def _unproven(view: Reading) -> ui.Band:
    # more of them than can be named are only in the list below
    few = 0 < len(view.skipped) <= _NAMED_MOST
    left_out = text("verdict.not_looked_at", what=_names(view.skipped)) if few else ""
    title, why = _not_proven(view)
    told = _paragraph(why, _possible(view), left_out)
    unread = Turn.REQUESTER if view.unread else Turn.NOBODY
    # a sign-in reads nothing of a cloud that does not answer
    helps = view.is_unknown or view.lacks_role or view.sign_in_reads or not view.unread
    turn = Turn.ADMINISTRATOR if view.sign_in_url and helps else unread
    style = "accent" if glyphs.is_person(turn) else "emphasis"
    return ui.Band.of(style, glyphs.UNKNOWN, title, *told, ui.turn_line(turn, _next(view, turn)))


def _not_proven(view: Reading) -> tuple[Text, str]:
    """Return the newest known proof, or why there is none, and a sentence about that."""
    if view.is_unknown:
        return Text("verdict.unknown"), text("verdict.unknown_why")
    ends = [(stop.at, stop.station) for stop in view.way if stop.at and stop.station in ENDS]
    # No mail may be known at one of the two ends.
    known = "nothing_wrong" if not (view.unread or view.possible or view.changes) else "last_proven"
    proven = _proven_at(known, *min(ends)) if len(ends) == len(ENDS) else None
    if view.unread:
        return _partly_read(view, proven)
    if proven is None:
        return Text("verdict.unproven"), text("verdict.unproven_why")
    return proven, text("verdict.newer_unproven")


# Steps that show a change only if they were read, by the change's name in the texts.
_MISSED = {"settings": {"forwarding", "outbound_policy"}, "secret": {"client_secret"}}


def _partly_read(view: Reading, proven: Text | None) -> tuple[Text, str]:
    blind, values = view.needs_administrator, {"count": str(view.unread), "all": str(_total(view))}
    unread = Text("verdict.not_checked" if blind else "verdict.not_read", values)
    own = Text("verdict.login_only") if view.login else None
    if view.proven is not None:
        own = _proven_at("login_works" if view.login else "last_proven", view.proven, "test_mail")
    if own is None:
        return unread, f"{render(proven)}." if proven else ""
    told = filter(None, (unread, _missed(view) if blind else None, proven))
    return own, " ".join(f"{render(each)}." for each in told)


def _missed(view: Reading) -> Text | None:
    """Return which changes the next check would not see, if any."""
    unseen = {line.found.step for line in view.skipped}
    missed = "_".join(name for name, steps in _MISSED.items() if not unseen.isdisjoint(steps))
    return Text(f"verdict.blind_{missed}") if missed else None


def _proven_at(key: str, at: datetime, end: str) -> Text:
    return Text(f"verdict.{key}", {"end": f"key:verdict.end.{end}", "at": minute_of(at)})


def _next(view: Reading, turn: Turn) -> Text:
    if turn is not Turn.ADMINISTRATOR:
        return Text("verdict.turn_again" if view.unread else "verdict.turn_nothing")
    if view.is_unknown:
        return Text("verdict.turn_find")
    return Text("verdict.turn_grant") if view.grant_url else _sign_in(view)


def _sign_in(view: Reading) -> Text:
    return Text("verdict.turn_roles" if view.lacks_role else "verdict.turn_sign_in")


def _possible(view: Reading) -> str:
    count = len(view.possible) + bool(view.changes)
    return plural("verdict.possible_below", count) if count else ""


def _paragraph(*sentences: str) -> list[el.Element]:
    told = " ".join(filter(None, sentences))
    return [el.rich(el.run(told), spacing="Small")] if told else []
