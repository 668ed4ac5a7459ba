"""Cards that show a person what the bot does here, and how one command is typed."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from adaptive_cards.actions import press, submit
from adaptive_cards.card import Card, finished
from adaptive_cards.components import Band, kicker_of, section, small_print
from adaptive_cards.elements import BOLD, MONO, SUBTLE, Element, container, facts, own, rich, run
from adaptive_cards.locale import current
from adaptive_cards.texts import own_text, text
from jobs.model import Text, verbatim

_ARGUMENTS = {"ADDRESS": "help.address", "TEXT": "help.text", "COMMAND": "help.command"}
"""Arguments of commands that each language writes in its own words."""
_NOT_ALONE = {"cancel", "help"}
"""Commands without a button in their own help. The button would end a run or show the same card."""
_PLACE = "\N{OBJECT REPLACEMENT CHARACTER}"
"""Mark for the place in a sentence at which an example is put in another font."""


def help_card(view: HelpView) -> Card:
    """Return the card with the commands by group, in the registry's order."""
    body: list[Element] = []
    for group, entries in groupby(view.entries, key=lambda entry: entry.group):
        body += [section(f"help.group.{group}"), *map(_entry, entries)]
    if view.left_out:
        body.append(small_print(Text("help.not_listed")))
    actions = [submit(text("button.setup"), "setup"), submit(text("button.check"), "check")]
    title = Text("help.unknown", {"typed": view.typed}) if view.typed else Text("help.title")
    band = Band.of("emphasis", None, title, _how(view))
    return finished(_kicker(direct=view.direct), band, body, actions)


def _kicker(*, direct: bool) -> Element:
    here = text("help.here_direct" if direct else "help.here_space")
    return kicker_of(Text("help.kicker"), here)


def _how(view: HelpView) -> Element:
    if view.direct:
        return own("help.how_direct", spacing="Small")
    example = text("help.how_space_example", bot=view.bot, command=f"/{shown_name('check')}")
    before, _, after = text("help.how_space", example=_PLACE).partition(_PLACE)
    return rich(run(before), run(example, **MONO), run(after), spacing="Small")


def _entry(entry: HelpEntry) -> Element:
    command = rich(run(_as_typed(entry), **BOLD, **MONO))
    described = own(f"command.{entry.name}", **SUBTLE, spacing="None")
    return container("", command, described, spacing="Small")


def _as_typed(entry: HelpEntry) -> str:
    argument = entry.argument
    for word, key in _ARGUMENTS.items():
        argument = argument.replace(word, text(key))
    return f"/{shown_name(entry.name)} {argument}".rstrip()


def command_help(view: CommandHelpView) -> Card:
    entry = view.entry
    typed = _as_typed(entry)
    band = Band.of("emphasis", None, verbatim(typed), own(f"command.{entry.name}", spacing="Small"))
    body = [own(f"help.about.{entry.name}", spacing="Medium"), facts(_ways_to_type(view, typed))]
    actions = [*_run_button(entry.name), submit(text("button.commands"), "help")]
    return finished(_kicker(direct=view.direct), band, body, actions)


def _ways_to_type(view: CommandHelpView, typed: str) -> list[tuple[str, str]]:
    mentioned = (
        typed if view.direct else text("help.how_space_example", bot=view.bot, command=typed)
    )
    names = ", ".join(f"/{name}" for name in view.names)
    also = [(text("help.also"), names)] if names else []
    return [(text("help.type"), mentioned), *also]


def _run_button(name: str) -> list[Element]:
    if name in _NOT_ALONE:
        return []
    title = text("help.run", value=f"/{shown_name(name)}")
    return [press(title, {"do": "run_command", "command": name, "argument": ""})]


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
    name of the bot in Webex, by which people mention it. ``typed`` is a name that no command has,
    with its slash, or empty.
    """

    entries: tuple[HelpEntry, ...]
    direct: bool = False
    left_out: bool = False
    typed: str = ""
    bot: str = "Bot"


@dataclass(frozen=True, slots=True)
class CommandHelpView:
    """Command to explain, and its other names (without the slash), in any language.

    ``bot`` is the name by which people mention the bot in a space.
    """

    entry: HelpEntry
    names: tuple[str, ...] = ()
    direct: bool = False
    bot: str = "Bot"
