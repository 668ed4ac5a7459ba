"""Commands of the practice cloud.

``python -m practice serve`` runs the cloud alone, ``... demo`` plays the whole conversation, ``...
play`` opens it in a browser, and ``... diagnose`` tries ``/check`` on everything that can be
broken.
"""

import argparse
import os
import signal
import sys
import threading
from pathlib import Path

from practice.settings import PracticeSettings


def serve(port: int, folder: Path) -> int:
    """Run the practice cloud until SIGTERM or Ctrl-C."""
    from practice.cloud import PracticeCloud  # noqa: PLC0415 - the demo does not need it

    done = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: done.set())
    cloud = PracticeCloud(port, folder, PracticeSettings.from_env(os.environ))
    cloud.start()
    sys.stdout.write(
        f"The practice cloud listens on {cloud.url}; its authority is {cloud.tls.ca_path}\n"
    )
    sys.stdout.flush()
    done.wait()
    cloud.stop()
    return 0


def diagnose(chosen: argparse.Namespace) -> int:
    """Try ``/check`` on the chosen cases and return the exit code."""
    from practice.diagnose import Chosen, run  # noqa: PLC0415 - the other commands do not need it

    return run(
        Chosen(
            tuple(chosen.only),
            chosen.singles,
            chosen.pairs,
            chosen.healthy,
            chosen.seed,
            chosen.minutes,
            chosen.cards,
        )
    )


def _diagnosing(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="NAME",
        help="this fault, variation or pair (ONE+OTHER); may be given again",
    )
    parser.add_argument("--singles", action="store_true", help="every fault alone")
    parser.add_argument("--pairs", type=int, metavar="N", help="so many pairs of faults")
    parser.add_argument("--healthy", action="store_true", help="every variation that is right")
    parser.add_argument("--seed", type=int, default=1, help="which pairs")
    parser.add_argument("--cards", action="store_true", help="print the card of what is wrong")
    parser.add_argument("--minutes", type=float, default=40.0, help="stop after so many")


def _killing(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--kills", type=int, default=200, help="so many kills")
    parser.add_argument(
        "--pauses", type=int, default=60, help="so many pauses (SIGSTOP) of a worker"
    )
    parser.add_argument("--seed", type=int, default=1, help="which ones")
    parser.add_argument("--lanes", type=int, default=2, help="so many stacks side by side")


def main(arguments: list[str]) -> int:
    """Read the command line and run the chosen command."""
    parser = argparse.ArgumentParser(
        prog="python -m practice", description="The practice cloud and what is played in it."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    serving = commands.add_parser("serve", help="run the practice cloud alone")
    serving.add_argument("--port", type=int, default=8443)
    serving.add_argument("--data", type=Path, default=Path("data/practice"))
    commands.add_parser("demo", help="play the whole conversation with the real processes")
    playing = commands.add_parser(
        "play", help="the practice space: the whole bot in a browser, without an account"
    )
    playing.add_argument("--port", type=int, default=8090)
    playing.add_argument("--data", type=Path, default=Path("data/space"))
    _diagnosing(
        commands.add_parser(
            "diagnose", help="try /check on every fault, on pairs of them, and on what is right"
        )
    )
    _killing(
        commands.add_parser("chaos", help="kill and pause workers at every side effect of a setup")
    )
    chosen = parser.parse_args(arguments)
    if chosen.command == "chaos":
        from practice.chaos.command import run as kill  # noqa: PLC0415 - the other commands do not need it

        return kill(chosen.kills, chosen.pauses, chosen.seed, chosen.lanes)
    if chosen.command == "diagnose":
        return diagnose(chosen)
    if chosen.command == "serve":
        return serve(chosen.port, chosen.data)
    if chosen.command == "play":
        from practice.launch import play  # noqa: PLC0415 - the other commands do not need it

        return play(chosen.port, chosen.data.resolve())
    from practice.demo import run  # noqa: PLC0415 - ``serve`` does not need it

    return run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
