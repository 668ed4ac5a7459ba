"""Process that runs one round of the watch for every named group, with a worker's environment.

It prints the processor seconds and the elapsed seconds of the rounds.
"""

import sys
import time

from bench.watch_eye import services
from bot import logs
from bot.processes import watch


def main(groups: list[str]) -> int:
    """Look at the channels of each group as the worker's job does."""
    logs.configure("CRITICAL")
    services()
    began, cpu = time.monotonic(), time.process_time()
    for group in groups:
        watch.look(group)
    sys.stdout.write(f"{time.process_time() - cpu} {time.monotonic() - began}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
