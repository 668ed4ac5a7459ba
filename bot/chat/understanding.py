"""Meaning of a message that is not a command: an address, mail that does not arrive, or a greeting.

The words are lists in the texts of each language, in the table ``heard``. A message is compared
with the lists of all languages, because people write in their own. Nothing is run because of a
message. The meaning only decides which buttons are offered.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from adaptive_cards.locale import languages
from adaptive_cards.texts import own_text
from jobs.channel.form import InvalidInputError, read_address

GREETING_WORDS_MOST = 4
"""Maximum number of words in a greeting.

A longer text that begins with a greeting asks for more than that.
"""
_MARKS = ".,;:!?()\"'<>"


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
    """Return the meaning of a text that is not a command.

    An address counts if it is the only one, and if the words around it say that it should be
    checked or that mail does not arrive.
    """
    words = _words(text)
    typed, others = addresses_and_others(words)
    trouble = _has(others, _listed("no_mail")) or (
        _has(others, _listed("mail")) and _has(others, _listed("stopped"))
    )
    if len(set(typed)) == 1 and (trouble or _listed("around").issuperset(others)):
        return Meaning(address=address_or_empty(typed[0]), trouble=trouble)
    if trouble:
        return Meaning(trouble=True)
    return Meaning(greeting=not typed and _is_greeting(words))


def lone_address(text: str) -> str:
    """Return the only address in the text, or an empty string.

    All other words in the text must be words that people put around an address, such as "please".
    """
    typed, others = map(set, addresses_and_others(_words(text)))
    return address_or_empty(*typed) if len(typed) == 1 and others <= _listed("around") else ""


def addresses_and_others(words: list[str]) -> tuple[list[str], list[str]]:
    addresses = [word for word in words if "@" in word]
    return addresses, [word for word in words if "@" not in word]


def address_or_empty(typed: str) -> str:
    try:
        return read_address(typed)
    except InvalidInputError:
        return ""


def _words(text: str) -> list[str]:
    small = text.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    return [word for each in small.split() if (word := each.strip(_MARKS))]


def _is_greeting(words: list[str]) -> bool:
    return len(words) <= GREETING_WORDS_MOST and _begins(words, _listed("greeting"))


def _has(words: list[str], phrases: frozenset[str]) -> bool:
    spaced = f" {' '.join(words)} "
    return any(f" {phrase} " in spaced for phrase in phrases)


def _begins(words: list[str], phrases: frozenset[str]) -> bool:
    return any(f"{' '.join(words)} ".startswith(f"{phrase} ") for phrase in phrases)


@cache
def _listed(kind: str) -> frozenset[str]:
    """Return the phrases of a list in the texts of all languages, where commas separate them."""
    every = (own_text(f"heard.{kind}", language).split(",") for language in languages())
    return frozenset(phrase.strip() for phrases in every for phrase in phrases if phrase.strip())
