"""What a person types about a channel, read strictly: a value is right, or there is a word why not and what was probably meant."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

import email_validator
from email_validator import EmailNotValidError, validate_email

from jobs.model import Channel, Profile, Text
from jobs.settings import is_loopback

LIFETIMES = ("6", "12", "24")
KEEP_COPY = {"yes": True, "no": False, "true": True, "false": False}
"""Yes and no as the card sends them, and as a client's switch would."""
LONGEST = 254
LONGEST_URL = 200
for _name in ("invalid", "local", "localhost", "test"):
    email_validator.SPECIAL_USE_DOMAIN_NAMES.remove(_name)  # the package's own way to let the names of closed networks through
_SLIPS = ((",", "."), ("(at)", "@"), ("[at]", "@"), (";", "."), ("..", "."))


class InvalidInputError(ValueError):
    """A value cannot be read. ``why`` says why not, ``meant`` is the nearest good value or empty."""

    def __init__(self, why: Text, meant: str = "") -> None:
        super().__init__(why.key)
        self.why = why
        self.meant = meant


@dataclass(frozen=True, slots=True)
class ChannelForm:
    """What the first card asks for, checked: a channel, or why each wrong field is wrong."""

    channel: Channel | None
    errors: dict[str, Text]


def read_address(text: str) -> str:
    """The one e-mail address in the text, in lower case.

    Raises:
        TypedWrongError: there is none, more than one, or it is malformed.
    """
    typed = text.strip().removeprefix("mailto:").strip("<>").strip()
    if not typed:
        raise InvalidInputError(Text("typed.no_address"))
    if len(typed) > LONGEST:
        raise InvalidInputError(Text("typed.too_long"))
    if _valid(typed):
        return typed.lower()
    raise InvalidInputError(_why(typed), _meant(typed))


def read_details(channel: Channel, values: Mapping[str, str]) -> ChannelForm:
    """The inputs of the first card; the mailbox too, where the command did not name it."""
    errors: dict[str, Text] = {}
    mailbox = channel.mailbox or _try(lambda: read_address(values.get("mailbox", "")), "mailbox", errors)
    callback = _try(lambda: read_callback(values.get("callback_url", "")), "callback_url", errors)
    forwarding = _try(lambda: read_address(values.get("forwarding_address", "")), "forwarding_address", errors)
    if mailbox and forwarding == mailbox:
        errors["forwarding_address"] = Text("typed.forwarding_is_mailbox")
    if values.get("lifetime", "12") not in LIFETIMES:
        errors["lifetime"] = Text("typed.lifetime")
    if values.get("profile", "article") not in set(Profile):
        errors["profile"] = Text("typed.profile")
    keep = KEEP_COPY.get(values.get("keep_copy", "yes"))
    if keep is None:
        errors["keep_copy"] = Text("typed.keep_copy")
    if errors or keep is None:
        return ChannelForm(None, errors)
    months, profile = int(values.get("lifetime", "12")), Profile(values.get("profile", "article"))
    asked = replace(channel, mailbox=mailbox, callback_url=callback, forwarding_address=forwarding)
    return ChannelForm(replace(asked, keep_copy=keep, lifetime_months=months, profile=profile), {})


def read_callback(text: str) -> str:
    """Webex Connect's Call Back URL, to the byte as it was typed: Entra compares it so (facts/connect.md 1.4).

    Raises:
        TypedWrongError: it is no https address, or no callback.
    """
    typed = text.strip()
    if not typed:
        raise InvalidInputError(Text("typed.callback_missing"))
    if len(typed) > LONGEST_URL or re.search(r"[\s\x00-\x1f\x7f<>\"\\]", typed):
        raise InvalidInputError(Text("typed.callback_no_url"))
    try:
        parts = urlsplit(typed)
        host = parts.hostname or ""
    except ValueError:
        raise InvalidInputError(Text("typed.callback_no_url")) from None
    here = is_loopback(host)  # Entra takes http on loopback only
    if parts.scheme != "https" and not (here and parts.scheme == "http"):
        raise InvalidInputError(Text("typed.callback_https"))
    if not (here or "." in host) or parts.username is not None or parts.query or parts.fragment:
        raise InvalidInputError(Text("typed.callback_no_url"))
    if not parts.path.endswith("/callback"):
        raise InvalidInputError(Text("typed.callback_path"))
    return typed


def _try(read: Callable[[], str], field: str, errors: dict[str, Text]) -> str:
    try:
        return read()
    except InvalidInputError as wrong:
        errors[field] = wrong.why
        return ""


def _valid(typed: str) -> bool:
    try:
        validate_email(typed, check_deliverability=False)
    except EmailNotValidError:
        return False
    return True


def _why(typed: str) -> Text:
    domain = typed.rpartition("@")[2]
    if typed.count("@") > 1:
        return Text("typed.two_addresses")
    if "@" not in typed:
        return Text("typed.no_at")
    if "," in domain or ";" in domain:
        return Text("typed.comma_in_domain")
    return Text("typed.malformed")


def _meant(typed: str) -> str:
    """The one word that is an address: as it stands, with its slips put right, or without blanks beside its signs."""
    right = typed
    for slip, better in _SLIPS:
        right = right.replace(slip, better)
    for text in (typed, right, re.sub(r"\s*([@.])\s*", r"\1", right)):
        words = {word.strip("<>,;").rstrip(".").lower() for word in text.split()}
        valid = [word for word in words if _valid(word)]
        if len(valid) == 1:
            return valid[0]
    return ""
