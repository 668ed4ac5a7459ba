"""Strict reading of the channel values that a person types.

A value is either valid, or it is reported with an error text that has the reason and the value that
was probably meant.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

import email_validator
from email_validator import EmailNotValidError, validate_email

from jobs.channel import spelling
from jobs.channel.callback_url import fault_in
from jobs.model import Channel, Profile, Text

LIFETIMES = ("6", "12", "24")
KEEP_COPY = {"yes": True, "no": False, "true": True, "false": False}
"""Answers for keeping a copy, as the card sends them and as a client's toggle would send them."""
CHECK_LOGIN = ("", "no", "yes")
"""Answers to whether checks log in as the mailbox; empty for a channel set up again."""
_DEFAULTS = {"lifetime": "12", "profile": "article", "keep_copy": "yes", "check_login": ""}
_CHOICES: Mapping[str, tuple[Collection[str], Text]] = {
    "lifetime": (LIFETIMES, Text("typed.lifetime")),
    "profile": (set(Profile), Text("typed.profile")),
    "keep_copy": (KEEP_COPY, Text("typed.keep_copy")),
    "check_login": (CHECK_LOGIN, Text("typed.check_login")),
}
"""Allowed values of each choice field, and the message about any other value."""
LONGEST = 254
for _name in ("invalid", "local", "localhost", "test"):
    email_validator.SPECIAL_USE_DOMAIN_NAMES.remove(
        _name
    )  # the package's documented way to allow the names of closed networks
_SLIPS = ((",", "."), ("(at)", "@"), ("[at]", "@"), (";", "."), ("..", "."))


class InvalidInputError(ValueError):
    """Error because a typed value is not valid.

    ``reason`` is the text about the ``fault``. ``suggestion`` is the nearest valid value, or empty.
    """

    def __init__(self, reason: Text, suggestion: str = "") -> None:
        super().__init__(reason.key)
        self.reason, self.suggestion = reason, suggestion
        self.fault = reason.key.removeprefix("typed.")


@dataclass(frozen=True, slots=True)
class ChannelForm:
    """Checked input of the first card: a channel, or the reason for each invalid field."""

    channel: Channel | None
    errors: dict[str, Text]


def read_address(text: str) -> str:
    """Return the one email address in the text, in lower case and in a single spelling.

    The domain is in ASCII, with Punycode for other letters, so no other spelling of the address can
    become another channel.

    Raises:
        InvalidInputError: when the text has no address or more than one, or the address is
            malformed, has characters that represent others, or mixes scripts in one label.
    """
    typed = text.strip().removeprefix("mailto:").strip("<>").strip()
    _require_plain(typed)
    address = _valid(typed)
    if not address:
        raise InvalidInputError(_why(typed), _meant(typed))
    if mixed := spelling.mixed_label(address):
        letters = {"label": mixed, "letters": spelling.strange_letters(mixed)}
        raise InvalidInputError(Text("typed.mixed_scripts", letters))
    return address


def _require_plain(typed: str) -> None:
    """Require a text with the length of an address, without characters that represent others.

    Raises:
        InvalidInputError: when the text is empty, too long, or has such a character.
    """
    if not typed:
        raise InvalidInputError(Text("typed.no_address"))
    if len(typed) > LONGEST:
        raise InvalidInputError(Text("typed.too_long"))
    if signs := spelling.stand_ins(typed):
        named = Text("typed.lookalike", {"signs": spelling.named(signs)})
        raise InvalidInputError(named, _meant(spelling.plain(typed)))


def read_details(channel: Channel, values: Mapping[str, str]) -> ChannelForm:
    """Read the inputs of the first card, including the mailbox if the command did not name it."""
    errors: dict[str, Text] = {}
    mailbox = channel.mailbox or _try(
        lambda: read_address(values.get("mailbox", "")), "mailbox", errors
    )
    callback = _try(lambda: read_callback(values.get("callback_url", "")), "callback_url", errors)
    forwarding = _try(
        lambda: read_address(values.get("forwarding_address", "")), "forwarding_address", errors
    )
    if mailbox and forwarding == mailbox:
        errors["forwarding_address"] = Text("typed.forwarding_is_mailbox")
    chosen = {**_DEFAULTS, **values}
    errors |= {
        field: why for field, (choices, why) in _CHOICES.items() if chosen[field] not in choices
    }
    text = values.get("delegate", "")
    delegate = _try(lambda: read_address(text), "delegate", errors) if text.strip() else ""
    if errors:
        return ChannelForm(None, errors)
    months, profile, keep = (
        int(chosen["lifetime"]),
        Profile(chosen["profile"]),
        KEEP_COPY[chosen["keep_copy"]],
    )
    asked = replace(channel, mailbox=mailbox, callback_url=callback, forwarding_address=forwarding)
    asked = replace(asked, delegate=delegate)
    return ChannelForm(replace(asked, keep_copy=keep, lifetime_months=months, profile=profile), {})


def read_callback(text: str) -> str:
    """Return the Call Back URL as typed: Entra compares it byte by byte (platforms/connect.md 1.4).

    Raises:
        InvalidInputError: when it cannot be a Call Back URL (:mod:`jobs.channel.callback_url`).
    """
    typed = text.strip()
    if fault := fault_in(typed):
        raise InvalidInputError(fault)
    return typed


def _try(read: Callable[[], str], field: str, errors: dict[str, Text]) -> str:
    try:
        return read()
    except InvalidInputError as wrong:
        errors[field] = wrong.reason
        return ""


def _valid(typed: str) -> str:
    """Return the address in its only spelling, or an empty string if the text is not an address."""
    try:
        found = validate_email(typed, check_deliverability=False)
    except EmailNotValidError:
        return ""
    local = unicodedata.normalize("NFC", found.local_part.lower())
    return f"{local}@{found.ascii_domain.lower()}"


def _why(typed: str) -> Text:
    if typed.count("@") > 1:
        return Text("typed.two_addresses")
    if "@" not in typed:
        return Text("typed.no_at")
    commas = {",", ";"} & set(typed.rpartition("@")[2])
    return Text("typed.comma_in_domain" if commas else "typed.malformed")


def _meant(typed: str) -> str:
    """Return the only address in the text as typed, corrected, or without blanks; else ''."""
    right = _without_slips(typed)
    for text in (typed, right, re.sub(r"\s*([@.])\s*", r"\1", right)):
        words = (word.strip("<>,;").rstrip(".") for word in text.split())
        valid = list(dict.fromkeys(filter(None, map(_readable, words))))
        if len(valid) == 1:
            return valid[0]
    return ""


def _without_slips(typed: str) -> str:
    for slip, better in _SLIPS:
        typed = typed.replace(slip, better)
    return typed


def _readable(word: str) -> str:
    """Return the address that the word would be read as, or an empty string if it is refused."""
    address = "" if spelling.stand_ins(word) else _valid(word)
    return "" if spelling.mixed_label(address) else address
