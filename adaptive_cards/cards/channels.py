"""Lists of channels, worst first: those of a space, and those that are watched."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from adaptive_cards import actions as act, components as ui, glyphs
from adaptive_cards.card import Card, finished
from adaptive_cards.elements import Element, rich, run, said
from adaptive_cards.escape import plain, shorten
from adaptive_cards.texts import plural, text, with_counts
from adaptive_cards.times import day_minutes
from jobs.model import State, Text, verbatim

_CHANNELS_MOST = 16
_PICK_MOST = 80
_ROW_BUTTONS = 4
"""Maximum number of buttons next to channels.

A card takes five buttons, and one of them checks all channels.
"""
_COMMANDS = ("check", "fix", "undo", "tac")
"""Commands that the card with every command offers, in the order of its buttons."""
_WORST_FIRST = (
    State.WRONG,
    State.POSSIBLE,
    State.UNKNOWN,
    State.WARNING,
    State.WAITING,
    State.SKIPPED,
    None,
    State.OK,
)
_FINE = {State.OK, State.WARNING}


@dataclass(frozen=True, slots=True)
class ChannelLine:
    """Channel in a list, with its newest verdict and its time if it was ever checked.

    A watched channel is WRONG if an incident goes on, UNKNOWN if the watch cannot look, WAITING if
    it is paused or was never looked at, and WARNING if the last look could not say or the watch sees
    only a part. ``unseen`` says what the watch cannot see, or is None.
    """

    mailbox: str
    state: State | None
    words: Text
    at: datetime | None = None
    unseen: Text | None = None


def channels(  # noqa: PLR0913  everything that the card shows
    lines: Iterable[ChannelLine],
    at: datetime,
    *,
    checking: int = 0,
    withdrawn: int = 0,
    direct: bool = False,
    every: bool = False,
) -> Card:
    """Return the card with one row per channel: its newest verdict and when that was.

    At most sixteen channels are shown, the worst ones. The worst four have a button each. If there
    are more, three have one, and the others are in a list with a button. With ``every`` there are
    buttons for several commands instead, and a list with the worst channel chosen.

    ``checking`` is the number of checks still running. ``withdrawn`` is the number of tenants that
    no longer let the bot read on its own. ``direct`` is whether the card is in a 1:1 space.
    """
    known = sorted(lines, key=_badness)
    shown = known[:_CHANNELS_MOST]
    if checking or every:
        body = [channel_row(line) for line in shown]
        body += [] if checking else _commands(shown)
    else:
        body = _checkable(shown)
    counts = Counter(f"channels.sum_{line.state or 'never'}" for line in known)
    counted = ", ".join(with_counts(counts))
    body += ui.count_line("channels.more", len(known) - _CHANNELS_MOST, sum=counted)
    body += ui.count_line("channels.withdrawn", withdrawn)
    setup = act.submit(text("button.setup"), "setup", main=True)
    check = act.submit(text("button.check_all"), "check", channel="all")
    actions = ([] if checking or (every and len(known) == 1) else [check]) if known else [setup]
    kicker = ui.kicker_at("channels.kicker_direct" if direct else "channels.kicker", at)
    return finished(kicker, _band(known, checking, direct=direct), body, actions)


def _badness(line: ChannelLine) -> int:
    return _WORST_FIRST.index(line.state)


def _band(lines: Sequence[ChannelLine], checking: int, *, direct: bool) -> ui.Band:
    every, states = str(len(lines)), [line.state for line in lines]

    def of_all(key: str, count: int) -> Text:
        return Text(f"{key}_only") if len(lines) == 1 else verbatim(plural(key, count, all=every))

    doubtful = [state for state in states if state not in _FINE]
    more: list[Element] = []
    if not lines:
        title = Text("channels.none_direct" if direct else "channels.none")
        return ui.persons_turn(title, ui.answer_line(Text("channels.none_next")))
    if wrong := states.count(State.WRONG):
        look, title, told = ui.BROKEN, of_all("channels.wrong", wrong), "wrong"
        values = {"left": str(checking), "all": every}
        more = [said(Text("channels.still_checking", values), spacing="Small")] if checking else []
    elif checking:
        values = {"done": str(len(lines) - checking), "all": every}
        look, title, told = ui.UNDER_WAY, Text("channels.checking", values), "checking"
    elif doubtful:
        look, title = ui.UNCLEAR, of_all("channels.open", len(doubtful))
        told = "look" if any(doubtful) else "unchecked"
    else:
        look, title, told = ui.WELL, verbatim(plural("channels.well", len(lines))), "well"
    return ui.Band.of(*look, title, ui.answer_line(Text(f"channels.turn_{told}")), *more)


def channel_row(line: ChannelLine) -> Element:
    mark = glyphs.of_state(line.state) if line.state else glyphs.NOT_YET
    seen = ui.aside(verbatim(day_minutes(line.at))) if line.at else None
    notes = map(ui.note, filter(None, (line.unseen, line.words)))
    return glyphs.marked(mark, rich(run(line.mailbox)), *notes, right=seen)


def _checkable(lines: Sequence[ChannelLine]) -> list[Element]:
    first = _ROW_BUTTONS if len(lines) <= _ROW_BUTTONS else _ROW_BUTTONS - 1
    parts: list[Element] = []
    for place, line in enumerate(lines):
        parts.append(channel_row(line))
        if place < first and _addresses([line]):
            title = act.fit_title("choice.button.check", line.mailbox)
            check = act.submit(title, "check", channel=line.mailbox)
            parts.append(act.buttons(check, spacing="Small"))
    return [*parts, *_others(lines[first:])]


def _others(lines: Sequence[ChannelLine]) -> list[Element]:
    if not (addresses := _addresses(lines)):
        return []
    check = act.submit(text("choice.check_picked"), "typed", reads=True, command="check")
    return [_pick("choice.others", addresses), act.buttons(check, spacing="Small")]


def _addresses(lines: Sequence[ChannelLine]) -> list[str]:
    return [line.mailbox for line in lines if len(line.mailbox) <= act.ADDRESS_MOST]


def _pick(label: str, addresses: list[str]) -> Element:
    titles = [(each, shorten(plain(each), _PICK_MOST)) for each in addresses]
    error = {"isRequired": True, "errorMessage": text("choice.others_error")}
    return act.choice("mailbox", text(label), titles, wrap=True, **error)


def _commands(shown: list[ChannelLine]) -> list[Element]:
    if not (addresses := _addresses(shown)):
        return []
    titles = {each: text(f"choice.picked_{each}") for each in _COMMANDS}
    if len(addresses) == 1:
        meant = {"do": "typed", "mailbox_meant": addresses[0]}
        of_channel = [act.press(title, meant | {"command": each}) for each, title in titles.items()]
        return act.button_rows(of_channel, "Small")
    pick = _pick("choice.picked", addresses) | {"value": addresses[0]}
    pressed = [act.submit(each, "typed", reads=True, command=name) for name, each in titles.items()]
    return [pick, *act.button_rows(pressed, "Small")]


_WATCHED_MOST = 12
_UNWATCHED_MOST = 3
_NAMED_MOST = 8


def watch_list(
    lines: Sequence[ChannelLine], unwatched: Sequence[str], at: datetime, quiet: str = ""
) -> Card:
    """Return the card, with the worst channels first; at most twelve are shown.

    ``unwatched`` are channels of the space that nobody watches. ``quiet`` are the hours without
    reminders, or empty.
    """
    unseen = next((line.mailbox for line in lines if line.unseen is not None), "")
    check = {"do": "check", "channel": unseen}
    body = [
        *(channel_row(line) for line in sorted(lines, key=_badness)[:_WATCHED_MOST]),
        *ui.count_line("watch.more_channels", len(lines) - _WATCHED_MOST),
        *ui.titled(
            "watch.unwatched_section",
            [rich(run(each), spacing="Small") for each in unwatched[:_NAMED_MOST]],
        ),
        *([ui.small_print(Text("watch.quiet_line", {"hours": quiet}))] if quiet else []),
        *act.button_rows(
            [
                act.press(act.fit_title("watch.add_one", each), {"do": "watch", "channel": each})
                for each in unwatched[:_UNWATCHED_MOST]
            ]
            + ([act.press(text("watch.see_more"), check)] if unseen else [])
        ),
    ]
    return finished(ui.kicker_at("watch.kicker", at), _watch_band(lines), body)


def _watch_band(lines: Sequence[ChannelLine]) -> ui.Band:
    every = str(len(lines))
    if not lines:
        look, title, told = ui.NOT_BEGUN, Text("watch.none"), "watch.how"
    elif bad := sum(line.state is State.WRONG for line in lines):
        look, title = ui.BROKEN, verbatim(plural("watch.list_broken", bad, all=every))
        told = "watch.list_broken_words"
    elif partly := sum(line.unseen is not None for line in lines):
        look = "accent", glyphs.WARNING
        title = verbatim(plural("watch.list_partly", partly, all=every))
        told = "watch.list_partly_words"
    else:
        look, title = ui.WELL, verbatim(plural("watch.list_well", len(lines)))
        told = "watch.list_words"
    return ui.Band.of(*look, title, said(Text(told), spacing="Small"))
