"""Order of the causes that a text names, and other causes that it leaves open."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from jobs.causes.patterns import patterns
from jobs.causes.reading import Certainty, FoundCause

_SYMPTOMS = frozenset({"connect_login_failed", "connect_smtp_failed", "connect_send_failed"})
"""Causes with which Webex Connect only says that a mail did not leave."""
_BARE = ("smtp_password_login", "smtp_auth_off_for_mailbox")
"""Further causes of a 5.7.3 if the text does not show how the login was made."""


def ranked(causes: Iterable[FoundCause], text: str) -> tuple[FoundCause, ...]:
    """Return each cause once, certain ones first, and then the other causes that are possible.

    A cause that is only the consequence of another cause in the text is left out.
    """
    once = _once(_by_login(causes, text))
    certain = {each.cause for each in once if each.certain}
    kept = [each for each in once if not _follows(each.cause, certain)]
    beside = [
        replace(each, cause=rival, certainty=max(each.certainty, Certainty.POSSIBLE, key=_rank))
        for each in kept
        for rival in _rivals(each, text)
    ]
    return tuple(_once([*kept, *beside]))


def _rank(certainty: Certainty) -> int:
    return list(Certainty).index(certainty)


def _once(causes: Iterable[FoundCause]) -> list[FoundCause]:
    kept: dict[str, FoundCause] = {}
    for each in sorted(causes, key=lambda each: (_rank(each.certainty), each.at)):
        kept.setdefault(each.cause, each)
    return list(kept.values())


def _by_login(causes: Iterable[FoundCause], text: str) -> Iterator[FoundCause]:
    """Yield the causes; a refused password takes the place of a token if the text shows one."""
    said = patterns().named["offered"].sub(" ", text)
    named = patterns().named
    password = named["password"].search(said) and not named["token"].search(said)
    for each in causes:
        refused = password and each.cause == "smtp_token_refused"
        yield replace(each, cause="smtp_password_login") if refused else each


def _follows(cause: str, certain: set[str]) -> bool:
    """Return whether the cause is only the consequence of another one in the text."""
    others = certain - {cause}
    if cause in _SYMPTOMS:
        return bool(others - _SYMPTOMS)
    return bool(patterns().follows.get(cause, frozenset()) & others)


def _rivals(each: FoundCause, text: str) -> tuple[str, ...]:
    """Return the other causes that may be behind an error with this cause."""
    rivals = patterns().beside.get(each.cause, ())
    named = patterns().named
    if each.cause == "smtp_token_refused":
        if named["shared_mailbox"].search(text):
            return ("form_username_shared", *rivals[1:])
        token = named["token"].search(named["offered"].sub(" ", text))
        return rivals if token else (*rivals, *_BARE)
    if each.cause == "smtp_password_login" and "5.7.3" not in each.code.split():
        return ()
    if each.cause == "smtp_login_blocked" and each.certainty is Certainty.POSSIBLE:
        return ("smtp_auth_off_for_tenant", *rivals, "smtp_password_login")
    return rivals
