"""Lists of a space: its channels, worst first, its runs, and its audit trail."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from adaptive_cards import glyphs
from adaptive_cards.actions import ADDRESS_MOST, button_rows, buttons, fit_title, press, submit
from adaptive_cards.card import Card, finished
from adaptive_cards.components import (
    Band,
    answer_line,
    aside,
    count_line,
    kicker_of,
    note,
    persons_turn,
    section,
    small_print,
    stage,
    time_since,
)
from adaptive_cards.elements import BOLD, SUBTLE, Element, container, own, rich, run, said
from adaptive_cards.escape import plain, shorten
from adaptive_cards.glyphs import Mark
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


_RIGHT = {State.OK, State.WARNING}


def channels(view: ChannelsView) -> Card:
    """Return the card with one row per channel: its newest verdict and the age of the verdict.

    At most sixteen channels are shown, the worst ones. The worst four have a button each. If there
    are more, three have one, and the others are in a list with a button. With ``view.every`` there
    are buttons for several commands instead, and a list with the worst channel chosen.
    """
    lines = sorted(view.channels, key=lambda line: _WORST_FIRST.index(line.state))
    shown = lines[:_CHANNELS_MOST]
    body = [part for at, line in enumerate(shown) for part in _part(line, view, at, len(shown))]
    body += _commands(shown, view) if view.every else _others(shown, view)
    counts = {
        f"channels.sum_{state or 'never'}": sum(line.state is state for line in lines)
        for state in _WORST_FIRST
    }
    counted = ", ".join(with_counts(counts))
    body += count_line("channels.more", len(lines) - _CHANNELS_MOST, sum=counted)
    body += count_line("channels.withdrawn", view.withdrawn)
    return finished(
        kicker_of(_of_place("channels.kicker", view), day_clock(view.at)),
        _band(view),
        body,
        _buttons(view),
    )


def _of_place(key: str, view: ChannelsView) -> Text:
    """Return the text of this key for a group space, or its text for a 1:1 space."""
    return Text(f"{key}_direct" if view.direct else key)


def _band(view: ChannelsView) -> Band:
    wrong = sum(line.state is State.WRONG for line in view.channels)
    if wrong:
        return _broken(view, wrong)
    if view.checking:
        done = Text(
            "channels.checking",
            {"done": str(len(view.channels) - view.checking), "all": _all(view)},
        )
        return Band.of(
            "emphasis", glyphs.RUNNING, done, answer_line(Text("channels.turn_checking"))
        )
    if not view.channels:
        return persons_turn(
            _of_place("channels.none", view), answer_line(Text("channels.none_next"))
        )
    return _settled(view)


def _broken(view: ChannelsView, wrong: int) -> Band:
    lines = [answer_line(Text("channels.turn_wrong"))]
    if view.checking:
        lines.append(
            said(
                Text("channels.still_checking", {"left": str(view.checking), "all": _all(view)}),
                spacing="Small",
            )
        )
    title = _of_all("channels.wrong", wrong, view)
    return Band.of("attention", glyphs.WRONG, title, *lines)


def _settled(view: ChannelsView) -> Band:
    doubtful = [line for line in view.channels if line.state not in _RIGHT]
    if not doubtful:
        title = verbatim(plural("channels.well", len(view.channels)))
        return Band.of("good", glyphs.OK, title, answer_line(Text("channels.turn_well")))
    unchecked = all(line.state is None for line in doubtful)
    title = _of_all("channels.open", len(doubtful), view)
    told = Text("channels.turn_unchecked" if unchecked else "channels.turn_look")
    return Band.of("emphasis", glyphs.UNKNOWN, title, answer_line(told))


def _of_all(key: str, count: int, view: ChannelsView) -> Text:
    """Return the words for ``count`` of the channels; a single channel has words of its own."""
    if len(view.channels) == 1:
        return Text(f"{key}_only")
    return verbatim(plural(key, count, all=_all(view)))


def _all(view: ChannelsView) -> str:
    return str(len(view.channels))


def _row(line: ChannelLine, view: ChannelsView) -> Element:
    mark = glyphs.of_state(line.state) if line.state else glyphs.NOT_YET
    age = aside(verbatim(time_since(line.at, view.at))) if line.at else None
    return glyphs.marked(mark, rich(run(line.mailbox)), note(line.words), right=age)


def _buttons_most(shown: int) -> int:
    """Return how many channels have a button of their own. The others are in one list."""
    return _ROW_BUTTONS if shown <= _ROW_BUTTONS else _ROW_BUTTONS - 1


def _part(line: ChannelLine, view: ChannelsView, at: int, shown: int) -> list[Element]:
    """Return the row of a channel, and the button that checks it if nothing is being checked."""
    row = _row(line, view)
    own_button = not view.checking and not view.every and at < _buttons_most(shown)
    if not own_button or len(line.mailbox) > ADDRESS_MOST:
        return [row]
    title = fit_title("choice.button.check", line.mailbox)
    return [row, buttons(submit(title, "check", channel=line.mailbox), spacing="Small")]


def _others(shown: list[ChannelLine], view: ChannelsView) -> list[Element]:
    """Return a list of the channels without a button of their own, and the button to check one."""
    addresses = _addresses(shown[_buttons_most(len(shown)) :])
    if view.checking or not addresses:
        return []
    check = submit(text("choice.check_picked"), "typed", reads=True, command="check")
    return [_pick("choice.others", addresses), buttons(check, spacing="Small")]


def _addresses(lines: list[ChannelLine]) -> list[str]:
    """Return the addresses that are short enough for a button or a list."""
    return [line.mailbox for line in lines if len(line.mailbox) <= ADDRESS_MOST]


def _pick(label: str, addresses: list[str]) -> Element:
    return {
        "type": "Input.ChoiceSet",
        "id": "mailbox",
        "label": text(label),
        "style": "compact",
        "wrap": True,
        "isMultiSelect": False,
        "isRequired": True,
        "errorMessage": text("choice.others_error"),
        "choices": [
            {"title": shorten(plain(each), _PICK_MOST), "value": each} for each in addresses
        ],
    }


def _commands(shown: list[ChannelLine], view: ChannelsView) -> list[Element]:
    """Return the buttons of several commands, below a list to choose from two or more channels."""
    addresses = _addresses(shown)
    if view.checking or not addresses:
        return []
    if len(addresses) == 1:
        meant = {"do": "typed", "mailbox_meant": addresses[0]}
        of_channel = [press(_title(each), meant | {"command": each}) for each in _COMMANDS]
        return button_rows(of_channel, "Small")
    pick = _pick("choice.picked", addresses) | {"value": addresses[0]}
    pressed = [submit(_title(each), "typed", reads=True, command=each) for each in _COMMANDS]
    return [pick, *button_rows(pressed, "Small")]


def _title(command: str) -> str:
    return text(f"choice.picked_{command}")


def _buttons(view: ChannelsView) -> list[Element]:
    if not view.channels:
        return [submit(text("button.setup"), "setup", main=True)]
    if view.checking or (view.every and len(view.channels) == 1):
        return []
    return [submit(text("button.check_all"), "check", channel="all")]


@dataclass(frozen=True, slots=True)
class ChannelLine:
    """Channel in a list, with its newest verdict if it was ever checked."""

    mailbox: str
    state: State | None
    words: Text
    at: datetime | None = None


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


_RUNS_MOST = 10


_ENDED = {"done": glyphs.OK, "failed": glyphs.WRONG, "cancelled": glyphs.SKIPPED}


def status(view: StatusView) -> Card:
    body = [_run_row(line) for line in view.runs[:_RUNS_MOST]]
    body += count_line("status.more", view.more + max(len(view.runs) - _RUNS_MOST, 0))
    again = submit(text("button.look_again"), "status")
    actions = [again] if view.runs else [submit(text("button.setup"), "setup", main=True)]
    return finished(
        kicker_of(
            Text("status.kicker_direct" if view.direct else "status.kicker"), day_clock(view.at)
        ),
        _runs_band(view),
        body,
        actions,
    )


def _runs_band(view: StatusView) -> Band:
    going = [line for line in view.runs if not line.ended]
    if not any(glyphs.is_person(line.turn) for line in going):
        mark = glyphs.RUNNING if going else glyphs.SKIPPED
        told = Text("status.nobody" if going else "status.nothing_next")
        return Band.of("emphasis", mark, _runs_title(len(going)), answer_line(told))
    return persons_turn(_runs_title(len(going)), answer_line(Text("status.waits")))


def _runs_title(going: int) -> Text:
    if not going:
        return Text("status.none")
    return Text("status.title", {"count": str(going)})


def _run_row(line: RunLine) -> Element:
    about = rich(run(line.run, **SUBTLE), run(f"  {_state(line)}", **SUBTLE), spacing="None")
    # A run that was begun without an address has no mailbox yet. Webex rejects a card with an
    # empty line.
    address = rich(run(line.mailbox)) if line.mailbox else own("kicker.new")
    who = {"who": f"key:who.{line.turn}", "name": line.who, "words": render(line.words)}
    turn = Text("status.line_named" if line.who else "status.line", who)
    started = Text("status.started", {"at": day_clock(line.started)})
    notes = [note(started)] if line.ended else [note(turn), note(started)]
    return glyphs.marked(_mark(line), address, about, *notes)


def _state(line: RunLine) -> str:
    if line.ended in _ENDED:
        return text(f"status.ended_{line.ended}")
    if line.kind is not RunKind.SETUP:
        return text(f"status.kind_{line.kind}")
    return stage(line.stage)


def _mark(line: RunLine) -> Mark:
    if line.ended:
        return _ENDED.get(line.ended, glyphs.SKIPPED)
    if glyphs.is_person(line.turn):
        return glyphs.PERSON
    return glyphs.TIME if line.turn is Turn.TIME else glyphs.RUNNING


@dataclass(frozen=True, slots=True)
class RunLine:
    """Run in the list of a space. Only a setup has stages; for other runs the ``kind`` is shown.

    ``who`` is the address of the person whose turn it is, or empty.
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


@dataclass(frozen=True, slots=True)
class StatusView:
    """Runs of a space, and the number of runs not listed (``more``); ``direct`` is a 1:1 space."""

    runs: tuple[RunLine, ...]
    at: datetime
    more: int = 0
    direct: bool = False


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


_LINES_MOST, _AUDIT_CHANNELS_MOST = 10, 4


def audit(view: AuditView) -> Card:
    """Return the card with one row per entry, newest first, ten at most."""
    about = (
        Text("audit.kicker_of", {"mailbox": view.mailbox}) if view.mailbox else Text("audit.kicker")
    )
    rows = [_audit_row(line) for line in view.lines[:_LINES_MOST]]
    body = [section("audit.newest"), *rows, small_print(_file(view))] if rows else []
    body += button_rows(
        [
            press(
                fit_title("choice.button.audit", mailbox),
                {"do": "typed", "command": "audit", "mailbox_meant": mailbox},
            )
            for mailbox in view.channels[:_AUDIT_CHANNELS_MOST]
        ],
        "Small",
    )
    return finished(kicker_of(about, day_clock(view.at)), _audit_band(view), body)


def _audit_band(view: AuditView) -> Band:
    if view.broken_at:
        title = Text("audit.broken", {"entry": str(view.broken_at)})
        return Band.of("attention", glyphs.WRONG, title, answer_line(Text("audit.broken_next")))
    if not view.count:
        told = answer_line(Text("audit.none_next"))
        return Band.of("emphasis", glyphs.NOT_YET, Text("audit.none"), told)
    whole = verbatim(plural("audit.whole", view.count))
    return Band.of("good", glyphs.OK, whole, answer_line(Text("audit.next")))


def _file(view: AuditView) -> Text:
    cut = view.filed < view.count
    return Text(
        "audit.file_cut" if cut else "audit.file", {"name": view.name, "count": str(view.filed)}
    )


def _audit_row(line: AuditLine) -> Element:
    by = line.by or text("audit.the_bot")
    who = rich(run(by, **BOLD), run(f"  {day_clock(line.at)}", **SUBTLE))
    key = (
        "audit.about"
        if line.mailbox and line.run
        else "audit.about_run"
        if line.run
        else "audit.about_entry"
    )
    about = Text(key, {"mailbox": line.mailbox, "run": line.run, "entry": str(line.entry)})
    return container("", who, said(line.what, spacing="None"), note(about), spacing="Small")
