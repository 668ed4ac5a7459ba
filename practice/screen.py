"""Printed output of the demo: numbered scenes, actions of people, and messages as text.

A card is printed whole when it first appears. After that only its changed lines are printed. A card
that resembles an earlier one (the same card in another room) is printed as a change of that one.
The edits between two actions are printed as one change. In a terminal, the newest edit is shown
until then.
"""

import os
import re
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Iterable
from difflib import SequenceMatcher
from typing import Any

from practice import cardtext
from practice.client import from_bot

WIDTH = 116
"""Number of characters in a line after its frame."""
MOST_ROWS = 2
"""Maximum number of printed lines for one paragraph of a card."""
COLUMN = WIDTH // 2
"""Column of the second one of two card lines that share a printed line."""
LEAD = 3
"""Number of changed lines that are always printed.

They are a card's title, how far it is, and whose turn it is.
"""
LONGEST_NEWS = 72
"""Maximum number of characters in one changed line."""
COUNT = 14
"""Characters that are kept free for the number of changed lines that are not printed."""
ALIKE = 0.6
"""Share of equal lines from which a new card counts as a copy of an earlier card."""
OTHER, MANY = 0.4, 10
"""Share of equal words below which a whole edit is printed.

The second number is the least number of new lines for that.
"""
CLOCK = re.compile(r"\b\d\d:\d\d(?::\d\d)?\b|\b\d+ s\b")

Json = dict[str, Any]


class Screen:
    """Printer of the demo, which remembers the lines of every message."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._live = sys.stdout.isatty()
        self._color = self._live and "NO_COLOR" not in os.environ
        self._seen: dict[str, list[str]] = {}
        self._edited: dict[str, list[str]] = {}
        self._rooms: dict[str, str] = {}
        self.last = ""
        """Text of the whole last message."""

    @property
    def elapsed(self) -> float:
        """Return the seconds since the start of the demo."""
        return time.monotonic() - self._started

    def scene(self, number: int, of: int, title: str) -> None:
        """Print the start of a scene, with a progress bar of the demo."""
        self.flush()
        bar = "█" * number + "░" * (of - number)
        self._print(f"{bar} {number:2}/{of}  {self.elapsed:5.1f} s  {title}", "1")

    def act(self, text: str) -> None:
        """Print an action of a person."""
        self.flush()
        self._print(f"  → {_cut(text, WIDTH)}", "36")

    def line(self, text: str, indent: str = "") -> None:
        """Print a text, folded; ``indent`` is in front of every line but the first."""
        for line in textwrap.wrap(
            text, WIDTH, subsequent_indent=indent, break_on_hyphens=False, drop_whitespace=True
        ):
            self._print(f"  {line}")

    def message(self, message: Json) -> None:
        """Print a new message, or remember an edited one for the next output."""
        if not from_bot(message):
            return
        name, fresh = str(message["id"]), _lines(message)
        self.last = "\n".join(f"  │ {line}" for line in fresh)
        if name in self._seen:
            self._edited[name] = fresh
            self._passing(fresh)
            return
        self.flush()
        self._rooms[name] = (
            message["room"] if message["roomType"] == "group" else f"1:1 with {_other(message)}"
        )
        other = self._twin(fresh)
        self._seen[name] = fresh
        head = f"{self._number(name)} {self._rooms[name]}"
        if other is not None:
            news = changes(self._seen[other], fresh)
            self._changed(f"┌ {head}", [f"as {self._number(other)}", *news])
            return
        self._whole(f"┌ {head}", fresh)

    def flush(self) -> None:
        """Print the edits since the last action, each message as one change."""
        if self._edited and self._live:
            sys.stdout.write("\r\033[K")
        told: dict[tuple[str, ...], list[str]] = {}
        for name, fresh in self._edited.items():
            head, known = f"{self._number(name)} {self._rooms[name]}", self._seen[name]
            news = tuple(changes(known, fresh))
            self._seen[name] = fresh
            if len(news) >= MANY and _words_kept(known, fresh) < OTHER:
                self._whole(f"↻ {head}", fresh)
            else:
                told.setdefault(news, []).append(head)
        for news, heads in told.items():
            if news:
                self._changed(f"↻ {' and '.join(heads)}", [*news])
        self._edited.clear()

    def _whole(self, head: str, lines: list[str]) -> None:
        first, *rest = packed(lines)
        self._print(f"  {head}: {first}")
        for line in rest:
            self._print(f"  │ {line}")

    def _passing(self, lines: list[str]) -> None:
        """Show the progress line of an edited message in the terminal until the next output.

        The progress line is the second line of the message.
        """
        if self._live:
            sys.stdout.write(f"\r\033[K  … {' '.join(lines[1:2])[:WIDTH]}")
            sys.stdout.flush()

    def _number(self, name: str) -> int:
        return [*self._seen].index(name) + 1

    def _twin(self, lines: list[str]) -> str | None:
        """Return the earlier message whose lines are nearly the same, or None."""
        found = [
            (share, name)
            for name, known in self._seen.items()
            if (share := _alike(known, lines)) >= ALIKE
        ]
        return max(found)[1] if found else None

    def _changed(self, head: str, news: list[str]) -> None:
        """Print the changed lines of a message as one text.

        The lines about progress and about whose turn it is come first, then the new buttons, and
        then further lines that fit. The number of the changes that do not fit follows.
        """
        buttons = [line for line in news if line.startswith("[")]
        others = [_cut(line, LONGEST_NEWS) for line in news if line not in buttons]
        text, left = f"{head}: {' · '.join([*others[:LEAD], *buttons])}", others[LEAD:]
        most = (len(text) // WIDTH + 1) * WIDTH - COUNT
        while left and len(text) + len(left[0]) + 3 <= most:
            text = f"{text} · {left.pop(0)}"
        self.line(text + (f" · and {len(left)} more" if left else ""), "    ")

    def _print(self, text: str, code: str = "") -> None:
        shown = f"\033[{code}m{text}\033[0m" if code and self._color else text
        sys.stdout.write(shown + "\n")
        sys.stdout.flush()


def changes(before: Iterable[str], after: Iterable[str]) -> list[str]:
    """Return the lines that are new in ``after``, without their indentation.

    A line in which only a time differs is not new.
    """
    old = {_timeless(line) for line in before}
    fresh = [" ".join(line.strip(" ▌").split()) for line in after if _timeless(line) not in old]
    return [line for line in fresh if line]


def packed(lines: list[str]) -> list[str]:
    """Return the lines as a terminal shows them: short ones two to a line, long ones folded.

    An indented line follows the line that it explains, if both fit.
    """
    rows: list[str] = []
    open_row = False
    for number, line in enumerate(_joined(lines)):
        place = max(COLUMN, len(rows[-1]) + 4) if rows else WIDTH
        single = number == 0 or line[0] in "▌["
        if open_row and not single and place + len(line) <= WIDTH:
            rows[-1] = f"{rows[-1]:<{place}}{line}"
        else:
            rows += _folded(line)
            open_row = not single and len(line) <= WIDTH
    return rows


def _joined(lines: list[str]) -> list[str]:
    """Return the lines with fewer line breaks.

    Each explanation and each further button is appended to the line before it, if it fits.
    """
    joined: list[str] = []
    for line in lines:
        if joined and _belongs(joined[-1], line):
            joined[-1] = f"{joined[-1]}  {line.strip()}"
        else:
            joined.append(line)
    return joined


def _belongs(before: str, line: str) -> bool:
    """Return whether the line can be appended to the line before it.

    It must fit, and it must be an explanation of that line or a further button.
    """
    if len(before) + 2 + len(line.strip()) > WIDTH:
        return False
    return before.startswith("[") if line.startswith("[") else line.startswith("  ")


def _lines(message: Json) -> list[str]:
    shown = cardtext.closed(message["card"]) if message["card"] else message["text"].splitlines()
    return [line.rstrip() for text in shown for line in str(text).split("\n") if line.strip(" ▌")]


def _alike(one: list[str], other: list[str]) -> float:
    """Return the share of lines that are equal and in the same order, from 0 to 1.

    Times in the lines make no difference.
    """
    first, second = ([_timeless(line) for line in lines] for lines in (one, other))
    return SequenceMatcher(None, first, second, autojunk=False).ratio()


def _words_kept(before: list[str], after: list[str]) -> float:
    """Return which share of the words after an edit were there before, from 0 to 1."""
    old, new = (Counter(" ".join(lines).split()) for lines in (before, after))
    return (old & new).total() / max(1, new.total())


def _timeless(line: str) -> str:
    return CLOCK.sub("", line).strip(" ▌")


def _other(message: Json) -> str:
    return next((who for who in message["members"] if not who.endswith("@webex.bot")), "nobody")


def _folded(text: str) -> list[str]:
    """Return a long line as several lines, so that a terminal does not break the frame."""
    indent = " " * (len(text) - len(text.lstrip(" ▌")) + 2)
    rows = textwrap.wrap(
        text,
        WIDTH,
        subsequent_indent=indent,
        break_on_hyphens=False,
        replace_whitespace=False,
        max_lines=MOST_ROWS,
        placeholder=" …",
    )
    return rows or [""]


def _cut(text: str, most: int) -> str:
    """Return the beginning of a text, with an ellipsis if more follows."""
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"
