"""Reader of an error text: from any text to the causes that it names.

Every consumer goes through here: a pasted text, a file, an SMTP reply, a message trace, a token
answer and Webex Connect's receipts. The reader cleans the text, finds who speaks, lets words come
before numbers, and names the causes that the text leaves open.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from jobs.causes.cause import ENTRA_CODE_PAGE
from jobs.clouds.error_texts import cloud_words, connect, doubts, entra, smtp
from jobs.clouds.error_texts.cleaning import CleanText, clean
from jobs.clouds.error_texts.reading import FoundCause, Reading, UnknownCode
from jobs.clouds.error_texts.speaker import Signs, Speaker, signs_in
from jobs.clouds.error_texts.tokens import (
    EntraToken,
    SmtpToken,
    entra_tokens,
    smtp_tokens,
)

NDR_PAGE = "https://learn.microsoft.com/exchange/mail-flow-best-practices/non-delivery-reports-in-exchange-online/non-delivery-reports-in-exchange-online"
"""Address where Microsoft explains the codes of non-delivery reports."""
_BY_PLACE = frozenset(
    {"connect_address_gone", "connect_not_reached", "mail_not_delivered", "mailbox_not_found"}
)
"""Causes that also depend on the place of a mail on its way.

The words of a trace do not decide them.
"""
_OURS = (Speaker.EXCHANGE, Speaker.CONNECT, Speaker.ENTRA, Speaker.GRAPH)


def read(text: str, heard: Speaker | None = None, *, cut: bool = False) -> Reading:
    """Return the meaning of a text.

    ``heard`` is the service if it is known to speak, as in an answer that the bot itself received.
    ``cut`` is whether a part of the text is missing already.
    """
    cleaned = clean(text)
    cleaned = replace(cleaned, cut=cleaned.cut or cut)
    return _read(cleaned, signs_in(cleaned.flat, heard))


def read_at_form(text: str) -> Reading:
    """Return the meaning of a text that a person saw in Webex Connect.

    Webex Connect counts as the speaker, unless a stranger to this channel speaks in the text.
    """
    cleaned = clean(text)
    signs = signs_in(cleaned.flat)
    strange = signs.has(Speaker.STRANGER)
    return _read(cleaned, signs if strange else signs_in(cleaned.flat, Speaker.CONNECT))


def first_cause(lines: Iterable[str]) -> str:
    """Return the first cause in a message trace that explains why a mail was given up.

    Deferrals do not count, because they pass. The result is empty if none is found.
    """
    return next(
        (
            each.cause
            for line in lines
            for each in read(line, Speaker.EXCHANGE).certain
            if not each.passes and each.cause not in _BY_PLACE
        ),
        "",
    )


def _read(cleaned: CleanText, signs: Signs) -> Reading:
    flat = cleaned.flat
    numbers, replies = entra_tokens(flat, signs), smtp_tokens(flat)
    connected = connect.codes_in(flat, signs)
    causes = _causes(flat, signs, numbers, replies) + connected
    ours = bool(causes or numbers) or _is_ours(signs, replies)
    return Reading(
        ours,
        doubts.ranked(causes, flat),
        _codes(numbers, replies, connected) if ours else (),
        _unknown(cleaned, signs, numbers, replies, causes) if ours else (),
        cleaned.cut,
    )


def _causes(
    flat: str, signs: Signs, numbers: list[EntraToken], replies: list[SmtpToken]
) -> list[FoundCause]:
    """Return the causes of codes and unmistakable words, or else those that softer words name."""
    told = [
        *entra.causes_of_numbers(numbers),
        *smtp.causes_of_replies(replies, flat, signs),
        *cloud_words.causes_of_clouds(flat, signs),
    ]
    if any(each.certain for each in told):
        return told
    found = [*told, *_of_softer_words(flat, signs, numbers)]
    return found or cloud_words.causes_of_mailbox_login(flat, signs)


def _of_softer_words(flat: str, signs: Signs, numbers: list[EntraToken]) -> list[FoundCause]:
    """Return the causes of sign-in pages and the network, or else of OAuth's words.

    Next to an AADSTS number, the words of Entra say nothing more.
    """
    network = cloud_words.causes_of_network(flat, signs)
    if numbers:
        return network
    softer = [*entra.causes_of_pages(flat, signs), *network]
    return softer or entra.causes_of_oauth(flat, signs)


def _is_ours(signs: Signs, replies: list[SmtpToken]) -> bool:
    """Return whether a service of this channel speaks in the text.

    If a stranger speaks in it as well, a code must be next to a sign of a service of this channel.
    """
    if not signs.ours:
        return False
    return not signs.has(Speaker.STRANGER) or any(
        signs.accepts(each.at, *_OURS) for each in replies
    )


def _codes(
    numbers: list[EntraToken], replies: list[SmtpToken], connected: list[FoundCause]
) -> tuple[str, ...]:
    codes = [
        *((each.at, each.code) for each in numbers),
        *((each.at, each.shown) for each in replies),
        *((each.at, each.code) for each in connected),
    ]
    return tuple(dict.fromkeys(code for _, code in sorted(codes)))


def _unknown(
    cleaned: CleanText,
    signs: Signs,
    numbers: list[EntraToken],
    replies: list[SmtpToken],
    causes: list[FoundCause],
) -> tuple[UnknownCode, ...]:
    strange = [
        UnknownCode(each.code, _line_of(cleaned, each.code), f"{ENTRA_CODE_PAGE}{each.number}")
        for each in entra.unknown_numbers(numbers)
    ]
    if not causes:
        strange += _unknown_replies(cleaned, signs, replies)
    return tuple({each.code: each for each in strange}.values())


def _unknown_replies(
    cleaned: CleanText, signs: Signs, replies: list[SmtpToken]
) -> list[UnknownCode]:
    return [
        UnknownCode(each.shown, _line_of(cleaned, each.code or each.status), NDR_PAGE)
        for each in replies
        if each.status and signs.accepts(each.at, *_OURS)
    ]


def _line_of(cleaned: CleanText, code: str) -> str:
    """Return the line of the person's text that has the code, without quotes and markup."""
    return next((line for line in cleaned.lines if code.lower() in line.lower()), "")
