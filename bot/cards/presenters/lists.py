"""Lists of a space: its channels and those that are watched, its runs, and its audit trail."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from adaptive_cards import Card, components as ui, elements as el, finished, glyphs
from adaptive_cards.locale import SOURCE, day_clock, day_minutes
from adaptive_cards.texts import has_text, own_text, plural, render, text, with_counts
from bot.cards import superseded
from bot.cards.presenters.card_state import NEVER, DesiredCard
from bot.services import Services
from jobs.checks.check import WITHOUT, Assessment
from jobs.clock import now, parse
from jobs.model import Finding, RunKind, State, Text, Turn, minute_of, verbatim
from jobs.next_action import ENDED, next_action, stage_of, wait_of
from jobs.runs.audit import AuditEntry
from jobs.runs.event_log import BOT
from jobs.runs.run import Kind, Run

_CHANNELS_MOST = 16
_PICK_MOST = 80
_ROW_BUTTONS = 4
"""Most buttons next to channels: a card takes five, and one of them checks all channels."""
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


@dataclass(frozen=True, slots=True)
class ChannelLine:
    """Channel in a list, with its newest verdict and its time if it was ever checked.

    A watched channel is WRONG if an incident goes on, UNKNOWN if the watch cannot look, WAITING if
    it is paused or was never looked at, and WARNING if the last look could not say or the watch
    sees only a part, without what ``unseen`` says.
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
    """Return the card with one row for each of the worst channels: its newest verdict and its time.

    Each of four channels has a button. If there are more, three have one, and the others are in a
    list with a button. With ``every`` there are buttons for several commands instead, and a list
    with the worst channel chosen.

    ``checking`` is the number of checks still running. ``withdrawn`` is the number of tenants that
    no longer let the bot read on its own.
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
    setup = el.submit(text("button.setup"), "setup", main=True)
    check = el.submit(text("button.check_all"), "check", channel="all")
    actions = ([] if checking or (every and len(known) == 1) else [check]) if known else [setup]
    kicker = ui.kicker_at("channels.kicker_direct" if direct else "channels.kicker", at)
    return finished(kicker, _band(known, checking, direct=direct), body, actions)


def _badness(line: ChannelLine) -> int:
    return _WORST_FIRST.index(line.state)


def _band(lines: Sequence[ChannelLine], checking: int, *, direct: bool) -> ui.Band:
    every, states = str(len(lines)), [line.state for line in lines]

    def of_all(key: str, count: int) -> Text:
        return Text(f"{key}_only") if len(lines) == 1 else verbatim(plural(key, count, all=every))

    doubtful = [state for state in states if state not in {State.OK, State.WARNING}]
    more: list[el.Element] = []
    if not lines:
        title = Text("channels.none_direct" if direct else "channels.none")
        return ui.persons_turn(title, ui.answer_line(Text("channels.none_next")))
    if wrong := states.count(State.WRONG):
        look, title, told = ui.BROKEN, of_all("channels.wrong", wrong), "wrong"
        if checking:
            left = Text("channels.still_checking", {"left": str(checking), "all": every})
            more = [el.said(left, spacing="Small")]
    elif checking:
        values = {"done": str(len(lines) - checking), "all": every}
        look, title, told = ui.UNDER_WAY, Text("channels.checking", values), "checking"
    elif doubtful:
        look, title = ui.UNCLEAR, of_all("channels.open", len(doubtful))
        told = "look" if any(doubtful) else "unchecked"
    else:
        look, title, told = ui.WELL, verbatim(plural("channels.well", len(lines))), "well"
    return ui.Band.of(*look, title, ui.answer_line(Text(f"channels.turn_{told}")), *more)


def channel_row(line: ChannelLine) -> el.Element:
    mark = glyphs.of_state(line.state) if line.state else glyphs.NOT_YET
    seen = ui.aside(verbatim(day_minutes(line.at))) if line.at else None
    notes = map(ui.note, filter(None, (line.unseen, line.words)))
    return glyphs.marked(mark, el.rich(el.run(line.mailbox)), *notes, right=seen)


def _checkable(lines: Sequence[ChannelLine]) -> list[el.Element]:
    first = _ROW_BUTTONS if len(lines) <= _ROW_BUTTONS else _ROW_BUTTONS - 1
    parts: list[el.Element] = []
    for place, line in enumerate(lines):
        parts.append(channel_row(line))
        if place < first and _addresses([line]):
            title = el.fit_title("choice.button.check", line.mailbox)
            check = el.submit(title, "check", channel=line.mailbox)
            parts.append(el.buttons(check, spacing="Small"))
    if others := _addresses(lines[first:]):
        check = el.submit(text("choice.check_picked"), "typed", form=True, command="check")
        parts += [_pick("choice.others", others), el.buttons(check, spacing="Small")]
    return parts


def _addresses(lines: Sequence[ChannelLine]) -> list[str]:
    return [line.mailbox for line in lines if len(line.mailbox) <= el.ADDRESS_MOST]


def _pick(label: str, addresses: list[str]) -> el.Element:
    titles = [(each, el.shorten(el.plain(each), _PICK_MOST)) for each in addresses]
    error = {"isRequired": True, "errorMessage": text("choice.others_error")}
    return el.choice("mailbox", text(label), titles, wrap=True, **error)


def _commands(shown: list[ChannelLine]) -> list[el.Element]:
    if not (addresses := _addresses(shown)):
        return []
    titles = {each: text(f"choice.picked_{each}") for each in _COMMANDS}
    if len(addresses) == 1:
        meant = {"do": "typed", "mailbox_meant": addresses[0]}
        of_channel = [el.press(title, meant | {"command": each}) for each, title in titles.items()]
        return el.button_rows(of_channel, "Small")
    pick = _pick("choice.picked", addresses) | {"value": addresses[0]}
    pressed = [el.submit(each, "typed", form=True, command=name) for name, each in titles.items()]
    return [pick, *el.button_rows(pressed, "Small")]


_WATCHED_MOST = 12
_UNWATCHED_MOST = 3
_NAMED_MOST = 8


def watch_list(
    lines: Sequence[ChannelLine], unwatched: Sequence[str], at: datetime, quiet: str = ""
) -> Card:
    """Return the card, with the worst channels first; ``unwatched`` are others of the space.

    ``quiet`` are the hours without reminders, or empty.
    """
    unseen = next((line.mailbox for line in lines if line.unseen is not None), "")
    named = [el.rich(el.run(each), spacing="Small") for each in unwatched[:_NAMED_MOST]]
    buttons = [
        el.press(el.fit_title("watch.add_one", each), {"do": "watch", "channel": each})
        for each in unwatched[:_UNWATCHED_MOST]
    ]
    if unseen:
        buttons.append(el.press(text("watch.see_more"), {"do": "check", "channel": unseen}))
    body = [
        *(channel_row(line) for line in sorted(lines, key=_badness)[:_WATCHED_MOST]),
        *ui.count_line("watch.more_channels", len(lines) - _WATCHED_MOST),
        *ui.titled("watch.unwatched_section", named),
        *([ui.small_print(Text("watch.quiet_line", {"hours": quiet}))] if quiet else []),
        *el.button_rows(buttons),
    ]
    return finished(ui.kicker_at("watch.kicker", at), _watch_band(lines), body)


def _watch_band(lines: Sequence[ChannelLine]) -> ui.Band:
    every = str(len(lines))
    if not lines:
        look, title, told = ui.NOT_BEGUN, Text("watch.none"), "watch.how"
    elif bad := sum(line.state is State.WRONG for line in lines):
        look, title = ui.BROKEN, verbatim(plural("watch.list_broken", bad, all=every))
        told = "watch.list_broken_words"
    elif blind := sum(line.state is State.UNKNOWN for line in lines):
        look, title = ui.UNCLEAR, verbatim(plural("watch.list_blind", blind, all=every))
        told = "watch.list_words"
    elif partly := sum(line.unseen is not None for line in lines):
        look, title = ui.WARNED, verbatim(plural("watch.list_partly", partly, all=every))
        told = "watch.list_partly_words"
    else:
        look, title, told = ui.WELL, Text("watch.list_well", {"count": every}), "watch.list_words"
    return ui.Band.of(*look, title, el.said(Text(told), spacing="Small"))


def bulk_check_cards(run: Run, _: Services) -> list[DesiredCard]:
    mailboxes, done = run.brief.mailboxes, run.checked is not None or bool(run.ended)
    withdrawn = sum(question.startswith("app_access") for question in run.problems)
    lines, at = [_channel_line(run, mailbox) for mailbox in mailboxes], run.checked or now()
    left, direct = 0 if done else len(mailboxes) - len(run.findings), run.origin.direct
    card = channels(lines, at, checking=left, withdrawn=withdrawn, direct=direct)
    fingerprint = f"{len(run.findings)} {done} {withdrawn}"
    return [DesiredCard("channels", card, fingerprint, urgency=str(done), final=done)]


def line_of(mailbox: str, found: Assessment) -> ChannelLine:
    fact, words = found.fact, superseded.in_progress(found)
    if words is not None:
        return ChannelLine(mailbox, State.WAITING, words)
    if fact is None:
        return ChannelLine(mailbox, None, Text("channels.never"))
    if fact.finding is not None:
        return ChannelLine(mailbox, fact.finding.state, words_of(fact.finding), fact.at)
    if found.needs_no_fix:
        return ChannelLine(mailbox, State.OK, superseded.known_by(fact), fact.at)
    return ChannelLine(mailbox, State.UNKNOWN, superseded.words_of(fact), fact.at)


def words_of(judged: Finding) -> Text:
    if judged.state is not State.WRONG:
        return judged.seen or Text("channels.nothing_wrong")
    return superseded.cause_of(judged)


def _channel_line(run: Run, mailbox: str) -> ChannelLine:
    if (judged := run.findings.get(mailbox)) is None:
        return ChannelLine(mailbox, None, Text("channels.waiting"))
    return ChannelLine(mailbox, judged.state, words_of(judged), run.found_at[mailbox])


_ROWS_MOST = 10
_ENDED = {Kind.FINISHED: glyphs.OK, Kind.FAILED: glyphs.WRONG, Kind.CANCELLED: glyphs.SKIPPED}


def status(runs: Sequence[Run], at: datetime, more: int = 0, *, direct: bool = False) -> Card:
    """Return the card of the runs of a space; ``more`` is the number of runs that are not known."""
    going = [run for run in runs if not run.ended]
    title = Text("status.title", {"count": str(len(going))}) if going else Text("status.none")
    if any(map(wait_of, going)):
        band = ui.persons_turn(title, ui.answer_line(Text("status.waits")))
    else:
        told = Text("status.nobody" if going else "status.nothing_next")
        mark = glyphs.RUNNING if going else glyphs.SKIPPED
        band = ui.Band.of("emphasis", mark, title, ui.answer_line(told))
    body = [_run_row(run) for run in runs[:_ROWS_MOST]]
    body += ui.count_line("status.more", more + max(len(runs) - _ROWS_MOST, 0))
    again = el.submit(text("button.look_again"), "status")
    setup = el.submit(text("button.setup"), "setup", main=True)
    kicker = ui.kicker_at("status.kicker_direct" if direct else "status.kicker", at)
    return finished(kicker, band, body, [again if runs else setup])


def _run_row(run: Run) -> el.Element:
    action, wait, state = next_action(run), wait_of(run), text(f"status.kind_{run.kind}")
    mark = glyphs.TIME if action.turn is Turn.TIME else glyphs.RUNNING
    notes = [Text("kicker.started", {"who": run.requester.email, "at": minute_of(run.opened)})]
    if run.ended:
        mark, ended = _ENDED[run.ended], text(f"status.ended_{ENDED[run.ended]}")
        state = f"{state}, {ended}"
    else:
        # Only a setup has stages; of other runs the kind is shown.
        state = ui.stage(stage_of(run)) if run.kind is RunKind.SETUP else state
        mark, who = glyphs.PERSON if wait else mark, wait.who if wait else ""
        values = {"who": f"key:who.{action.turn}", "name": who, "words": render(action.words)}
        notes.insert(0, Text("status.line_named" if who else "status.line", values))
    about = el.rich(el.run(run.id, **el.SUBTLE), el.run(f"  {state}", **el.SUBTLE), spacing="None")
    # A run that was begun without an address has no mailbox yet. Webex rejects a card with an
    # empty line.
    mailbox = run.channel.mailbox
    address = el.rich(el.run(mailbox)) if mailbox else el.own("kicker.new")
    return glyphs.marked(mark, address, about, *map(ui.note, notes))


SKIPPED = "skip:"
"""Beginning of the answer of a person who skips the rehearsal; the reason follows."""
_COPIED = ("question", "value", "most", "last", "event", "entry", "until")
_OFFERED_MOST = 4


def audit(  # noqa: PLR0913  everything that the card shows
    mailbox: str,
    at: datetime,
    entries: Sequence[AuditEntry],
    *,
    filed: int,
    name: str,
    broken_at: int = 0,
    offered: Sequence[str] = (),
) -> Card:
    """Return the card with the newest entries first, of a ``mailbox`` or, without it, of a space.

    ``entries`` are those that a person may see, oldest first; the newest ``filed`` of them are in
    the file ``name``. ``broken_at`` is the first entry that was tampered with; 0 if the trail is
    intact. ``offered`` are channels that get a button each, which shows only their entries.
    """
    count = len(entries)
    body = ui.titled("audit.newest", [*map(_entry_row, reversed(entries[-_ROWS_MOST:]))])
    if body:
        values = {"name": name, "count": str(filed)}
        filed_as = "audit.file_cut" if filed < count else "audit.file"
        body.append(ui.small_print(Text(filed_as, values)))
    meant = {"do": "typed", "command": "audit"}
    buttons = [
        el.press(el.fit_title("choice.button.audit", each), meant | {"mailbox_meant": each})
        for each in offered[:_OFFERED_MOST]
    ]
    body += el.button_rows(buttons, "Small")
    look, title, told = ui.NOT_BEGUN, Text("audit.none"), "audit.none_next"
    if broken_at:
        values = {"entry": str(broken_at)}
        look, title, told = ui.BROKEN, Text("audit.broken", values), "audit.broken_next"
    elif count:
        look, title = ui.WELL, Text("audit.whole", {"count": str(count)})
        told = "audit.next_cut" if filed < count else "audit.next"
    band = ui.Band.of(*look, title, ui.answer_line(Text(told)))
    about = Text("audit.kicker_of", {"mailbox": mailbox}) if mailbox else Text("audit.kicker")
    return finished(ui.kicker_of(about, day_clock(at)), band, body)


def _entry_row(entry: AuditEntry) -> el.Element:
    by, mailbox, run = (str(entry.get(name, "")) for name in ("by", "mailbox", "run"))
    who = el.rich(
        el.run(text("audit.the_bot") if by in {"", BOT} else by, **el.BOLD),
        el.run(f"  {day_clock(parse(entry.get('at')) or NEVER)}", **el.SUBTLE),
    )
    key = "audit.about_run" if run else "audit.about_entry"
    values = {"mailbox": mailbox, "run": run, "entry": str(entry.get("n", 0))}
    about = Text("audit.about" if mailbox and run else key, values)
    lines = who, el.said(words_of_entry(entry), spacing="None"), ui.note(about)
    return el.container("", *lines, spacing="Small")


def words_of_entry(entry: AuditEntry) -> Text:
    # An event that the catalog does not know is shown by its name, and so is a cause.
    data = entry.get("data") or {}
    values = {name: str(data.get(name, "")) for name in _COPIED} | {
        "what": str(entry.get("what", "")),
        "running": str(entry.get("running", "")),
        "kind": _named(f"audit.kind.{entry.get('kind', '')}"),
        "scope": _named(f"audit.scope.{data.get('scope', '')}"),
        "step": _named(f"step.{entry.get('step', '')}"),
        "cause": _cause(str(data.get("cause", ""))),
        "count": str(data.get("count", len(entry.get("changes") or ()))),
    }
    what, question, value = values["what"], values["question"], values["value"]
    if what != "answered":
        return Text(_key_or(f"audit.what.{what}", "audit.what.other"), values)
    if question == "rehearse" and value.startswith(SKIPPED):
        return Text("audit.answer.skip_rehearsal", values | {"value": value.removeprefix(SKIPPED)})
    key = _key_or(f"audit.answer.{question}", "audit.what.answered")
    return Text(_key_or(f"{key}_without", key) if value == WITHOUT else key, values)


def _key_or(key: str, other: str) -> str:
    return key if has_text(key) else other


def _cause(code: str) -> str:
    for key in (f"cause.{code}", f"typed.{code}"):
        if has_text(key) and "{" not in own_text(key, SOURCE):
            return f"key:{key}"
    return code or "key:cause.unexpected"


def _named(key: str) -> str:
    return f"key:{key}" if has_text(key) else key.rpartition(".")[2]
