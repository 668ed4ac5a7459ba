"""Command line: ``webex-email-bot`` or ``python -m bot``, and one of the commands below.

The messages that it prints are for the person who operates the bot.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from bot import __version__, program


def main(arguments: Sequence[str] | None = None, env: Mapping[str, str] = os.environ) -> int:
    """Run one command and return its exit code.

    0 means success, 1 means that something is wrong, 2 means bad settings or a bad command line.
    """
    options = _parser().parse_args(arguments)
    if options.command == "version":
        print(f"webex-email-bot {__version__}")  # noqa: T201  CLI output
        return 0
    from bot.processes import command_line  # noqa: PLC0415  version starts fast and needs no setting

    return command_line.run(options, env)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=program(), description="Connects an Office 365 mailbox to Webex Contact Center."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("web", help="answer Webex and browsers")
    worker = commands.add_parser("worker", help="do the work")
    worker.add_argument(
        "--check", action="store_true", help="only say whether the worker of this machine lives"
    )
    commands.add_parser("doctor", help="check the settings and everything that the bot talks to")
    commands.add_parser(
        "audit", help="write the audit trail to stdout, one JSON object a line, and verify it"
    )
    commands.add_parser("webhooks", help="register the bot's webhooks now, and list them")
    server = commands.add_parser("redis", help="run the embedded Redis on 127.0.0.1")
    server.add_argument("--port", type=int)
    server.add_argument("--folder", type=Path)
    commands.add_parser("version", help="print the version; needs no settings")
    return parser


if __name__ == "__main__":
    sys.exit(main())
