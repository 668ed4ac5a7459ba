"""Card that shows a person what the bot does here."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from adaptive_cards.actions import submit
from adaptive_cards.card import Card, finished
from adaptive_cards.components import Band, kicker_of, section, small_print
from adaptive_cards.elements import (
    BOLD,
    MONO,
    SUBTLE,
    TITLE,
    Element,
    container,
    own,
    rich,
    run,
    said,
)
from adaptive_cards.locale import current
from adaptive_cards.texts import own_text, text
from jobs.model import Text

_ADDRESS, _TEXT = "ADDRESS", "TEXT"
"""Arguments of commands that each language writes in its own words."""
_PLACE = "\N{OBJECT REPLACEMENT CHARACTER}"
"""Place in a sentence at which an example is put in another font."""


def help_card(view: HelpView) -> Card:
    """Return the card with the commands by group, in the registry's order.

    A command that was not understood is shown with the nearest known one.
    """
    body: list[Element] = []
    for group, entries in groupby(view.entries, key=lambda entry: entry.group):
        body += [section(f"help.group.{group}"), *map(_entry, entries)]
    if view.left_out:
        body.append(small_print(Text("help.not_listed")))
    actions = [submit(text("button.setup"), "setup"), submit(text("button.check"), "check")]
    here = text("help.here_direct" if view.direct else "help.here_space")
    return finished(kicker_of(Text("help.kicker"), here), _band(view), body, actions)


def _band(view: HelpView) -> Band:
    title = Text("help.unknown", {"typed": view.typed}) if view.typed else Text("help.title")
    nearest = (
        [said(Text("help.nearest", {"nearest": view.nearest}), spacing="Small")]
        if view.nearest
        else []
    )
    return Band("emphasis", None, said(title, **TITLE), (*nearest, _how(view)))


def _how(view: HelpView) -> Element:
    if view.direct:
        return own("help.how_direct", spacing="Small")
    example = text("help.how_space_example", bot=view.bot, command=f"/{shown_name('check')}")
    before, _, after = text("help.how_space", example=_PLACE).partition(_PLACE)
    return rich(run(before), run(example, **MONO), run(after), spacing="Small")


def _entry(entry: HelpEntry) -> Element:
    argument = entry.argument.replace(_ADDRESS, text("help.address"))
    argument = argument.replace(_TEXT, text("help.text"))
    command = rich(run(f"/{shown_name(entry.name)} {argument}".rstrip(), **BOLD, **MONO))
    described = own(f"command.{entry.name}", **SUBTLE, spacing="None")
    return container("", command, described, spacing="Small")


def shown_name(name: str) -> str:
    """Return the name of a command in the present language, which may have one of its own."""
    return next(iter(own_text(f"typed_as.{name}", current().language).split()), name)


@dataclass(frozen=True, slots=True)
class HelpEntry:
    """Command as its registry describes it; its texts are ``command.<name>`` in the catalog."""

    name: str
    argument: str
    group: str


@dataclass(frozen=True, slots=True)
class HelpView:
    """Commands that a person may use here.

    ``left_out`` means that further commands exist that this person may not run. ``bot`` is the first
    name of the bot in Webex, by which people mention it. ``nearest`` and ``typed`` have a slash.
    """

    entries: tuple[HelpEntry, ...]
    direct: bool = False
    left_out: bool = False
    nearest: str = ""
    typed: str = ""
    bot: str = "Bot"
