"""Check of an XOAUTH2 login, with the exact text of the reply if the login fails.

Source: platforms/microsoft.md 4 and 4.1.
"""

import base64
import binascii
from dataclasses import dataclass
from typing import Any, Final

from practice.microsoft.tokens import BadTokenError, Keys
from practice.microsoft.world import Tenant, User, World

AUDIENCES: Final = frozenset(
    {
        "https://outlook.office365.com",
        "https://outlook.office.com",
        "https://outlook.office365.us",
        "00000002-0000-0ff1-ce00-000000000000",
    }
)
SITE: Final = "[PR0ACT1CE0001.practice.example]"
REFUSED: Final = f"535 5.7.3 Authentication unsuccessful {SITE}"
NO_BASIC: Final = (
    f"535 5.7.139 Authentication unsuccessful, the user credentials were incorrect. {SITE}"
)
_OFF: Final = (
    "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled "
    "for the {0}. Visit https://aka.ms/smtp_auth_disabled for more information. "
) + SITE
OFF_MAILBOX: Final = _OFF.format("Mailbox")
OFF_TENANT: Final = _OFF.format("Tenant")
SECURITY_DEFAULTS: Final = (
    "535 5.7.139 Authentication unsuccessful, user is locked by your organization's "
    "security defaults policy. "
    f"Contact your administrator. {SITE}"
)


@dataclass(frozen=True, slots=True)
class Login:
    """Successful login of the user whose mailbox sends."""

    tenant: Tenant
    mailbox: User

    def may_send_as(self, sender: str) -> bool:
        """Return whether the user may send as this sender.

        The sender must be the user's own address, or a mailbox for which the user has Send As.
        """
        if sender.lower() in self.mailbox.addresses():
            return True
        other = self.tenant.user(sender)
        box = other.mailbox if other else None
        return box is not None and any(map(self.mailbox.known_as, box.send_as))


def decide(world: World, keys: Keys, response: str) -> Login | str:
    """Return the login, or the reply that refuses the login.

    The user name must be the token's own user. A delegate cannot log in with the address of a
    shared mailbox, whatever rights the delegate has (platforms/microsoft.md 2.6).
    """
    name, token = _credentials(response)
    claims = _claims(world, keys, token)
    found = world.find_user(name) if name else None
    if claims is None or found is None:
        return REFUSED
    tenant, user = found
    own = claims["tid"] == tenant.id and tenant.users.get(claims["oid"]) is user
    if not own or not user.enabled:
        return REFUSED
    return _policy_reply(tenant, user) or Login(tenant, user)


def _policy_reply(tenant: Tenant, user: User) -> str:
    """Return the reply that refuses a valid token, or an empty text if the mailbox may log in."""
    box = user.mailbox
    if box is None or not user.licensed:
        return REFUSED
    if user.login_reply:
        return user.login_reply
    if tenant.policies.security_defaults:
        return SECURITY_DEFAULTS
    organization = tenant.exchange
    if organization.smtp_auth_wins and organization.smtp_auth_disabled:
        return OFF_TENANT
    if box.smtp_auth_disabled is None:
        return OFF_TENANT if tenant.exchange.smtp_auth_disabled else ""
    return OFF_MAILBOX if box.smtp_auth_disabled else ""


def _credentials(response: str) -> tuple[str, str]:
    """Return the user and the token from the base64 text of XOAUTH2.

    Both are empty if the text is malformed.
    """
    try:
        parts = base64.b64decode(response, validate=True).decode().split("\x01")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    if (
        len(parts) != 4  # noqa: PLR2004  the fields of RFC 7628
        or not parts[0].startswith("user=")
        or not parts[1].lower().startswith("auth=bearer ")
    ):
        return "", ""
    return parts[0].removeprefix("user="), parts[1][len("auth=bearer ") :].strip()


def _claims(world: World, keys: Keys, token: str) -> dict[str, Any] | None:
    try:
        claims = keys.read(token, world.now())
    except BadTokenError:
        return None
    good = claims["aud"] in AUDIENCES and "SMTP.Send" in claims.get("scp", "").split()
    return claims if good else None
