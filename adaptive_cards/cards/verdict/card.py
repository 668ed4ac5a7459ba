"""Card of a check: what is broken, who can fix it and how, during the check and after it."""

from __future__ import annotations

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
from adaptive_cards.cards.verdict.band import band
from adaptive_cards.cards.verdict.findings import commands, findings, found
from adaptive_cards.cards.verdict.mail_path import way
from adaptive_cards.cards.verdict.rows import Budget, Detail
from adaptive_cards.cards.verdict.sections import matter
from adaptive_cards.cards.verdict.view import VerdictView
from adaptive_cards.components import kicker_of, problem_box
from adaptive_cards.elements import Element
from adaptive_cards.texts import plural, text
from adaptive_cards.times import day_clock
from jobs.model import Text

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
    """Return the next actions, the most useful first.

    One action is left free for the list of findings.
    """
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
    every = [*watch, again, *deeper, *granted, _missing(view)]
    return every[: ACTIONS_MOST - 1 - len(_fix(view))]


def _missing(view: VerdictView) -> Element:
    title = text("button.bundle" if view.causes else "button.mail_missing")
    return submit(title, "missing", channel=view.mailbox)


def _lists(view: VerdictView, room: Budget, *, apart: bool) -> list[Element]:
    """Return the parts that open: all findings, and the commands.

    If no button is left, both are in the same part.
    """
    lists, lines = findings(view, room) if view.lines else [], commands(view, room)
    title = plural("button.findings", len(view.lines))
    if lists and not apart:
        return [show_card(title, [*lists, *lines])]
    return [
        *([show_card(title, lists)] if lists else []),
        *([show_card(text("button.commands"), lines)] if lines else []),
    ]
