"""Command line: ``webex-email-bot`` or ``python -m bot``, and one of the commands below.

The messages that it prints are for the person who operates the bot.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bot import __version__, program, table

BAD_INPUT = 2
_TYPES: dict[str, Callable[[str], Any]] = {"path": Path, "number": int}


def main(arguments: Sequence[str] | None = None, env: Mapping[str, str] = os.environ) -> int:
    """Run one command: 0 means success, 1 that something is wrong, 2 bad settings or bad input."""
    options = command_parser().parse_args(arguments)
    if options.command == "version":
        print(f"webex-email-bot {__version__}")
        return 0
    own = {"explain": _explain, "redis": _redis, "entra-app": _entra_app}
    if options.command in own:
        return own[options.command](options, env)
    from bot.processes import command_line  # noqa: PLC0415  explain starts fast and needs no setting

    return command_line.run(options, env)


def _redis(options: argparse.Namespace, _env: Mapping[str, str]) -> int:
    """Run the embedded Redis, which needs no setting and no other part of the bot."""
    from bot.processes import redis_server  # noqa: PLC0415  the other commands need no server

    return redis_server.main(options.port, options.folder)


def _entra_app(options: argparse.Namespace, env: Mapping[str, str]) -> int:
    from bot.entra_app import commands  # noqa: PLC0415  the others print none
    from jobs.settings import SettingsError  # noqa: PLC0415  same

    wanted = {name: value for name, value in vars(options).items() if name != "command"}
    try:
        print(commands(env, **wanted))
    except SettingsError as error:
        print(error, file=sys.stderr)
        return BAD_INPUT
    return 0


def _explain(options: argparse.Namespace, _env: Mapping[str, str]) -> int:
    from adaptive_cards.texts import text  # noqa: PLC0415  the other commands explain no text
    from bot.chat import explanation  # noqa: PLC0415  same
    from jobs.causes.files import LARGEST, NoTextError, text_of  # noqa: PLC0415  same
    from jobs.causes.reader import read  # noqa: PLC0415  same

    content = sys.stdin.buffer.read(LARGEST + 1)
    try:
        told, cut = text_of(content[:LARGEST])
    except NoTextError as error:
        problem = text(f"explain.refused.{error}")
        if options.json:
            empty = {"ours": False, "causes": [], "codes": [], "problem": problem}
            print(json.dumps(empty, indent=2))
        print(problem, file=sys.stderr)
        return BAD_INPUT
    reading = read(told, cut=cut)
    if options.json:  # in ASCII, so that it is readable whatever encoding the terminal has
        print(json.dumps(explanation.as_json(reading), indent=2))
    else:
        print("\n".join(explanation.as_lines(reading)))
    return 0


def command_parser() -> argparse.ArgumentParser:
    about = "Connects an Office 365 mailbox to Webex Contact Center."
    parser = argparse.ArgumentParser(prog=program(), description=about)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, flags in table(__file__).items():
        command = commands.add_parser(name, help=flags.pop("help"))
        for flag, how in flags.items():
            kind = {"type": _TYPES[how["type"]]} if "type" in how else {}
            command.add_argument(flag, **how | kind)
    return parser


if __name__ == "__main__":
    sys.exit(main())
