"""``python -m practice serve`` runs the practice cloud; ``... demo`` plays the whole conversation, ``... play`` opens it in a browser."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from pathlib import Path

from practice.settings import PracticeSettings


def serve(port: int, folder: Path) -> int:
    """Run the cloud until SIGTERM or Ctrl-C."""
    from practice.cloud import PracticeCloud  # noqa: PLC0415 - the demo does not need it

    done = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: done.set())
    cloud = PracticeCloud(port, folder, PracticeSettings.from_env(os.environ))
    cloud.start()
    sys.stdout.write(f"The practice cloud listens on {cloud.url}; its authority is {cloud.tls.ca_path}\n")
    sys.stdout.flush()
    done.wait()
    cloud.stop()
    return 0


def main(arguments: list[str]) -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m practice", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    serving = commands.add_parser("serve", help="run the practice cloud alone")
    serving.add_argument("--port", type=int, default=8443)
    serving.add_argument("--data", type=Path, default=Path("data/practice"))
    commands.add_parser("demo", help="play the whole conversation with the real processes")
    playing = commands.add_parser("play", help="the practice space: the whole bot in a browser, without an account")
    playing.add_argument("--port", type=int, default=8090)
    chosen = parser.parse_args(arguments)
    if chosen.command == "serve":
        return serve(chosen.port, chosen.data)
    if chosen.command == "play":
        from practice.launch import play  # noqa: PLC0415 - the others do not need it

        return play(chosen.port)
    from practice.demo import run  # noqa: PLC0415 - serving does not need it

    return run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
