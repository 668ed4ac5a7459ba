"""What was typed: the mention stripped, the command found exactly, or the nearest one named."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from html.parser import HTMLParser

from bot.webex.client import Message, WebexPerson

NEAR = 0.6
LONGEST = 2000
AFTER_NAME = ("", " ", ":", ",", "/")
INITIAL = re.compile(r"^ [^\W\d_]\.(?=[ :,/]|$)")
"""What may be left of a last name: the Messages API's own example writes "Mike C."."""


@dataclass(frozen=True, slots=True)
class ParsedCommand:
    """A command's name (without the slash) and its argument. ``name`` is empty where no command was typed."""

    name: str
    argument: str


def parse_command(message: Message, me: WebexPerson) -> ParsedCommand:
    """The message as a command. Only a text that begins with a slash is one, a mention of the bot left out."""
    text = _without_name(_one_line(_text(message.html, me) if message.html else message.text), me)[:LONGEST]
    if not text.startswith("/"):
        return ParsedCommand("", "")
    name, _, argument = text[1:].partition(" ")
    return ParsedCommand(name.lower(), argument.strip())


def nearest(name: str, known: Collection[str]) -> str:
    """The known command that looks most like what was typed, or the empty string."""
    starts = [command for command in known if name.startswith(command)]
    return max(starts, key=len, default="") or next(iter(difflib.get_close_matches(name, known, n=1, cutoff=NEAR)), "")


def _text(html: str, me: WebexPerson) -> str:
    """By the markup where there is some: names change and repeat, ``<spark-mention>`` does not (facts/webex.md 1)."""
    reader = _Reader(me.id)
    reader.feed(html)
    reader.close()
    return reader.text()


def _one_line(text: str) -> str:
    """The text in one line, without what nobody typed on purpose: signs without any width, and spaces of other kinds."""
    return " ".join("".join(sign for sign in text if unicodedata.category(sign) != "Cf").split())


def _without_name(text: str, me: WebexPerson) -> str:
    """Not every client marks a mention up: then the text begins with the bot's address, its name or the first word of it.

    In a 1:1 people type it, too.
    """
    text = text.removeprefix("@").lstrip()
    first = me.display_name.partition(" ")[0]
    for name in filter(None, map(_one_line, (*me.emails, me.display_name, first, *(email.partition("@")[0] for email in me.emails)))):
        said, rest = text[: len(name)], text[len(name) :]
        if said.lower() == name.lower() and rest[:1] in AFTER_NAME:
            return (INITIAL.sub("", rest) if name == first else rest).lstrip(" :,")
    return text


class _Reader(HTMLParser):
    """The text of a message, without the mentions in front of it, and without those of the bot wherever they stand."""

    def __init__(self, me: str) -> None:
        super().__init__(convert_charrefs=True)
        self._me = me
        self._parts: list[str] = []
        self._mentions: list[bool] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A mention begins, or a line."""
        if tag == "spark-mention":
            self._mentions.append(dict(attrs).get("data-object-id") == self._me)
            self._parts.append(" ")
        elif tag in {"br", "p", "li"}:
            self._parts.append(" ")

    def handle_endtag(self, tag: str) -> None:
        """A mention ends."""
        if tag == "spark-mention" and self._mentions:
            self._mentions.pop()

    def handle_data(self, data: str) -> None:
        """Text: kept, unless it is a mention of the bot, or any mention before everything else."""
        if not any(self._mentions) and (not self._mentions or _one_line(self.text())):
            self._parts.append(data)

    def text(self) -> str:
        """What was read."""
        return _one_line("".join(self._parts)).lstrip(" :,")
