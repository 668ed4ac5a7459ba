"""Lists of a space: its channels, worst first, its runs, what is watched, and its audit trail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from adaptive_cards import actions as act
from adaptive_cards import components as ui
from adaptive_cards import glyphs
from adaptive_cards.card import Card, finished
from adaptive_cards.elements import BOLD, SUBTLE, Element, container, own, rich, run, said
from adaptive_cards.escape import plain, shorten
from adaptive_cards.texts import plural, render, text, with_counts
from adaptive_cards.times import day_clock
from jobs.model import RunKind, State, Text, Turn, verbatim

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


@dataclass(frozen=True, slots=True)
class ChannelsView:
    """Channels of a space.

    The card shows the worst first. ``checking`` is the number of checks still running.
    ``withdrawn`` is the number of tenants that no longer let the bot read on its own. ``direct`` is
    whether the card is in a 1:1 space. ``every`` offers several commands, not only checks.
    """

    channels: tuple[ChannelLine, ...]
    at: datetime
    checking: int = 0
    withdrawn: int = 0
    direct: bool = False
    every: bool = False


def channels(view: ChannelsView) -> Card:
    """Return the card with one row per channel: its newest verdict and the age of the verdict.

    At most sixteen channels are shown, the worst ones. The worst four have a button each. If there
    are more, three have one, and the others are in a list with a button. With ``view.every`` there
    are buttons for several commands instead, and a list with the worst channel chosen.
    """
    lines = _worst_first(view.channels)
    shown = lines[:_CHANNELS_MOST]
    own_buttons = _ROW_BUTTONS if len(shown) <= _ROW_BUTTONS else _ROW_BUTTONS - 1
    if view.checking or view.every:
        body = [channel_row(line, view.at) for line in shown]
        body += [] if view.checking else _commands(shown)
    else:
        body = [part for line in shown[:own_buttons] for part in _checkable(line, view.at)]
        body += [channel_row(line, view.at) for line in shown[own_buttons:]]
        body += _others(shown[own_buttons:])
    counts = Counter(f"channels.sum_{line.state or 'never'}" for line in lines)
    counted = ", ".join(with_counts(counts))
    body += ui.count_line("channels.more", len(lines) - _CHANNELS_MOST, sum=counted)
    body += ui.count_line("channels.withdrawn", view.withdrawn)
    about = "channels.kicker_direct" if view.direct else "channels.kicker"
    return finished(ui.kicker_at(about, view.at), _band(view), body, _main(view))


def _main(view: ChannelsView) -> list[Element]:
    if not view.channels:
        return [act.submit(text("button.setup"), "setup", main=True)]
    if view.checking or (view.every and len(view.channels) == 1):
        return []
    return [act.submit(text("button.check_all"), "check", channel="all")]


def _worst_first(lines: Iterable[ChannelLine]) -> list[ChannelLine]:
    return sorted(lines, key=lambda line: _WORST_FIRST.index(line.state))


def _band(view: ChannelsView) -> ui.Band:
    every = str(len(view.channels))

    def of_all(key: str, count: int) -> Text:
        if len(view.channels) == 1:
            return Text(f"{key}_only")
        return verbatim(plural(key, count, all=every))

    if wrong := sum(line.state is State.WRONG for line in view.channels):
        lines = [ui.answer_line(Text("channels.turn_wrong"))]
        if view.checking:
            values = {"left": str(view.checking), "all": every}
            lines.append(said(Text("channels.still_checking", values), spacing="Small"))
        return ui.Band.of("attention", glyphs.WRONG, of_all("channels.wrong", wrong), *lines)
    if view.checking:
        values = {"done": str(len(view.channels) - view.checking), "all": every}
        title, told = Text("channels.checking", values), Text("channels.turn_checking")
        return ui.Band.of("emphasis", glyphs.RUNNING, title, ui.answer_line(told))
    if not view.channels:
        title = Text("channels.none_direct" if view.direct else "channels.none")
        return ui.persons_turn(title, ui.answer_line(Text("channels.none_next")))
    doubtful = [line.state for line in view.channels if line.state not in _FINE]
    if not doubtful:
        title = verbatim(plural("channels.well", len(view.channels)))
        return ui.Band.of("good", glyphs.OK, title, ui.answer_line(Text("channels.turn_well")))
    told = Text("channels.turn_look" if any(doubtful) else "channels.turn_unchecked")
    title = of_all("channels.open", len(doubtful))
    return ui.Band.of("emphasis", glyphs.UNKNOWN, title, ui.answer_line(told))


def channel_row(line: ChannelLine, at: datetime) -> Element:
    mark = glyphs.of_state(line.state) if line.state else glyphs.NOT_YET
    age = ui.aside(verbatim(ui.time_since(line.at, at))) if line.at else None
    notes = map(ui.note, filter(None, (line.unseen, line.words)))
    return glyphs.marked(mark, rich(run(line.mailbox)), *notes, right=age)


def _checkable(line: ChannelLine, at: datetime) -> list[Element]:
    row, title = channel_row(line, at), act.fit_title("choice.button.check", line.mailbox)
    check = act.submit(title, "check", channel=line.mailbox)
    return [row, act.buttons(check, spacing="Small")] if _addresses([line]) else [row]


def _others(lines: list[ChannelLine]) -> list[Element]:
    if not (addresses := _addresses(lines)):
        return []
    check = act.submit(text("choice.check_picked"), "typed", reads=True, command="check")
    return [_pick("choice.others", addresses), act.buttons(check, spacing="Small")]


def _addresses(lines: list[ChannelLine]) -> list[str]:
    return [line.mailbox for line in lines if len(line.mailbox) <= act.ADDRESS_MOST]


def _pick(label: str, addresses: list[str]) -> Element:
    titles = [(each, shorten(plain(each), _PICK_MOST)) for each in addresses]
    error = {"isRequired": True, "errorMessage": text("choice.others_error")}
    return act.choice("mailbox", text(label), titles, wrap=True, **error)


def _commands(shown: list[ChannelLine]) -> list[Element]:
    """Return the buttons of several commands, below a list to choose from two or more channels."""
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


_RUNS_MOST = 10
_ENDED = {"done": glyphs.OK, "failed": glyphs.WRONG, "cancelled": glyphs.SKIPPED}


@dataclass(frozen=True, slots=True)
class RunLine:
    """Run in the list of a space. Only a setup has stages; for other runs the ``kind`` is shown.

    ``by`` is the address of the requester, and ``who`` of the person whose turn it is, or empty.
    """

    run: str
    mailbox: str
    stage: int
    turn: Turn
    words: Text
    started: datetime
    ended: str = ""
    kind: RunKind = RunKind.SETUP
    who: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class StatusView:
    """Runs of a space, and the number of runs not listed (``more``); ``direct`` is a 1:1 space."""

    runs: tuple[RunLine, ...]
    at: datetime
    more: int = 0
    direct: bool = False


def status(view: StatusView) -> Card:
    going = [line for line in view.runs if not line.ended]
    title = Text("status.title", {"count": str(len(going))}) if going else Text("status.none")
    if any(glyphs.is_person(line.turn) for line in going):
        band = ui.persons_turn(title, ui.answer_line(Text("status.waits")))
    else:
        told = Text("status.nobody" if going else "status.nothing_next")
        mark = glyphs.RUNNING if going else glyphs.SKIPPED
        band = ui.Band.of("emphasis", mark, title, ui.answer_line(told))
    body = [_run_row(line) for line in view.runs[:_RUNS_MOST]]
    body += ui.count_line("status.more", view.more + max(len(view.runs) - _RUNS_MOST, 0))
    again = act.submit(text("button.look_again"), "status")
    setup = act.submit(text("button.setup"), "setup", main=True)
    about = "status.kicker_direct" if view.direct else "status.kicker"
    return finished(ui.kicker_at(about, view.at), band, body, [again if view.runs else setup])


def _run_row(line: RunLine) -> Element:
    state = kind = text(f"status.kind_{line.kind}")
    if line.ended in _ENDED:
        state = f"{kind}, {text(f'status.ended_{line.ended}')}"
    elif line.kind is RunKind.SETUP:
        state = ui.stage(line.stage)
    about = rich(run(line.run, **SUBTLE), run(f"  {state}", **SUBTLE), spacing="None")
    # A run that was begun without an address has no mailbox yet. Webex rejects a card with an
    # empty line.
    address = rich(run(line.mailbox)) if line.mailbox else own("kicker.new")
    who = {"who": f"key:who.{line.turn}", "name": line.who, "words": render(line.words)}
    turn = Text("status.line_named" if line.who else "status.line", who)
    notes = [
        *([] if line.ended else [turn]),
        Text("kicker.started", {"who": line.by or "?", "at": day_clock(line.started)}),
    ]
    mark = glyphs.TIME if line.turn is Turn.TIME else glyphs.RUNNING
    if glyphs.is_person(line.turn):
        mark = glyphs.PERSON
    if line.ended:
        mark = _ENDED.get(line.ended, glyphs.SKIPPED)
    return glyphs.marked(mark, address, about, *map(ui.note, notes))


_WATCHED_MOST = 12
_UNWATCHED_MOST = 3
_NAMED_MOST = 8


@dataclass(frozen=True, slots=True)
class WatchListView:
    """Watched channels of a space, and those of its channels that nobody watches.

    ``quiet`` are the hours without reminders, or empty.
    """

    lines: tuple[ChannelLine, ...]
    unwatched: tuple[str, ...]
    at: datetime
    quiet: str = ""


def watch_list(view: WatchListView) -> Card:
    """Return the card, with the worst channels first; at most twelve are shown."""
    unseen = next((line.mailbox for line in view.lines if line.unseen is not None), "")
    check = {"do": "check", "channel": unseen}
    body = [
        *(channel_row(line, view.at) for line in _worst_first(view.lines)[:_WATCHED_MOST]),
        *ui.count_line("watch.more_channels", len(view.lines) - _WATCHED_MOST),
        *ui.titled(
            "watch.unwatched_section",
            [rich(run(each), spacing="Small") for each in view.unwatched[:_NAMED_MOST]],
        ),
        *([ui.small_print(Text("watch.quiet_line", {"hours": view.quiet}))] if view.quiet else []),
        *act.button_rows(
            [
                act.press(act.fit_title("watch.add_one", each), {"do": "watch", "channel": each})
                for each in view.unwatched[:_UNWATCHED_MOST]
            ]
            + ([act.press(text("watch.see_more"), check)] if unseen else [])
        ),
    ]
    kicker = ui.kicker_at("watch.kicker", view.at)
    return finished(kicker, _watch_band(view), body)


def _watch_band(view: WatchListView) -> ui.Band:
    if not view.lines:
        how = said(Text("watch.how"), spacing="Small")
        return ui.Band.of("emphasis", glyphs.NOT_YET, Text("watch.none"), how)
    every = str(len(view.lines))
    if bad := sum(line.state is State.WRONG for line in view.lines):
        title = verbatim(plural("watch.list_broken", bad, all=every))
        told = ui.answer_line(Text("watch.list_broken_words"))
        return ui.Band.of("attention", glyphs.WRONG, title, told)
    if partly := sum(line.unseen is not None for line in view.lines):
        title = verbatim(plural("watch.list_partly", partly, all=every))
        told = said(Text("watch.list_partly_words"), spacing="Small")
        return ui.Band.of("accent", glyphs.WARNING, title, told)
    title = verbatim(plural("watch.list_well", len(view.lines)))
    return ui.Band.of("good", glyphs.OK, title, said(Text("watch.list_words")))


@dataclass(frozen=True, slots=True)
class AuditLine:
    """Entry of the audit trail: its time, event, person, mailbox, run and number.

    ``by`` is the person's address, or empty for the bot itself.
    """

    at: datetime
    what: Text
    by: str
    mailbox: str = ""
    run: str = ""
    entry: int = 0


@dataclass(frozen=True, slots=True)
class AuditView:
    """Audit entries that a person may see, newest first.

    ``count`` is the number of entries, and ``filed`` of them are in the file ``name``. ``mailbox``
    is empty for a whole space. ``broken_at`` is the first entry that was tampered with; 0 if the
    trail is intact. ``channels`` get a button each, four at most, that shows only their entries.
    """

    mailbox: str
    at: datetime
    lines: tuple[AuditLine, ...]
    count: int
    filed: int
    name: str
    broken_at: int = 0
    channels: tuple[str, ...] = ()


_LINES_MOST, _OFFERED_MOST = 10, 4


def audit(view: AuditView) -> Card:
    """Return the card with one row per entry, newest first, ten at most."""
    body = ui.titled("audit.newest", [_audit_row(line) for line in view.lines[:_LINES_MOST]])
    if body:
        values = {"name": view.name, "count": str(view.filed)}
        cut = view.filed < view.count
        body.append(ui.small_print(Text("audit.file_cut" if cut else "audit.file", values)))
    meant = {"do": "typed", "command": "audit"}
    body += act.button_rows(
        [
            act.press(act.fit_title("choice.button.audit", each), meant | {"mailbox_meant": each})
            for each in view.channels[:_OFFERED_MOST]
        ],
        "Small",
    )
    if view.broken_at:
        look, title = (
            ("attention", glyphs.WRONG),
            Text("audit.broken", {"entry": str(view.broken_at)}),
        )
        told = Text("audit.broken_next")
    elif view.count:
        look, title = ("good", glyphs.OK), verbatim(plural("audit.whole", view.count))
        told = Text("audit.next")
    else:
        look, title = ("emphasis", glyphs.NOT_YET), Text("audit.none")
        told = Text("audit.none_next")
    of = {"mailbox": view.mailbox} if view.mailbox else {}
    about = "audit.kicker_of" if of else "audit.kicker"
    band = ui.Band.of(*look, title, ui.answer_line(told))
    return finished(ui.kicker_at(about, view.at, **of), band, body)


def _audit_row(line: AuditLine) -> Element:
    by = line.by or text("audit.the_bot")
    who = rich(run(by, **BOLD), run(f"  {day_clock(line.at)}", **SUBTLE))
    key = "audit.about_run" if line.run else "audit.about_entry"
    if line.mailbox and line.run:
        key = "audit.about"
    values = {"mailbox": line.mailbox, "run": line.run, "entry": str(line.entry)}
    about = Text(key, values)
    return container("", who, said(line.what, spacing="None"), ui.note(about), spacing="Small")
