"""What was typed: the mention stripped, the command found exactly, or the nearest one named."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from dataclasses import dataclass
from html.parser import HTMLParser

from bot.webex import Message, WebexPerson

NEAR = 0.6
LONGEST = 2000
UNSEEN = {0xA0: " ", **dict.fromkeys((0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF))}
"""Characters that nobody typed on purpose: a space that does not break, and those without any width."""
AFTER_NAME = ("", " ", ":", ",", "/")


@dataclass(frozen=True, slots=True)
class Typed:
    """A command's name (without the slash) and its argument. ``name`` is empty where no command was typed."""

    name: str
    argument: str
    text: str


def understand(message: Message, me: WebexPerson) -> Typed:
    """The message as a command. Only a text that begins with a slash is one."""
    text = " ".join(_without_mention(message, me).translate(UNSEEN).split())[:LONGEST]
    if not text.startswith("/"):
        return Typed("", "", text)
    name, _, argument = text[1:].partition(" ")
    return Typed(name.lower(), argument.strip(), text)


def nearest(name: str, known: Collection[str]) -> str:
    """The known command that looks most like what was typed, or the empty string."""
    starts = [command for command in known if name.startswith(command)]
    return max(starts, key=len, default="") or next(iter(difflib.get_close_matches(name, known, n=1, cutoff=NEAR)), "")


def _without_mention(message: Message, me: WebexPerson) -> str:
    """By the markup where there is some: names change and repeat, ``<spark-mention>`` does not (facts/webex.md 1).

    Not every client marks a mention up, so in a group the name is looked for as well.
    """
    text = _text(message.html) if message.html else message.text
    return text if message.is_direct else _without_name(text, me)


def _text(html: str) -> str:
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.text()


def _without_name(text: str, me: WebexPerson) -> str:
    """In a group's plain text the mention is the bot's name, or its first word."""
    text = text.replace("\xa0", " ").strip().removeprefix("@")
    for name in (me.display_name, me.display_name.partition(" ")[0], me.email.partition("@")[0]):
        rest = text[len(name) :]
        if name and text.lower().startswith(name.lower()) and rest[:1] in AFTER_NAME:
            return rest.lstrip(" :,")
    return text


class _Reader(HTMLParser):
    """The text of a message, without the mentions in front of it."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._parts: list[str] = []
        self._mention = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A mention begins, or a line."""
        if tag == "spark-mention":
            self._mention += 1
        elif tag in {"br", "p", "li"}:
            self._parts.append(" ")

    def handle_endtag(self, tag: str) -> None:
        """A mention ends."""
        if tag == "spark-mention" and self._mention:
            self._mention -= 1

    def handle_data(self, data: str) -> None:
        """Text: kept, unless it is a mention before everything else."""
        if not self._mention or self.text().strip(" :,"):
            self._parts.append(data)

    def text(self) -> str:
        """What was read."""
        return "".join(self._parts).lstrip(" \xa0:,\n")
