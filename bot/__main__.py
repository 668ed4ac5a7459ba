"""Command line: ``webex-email-bot`` or ``python -m bot``, and one of the commands below.

The messages that it prints are for the person who operates the bot.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bot import __version__, program

BAD_INPUT = 2
_NO_TEXT = {
    "picture": "This is a picture. Give the error's text.",
    "kind": "This is no text file. Give a .txt, .eml or .msg file, or the text itself.",
    "binary": "There is no text in it. Give the error's text.",
    "stopped": "Reading this mail takes too much time or memory. Give the lines with the error.",
}


def main(arguments: Sequence[str] | None = None, env: Mapping[str, str] = os.environ) -> int:
    """Run one command: 0 means success, 1 that something is wrong, 2 bad settings or bad input."""
    options = _parser().parse_args(arguments)
    own = {"version": _version, "explain": _explain, "redis": _redis, "entra-app": _entra_app}
    if options.command in own:
        return own[options.command](options, env)
    from bot.processes import command_line  # noqa: PLC0415  explain starts fast and needs no setting

    return command_line.run(options, env)


def _version(_options: argparse.Namespace, _env: Mapping[str, str]) -> int:
    print(f"webex-email-bot {__version__}")  # noqa: T201  CLI output
    return 0


def _redis(options: argparse.Namespace, env: Mapping[str, str]) -> int:
    """Run the embedded Redis, which needs no setting and no other part of the bot."""
    from bot import logs  # noqa: PLC0415  the other commands need no server
    from bot.processes import redis_server  # noqa: PLC0415  same
    from bot.settings import DATA_FOLDER  # noqa: PLC0415  same
    from jobs.storage.connection import PORT  # noqa: PLC0415  same

    logs.configure(env.get("LOG_LEVEL", ""))
    return redis_server.main(options.port or PORT, options.folder or DATA_FOLDER)


def _entra_app(options: argparse.Namespace, env: Mapping[str, str]) -> int:
    from bot.entra_app import NeedsError, commands  # noqa: PLC0415  the others print none

    names = ("certificate", "automatic_checks", "multitenant", "powershell")
    try:
        print(commands(env, **{name: getattr(options, name) for name in names}))  # noqa: T201  CLI output
    except NeedsError as error:
        print(error, file=sys.stderr)  # noqa: T201  CLI output
        return BAD_INPUT
    return 0


def _explain(options: argparse.Namespace, _env: Mapping[str, str]) -> int:
    from bot.chat import explanation  # noqa: PLC0415  the other commands explain no text
    from jobs.causes.files import LARGEST, NoTextError, text_of  # noqa: PLC0415  same
    from jobs.causes.reader import read  # noqa: PLC0415  same

    content = sys.stdin.buffer.read(LARGEST + 1)
    try:
        told, cut = text_of(content[:LARGEST])
    except NoTextError as error:
        problem = _NO_TEXT[str(error)]
        if options.json:
            _print_json({"ours": False, "causes": [], "codes": [], "problem": problem})
        print(problem, file=sys.stderr)  # noqa: T201  CLI output
        return BAD_INPUT
    reading = read(told, cut=cut)
    if options.json:
        _print_json(explanation.as_json(reading))
    else:
        print("\n".join(explanation.as_lines(reading)))  # noqa: T201  CLI output
    return 0


def _print_json(told: dict[str, Any]) -> None:
    """Print JSON in ASCII, so that it is readable whatever encoding the terminal has."""
    print(json.dumps(told, indent=2))  # noqa: T201  CLI output


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
    commands.add_parser("run", help="web and worker in one, for a small installation")
    app = commands.add_parser(
        "entra-app", help="print the commands that make the bot's Entra app; needs only PUBLIC_URL"
    )
    app.add_argument("--powershell", action="store_true", help="for Microsoft Graph PowerShell")
    app.add_argument("--multitenant", action="store_true", help="mailboxes are in other tenants")
    app.add_argument(
        "--automatic-checks", action="store_true", help="also checks without a sign-in"
    )
    app.add_argument(
        "--certificate", default="", metavar="FILE", help="a certificate (PEM), not a secret"
    )
    commands.add_parser("doctor", help="check the settings and everything that the bot talks to")
    trial = commands.add_parser(
        "trial",
        help="look up, without a change, what the bot takes to be true of the real services",
    )
    trial.add_argument("domain", nargs="?", default="", help="a mail domain of the tenant")
    trial.add_argument("--file", type=Path, default=Path("trial.txt"), help="for a public issue")
    audit = commands.add_parser(
        "audit", help="write the audit trail to stdout, one JSON object a line, and verify it"
    )
    audit.add_argument("--full", action="store_true", help="also compare every run with the trail")
    audit.add_argument("--file", type=Path, help="verify a file of the trail instead")
    commands.add_parser(
        "rekey",
        help="write everything again that is under an older one of ENCRYPTION_KEYS, under the first",
    )
    look = commands.add_parser("look", help="have watched channels looked at now")
    look.add_argument("mailbox", nargs="?", default="", help="all of them without an address")
    look.add_argument(
        "--again", action="store_true", help="confirm a suspicion at once, not a minute later"
    )
    commands.add_parser("webhooks", help="register the bot's webhooks now, and list them")
    server = commands.add_parser("redis", help="run the embedded Redis on 127.0.0.1")
    server.add_argument("--port", type=int)
    server.add_argument("--folder", type=Path)
    commands.add_parser("version", help="print the version; needs no settings")
    explain = commands.add_parser(
        "explain", help="explain an error text on standard input; needs no settings"
    )
    explain.add_argument("--json", action="store_true", help="for a machine")
    return parser


if __name__ == "__main__":
    sys.exit(main())
