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
from adaptive_cards.texts import text
from jobs.model import Text


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
    return Band("emphasis", None, said(title, **TITLE), (*nearest, _how(direct=view.direct)))


def _how(*, direct: bool) -> Element:
    if direct:
        return own("help.how_direct", spacing="Small")
    return rich(
        run(text("help.how_space")),
        run(text("help.how_space_example"), **MONO),
        run(text("help.how_direct_too")),
        spacing="Small",
    )


def _entry(entry: HelpEntry) -> Element:
    name = entry.name.removeprefix("/")
    command = rich(run(f"/{name} {entry.argument}".rstrip(), **BOLD, **MONO))
    return container("", command, own(f"command.{name}", **SUBTLE, spacing="None"), spacing="Small")


@dataclass(frozen=True, slots=True)
class HelpEntry:
    """Command as its registry describes it; its texts are ``command.<name>`` in the catalog."""

    name: str
    argument: str
    group: str


@dataclass(frozen=True, slots=True)
class HelpView:
    """Commands that a person may use here.

    ``left_out`` means that further commands exist that this person may not run.
    """

    entries: tuple[HelpEntry, ...]
    direct: bool = False
    left_out: bool = False
    nearest: str = ""
    typed: str = ""
