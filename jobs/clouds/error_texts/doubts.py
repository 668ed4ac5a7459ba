"""Causes that a text leaves open: other causes of a refusal, and which cause outweighs which.

Sources: facts/microsoft.md 4.1, facts/update-2026-11.md 7.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from jobs.clouds.error_texts.reading import Certainty, FoundCause
from jobs.clouds.late_pattern import LatePattern

_PASSWORD = LatePattern(
    r"AUTH LOGIN(?! ?(?:PLAIN|XOAUTH2|OAUTH))|AUTH=?PLAIN|password (?:command failed|not accepted)|UGFzc3dvcmQ6|"
    r"secure connection or the client was not authenticated|\bAuthLogin|LoginAuthenticator|"
    r"AUTH PLAIN\b|method (?:LOGIN|PLAIN)\b|authenticator (?:LOGIN|PLAIN)\b|app password|Basic auth",
    re.IGNORECASE,
)
_OAUTH = LatePattern(
    r"XOAUTH2|OAuth|\bBearer\b|(?:access|refresh)[ _]?token|SMTP\.Send|client_credentials|token",
    re.IGNORECASE,
)
_SHARED = LatePattern(r"shared (?:mail|in)box|freigegebene\w* Postf|delegate", re.IGNORECASE)
_OFFERED = LatePattern(
    r"(?:250[ -]|[\"'])AUTH[ =][A-Z0-9 =-]+|AUTH(?: (?:LOGIN|PLAIN|NTLM|GSSAPI))+ XOAUTH2",
    re.IGNORECASE,
)
"""Pattern of a server's list of login methods. It says nothing about the method that was used."""
_LOGIN = frozenset(
    {
        "account_disabled",
        "account_locked",
        "blocked_by_conditional_access",
        "blocked_by_security_defaults",
        "password_expired",
        "smtp_auth_off_for_mailbox",
        "smtp_auth_off_for_tenant",
        "smtp_login_blocked",
        "smtp_no_oauth",
        "smtp_password_login",
        "smtp_token_refused",
    }
)
"""Causes with which a login fails.

A mail that is sent although its login failed was sent without a login.
"""
_CONNECT_SYMPTOMS = frozenset(
    {"connect_login_failed", "connect_smtp_failed", "connect_send_failed"}
)
_AFTER_A_REFUSAL = {
    "mail_not_delivered": frozenset(
        {
            "mail_loop",
            "mailbox_full",
            "mailbox_internal_only",
            "mailbox_not_found",
            "mailbox_senders_listed",
        }
    ),
    "smtp_not_authenticated": _LOGIN,
    "smtp_busy": _LOGIN
    | {
        "connect_not_reached",
        "forwarding_blocked",
        "mail_not_delivered",
        "send_as_denied",
        "smtp_too_many_connections",
    },
}
_OPEN: dict[str, tuple[str, ...]] = {
    "smtp_token_refused": ("wrong_mailbox_user", "scope_wrong", "exchange_incident"),
    "smtp_login_blocked": (
        "smtp_auth_off_for_mailbox",
        "blocked_by_conditional_access",
        "blocked_by_security_defaults",
    ),
    "smtp_password_login": ("smtp_auth_off_for_mailbox", "blocked_by_security_defaults"),
    "exchange_service_missing": ("wrong_tenant", "scope_wrong"),
    "grant_invalid": ("refresh_token_expired", "session_revoked"),
    "scope_missing": ("form_field_missing",),
    "sends_as_onmicrosoft": ("sending_limit_reached",),
    "smtp_no_oauth": ("smtp_no_starttls", "smtp_auth_off_for_mailbox"),
    "connect_login_failed": ("smtp_token_refused", "smtp_auth_off_for_mailbox"),
    "directory_role_missing": ("app_roles_missing",),
}
"""Other causes that have the same words as a cause, most frequent first.

The order behind a bare 535 5.7.3 is that of facts/update-2026-11.md 7.
"""
_BARE = ("smtp_password_login", "smtp_auth_off_for_mailbox")
"""Further causes of a 5.7.3 if the text does not show how the login was made."""


def ranked(causes: Iterable[FoundCause], text: str) -> tuple[FoundCause, ...]:
    """Return each cause once, certain ones first, and then the other causes that are possible.

    A cause that is only the consequence of another cause in the text is left out.
    """
    once = _once(_by_login(causes, text))
    certain = {each.cause for each in once if each.certain}
    kept = [each for each in once if not _follows(each.cause, certain)]
    return tuple(_once([*kept, *_possible_beside(kept, text)]))


def _once(causes: Iterable[FoundCause]) -> list[FoundCause]:
    ordered = sorted(causes, key=lambda each: (not each.certain, each.at))
    kept: dict[str, FoundCause] = {}
    for each in ordered:
        kept.setdefault(each.cause, each)
    return list(kept.values())


def _by_login(causes: Iterable[FoundCause], text: str) -> list[FoundCause]:
    """Return the causes, without a refused token if the text shows a login with a password.

    A refused password takes its place.
    """
    password = _shows_password_login(text)
    return [
        FoundCause("smtp_password_login", each.code, each.certainty, each.at)
        if password and each.cause == "smtp_token_refused"
        else each
        for each in causes
    ]


def _shows_password_login(text: str) -> bool:
    said = _OFFERED.sub(" ", text)
    return _PASSWORD.search(said) is not None and _OAUTH.search(said) is None


def _follows(cause: str, certain: set[str]) -> bool:
    """Return whether the cause is only the consequence of another one in the text."""
    others = certain - {cause}
    if cause in _CONNECT_SYMPTOMS:
        return bool(others - _CONNECT_SYMPTOMS)
    return bool(_AFTER_A_REFUSAL.get(cause, frozenset()) & others)


def _possible_beside(causes: Iterable[FoundCause], text: str) -> list[FoundCause]:
    """Return the other causes that may be behind an error with these causes."""
    return [
        FoundCause(rival, each.code, Certainty.POSSIBLE, each.at)
        for each in causes
        for rival in _rivals(each, text)
    ]


def _rivals(each: FoundCause, text: str) -> tuple[str, ...]:
    rivals = _OPEN.get(each.cause, ())
    if each.cause == "smtp_token_refused":
        return _rivals_of_refused_token(rivals, text)
    if each.cause == "smtp_password_login" and "5.7.3" not in each.code.split():
        return ()
    if each.cause == "smtp_login_blocked" and not each.certain:
        return ("smtp_auth_off_for_tenant", *rivals, "smtp_password_login")
    return rivals


def _rivals_of_refused_token(rivals: tuple[str, ...], text: str) -> tuple[str, ...]:
    if _SHARED.search(text):
        return ("form_username_shared", *rivals[1:])
    return rivals if _OAUTH.search(_OFFERED.sub(" ", text)) else (*rivals, *_BARE)
