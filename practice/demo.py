"""Demo (``make demo``): the whole conversation with the real processes, printed as it happens."""

from __future__ import annotations

import os
import sys
import textwrap
import time
from typing import Any

import httpx

from practice import cardtext
from practice.agreement import agree
from practice.client import NotSeenError, People, from_bot
from practice.scenario import Scenario
from practice.stack import NotStartedError, Stack

WIDTH = 100
TAIL_LINES = 30


class Screen:
    """Printed output of the demo: numbered scenes with the time, actions, and messages as text."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._color = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        self.last = ""

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._started

    def scene(self, number: int, of: int, title: str) -> None:
        """Print the start of a scene, with a progress bar of the demo."""
        bar = "█" * number + "░" * (of - number)
        self._print(f"\n{bar} {number:2}/{of}  {self.elapsed:5.1f} s  {title}", "1")

    def act(self, text: str) -> None:
        """Print an action of a person."""
        self._print(f"  → {text}", "36")

    def message(self, message: dict[str, Any]) -> None:
        """Print a message that appeared or changed."""
        if not from_bot(message):
            return
        where = message["room"] if message["roomType"] == "group" else f"1:1 with {_other(message)}"
        edited = f", edit {message['edits']}" if message["edits"] else ""
        body = cardtext.lines(message["card"]) if message["card"] else message["text"].splitlines()
        self.last = "\n".join(
            [
                f"  ┌ {where}{edited}",
                *(f"  │ {line}" for text in body for line in _folded(text)),
                "  └",
            ]
        )
        self._print(self.last)

    def _print(self, text: str, code: str = "") -> None:
        shown = f"\033[{code}m{text}\033[0m" if code and self._color else text
        sys.stdout.write(shown + "\n")
        sys.stdout.flush()


def run() -> int:
    """Play the demo and return the exit code.

    The code is 0 if every expected message was seen. Otherwise it is 1, and the expected message,
    the last card and the logs are printed.
    """
    screen, stack = Screen(), Stack()
    screen.act(
        f"starting Redis, the practice cloud and the processes of the Procfile; logs in {stack.folder}"
    )
    try:
        with stack:
            screen.act(
                f"everything is up after {screen.elapsed:.1f} s: bot "
                f"{stack.public_url}, cloud {stack.cloud_url}"
            )
            people = stack.people(screen.message)
            try:
                _play(people, screen)
            except (NotSeenError, KeyError, httpx.HTTPError) as error:
                _report(error, people, screen, stack)
                raise
            finally:
                people.close()
    except NotStartedError as error:
        sys.stderr.write(f"\n{error}\n")
        return 1
    except (NotSeenError, KeyError, httpx.HTTPError):
        return 1
    sys.stdout.write(f"\nThe whole conversation took {screen.elapsed:.1f} s.\n")
    return 0


def _play(people: People, screen: Screen) -> None:
    story = Scenario(people, screen.act)
    scenes = story.scenes()
    for number, (title, play) in enumerate(scenes, 1):
        screen.scene(number, len(scenes), title)
        play()
        people.look()
        agree(people)


def _report(error: Exception, people: People, screen: Screen, stack: Stack) -> None:
    """Print what was expected, the last card, and the ends of the logs."""
    expected = error.expected if isinstance(error, NotSeenError) else str(error)
    sys.stdout.flush()
    sys.stderr.write(
        f"\nFailed after {screen.elapsed:.1f} s. Expected: {expected}\n\nThe last "
        f"card:\n{screen.last or 'none'}\n"
    )
    sys.stderr.write(
        f"\n{len(people.messages)} messages were seen.\n{stack.logs(TAIL_LINES)}\nThe "
        f"logs stay in {stack.folder}\n"
    )


def _other(message: dict[str, Any]) -> str:
    return next((who for who in message["members"] if not who.endswith("@webex.bot")), "nobody")


def _folded(text: str) -> list[str]:
    """Split long lines so that a terminal does not break the frame."""
    indent = " " * (len(text) - len(text.lstrip(" ▌")) + 2)
    return textwrap.wrap(
        text, WIDTH, subsequent_indent=indent, drop_whitespace=True, replace_whitespace=False
    ) or [""]
