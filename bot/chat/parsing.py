"""Parser of typed messages: the command or the nearest one, an address, or what else was meant.

The words without a command are lists in the texts of each language, in the table ``heard``. A
message is compared with the lists of all languages, because people write in their own. Nothing is
run because of a message. The meaning only decides which buttons are offered.
"""

import difflib
import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from html.parser import HTMLParser

from adaptive_cards.locale import languages
from adaptive_cards.texts import own_text
from bot.webex.client import Message, WebexPerson
from jobs.channel.form import read_address
from jobs.settings import valid

NEAR = 0.6
LONGEST = 2000
HTML_MOST = 7439
"""Characters of a message's HTML that are read; Webex takes as many bytes (webex.md 2)."""
AFTER_NAME = ("", " ", ":", ",", "/")
INITIAL = re.compile(r"^ [^\W\d_]\.(?=[ :,/]|$)")
"""Last name's initial after the first name, as in an example of the Messages API: "Mike C."."""


@dataclass(frozen=True, slots=True)
class ParsedCommand:
    """Command without its slash, and its argument; without a command only ``text``, in a line."""

    name: str
    argument: str
    text: str = ""


def parse_command(message: Message, me: WebexPerson) -> ParsedCommand:
    # Only a text that begins with a slash is a command. A mention of the bot before it is ignored.
    said = message.text
    if message.html:
        # Names change and repeat, but ``<spark-mention>`` is reliable (platforms/webex.md 1).
        reader = _Reader(me.id)
        reader.feed(message.html[:HTML_MOST])
        reader.close()
        said = reader.text()
    text = _without_name(one_line(said), me)
    if not text.startswith("/"):
        return ParsedCommand("", "", text)
    name, _, argument = text[1:].lstrip().partition(" ")
    return ParsedCommand(name.lower(), argument.strip())


def nearest(name: str, known: Collection[str]) -> str:
    starts = [command for command in known if name.startswith(command)]
    near = difflib.get_close_matches(name, known, n=1, cutoff=NEAR)
    return max(starts, key=len, default="") or next(iter(near), "")


def one_line(text: str) -> str:
    # Zero-width characters and unusual spaces, which people do not type on purpose, are removed. A
    # letter and its accent become one character, because some keyboards send two.
    whole = unicodedata.normalize("NFC", text)
    words = "".join(sign for sign in whole if unicodedata.category(sign) != "Cf").split()
    return " ".join(words)[:LONGEST]


def _without_name(text: str, me: WebexPerson) -> str:
    # Some clients do not mark up a mention. The text then begins with the bot's address, its name
    # or the first word of its name. People also type the name in a 1:1 space.
    text = text.removeprefix("@").lstrip()
    first = me.display_name.partition(" ")[0]
    before_at = (email.partition("@")[0] for email in me.emails)
    for name in filter(None, map(one_line, (*me.emails, me.display_name, first, *before_at))):
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
        if not any(self._mentions) and (self._begun or not self._mentions):
            self._parts.append(data)
            self._begun = self._begun or bool(one_line(data).lstrip(" :,"))

    def text(self) -> str:
        return one_line("".join(self._parts)).lstrip(" :,")


GREETING_WORDS_MOST = 4
"""Words of a greeting at most; a longer text that begins with one asks for more than that."""
_AROUND_A_WORD = re.compile(r"^\W+|\W+$")


@dataclass(frozen=True, slots=True)
class Meaning:
    """Meaning of a message.

    ``address`` is the one address to check, or an empty string. ``trouble`` means that mail does
    not arrive. A message with none of the three was not understood.
    """

    address: str = ""
    trouble: bool = False
    greeting: bool = False


def meaning_of(text: str) -> Meaning:
    # An address counts if it is the only one, and if the words around it say that it should be
    # checked, or that it or mail does not arrive or work.
    words, typed, others = _sorted_words(text)
    stopped = (typed or _has(others, _listed("mail"))) and _has(others, _listed("stopped"))
    if stopped or _has(others, _listed("no_mail")):
        return Meaning(address_or_empty(typed[0]) if len(set(typed)) == 1 else "", trouble=True)
    if address := lone_address(text):
        return Meaning(address)
    begins = f"{' '.join(words)} ".startswith(tuple(f"{each} " for each in _listed("greeting")))
    return Meaning(greeting=begins and not typed and len(words) <= GREETING_WORDS_MOST)


def lone_address(text: str) -> str:
    # All other words in the text must be words that people put around an address, such as "please".
    _, *sorts = _sorted_words(text)
    typed, others = map(set, sorts)
    return address_or_empty(*typed) if len(typed) == 1 and others <= _listed("around") else ""


def address_or_empty(typed: str) -> str:
    return valid(read_address, typed) or ""


def _sorted_words(text: str) -> tuple[list[str], list[str], list[str]]:
    small = text.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    words = [word for each in small.split() if (word := _AROUND_A_WORD.sub("", each))]
    typed = [each for each in words if "@" in each]
    return words, typed, [each for each in words if "@" not in each]


def _has(words: list[str], phrases: frozenset[str]) -> bool:
    spaced = f" {' '.join(words)} "
    return any(f" {phrase} " in spaced for phrase in phrases)


@cache
def _listed(kind: str) -> frozenset[str]:
    """Return the phrases of a list in the texts of all languages, where commas separate them."""
    every = (own_text(f"heard.{kind}", language).split(",") for language in languages())
    return frozenset(phrase.strip() for phrases in every for phrase in phrases if phrase.strip())
