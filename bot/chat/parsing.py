"""Parser of typed messages, which removes the mention and finds the exact or nearest command."""

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
HTML_MOST = 7439
"""Maximum number of characters of a message's HTML that are read.

Webex takes as many bytes (facts/webex.md 2).
"""
AFTER_NAME = ("", " ", ":", ",", "/")
INITIAL = re.compile(r"^ [^\W\d_]\.(?=[ :,/]|$)")
"""Pattern of a last name's initial after the first name.

An example in the Messages API has "Mike C.".
"""


@dataclass(frozen=True, slots=True)
class ParsedCommand:
    """Name of a command (without the slash) and its argument.

    ``name`` is empty if no command was typed. ``text`` is the message in one line in that case, and
    otherwise empty.
    """

    name: str
    argument: str
    text: str = ""


def parse_command(message: Message, me: WebexPerson) -> ParsedCommand:
    """Return the message as a command.

    Only a text that begins with a slash is a command. A mention of the bot before it is ignored.
    """
    text = _without_name(_one_line(_text(message.html, me) if message.html else message.text), me)[
        :LONGEST
    ]
    if not text.startswith("/"):
        return ParsedCommand("", "", text)
    name, _, argument = text[1:].partition(" ")
    return ParsedCommand(name.lower(), argument.strip())


def argument_of(text: str) -> str:
    """Return the text of a button, cleaned in the same way as a typed argument."""
    return _one_line(text)[:LONGEST]


def nearest(name: str, known: Collection[str]) -> str:
    starts = [command for command in known if name.startswith(command)]
    return max(starts, key=len, default="") or next(
        iter(difflib.get_close_matches(name, known, n=1, cutoff=NEAR)), ""
    )


def _text(html: str, me: WebexPerson) -> str:
    """Return the text of the HTML version of a message.

    Names change and repeat, but ``<spark-mention>`` is reliable (facts/webex.md 1).
    """
    reader = _Reader(me.id)
    reader.feed(html[:HTML_MOST])
    reader.close()
    return reader.text()


def _one_line(text: str) -> str:
    """Return the text in one line.

    Zero-width characters and unusual spaces, which people do not type on purpose, are removed. A
    letter and its accent become one character, because some keyboards send two.
    """
    whole = unicodedata.normalize("NFC", text)
    return " ".join("".join(sign for sign in whole if unicodedata.category(sign) != "Cf").split())


def _without_name(text: str, me: WebexPerson) -> str:
    """Return the text without the bot's name at its start.

    Some clients do not mark up a mention. The text then begins with the bot's address, its name or
    the first word of its name. People also type the name in a 1:1 space.
    """
    text = text.removeprefix("@").lstrip()
    first = me.display_name.partition(" ")[0]
    before_at = (email.partition("@")[0] for email in me.emails)
    for name in filter(None, map(_one_line, (*me.emails, me.display_name, first, *before_at))):
        said, rest = text[: len(name)], text[len(name) :]
        if said.lower() == name.lower() and rest[:1] in AFTER_NAME:
            return (INITIAL.sub("", rest) if name == first else rest).lstrip(" :,")
    return text


class _Reader(HTMLParser):
    """Text of a message without the mentions at its start and without any mention of the bot."""

    def __init__(self, me: str) -> None:
        super().__init__(convert_charrefs=True)
        self._me = me
        self._parts: list[str] = []
        self._mentions: list[bool] = []
        self._begun = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "spark-mention":
            self._mentions.append(dict(attrs).get("data-object-id") == self._me)
            self._parts.append(" ")
        elif tag in {"br", "p", "li"}:
            self._parts.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag == "spark-mention" and self._mentions:
            self._mentions.pop()

    def handle_data(self, data: str) -> None:
        """Keep the text, unless it is a mention of the bot or a mention before all other text."""
        if not self._is_left_out():
            self._parts.append(data)
            self._begun = self._begun or bool(_one_line(data).lstrip(" :,"))

    def _is_left_out(self) -> bool:
        """Return whether the text is in a mention of the bot, or in one before all other text."""
        at_start = bool(self._mentions) and not self._begun
        return at_start or any(self._mentions)

    def text(self) -> str:
        return _one_line("".join(self._parts)).lstrip(" :,")
