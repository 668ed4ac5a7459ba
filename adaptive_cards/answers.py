"""Cards that answer at once: notices, offers, explained errors, help, and the file for TAC."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from adaptive_cards import components as ui, elements as el, glyphs
from adaptive_cards.locale import current, day_clock
from adaptive_cards.texts import has_text, own_text, render, text
from jobs.model import Text, verbatim

Button = tuple[str | Text, dict[str, str]]
"""Title of a button, or the key of its title, and the data that a press sends."""


def notice(  # noqa: PLR0913, PLR0917  what a short answer is made of
    kicker: Text,
    title: Text,
    words: Text,
    style: ui.Style = ui.PLAIN,
    facts: tuple[tuple[str, Text], ...] = (),
    buttons: tuple[Button, ...] = (),
    at: datetime | None = None,
) -> ui.Card:
    """Return a short answer: what happened, then what is next; ``facts`` are (label key, value)."""
    band = ui.Band.of(*style, title, el.said(words, spacing="Small"))
    body = [ui.labeled(facts)] if facts else []
    actions = [el.press(_title(each), data) for each, data in buttons[: el.ACTIONS_MOST]]
    head = ui.kicker_of(kicker, day_clock(at) if at else "")
    return ui.finished(head, band, body, actions)


def _title(title: str | Text) -> str:
    return text(title) if isinstance(title, str) else render(title)


OFFERS_MOST = 4
"""Most buttons of a card with a field, whose own button is the fifth that a card takes."""


def offer(  # noqa: PLR0913  what a card of buttons is made of
    kicker: Text,
    title: Text,
    offers: tuple[Button, ...],
    at: datetime,
    *,
    turn: Text | None = None,
    lines: tuple[Text, ...] = (),
    field: str = "",
) -> ui.Card:
    """Return a card with the title, what the person does next (``turn``), lines, and the offers.

    ``field`` is the command for which the card also takes a typed address. If it is empty, the card
    has no field.
    """
    told = [el.said(line, spacing="Small") for line in lines]
    acts = [ui.answer_line(turn)] if turn else []
    titles = [(el.plain(_title(title)), data) for title, data in offers]
    short = [el.press(name, data) for name, data in titles if len(name) <= el.TITLE_MOST]
    body = [
        el.buttons(*row, spacing="Small" if place else "Medium")
        for place, row in enumerate(el.in_rows(short))
    ]
    # If a name is too long for a button, it is written in full above the button.
    for name, data in titles:
        if len(name) > el.TITLE_MOST:
            action = el.press(el.shorten(name, el.TITLE_MOST), data)
            body += [el.rich(el.run(name), spacing="Medium"), el.buttons(action, spacing="Small")]
    body += [_address()] if field else []
    actions = [_send_address(field)] if field else []
    band = ui.Band.of("emphasis", None, title, *acts, *told)
    return ui.finished(ui.kicker_of(kicker, day_clock(at)), band, body, actions)


def _address() -> el.Element:
    return el.text_input("mailbox", "field.mailbox_address", error="field.mailbox_error")


def _send_address(command: str, *, main: bool = False) -> el.Element:
    title = text("button.continue_field")
    return el.submit(title, "typed", main=main, form=True, command=command)


def typed_wrong(command: str, value: str, reason: Text, meant: str, at: datetime) -> ui.Card:
    """Return the answer to an unreadable address after a command (without the slash).

    ``meant`` is the nearest valid address, or an empty string.
    """
    why = el.own("field.mailbox_error")
    if meant:
        why = el.said(Text("typed.meant", {"address": meant}))
    typed = {"value": el.plain(value, el.ADDRESS_MOST)} if value else {}
    written = el.rich(el.run(f"/{shown_name(command)} {value}".rstrip(), **el.MONO))
    body = [
        ui.beside("typed.typed", written, "80px", "Medium"),
        ui.beside("typed.why", el.said(reason), "80px"),
        ui.in_error(_address() | typed, why, "Medium"),
    ]
    if meant:
        title = el.fit_title("button.use", meant)
        use = el.submit(title, "typed", main=True, mailbox_meant=meant, command=command)
        body.append(el.buttons(use))
    actions = [_send_address(command, main=not meant), el.submit(text("button.help"), "help")]
    band = ui.persons_turn(Text("typed.title"), ui.answer_line(Text("typed.turn")))
    return ui.finished(ui.kicker_at("typed.kicker", at), band, body, actions)


_ARGUMENTS = {"ADDRESS": "help.address", "TEXT": "help.text", "COMMAND": "help.command"}
"""Arguments of commands that each language writes in its own words."""
_NOT_ALONE = {"cancel", "help"}
"""Commands without a button in their own help. The button would end a run or show the same card."""
_PLACE = "\N{OBJECT REPLACEMENT CHARACTER}"
"""Mark for the place in a sentence at which an example is put in another font."""


@dataclass(frozen=True, slots=True)
class HelpEntry:
    """Command as its registry describes it; its texts are ``command.<name>`` in the catalog."""

    name: str
    group: str
    argument: str = ""


def help_card(
    entries: Iterable[HelpEntry], *, mention: str = "Bot", left_out: bool = False, typed: str = ""
) -> ui.Card:
    """Return the card with the commands that a person may use here, in the registry's order.

    ``left_out`` means that there are others. ``mention`` is the bot's first name in Webex, by which
    people mention it in a space, or empty in a 1:1 message. ``typed`` is a name that no command has,
    with its slash, or empty.
    """
    body: list[el.Element] = []
    for group, some in groupby(entries, key=lambda entry: entry.group):
        body.append(ui.section(f"help.group.{group}"))
        for entry in some:
            command = el.rich(el.run(_as_typed(entry), **el.BOLD, **el.MONO))
            described = el.own(f"command.{entry.name}", **el.SUBTLE, spacing="None")
            body.append(el.container("", command, described, spacing="Small"))
    if left_out:
        body.append(ui.small_print(Text("help.not_listed")))
    how = el.own("help.how_direct", spacing="Small")
    if mention:
        example = text("help.how_space_example", bot=mention, command=f"/{shown_name('check')}")
        before, _, after = text("help.how_space", example=_PLACE).partition(_PLACE)
        how = el.rich(el.run(before), el.run(example, **el.MONO), el.run(after), spacing="Small")
    title = Text("help.unknown", {"typed": typed}) if typed else Text("help.title")
    actions = [el.submit(text("button.setup"), "setup"), el.submit(text("button.check"), "check")]
    return ui.finished(_kicker(mention), ui.Band.of("emphasis", None, title, how), body, actions)


def _kicker(mention: str) -> el.Element:
    here = text("help.here_space" if mention else "help.here_direct")
    return ui.kicker_of(Text("help.kicker"), here)


def _as_typed(entry: HelpEntry) -> str:
    argument = entry.argument
    for word, key in _ARGUMENTS.items():
        argument = argument.replace(word, text(key))
    return f"/{shown_name(entry.name)} {argument}".rstrip()


def command_help(entry: HelpEntry, names: Iterable[str] = (), mention: str = "Bot") -> ui.Card:
    """Return the help of a command; ``names`` are its others, without the slash, in any language."""
    name, typed = entry.name, _as_typed(entry)
    in_space = text("help.how_space_example", bot=mention, command=typed)
    ways = {
        "help.type": in_space if mention else typed,
        "help.also": ", ".join(f"/{each}" for each in names),
    }
    actions = [el.submit(text("button.commands"), "help")]
    if name not in _NOT_ALONE:
        pressed = {"do": "run_command", "command": name, "argument": ""}
        actions.insert(0, el.press(text("help.run", value=f"/{shown_name(name)}"), pressed))
    band = ui.Band.of("emphasis", None, verbatim(typed), el.own(f"command.{name}", spacing="Small"))
    body = [el.own(f"help.about.{name}", spacing="Medium"), ui.known(ways)]
    return ui.finished(_kicker(mention), band, body, actions)


def shown_name(name: str) -> str:
    return next(iter(own_text(f"typed_as.{name}", current().language).split()), name)


_ID_MOST = 100
_SEEN_MOST = 2000


def tac(mailbox: str, at: datetime, *, direct: bool = False) -> ui.Card:
    """Return the guide to the debug console, with three fields and one button.

    In a ``direct`` message people do not mention the bot.
    """
    values = {"mailbox": mailbox}
    identifier = el.said(Text("tac.identifier", values), **el.SMALL, spacing="None")
    mention = "tac.console_t3_direct" if direct else "tac.console_t3"
    body = [
        ui.section("tac.console"),
        ui.row(glyphs.PERSON, "T1", el.own("tac.console_t1"), identifier),
        ui.row(glyphs.PERSON, "T2", el.own("tac.console_t2")),
        ui.row(glyphs.PERSON, "T3", el.own(mention)),
        ui.small_print(Text("tac.whole")),
        ui.section("tac.inputs"),
        el.input_text("resource_id", "tac.resource_id", _ID_MOST),
        el.input_text("transaction_id", "tac.transaction_id", _ID_MOST),
        el.input_text("seen_text", "tac.seen_text", _SEEN_MOST, isMultiline=True),
    ]
    make = el.submit(text("tac.make"), "tac", main=True, form=True, channel=mailbox)
    band = ui.persons_turn(Text("tac.title"), ui.answer_line(Text("tac.turn")))
    return ui.finished(ui.kicker_at("tac.kicker", at, **values), band, body, [make])


def tac_file(  # noqa: PLR0913  what is told of a file
    mailbox: str,
    name: str,
    files: tuple[str, ...],
    at: datetime,
    *,
    resource_id: str = "",
    transaction_id: str = "",
    checked: bool = True,
) -> ui.Card:
    """Return the card of a posted file for Cisco TAC; without any check it is not ``checked``."""
    picture = any(each.startswith("screenshot.") for each in files)
    missing = [] if picture else ["tac.no_picture"]
    missing += [] if checked else ["tac.never_checked"]
    ids = {"tac.resource": resource_id, "tac.transaction": transaction_id}
    body = [
        ui.section("tac.inside"),
        *map(_part, files),
        *(glyphs.marked(glyphs.SKIPPED, el.own(key)) for key in missing),
        ui.section("tac.case"),
        *(ui.row(glyphs.PERSON, "T3", el.own(f"tac.case_{each}")) for each in "123"),
        ui.known({label: value or text("tac.not_given") for label, value in ids.items()}),
    ]
    title = Text("tac.ready", {"name": name})
    about = Text("tac.kicker", {"mailbox": mailbox})
    band = ui.persons_turn(title, ui.answer_line(Text("tac.ready_turn")))
    return ui.finished(ui.kicker_of(about, day_clock(at)), band, body)


def _part(name: str) -> el.Element:
    stem, _, ending = name.rpartition(".")
    key = f"tac.part.{stem}_{ending}"
    known = key if has_text(key) else f"tac.part.{stem}"
    return glyphs.marked(glyphs.OK, el.rich(el.run(name)), ui.note(Text(known)))
