"""Causes that Entra's error numbers and sentences name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from jobs.clouds.causes import OAUTH, Meaning
from jobs.clouds.error_texts.entra_codes import NUMBERS, OF_OTHER_PROTOCOLS, PROMPTS, VAGUE
from jobs.clouds.error_texts.entra_words import LOOSE, NARROWER, OTHER_RESOURCE, SENTENCES
from jobs.clouds.error_texts.reading import FoundCause, found
from jobs.clouds.error_texts.speaker import Signs, Speaker
from jobs.clouds.error_texts.tokens import EntraToken
from jobs.clouds.late_pattern import LatePattern

_OAUTH_WORD = LatePattern(rf"(?<![\w.])(?P<word>{'|'.join(OAUTH)})(?!\w)")
_REFUSED_CLIENT = LatePattern(r"Client authentication failed \(e\.g\., unknown client")
"""Sentence of RFC 6749, 5.2 on ``invalid_client``, which libraries show instead of that code."""
_OWN_MOST = 240
"""Number of characters after an AADSTS number within which its sentence begins."""
_CERTAIN_WORDS = frozenset(
    {"consent_required", "invalid_scope", "server_error", "temporarily_unavailable"}
)
_OURS = (Speaker.ENTRA, Speaker.GRAPH, Speaker.EXCHANGE)
_Known = tuple[EntraToken, Meaning]


def meaning_of(number: int, sentence: str = "") -> Meaning | None:
    """Return the meaning of an AADSTS number with its sentence, or None if neither is known.

    One number has several senses (650051, 50053, 65005), so the sentence decides if it says
    something else. ``sentence`` is the text after the number, with its colon. Words far behind the
    number, or behind a number without a colon, are a person's own.
    """
    if number in OF_OTHER_PROTOCOLS or OTHER_RESOURCE.search(sentence):
        return None
    known = NUMBERS.get(number)
    return _by_sentence(known, sentence) if known else _first_meaning(sentence[:_OWN_MOST])


def _by_sentence(known: Meaning, sentence: str) -> Meaning:
    """Return the meaning of a known number, or the meaning of its sentence if that decides."""
    said = _meanings_in(sentence)
    narrower = next((each for each in said if each.cause in NARROWER[known.cause]), None)
    if narrower:
        return narrower
    if known.cause in {each.cause for each in said} or not sentence.startswith(":"):
        return known
    return _first_meaning(sentence[:_OWN_MOST]) or known


def most_telling(numbers: Iterable[int], description: str) -> tuple[int, Meaning] | None:
    """Return the most specific number of an answer with its meaning, or None if none is known.

    The last number with a meaning of its own comes first, because an answer begins with the general
    one: ``AADSTS70002: Error validating credentials. AADSTS50126: ...``.
    """
    known = [(each, meaning_of(each, _sentence_of(each, description))) for each in numbers]
    ranked = sorted(known, key=lambda pair: pair[0] not in VAGUE | PROMPTS)
    return next(((each, meaning) for each, meaning in reversed(ranked) if meaning), None)


def _sentence_of(number: int, description: str) -> str:
    """Return the sentence of a number in a description; the whole text if it names no number."""
    _, named, rest = description.partition(f"AADSTS{number}")
    if named:
        return rest.partition("AADSTS")[0]
    return "" if "AADSTS" in description else f": {description}"


def _first_meaning(sentence: str) -> Meaning | None:
    return next(iter(_meanings_in(sentence)), None)


def _meanings_in(sentence: str) -> list[Meaning]:
    """Return the meanings of the sentences that a text contains, most specific first."""
    return [each.meaning for each in SENTENCES if each.pattern.search(sentence)]


def causes_of_numbers(tokens: list[EntraToken]) -> list[FoundCause]:
    """Return the cause of each error; a vague number counts only if no other one is known.

    Next to an error with its sentence, a number without any words is only an entry of a list.
    """
    known = [
        (each, meaning) for each in tokens if (meaning := meaning_of(each.number, each.sentence))
    ]
    telling = _without(VAGUE | PROMPTS, known) or _without(PROMPTS, known) or known
    explained = any(each.explained for each, _ in telling)
    return [
        found(meaning, each.code, each.at, certain=each.explained or not explained)
        for each, meaning in telling
    ]


def _without(numbers: frozenset[int], known: list[_Known]) -> list[_Known]:
    return [(each, meaning) for each, meaning in known if each.number not in numbers]


def unknown_numbers(tokens: list[EntraToken]) -> list[EntraToken]:
    """Return the numbers that neither the tables nor their sentences explain."""
    return [each for each in tokens if meaning_of(each.number, each.sentence) is None]


def causes_of_pages(text: str, signs: Signs) -> list[FoundCause]:
    """Return the causes that sentences without a number name, as sign-in pages show them."""
    if OTHER_RESOURCE.search(text):
        return []
    causes = [
        found(meaning, match[0].strip(), match.start(), certain=meaning.cause not in LOOSE)
        for meaning, match in _sentences_in(text, signs)
    ]
    return causes if any(each.certain for each in causes) else causes[:2]


def _sentences_in(text: str, signs: Signs) -> Iterator[tuple[Meaning, re.Match[str]]]:
    """Yield the meaning and the place of each sentence, most specific first.

    A sentence within another one is left out.
    """
    seen: list[tuple[int, int]] = []
    for phrase in SENTENCES:
        match = phrase.pattern.search(text)
        if match and signs.accepts(match.start(), *_OURS) and not _within(match, seen):
            seen.append(match.span())
            yield phrase.meaning, match


def _within(match: re.Match[str], spans: list[tuple[int, int]]) -> bool:
    """Return whether the match overlaps words that were found before and are more specific."""
    return any(match.start() < end and begin < match.end() for begin, end in spans)


def causes_of_oauth(text: str, signs: Signs) -> list[FoundCause]:
    """Return the cause that OAuth's own word names; Google and others use the same words."""
    text = _REFUSED_CLIENT.sub("invalid_client", text)
    return [
        found(
            OAUTH[each["word"]], each["word"], each.start(), certain=each["word"] in _CERTAIN_WORDS
        )
        for each in _OAUTH_WORD.finditer(text)
        if signs.accepts(each.start(), *_OURS)
    ]
