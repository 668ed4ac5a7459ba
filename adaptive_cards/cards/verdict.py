"""Card of a check: what is broken, who can fix it and how, during the check and after it."""

from __future__ import annotations

from collections.abc import Iterator

from adaptive_cards import glyphs
from adaptive_cards.actions import (
    ACTIONS_MOST,
    button_rows,
    buttons,
    open_url,
    press,
    show_card,
    submit,
    watch_button,
)
from adaptive_cards.card import MOST_BYTES, Card, finished, size
from adaptive_cards.cards.findings import (
    EXPLAINED,
    Budget,
    Detail,
    Item,
    causes,
    commands,
    findings,
    found,
    rows,
)
from adaptive_cards.cards.verdict_band import Stop, VerdictView, band, names, sentence
from adaptive_cards.components import (
    found_values,
    kicker_of,
    problem_box,
    section,
    small_print,
    time_since,
    time_until,
    titled,
)
from adaptive_cards.elements import (
    BOLD,
    SMALL,
    SUBTLE,
    Element,
    Look,
    column,
    columns,
    rich,
    run,
    said,
)
from adaptive_cards.glyphs import Mark
from adaptive_cards.texts import plural, render, render_if_any, text
from adaptive_cards.times import day, day_clock, day_month, minutes
from adaptive_cards.views import ChangeLine, CheckLine
from jobs.model import State, Text


def matter(view: VerdictView, room: Budget) -> list[Element]:
    # The findings that were not checked appear only after the check ended.
    drawn = _section("verdict.changed", list(map(_change, view.changes)), room)
    changed = [*drawn, small_print(Text("verdict.changed_next"))] if drawn else []
    parts = [
        *causes(view, room),
        *_symptoms(view, room),
        *changed,
        *_noticed(view, room),
    ]
    if view.looking:
        return parts
    return [
        *parts,
        *_found(view),
        *([] if view.causes else _proven(view, room)),
        *_skipped(view, room),
        *([] if view.causes else _next_date(view, room)),
    ]


def _found(view: VerdictView) -> list[Element]:
    if view.found is None or not view.found.values:
        return []
    told = [small_print(view.found.told)] if view.found.told else []
    return [section("verdict.found"), *found_values(view.found.values), *told]


def _symptoms(view: VerdictView, room: Budget) -> list[Element]:
    by_cause: dict[str, list[Item]] = {}
    for line in view.symptoms:
        by_cause.setdefault(line.explained_by, []).append(_item(EXPLAINED, line, _seen(line)))
    groups = [(Text("verdict.explained", {"row": row}), items) for row, items in by_cause.items()]
    return [
        part
        for title, items in groups
        for part in (said(title, **BOLD, spacing="Medium"), *rows(items, room))
    ]


def _change(line: ChangeLine) -> Item:
    change = line.change
    title = text("verdict.changed_failed", event=change.event) if change.failed else change.event
    told = text(
        "verdict.changed_by", at=day_clock(change.at), by=change.by or text("verdict.nobody")
    )
    parts = [told, change.told and f"{change.told.removesuffix('.')}."]
    if line.suspect:
        parts.append(text("verdict.changed_suspect", cause=render(line.suspect)))
    return Item(glyphs.UNKNOWN, "AL", title, " ".join(filter(None, parts)))


def _noticed(view: VerdictView, room: Budget) -> list[Element]:
    warned = [_item(_warned(line), line, _seen(line)) for line in view.warnings]
    possible = [_item(glyphs.UNKNOWN, line, _proof(line)) for line in view.possible]
    # Without a known cause, possible obstacles to mail come before the rest.
    items = [*warned, *possible] if view.causes else [*possible, *warned]
    return _section("verdict.noticed" if view.causes else "verdict.noticed_alone", items, room)


def _warned(line: CheckLine) -> Mark:
    return glyphs.TIME if line.state is State.WAITING else glyphs.WARNING


def _proof(line: CheckLine) -> str:
    possible = (
        text("verdict.possible_seen", seen=_seen(line).removesuffix("."))
        if line.seen
        else text("verdict.possible")
    )
    return (
        text("verdict.proof", possible=possible, proof=render(line.proof))
        if line.proof
        else possible
    )


def _proven(view: VerdictView, room: Budget) -> list[Element]:
    items = [
        Item(glyphs.OK, proof.row, render(proof.words), right=time_since(proof.at, view.at))
        for proof in view.proofs
    ]
    right = sum(line.state is State.OK for line in view.lines)
    if right:
        items.append(
            Item(
                glyphs.OK, "", text("verdict.as_expected", count=str(right)), right=text("age.now")
            )
        )
    return _section("verdict.proven", items, room, aligned=True)


def _next_date(view: VerdictView, room: Budget) -> list[Element]:
    """Return the next date by which a person must act, although no action is needed now."""
    if view.secret_expires is None:
        return []
    told = text("verdict.expires", day=day(view.secret_expires))
    return _section(
        "verdict.next_date",
        [Item(glyphs.TIME, "E3", told, right=time_until(view.secret_expires, view.at))],
        room,
        aligned=True,
    )


def _skipped(view: VerdictView, room: Budget) -> list[Element]:
    # After a check without a sign-in, a dozen findings share the same reason.
    reasons: dict[tuple[State, str], list[CheckLine]] = {}
    for line in view.skipped:
        reasons.setdefault((line.state, _seen(line)), []).append(line)
    items = [
        Item(glyphs.of_state(state), "", names(tuple(lines)), why)
        for (state, why), lines in reasons.items()
    ]
    return _section("verdict.not_looked", items, room)


def _section(
    title: str, items: list[Item], room: Budget, *, aligned: bool = False
) -> list[Element]:
    return titled(title, rows(items, room, aligned=aligned))


def _item(mark: Mark, line: CheckLine, told: str) -> Item:
    return Item(mark, line.row, sentence(line.title), told)


def _seen(line: CheckLine) -> str:
    return render_if_any(line.seen)


_NOBODY_KNOWS = Mark("?")
_IN_A_ROW = 3
_WENT, _WENT_NOT = ("\u2014 ", " \u2014"), ("\u00b7  ", "  \u00b7")
_CENTRE: dict[str, Look] = {"horizontalAlignment": "Center"}


def way(view: VerdictView) -> list[Element]:
    drawn = list(_stations(view))
    rows = [drawn[at : at + _IN_A_ROW] for at in range(0, len(drawn), _IN_A_ROW)]
    return [columns(*row, spacing="Small" if at else "Medium") for at, row in enumerate(rows)]


def _stations(view: VerdictView) -> Iterator[Element]:
    came, stopped = True, False
    for stop in view.way:
        goes_on = came and stop.passes is True
        mark = _mark(view, stop, stopped=stopped)
        before, after = (
            (_WENT if (came and stop.passes is not None) else _WENT_NOT)[0],
            (_WENT if goes_on else _WENT_NOT)[1],
        )
        drawn = rich(
            run(before, **SUBTLE),
            run(mark.glyph, **BOLD, **mark.look),
            run(after, **SUBTLE),
            **_CENTRE,
        )
        yield _station(
            view,
            stop,
            drawn,
        )
        came, stopped = goes_on, stopped or stop.passes is False


def _station(view: VerdictView, stop: Stop, drawn: Element) -> Element:
    name = rich(run(text(f"station.{stop.station}"), **_look(stop)), spacing="None", **_CENTRE)
    told = _stop_text(view, stop)
    below = [rich(run(told, **SMALL), spacing="None", **_CENTRE)] if told else []
    return column("stretch", drawn, name, *below, spacing="None")


def _look(stop: Stop) -> dict[str, Look]:
    if stop.passes is None:
        return SMALL
    return {"size": "Small"} if stop.passes else {"size": "Small", **BOLD}


def _mark(view: VerdictView, stop: Stop, *, stopped: bool) -> Mark:
    if stop.passes is None:
        return glyphs.NOT_YET if stopped or view.looking else _NOBODY_KNOWS
    return glyphs.OK if stop.passes else glyphs.WRONG


def _stop_text(view: VerdictView, stop: Stop) -> str:
    if stop.passes is False:
        return text("verdict.stops")
    if stop.at is None:
        return text("verdict.unseen") if stop.passes is None and not view.looking else ""
    # The kicker names the zone. Another day than today is shown as a date.
    return minutes(stop.at) if day(stop.at) == day(view.at) else day_month(stop.at)


# Removed in this order if space is short: list evidence, row colors, list values, rows.
_ROOMS = (
    Budget(8, 3, 12, Detail.EVIDENCE, 6),
    Budget(8, 3, 12, Detail.SEEN, 6),
    Budget(8, 3, 8, Detail.SEEN, 4, compact=True),
    Budget(8, 2, 4, Detail.NAME, 2, compact=True),
    Budget(4, 1, 2, Detail.NAME, 0, compact=True),
)
_FRAME_BYTES = 200
_TOLD_LINES = 2


def verdict(view: VerdictView) -> Card:
    kicker = kicker_of(Text("verdict.kicker", {"mailbox": view.mailbox}), day_clock(view.at))
    head = band(view)
    left = MOST_BYTES - _FRAME_BYTES - size({"head": [kicker, head.element]})
    drawn = (_drawn(view, room) for room in _ROOMS)
    body, actions = next(
        (parts for parts in drawn if size({"parts": parts}) <= left), None
    ) or _drawn(view, _ROOMS[-1])
    return finished(kicker, head, body, actions, told=_TOLD_LINES)


def _drawn(view: VerdictView, room: Budget) -> tuple[list[Element], list[Element]]:
    body, again = [*_fix(view), *way(view), *matter(view, room)], _again(view)
    rows = [
        *problem_box(view.problem, view.problem_code, view.problem_at),
        *button_rows(again),
    ]
    # While nothing is certain yet, the findings are shown directly instead.
    has_list = bool(view.causes) or not view.looking
    if not has_list:
        return [*body, *found(view, room), *rows], []
    free = ACTIONS_MOST - len(again) - len(_fix(view))
    return [*body, *rows], _lists(view, room, apart=free > 1)


def _fix(view: VerdictView) -> list[Element]:
    if view.fix is None:
        return []
    key, data = view.fix
    main = glyphs.is_person(view.turn)
    button = (
        open_url(text(key), data["url"], main=main)
        if "url" in data
        else press(text(key), data, main=main)
    )
    return [buttons(button, spacing="Default")]


def _again(view: VerdictView) -> list[Element]:
    # One action is left free for the list of findings.
    title = text("button.find" if view.is_unknown else "button.see_more")
    deeper = [open_url(title, view.sign_in_url)] if view.sign_in_url else []
    granted = [open_url(text("button.let_read"), view.grant_url)] if view.grant_url else []
    if view.looking:
        return [*deeper, *granted]
    again = submit(text("button.check_again"), "check", channel=view.mailbox)
    if not view.is_ours:
        keep = [submit(text("button.keep"), "keep", run=view.run)] if view.may_keep else []
        return [*keep, again, *deeper]
    # Only the card of a channel that was kept from this card offers to watch it.
    watch = (
        []
        if view.found is None or not view.found.kept
        else watch_button(view.mailbox, watched=bool(view.found.watched))
    )
    missing_title = text("button.bundle" if view.causes else "button.mail_missing")
    missing = submit(missing_title, "missing", channel=view.mailbox)
    every = [*watch, again, *deeper, *granted, missing]
    return every[: ACTIONS_MOST - 1 - len(_fix(view))]


def _lists(view: VerdictView, room: Budget, *, apart: bool) -> list[Element]:
    # If no button is left, both are in the same part.
    lists, lines = findings(view, room) if view.lines else [], commands(view, room)
    title = plural("button.findings", len(view.lines))
    if lists and not apart:
        return [show_card(title, [*lists, *lines])]
    return [
        *([show_card(title, lists)] if lists else []),
        *([show_card(text("button.commands"), lines)] if lines else []),
    ]
